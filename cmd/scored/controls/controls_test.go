package controls

import (
	"os/exec"
	"strings"
	"testing"

	"scored/cmd/scored/overlay"
)

const root = "../../.."

// control is a package without something that keeps the CRM safe, and the test that finds that out.
type control struct {
	name        string // of what is missing
	without     overlay.Edit
	pkg         string // a folder of the module
	test        string
	says        string   // what the test says then, in part
	environment []string // of the test
}

// TestWithoutItItsTestFails runs each control's test with its edit, which fails, and says why.
func TestWithoutItItsTestFails(t *testing.T) {
	for _, c := range controls {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text, passed := c.run(t)
			switch {
			case passed:
				t.Errorf("%s passes:\n%s", c.test, text)
			case !strings.Contains(text, "--- FAIL: "+c.test+" "):
				t.Errorf("it is not %s that fails:\n%s", c.test, text)
			case !strings.Contains(text, c.says):
				t.Errorf("%s fails, and does not say %q:\n%s", c.test, c.says, text)
			}
		})
	}
}

// run runs the test with the edit. It is compiled as the binary is, so that most of it is there already.
func (c control) run(t *testing.T) (text string, passed bool) {
	t.Helper()
	description, err := overlay.Write(t.TempDir(), root, []overlay.Edit{c.without}, nil)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-trimpath", "-overlay", description, "-vet=off", "-count=1",
		"-timeout=2m", "-run", "^"+c.test+"$", "./"+c.pkg)
	cmd.Dir = root
	cmd.Env = append(append(cmd.Environ(), "CGO_ENABLED=0"), c.environment...)
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}
