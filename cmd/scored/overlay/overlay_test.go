package overlay_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"scored/cmd/scored/overlay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEditsAreMadeInTheirPlaces(t *testing.T) {
	root := module(t)
	description, err := overlay.Write(t.TempDir(), root, []overlay.Edit{
		overlay.Behind("a/a.go", "two", "behind two"), overlay.Before("a/a.go", "two", "before two"),
		overlay.Instead("a/a.go", "three", ""), overlay.Instead("b.go", "one", "other"),
	}, map[string]string{"a/added.go": "added"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(description)
	if err != nil {
		t.Fatal(err)
	}
	var is struct{ Replace map[string]string }
	if err := json.Unmarshal(text, &is); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"a/a.go": "one\nbefore two\n\ttwo\nbehind two\n\ntwice\ntwice\n", "b.go": "other\n", "a/added.go": "added",
	}
	for file, text := range want {
		if altered, err := os.ReadFile(is.Replace[filepath.Join(root, file)]); err != nil || string(altered) != text {
			t.Errorf("%s became %q (%v), want %q", file, altered, err, text)
		}
	}
	if len(is.Replace) != len(want) {
		t.Errorf("it replaces %v", is.Replace)
	}
}

func TestAnAnchorIsThereOnce(t *testing.T) {
	root := module(t)
	for anchor, want := range map[string]string{"four": "0 times", "twice": "2 times", "wo": "0 times"} {
		_, err := overlay.Write(t.TempDir(), root, []overlay.Edit{overlay.Behind("a/a.go", anchor, "x")}, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want it to be there %s", anchor, err, want)
		}
	}
	if _, err := overlay.Write(t.TempDir(), root, []overlay.Edit{overlay.Behind("c.go", "one", "x")}, nil); err == nil {
		t.Error("a file that is missing was edited")
	}
}

// module is a folder with two files.
func module(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "a"), 0o700); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{"a/a.go": "one\n\ttwo\nthree\ntwice\ntwice\n", "b.go": "one\n"} {
		if err := os.WriteFile(filepath.Join(root, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}
