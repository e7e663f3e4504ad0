package ledger

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/gofrs/flock"

	"scored/pipeline"
)

// lockFile names a lock beside the ledger. Its file stays: removing it would let two processes lock two files of the same
// name. The kernel gives the lock back when its holder dies.
func (l *Ledger) lockFile(suffix string) (*flock.Flock, error) {
	path := l.path + "." + suffix
	if err := l.makeFile(path); err != nil {
		return nil, unusable(l.path, err)
	}
	return flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR)), nil
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
	lock, err := l.lockFile("daemon")
	if err != nil {
		return err
	}
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
