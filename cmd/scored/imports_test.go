package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath   string
	Imports      []string
	Deps         []string
	TestImports  []string
	XTestImports []string
}

func list(t *testing.T, args ...string) []listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Deps,TestImports,XTestImports"}, args...)...)
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// within says whether path is the package or lies below it.
func within(path, parent string) bool {
	return path == parent || strings.HasPrefix(path, parent+"/")
}

// mayImport holds the rule of the house: who may import which of our packages. The first entry that covers the importer
// decides; a package is always free to import from the folders of its own list.
var mayImport = []struct {
	importer string
	allowed  []string
}{
	{"scored/cmd", []string{"scored"}},
	{"scored/docs/examples", []string{"scored"}},
	{"scored/pipeline/model/referee", []string{"scored/pipeline/forest"}},
	{"scored/pipeline/model", []string{"=scored/pipeline", "scored/pipeline/feature", "scored/pipeline/forest"}},
	{"scored/pipeline/warehouse/pgtest", []string{"=scored/pipeline"}},
	{"scored/pipeline/ledger", []string{"=scored/pipeline", "scored/sql/ledger"}},
	{"=scored/pipeline/warehouse", []string{"=scored/pipeline", "scored/sql/history"}},
	{"=scored/pipeline", nil},
	{"scored/pipeline", []string{"=scored/pipeline"}},
	{"scored/sinks/salesforce/fakeorg", []string{"scored/sinks/salesforce/fakeorg"}},
	{"scored/sinks/sinktest", []string{"=scored/pipeline"}},
	{"scored/sinks", []string{"=scored/pipeline", "=scored/sinks"}},
	{"scored/configs", []string{"=scored/pipeline"}},
	{"scored/sql", nil},
}

// homes says where each dependency lives; a dependency without a home is one that nobody may import.
var homes = []struct {
	dependency string
	home       []string
}{
	{"github.com/jackc/pgx/v5", []string{"scored/pipeline/warehouse"}},
	{"github.com/simpleforce/simpleforce", []string{"scored/sinks/salesforce"}},
	{"github.com/golang-jwt/jwt/v5", []string{"scored/sinks/salesforce"}},
	{"github.com/spf13/viper", []string{"scored/configs"}},
	{"github.com/go-viper/mapstructure/v2", []string{"scored/configs"}},
	{"go.yaml.in/yaml/v3", []string{"scored/configs"}},
	{"modernc.org/sqlite", []string{"scored/pipeline/ledger"}},
	{"github.com/gofrs/flock", []string{"scored/pipeline/ledger"}},
	{"github.com/robfig/cron/v3", []string{"scored/pipeline/schedule"}},
	{"github.com/prometheus/client_golang", []string{"scored/pipeline/status"}},
	{"github.com/prometheus/client_model", []string{"scored/pipeline/status"}},
	{"github.com/prometheus/common", []string{"scored/pipeline/status"}},
	{"github.com/dmitryikh/leaves", []string{"scored/pipeline/model/referee"}},
	{"github.com/spf13/cobra", []string{"scored/cmd"}},
	{"github.com/schollz/progressbar/v3", []string{"scored/cmd"}},
	{"golang.org/x/term", []string{"scored/cmd"}},
}

func covers(rule, path string) bool {
	if exact, ok := strings.CutPrefix(rule, "="); ok {
		return path == exact
	}
	return within(path, rule)
}

func TestWhoMayImportWhom(t *testing.T) {
	for _, p := range list(t, "scored/...") {
		for _, imported := range p.Imports {
			switch {
			case within(imported, "scored"):
				checkOurs(t, p.ImportPath, imported)
			case strings.Contains(strings.Split(imported, "/")[0], "."):
				checkHome(t, p.ImportPath, imported)
			}
		}
	}
}

func checkOurs(t *testing.T, importer, imported string) {
	t.Helper()
	for _, rule := range mayImport {
		if !covers(rule.importer, importer) {
			continue
		}
		if !slices.ContainsFunc(rule.allowed, func(a string) bool { return covers(a, imported) }) {
			t.Errorf("%s imports %s, which the house does not allow", importer, imported)
		}
		return
	}
	t.Errorf("%s has no rule: add it to mayImport", importer)
}

func checkHome(t *testing.T, importer, imported string) {
	t.Helper()
	for _, h := range homes {
		if !within(imported, h.dependency) {
			continue
		}
		if !slices.ContainsFunc(h.home, func(home string) bool { return within(importer, home) }) {
			t.Errorf("%s imports %s, whose home is %v", importer, imported, h.home)
		}
		return
	}
	t.Errorf("%s imports %s, which has no home: add it to homes with its reason in docs/architecture.md", importer, imported)
}

func TestPipelineNeedsTheStandardLibraryOnly(t *testing.T) {
	for _, dep := range list(t, "scored/pipeline")[0].Deps {
		if strings.Contains(strings.Split(dep, "/")[0], ".") && !strings.HasPrefix(dep, "vendor/") {
			t.Errorf("pipeline depends on %s", dep)
		}
	}
}

func TestTheBinaryLinksNoTestCode(t *testing.T) {
	for _, dep := range list(t, "scored/cmd/scored")[0].Deps {
		for _, banned := range []string{"testing", "scored/pipeline/warehouse/pgtest", "scored/sinks/salesforce/fakeorg", "scored/sinks/sinktest", "scored/cmd/sandbox", "scored/cmd/scored/overlay", "go.uber.org/goleak", "github.com/Shopify/toxiproxy/v2", "github.com/rs/zerolog"} {
			if within(dep, banned) {
				t.Errorf("cmd/scored links %s", dep)
			}
		}
	}
}

func TestEmulatorAndClientKnowNothingOfEachOther(t *testing.T) {
	for _, p := range list(t, "scored/sinks/salesforce", "scored/sinks/salesforce/fakeorg") {
		for _, dep := range p.Deps {
			if p.ImportPath != dep && within(dep, "scored/sinks/salesforce") {
				t.Errorf("%s depends on %s", p.ImportPath, dep)
			}
		}
	}
}

func TestEveryPackageLooksForGoroutinesLeftBehind(t *testing.T) {
	for _, p := range list(t, "scored/...") {
		tests := slices.Concat(p.TestImports, p.XTestImports)
		if len(tests) > 0 && !slices.Contains(tests, "go.uber.org/goleak") {
			t.Errorf("the tests of %s do not import goleak", p.ImportPath)
		}
	}
}
