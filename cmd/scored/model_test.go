package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"scored/pipeline/feature"
	"scored/pipeline/warehouse"
)

const sampleBundle = "../../configs/bundles/lead_scoring"

func TestModelShow(t *testing.T) {
	byFolder := scored(t, "model", "show", sampleBundle).want(t, exitOK, "model        lead_scoring@", "random forest classifier",
		"all reproduced", "scikit-learn", "FOREST", "forest.bin", "training", "roc_auc", "reference: ", "best rows", "10 %", "A from 90")
	widest(t, byFolder.out, 120)
	byJob := scored(t, "model", "show", leads, "-c", config(t)).want(t, exitOK)
	if _, first, _ := strings.Cut(byFolder.out, "digest"); !strings.Contains(byJob.out, strings.SplitN(first, "contract", 2)[0]) {
		t.Errorf("the job's bundle is another:\n%s", byJob.out)
	}
	calibrated := scored(t, "model", "show", "../../pipeline/model/testdata/calibrated_isotonic").want(t, exitOK, "forest-1.bin", "isotonic, ",
		"the probability is the mean of the")
	widest(t, calibrated.out, 120)

	var shown struct {
		Model   string
		Columns int
		Members []struct {
			Trees, Nodes int
			Bytes        int64
		}
		Reference struct {
			Quantiles []float64
			Gains     struct {
				Captured []struct{ Top, Share float64 }
			}
		}
	}
	decode(t, scored(t, "model", "show", "--json", sampleBundle).want(t, exitOK).out, &shown)
	if shown.Columns != 58 || len(shown.Members) != 1 || shown.Members[0].Trees == 0 || shown.Members[0].Bytes < int64(shown.Members[0].Nodes) ||
		len(shown.Reference.Quantiles) != 101 || len(shown.Reference.Gains.Captured) == 0 || !strings.HasPrefix(shown.Model, leads+"@") {
		t.Errorf("got %+v", shown)
	}
}

func TestModelContract(t *testing.T) {
	r := scored(t, "model", "contract", sampleBundle).want(t, exitOK, "COLUMN", "visits_7d", "AS A REASON", "MISSING")
	if lines := strings.Count(r.out, "\n"); lines != 58+5 {
		t.Errorf("%d lines:\n%s", lines, r.out)
	}
	var contract struct {
		Contract   []struct{ Name, Type, Abnormal string }
		Rows       int
		Histograms []struct{ Column string }
		Reasons    struct {
			Phrases []struct{ Column, Text string }
		}
	}
	decode(t, scored(t, "model", "contract", "--json", sampleBundle).want(t, exitOK).out, &contract)
	if len(contract.Contract) != 58 || len(contract.Histograms) != 58 || contract.Rows == 0 || len(contract.Reasons.Phrases) == 0 {
		t.Errorf("%d columns, %d histograms, %d rows, %d phrases", len(contract.Contract), len(contract.Histograms), contract.Rows, len(contract.Reasons.Phrases))
	}
}

// Every forest of a model gets its second opinion, and is named if the two differ.
func TestLeavesAgreesOnEveryMember(t *testing.T) {
	bundle, err := loadBundle("../../pipeline/model/testdata/calibrated_sigmoid")
	if err != nil {
		t.Fatal(err)
	}
	opinion, err := secondOpinion(bundle)
	if err != nil || len(bundle.Members()) < 2 || !strings.Contains(opinion, "leaves agrees on ") {
		t.Errorf("%d members: %q, %v", len(bundle.Members()), opinion, err)
	}
}

// hostileContract has what a name and a category can do to SQL.
func hostileContract() feature.Contract {
	low, high := -1.5, 10_000.0
	return feature.Contract{
		{Name: "visits_7d", Type: "number", Min: &low, Max: &high, Abnormal: "clip"},
		{Name: "order", Type: "number", Nullable: true, Abnormal: "refuse"},
		{Name: "Region", Type: "text", Categories: []string{"north", "x\n; DROP TABLE t", "a, b", "south"}, Abnormal: "pass"},
		{Name: `a "b" c`, Type: "text", Nullable: true, Abnormal: "pass"},
		{Name: "größe", Type: "number", Abnormal: "refuse"},
		{Name: "1st", Type: "number", Abnormal: "missing", Nullable: true, Max: &high},
	}
}

