package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// unprivileged returns whom PostgreSQL runs as: nil for this process's user, or somebody else when that is root, whom
// initdb refuses.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("look up user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as")
}

// tempDir makes the cluster's folder where the owner can reach it and where the path of the socket stays below the 104
// bytes that the narrowest system allows.
func tempDir(owner *syscall.Credential) (string, error) {
	base := os.TempDir()
	if len(base) > 60 || (owner != nil && !reachable(base)) {
		base = "/tmp"
	}
	dir, err := os.MkdirTemp(base, "scored-pg-")
	if err != nil {
		return "", fmt.Errorf("make the cluster's folder: %w", err)
	}
	if owner != nil {
		if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
			return "", errors.Join(fmt.Errorf("give away the cluster's folder: %w", err), os.Remove(dir))
		}
	}
	return dir, nil
}

// reachable says whether everybody may enter the folder.
func reachable(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return true
		}
		dir = parent
	}
}

func initdb(ctx context.Context, o Options, dir string, owner *syscall.Credential) error {
	args := []string{"-D", filepath.Join(dir, "data"), "-U", User, "-E", "UTF8", "--locale=C", "--no-sync", "-A"}
	if o.Password == "" {
		args = append(args, "trust")
	} else {
		file, err := passwordFile(dir, o.Password, owner)
		if err != nil {
			return err
		}
		args = append(args, "scram-sha-256", "--pwfile="+file)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(o.Bin, "initdb"), args...)
	cmd.Dir = dir
	cmd.SysProcAttr = attributes(owner)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, tail(out))
	}
	return nil
}

func passwordFile(dir, password string, owner *syscall.Credential) (string, error) {
	file := filepath.Join(dir, "password")
	err := os.WriteFile(file, []byte(password+"\n"), 0o600)
	if err == nil && owner != nil {
		err = os.Chown(file, int(owner.Uid), int(owner.Gid))
	}
	if err != nil {
		return "", fmt.Errorf("hand the password to initdb: %w", err)
	}
	return file, nil
}

// server is a running postgres.
type server struct {
	cmd    *exec.Cmd
	ended  chan struct{} // closed when the process is gone
	output bytes.Buffer  // to be read after ended
}

// settings make the server small, quick and silent on the network: what it holds need not survive.
var settings = []string{
	"listen_addresses=", "fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal",
	"max_wal_senders=0", "autovacuum=off", "jit=off", "shared_buffers=64MB", "max_connections=40", "timezone=UTC",
	"log_min_messages=fatal", "lc_messages=C", "unix_socket_permissions=0700",
}

func boot(ctx context.Context, bin, dir string, owner *syscall.Credential) (*server, error) {
	args := []string{"-D", filepath.Join(dir, "data"), "-k", dir, "-p", port}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	//nolint:noctx // the server outlives the context of its start: Stop ends it
	s := &server{cmd: exec.Command(filepath.Join(bin, "postgres"), args...), ended: make(chan struct{})}
	s.cmd.Dir = dir
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	s.cmd.SysProcAttr = attributes(owner)
	started := make(chan error)
	go func() {
		// Linux ends the child with the thread that started it: this goroutine keeps the thread.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := s.cmd.Start()
		started <- err
		if err == nil {
			_ = s.cmd.Wait()
		}
		close(s.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	if err := s.await(ctx, dir); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// await returns when the server has written that it is ready into the last line of postmaster.pid.
func (s *server) await(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		status, _ := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
		if strings.HasSuffix(strings.TrimSpace(string(status)), "ready") {
			conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket(dir))
			if err == nil {
				return conn.Close()
			}
		}
		select {
		case <-tick.C:
		case <-s.ended:
			return fmt.Errorf("postgres ended: %s", tail(s.output.Bytes()))
		case <-ctx.Done():
			return fmt.Errorf("wait for postgres: %w", ctx.Err())
		}
	}
}

func (s *server) pid() int { return s.cmd.Process.Pid }

// stop ends the server quickly, and by force if it does not follow; nothing in it is worth saving.
func (s *server) stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-s.ended:
		return nil
	case <-time.After(10 * time.Second):
	}
	_ = s.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-s.ended:
		return nil
	case <-time.After(10 * time.Second):
	}
	_ = s.cmd.Process.Kill()
	<-s.ended
	return errors.New("postgres had to be killed")
}

// tail returns the end of a program's output.
func tail(out []byte) string {
	const most = 2000
	out = bytes.TrimSpace(out)
	if len(out) > most {
		out = out[len(out)-most:]
	}
	return string(out)
}
