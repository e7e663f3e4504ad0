package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"

	"scored/pipeline"
)

// acquire takes the lock file beside the ledger. The file stays: removing it would let two processes lock two files of
// the same name. The kernel gives the lock back when its holder dies.
func acquire(path string) (*flock.Flock, error) {
	lock := flock.New(path+".lock", flock.SetFlag(os.O_CREATE|os.O_RDWR))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, unusable(path, err)
	}
	if !locked {
		return nil, &pipeline.Problem{Class: pipeline.TryAgain,
			Err:  fmt.Errorf("ledger %s is in use%s", path, holder(lock.Path())),
			Hint: "wait for the other run to end, or stop the service; a dry run works beside it"}
	}
	if err := os.WriteFile(lock.Path(), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return nil, errors.Join(unusable(path, err), lock.Close())
	}
	return lock, nil
}

// holder names the process that wrote the lock file, if it can be read: a courtesy to the operator on which nothing
// relies.
func holder(path string) string {
	text, _ := os.ReadFile(path)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" by process %d", pid)
}

// unusable explains a file system error on the way to the ledger.
func unusable(path string, err error) error {
	folder := filepath.Dir(path)
	hint := "let the user that runs scored write to " + folder
	if errors.Is(err, fs.ErrNotExist) {
		hint = "create the folder " + folder + ", or point state_dir at one that exists"
	}
	return &pipeline.Problem{Class: pipeline.Configuration, Err: fmt.Errorf("open ledger %s: %w", path, err), Hint: hint}
}
