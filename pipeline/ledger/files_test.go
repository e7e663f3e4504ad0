package ledger_test

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

// service and its group are a user that is not root.
const service, serviceGroup = 65534, 65533

// asService uses a ledger as the service's user, if this process may choose, and says what came of it.
func asService(path string) error {
	if os.Geteuid() == 0 {
		for _, drop := range []func() error{
			func() error { return syscall.Setgroups(nil) },
			func() error { return syscall.Setgid(serviceGroup) },
			func() error { return syscall.Setuid(service) },
		} {
			if err := drop(); err != nil {
				return err
			}
		}
	}
	err := useLedger(path)
	fmt.Fprintf(os.Stdout, "%v; hint: %s\n", err, pipeline.HintOf(err))
	return nil
}

// served uses the ledger at the path as the service does, and returns what came of it.
func served(t *testing.T, path string) string {
	t.Helper()
	p := start(t, "serve", path)
	said := p.line(t)
	p.end(t)
	return said
}

const fine = "<nil>; hint: "

// serviceFolder is a folder that belongs to the service's user, if this one may give it away.
func serviceFolder(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if os.Geteuid() == 0 {
		check(t, os.Chmod(filepath.Dir(folder), 0o755))
		check(t, os.Chown(folder, service, serviceGroup))
	}
	return folder
}

func TestWhatRootMakesBelongsToTheLedgersOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP-root: only root may give files away")
	}
	for name, before := range map[string]func(path string){
		"a new ledger": func(string) {},
		"the service's ledger in root's folder": func(path string) {
			if said := served(t, path); said != fine {
				t.Fatal(said)
			}
			for _, end := range []string{"." + job + ".gate", "." + job + ".next", ".daemon"} {
				check(t, os.Remove(path+end))
			}
			check(t, os.Chown(filepath.Dir(path), 0, 0))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(serviceFolder(t), "ledger.db")
			before(path)
			l := opened(t, path)
			check(t, l.LockDaemon())
			begin(t, l, 0)
			entries, err := os.ReadDir(filepath.Dir(path))
			check(t, err)
			if len(entries) != 6 { // with -wal, -shm and three locks
				t.Errorf("there are %v", entries)
			}
			for _, e := range entries {
				info, err := e.Info()
				check(t, err)
				if owner := info.Sys().(*syscall.Stat_t); owner.Uid != service || owner.Gid != serviceGroup || info.Mode().Perm() != 0o600 {
					t.Errorf("%s belongs to %d:%d with mode %v", e.Name(), owner.Uid, owner.Gid, info.Mode())
				}
			}
			check(t, l.Close())
			check(t, os.Chown(filepath.Dir(path), service, serviceGroup))
			if said := served(t, path); said != fine {
				t.Errorf("the service can't go on: %s", said)
			}
		})
	}
}

func TestAFileThatMayNotBeWrittenIsNamedWithItsOwner(t *testing.T) {
	me, err := user.Current()
	check(t, err)
	for end, remove := range map[string]bool{"": false, "." + job + ".gate": true, "." + job + ".next": true, ".daemon": true} {
		t.Run("ledger.db"+end, func(t *testing.T) {
			path := filepath.Join(serviceFolder(t), "ledger.db")
			if said := served(t, path); said != fine {
				t.Fatal(said)
			}
			if os.Geteuid() == 0 {
				check(t, os.Chown(path+end, 0, 0))
			} else {
				check(t, os.Chmod(path+end, 0))
			}
			_, hint, _ := strings.Cut(served(t, path), "; hint: ")
			want := fmt.Sprintf("let the user that runs scored write %s%s, which belongs to %s (uid %s)", path, end, me.Username, me.Uid)
			if remove {
				want += ", or remove it while nothing runs" // of the ledger that would be no advice
			}
			if hint != want {
				t.Errorf("the hint is %q, want %q", hint, want)
			}
		})
	}
}

// lost checks that the ledger neither writes nor says where a schedule stands, and tells what to do.
func lost(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	_, reading := l.Cursor(t.Context(), job)
	_, entering := l.Enter(t.Context(), "other", nil)
	for what, err := range map[string]error{"Saw": l.Saw(t.Context(), job, "lost"), "Cursor": reading, "Enter": entering} {
		if pipeline.ClassOf(err) != pipeline.Configuration || !strings.Contains(pipeline.HintOf(err), "restart the daemon") ||
			!strings.Contains(fmt.Sprint(err), "ledger "+l.Path()+" was removed or replaced while it was open") {
			t.Errorf("%s: got %v (class %d, hint %q)", what, err, pipeline.ClassOf(err), pipeline.HintOf(err))
		}
	}
}

func TestALedgerThatIsGoneIsNoticed(t *testing.T) {
	t.Run("removed", func(t *testing.T) {
		l := fresh(t)
		check(t, os.Remove(l.Path()))
		lost(t, l)
	})
	t.Run("its folder was removed", func(t *testing.T) {
		folder := filepath.Join(t.TempDir(), "state")
		check(t, os.Mkdir(folder, 0o700))
		l := opened(t, filepath.Join(folder, "ledger.db"))
		check(t, os.RemoveAll(folder))
		if err := l.Saw(t.Context(), job, "lost"); pipeline.ClassOf(err) != pipeline.Configuration {
			t.Errorf("got %v", err)
		}
	})
	t.Run("removed under a reader", func(t *testing.T) {
		path := newPath(t)
		check(t, open(t, path).Close())
		l, err := ledger.OpenReadOnly(path)
		check(t, err)
		defer l.Close()
		cursor(t, l)
		check(t, os.Remove(path))
		if c, err := l.Cursor(t.Context(), job); pipeline.ClassOf(err) != pipeline.Configuration {
			t.Errorf("got %+v, %v", c, err)
		}
	})
	t.Run("renamed away and back", func(t *testing.T) {
		l := fresh(t)
		check(t, os.Rename(l.Path(), l.Path()+".away"))
		lost(t, l)
		check(t, os.Rename(l.Path()+".away", l.Path()))
		check(t, l.Saw(t.Context(), job, "back"))
		if c := cursor(t, l); c.Seen != "back" {
			t.Errorf("got %+v", c)
		}
	})
}

func TestALedgerThatWasReplacedIsNoticedAndLeftAlone(t *testing.T) {
	path := newPath(t)
	l := opened(t, path)
	for _, end := range []string{"", "-wal", "-shm"} {
		check(t, os.Rename(path+end, path+end+".away"))
	}
	other := open(t, path)
	check(t, other.Saw(t.Context(), job, "new"))
	lost(t, l)
	check(t, l.Close())
	for _, end := range []string{"-wal", "-shm"} {
		if _, err := os.Stat(path + end); err != nil {
			t.Errorf("whoever held the old ledger removed a file of the new one: %v", err)
		}
	}
	if c := cursor(t, other); c.Seen != "new" {
		t.Errorf("the new ledger has %+v", c)
	}
}
