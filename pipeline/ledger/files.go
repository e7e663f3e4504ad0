package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"scored/pipeline"
)

// makeFile makes an empty file if it is missing, for its owner only: SQLite would let everybody read it, and gives its own
// helper files the same owner and permissions. It never opens a file that may be in use: to close it again would take the
// locks away that another connection of this process has on it. Nor does anybody see the file before it has its owner.
func (l *Ledger) makeFile(path string) error {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return syscall.EISDIR
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if err := errors.Join(l.giveAway(file), file.Close()); err != nil {
		return err
	}
	if err := os.Link(file.Name(), path); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// giveAway lets what root makes belong to whom the ledger belongs to, or, before there is one, its folder: else a verb that
// root runs would lock the service's own user out.
func (l *Ledger) giveAway(file *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		info, err = os.Stat(filepath.Dir(l.path))
	}
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	if err := file.Chown(int(owner.Uid), int(owner.Gid)); err != nil {
		return &pipeline.Problem{Class: pipeline.Configuration, Err: err,
			Hint: "run it as the user that the ledger belongs to: " + ownerOf(info)}
	}
	return nil
}

func ownerOf(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "another user"
	}
	id := strconv.FormatUint(uint64(stat.Uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return fmt.Sprintf("%s (uid %s)", u.Username, id)
	}
	return "uid " + id
}

// readWrite is access(2)'s R_OK and W_OK.
const readWrite = 6

// letWrite is what to do about a file that this process may not write. It is "" unless that is the file's own fault: it
// exists, and its folder can be written.
func letWrite(path string) string {
	info, err := os.Stat(path)
	if err != nil || syscall.Access(path, readWrite) == nil || syscall.Access(filepath.Dir(path), readWrite) != nil {
		return ""
	}
	return fmt.Sprintf("let the user that runs scored write %s, which belongs to %s", path, ownerOf(info))
}

// unusable explains a file system error on the way to the ledger.
func unusable(path string, err error) error {
	folder := filepath.Dir(path)
	class, hint := pipeline.Configuration, "let the user that runs scored write to "+folder
	switch {
	case pipeline.HintOf(err) != "":
		hint = pipeline.HintOf(err)
	case errors.Is(err, fs.ErrNotExist):
		hint = "create the folder " + folder + ", or point state_dir at one that exists"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		class, hint = pipeline.TryAgain, moreSpace
	case errors.Is(err, fs.ErrPermission):
		if at, ok := errors.AsType[*fs.PathError](err); ok {
			if file := letWrite(at.Path); file != "" { // a lock: SQLite itself opens the rest
				hint = file + ", or remove it while nothing runs"
			}
		}
	}
	return &pipeline.Problem{Class: class, Err: fmt.Errorf("open ledger %s: %w", path, err), Hint: hint}
}

// barred is what to do where SQLite may not write.
func (l *Ledger) barred() string {
	for _, end := range []string{"", "-wal", "-shm"} {
		if hint := letWrite(l.path + end); hint != "" {
			return hint
		}
	}
	return "let the user that runs scored write the ledger, its -wal and -shm files and their folder"
}

// inPlace checks that the path still is the file that was opened. What is written to another would be lost.
func (l *Ledger) inPlace() error {
	now, err := os.Stat(l.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unusable(l.path, err)
	}
	if err == nil && os.SameFile(l.opened, now) {
		return nil
	}
	return &pipeline.Problem{Class: pipeline.Configuration,
		Err:  fmt.Errorf("ledger %s was removed or replaced while it was open", l.path),
		Hint: "restart the daemon: it starts a new ledger and sends every score again, or put the file back"}
}