// Names and categories come from a file: none of them may become SQL, and all of them must come back as they are.
func TestTheSelectListOfAHostileContractIsOneSelect(t *testing.T) {
	contract := hostileContract()
	for _, key := range []string{"", "lead_key", "user"} {
		var out bytes.Buffer
		printSelect(&out, "m@12345678", key, contract)
		text := out.String()
		for _, want := range []string{
			"CAST(visits_7d AS DOUBLE PRECISION) AS visits_7d,", "not null; -1.5 to 10000, else clipped",
			`CAST("order" AS DOUBLE PRECISION) AS "order",`, "may be null", `CAST("Region" AS VARCHAR) AS "Region",`,
			"not null; north, 'x; ; DROP TABLE t', 'a, b' and 1 more, else as trained", `CAST("a ""b"" c" AS VARCHAR) AS "a ""b"" c",`,
			"enable_case_sensitive_identifier", "up to 10000, else missing",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("it lacks %q", want)
			}
		}
		script, err := warehouse.ParseScript("pasted.sql", []byte("CREATE TEMP TABLE f AS SELECT 1 AS x WHERE :as_of > '2020-01-01'::timestamp;\n"+text+"FROM f;\n"))
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if findings := script.LintPortable(); len(findings) > 0 {
			t.Errorf("%v in\n%s", findings, text)
		}
		if strings.Contains(text, ";\n") && strings.Count(text, "SELECT\n") != 1 {
			t.Errorf("more than one statement:\n%s", text)
		}
	}
}

// Whatever a name holds, no terminal obeys it, and the list says that the name is another.
func TestTheSelectListOfNamesThatCannotBePrinted(t *testing.T) {
	for _, name := range []string{"visits\x1b[2J", "a\nb", "\u202evisits", "a\u009b2Jb", `"` + "\x07"} {
		var out bytes.Buffer
		printSelect(&out, "m@12345678", "lead_key", feature.Contract{{Name: name, Type: "number", Abnormal: "refuse"}})
		text := out.String()
		if printable(strings.ReplaceAll(text, "\n", " ")) != strings.ReplaceAll(text, "\n", " ") ||
			strings.Count(text, "-- NOT its name") != 1 || strings.Count(text, "\n") != strings.Count(text, "\n    ")+strings.Count(text, "\n--")+2 {
			t.Errorf("%q:\n%q", name, text)
		}
	}
}

func TestModelVerify(t *testing.T) {
	golden := filepath.Join(sampleBundle, "golden.csv")
	scored(t, "model", "verify", "--rows", golden, sampleBundle).want(t, exitOK, "0 wrong", "bit for bit", "\nok\n")

	t.Run("a file of scored dataset, with other columns and in another order", func(t *testing.T) {
		path := rewritten(t, golden, func(i int, row []string) []string {
			extra := []string{"2026-01-01T00:00:00Z", fmt.Sprintf("L%06d", i)}
			if i == 0 {
				extra = []string{"as_of", "lead_key"}
			}
			return append([]string{row[len(row)-1]}, append(extra, row[:len(row)-1]...)...)
		})
		scored(t, "model", "verify", "-c", config(t), "--rows", path, leads).want(t, exitOK, "0 wrong")
	})
	t.Run("a row that is wrong is named by its line, without its values", func(t *testing.T) {
		path := rewritten(t, golden, func(i int, row []string) []string {
			if i == 5 {
				row[len(row)-1] = "0.123456789"
			}
			return row
		})
		r := scored(t, "model", "verify", "--rows", path, sampleBundle).want(t, exitFailed, "1 wrong", "line 6:", "NOT the model", "\n  -> ")
		if strings.Contains(r.out+r.log, "0.123456789") {
			t.Errorf("it repeats a value:\n%s%s", r.out, r.log)
		}
		var v struct {
			Rows, Wrong, Equal int
			MaxDifference      float64              `json:"max_difference"`
			WrongLines         []struct{ Line int } `json:"wrong_lines"`
		}
		decode(t, scored(t, "model", "verify", "--json", "--rows", path, sampleBundle).want(t, exitFailed).out, &v)
		if v.Wrong != 1 || v.Equal >= v.Rows || math.Abs(v.MaxDifference) < 1e-6 || len(v.WrongLines) != 1 || v.WrongLines[0].Line != 6 {
			t.Errorf("got %+v", v)
		}
	})
	without := rewritten(t, golden, func(_ int, row []string) []string { return row[:len(row)-1] })
	renamed := rewritten(t, golden, func(i int, row []string) []string {
		if i == 0 {
			row[2] = "distance_kmm"
		}
		return row
	})
	letters := rewritten(t, golden, func(i int, row []string) []string {
		if i == 3 {
			row[2] = "far away"
		}
		return row
	})
	for _, tt := range []struct {
		name, rows string
		code       int
		texts      []string
	}{
		{"no probability", without, exitConfiguration, []string{"probability", "->"}},
		{"a wrong column", renamed, exitConfiguration, []string{"distance_km", "->"}},
		{"text for a number", letters, exitConfiguration, []string{"line 4", "distance_km", "->"}},
		{"no such file", "nowhere.csv", exitConfiguration, []string{"nowhere.csv", "-> --rows names the CSV file"}},
		{"a folder", sampleBundle, exitConfiguration, []string{"->"}},
		{"no file named", "", exitUsage, []string{"--rows"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := scored(t, "model", "verify", "--rows", tt.rows, sampleBundle).want(t, tt.code, tt.texts...)
			if strings.Contains(r.out+r.log, "far away") {
				t.Errorf("it repeats a value: %s", r.log)
			}
		})
	}
}

