package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/gofrs/flock"

	"scored/pipeline"
)

// lockFile names a lock beside the ledger. Its file stays: removing it would let two processes lock two files of the same
// name. The kernel gives the lock back when its holder dies.
func (l *Ledger) lockFile(suffix string) *flock.Flock {
	return flock.New(l.path+"."+suffix, flock.SetFlag(os.O_CREATE|os.O_RDWR))
}

// sign writes this process's number into a lock file that it holds.
func sign(lock *flock.Flock) error {
	return os.WriteFile(lock.Path(), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600)
}

// holder names the process that signed the lock file, if it can be read: a courtesy to the operator on which nothing
// relies.
func holder(lock *flock.Flock) string {
	text, _ := os.ReadFile(lock.Path())
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return "another process"
	}
	return fmt.Sprintf("process %d", pid)
}

// LockDaemon makes this process the ledger's daemon until Close. While another one is, that is a [pipeline.TryAgain]
// problem that names it.
func (l *Ledger) LockDaemon() error {
	if l.write == nil {
		return l.readOnly()
	}
	lock := l.lockFile("daemon")
	locked, err := lock.TryLock()
	if err == nil && !locked {
		return &pipeline.Problem{Class: pipeline.TryAgain,
			Err:  fmt.Errorf("ledger %s is in use by a daemon, %s", l.path, holder(lock)),
			Hint: "stop that one first, or give this one its own state_dir; everything but a second daemon works beside it"}
	}
	if err == nil {
		err = sign(lock)
	}
	if err != nil {
		return errors.Join(unusable(l.path, err), lock.Close())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.daemon = lock
	return nil
}

// unlock gives back every lock that is held.
func (l *Ledger) unlock() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, gate := range l.gates {
		errs = append(errs, gate.Close())
	}
	clear(l.gates)
	if l.daemon != nil {
		errs = append(errs, l.daemon.Close())
	}
	return errors.Join(errs...)
}

// unusable explains a file system error on the way to the ledger.
func unusable(path string, err error) error {
	folder := filepath.Dir(path)
	class, hint := pipeline.Configuration, "let the user that runs scored write to "+folder
	switch {
	case errors.Is(err, fs.ErrNotExist):
		hint = "create the folder " + folder + ", or point state_dir at one that exists"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		class, hint = pipeline.TryAgain, moreSpace
	}
	return &pipeline.Problem{Class: class, Err: fmt.Errorf("open ledger %s: %w", path, err), Hint: hint}
}
