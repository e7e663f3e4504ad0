package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// listening returns where a process listens, as /proc has it: "127.0.0.1:9848", or the path of a socket.
func listening(t *testing.T, pid int) (addresses []string) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d", pid)
	open := map[string]bool{}
	files, err := filepath.Glob(dir + "/fd/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d open files, %v", len(files), err)
	}
	for _, file := range files {
		if target, err := os.Readlink(file); err == nil {
			open[strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]")] = true
		}
	}
	const tcpListen, unixListen = "0A", "00010000" // states of a socket
	for table, at := range map[string]struct{ state, inode, address int }{
		"tcp": {3, 9, 1}, "tcp6": {3, 9, 1}, "unix": {3, 6, 7}, "udp": {-1, 9, 1}, "udp6": {-1, 9, 1},
	} {
		for line := range strings.Lines(read(t, dir+"/net/"+table)) {
			f := strings.Fields(line)
			if len(f) <= at.inode || !open[f[at.inode]] || at.state > 0 && f[at.state] != tcpListen && f[at.state] != unixListen {
				continue
			}
			address := "a socket without a name"
			if len(f) > at.address {
				address = f[at.address]
			}
			addresses = append(addresses, table+" "+address)
		}
	}
	return addresses
}

func TestTheDaemonListensAtItsPageAndNowhereElse(t *testing.T) {
	w := newWorld(t)
	d := startDaemon(t, w, build(t), config(t, `cron: "*/15 * * * *"`, often))
	d.awaitMsg(0, "run ended")
	_, port, err := net.SplitHostPort(d.status)
	if err != nil {
		t.Fatal(err)
	}
	var number int
	if _, err := fmt.Sscan(port, &number); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("tcp 0100007F:%04X", number) // 127.0.0.1
	if got := listening(t, d.cmd.Process.Pid); len(got) != 1 || got[0] != want {
		t.Errorf("it listens at %q, want %q", got, want)
	}
	d.stop()
}

func TestWhoListensEverywhereIsFound(t *testing.T) {
	tcp, err := net.Listen("tcp", "0.0.0.0:0") //nolint:gosec // closed at once
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	path := filepath.Join(t.TempDir(), "socket")
	local, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	found := strings.Join(listening(t, os.Getpid()), "\n")
	for _, want := range []string{fmt.Sprintf("00000000:%04X", tcp.Addr().(*net.TCPAddr).Port), "unix " + path} {
		if !strings.Contains(found, want) {
			t.Errorf("%s is not among\n%s", want, found)
		}
	}
}