func TestAnArgumentIsAFolderOrAJob(t *testing.T) {
	c := config(t)
	t.Chdir(t.TempDir())
	if err := os.Mkdir("empty", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		args  []string
		code  int
		texts []string
	}{
		{"a typo in a job", []string{"lead_scorin", "-c", c}, exitUsage, []string{`"lead_scorin" is neither a folder here nor a job`, "only lead_scoring"}},
		{"a job without a config", []string{"lead_scoring", "-c", "none.yaml"}, exitConfiguration, []string{`no folder "lead_scoring" here`, "none.yaml"}},
		{"a path that leads nowhere", []string{"bundles/nowhere"}, exitConfiguration, []string{"there is no folder bundles/nowhere", "->"}},
		{"a file", []string{"./file"}, exitConfiguration, []string{"./file is a file", "->"}},
		{"a folder that is no bundle", []string{"empty"}, exitConfiguration, []string{"bundle empty", "manifest.json", "->"}},
		{"nothing", nil, exitUsage, []string{"wants one bundle or job"}},
		{"two", []string{"a", "b"}, exitUsage, []string{"got 2 arguments"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, verb := range []string{"show", "contract"} {
				scored(t, append([]string{"model", verb}, tt.args...)...).want(t, tt.code, tt.texts...)
			}
		})
	}
	scored(t, "model").want(t, exitUsage, "show, contract and verify")
	scored(t, "model", "shwo", "x").want(t, exitUsage, "shwo")
	scored(t, "model", "contract", "--sql", "--json", leads, "-c", c).want(t, exitUsage, "do not go together")
}

// decode reads what a verb printed with --json.
func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
}

// widest fails the test if a line is wider than a terminal.
func widest(t *testing.T, text string, width int) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > width {
			t.Errorf("%d characters: %s", n, line)
		}
	}
}

// rewritten writes a copy of a CSV file whose records went through edit, and returns its path.
func rewritten(t *testing.T, path string, edit func(i int, row []string) []string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i := range records {
		records[i] = edit(i, records[i])
	}
	var out bytes.Buffer
	if err := csv.NewWriter(&out).WriteAll(records); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "rows.csv")
	if err := os.WriteFile(copied, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return copied
}

// remade copies the sample bundle as if it had been exported from another source: the same forest under another name.
func remade(t *testing.T) string {
	t.Helper()
	return remadeWith(t, func(manifest map[string]json.RawMessage) { manifest["source"] = json.RawMessage(`"another revision"`) })
}

// remadeWith copies the sample bundle with its manifest edited.
func remadeWith(t *testing.T, edit func(manifest map[string]json.RawMessage)) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(sampleBundle)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "manifest.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var manifest map[string]json.RawMessage
	decode(t, string(text), &manifest)
	edit(manifest)
	if text, err = json.Marshal(manifest); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	for name, content := range map[string]string{"manifest.json": string(text), "manifest.sha256": hex.EncodeToString(sum[:]) + "  manifest.json\n"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
