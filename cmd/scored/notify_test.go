package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// listenNotify opens the socket that systemd would, and puts it into the environment.
func listenNotify(t *testing.T, address string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", address)
	return conn
}

func receive(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	buffer := make([]byte, 4096)
	size, err := conn.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	return string(buffer[:size])
}

func TestSystemdIsToldHowTheDaemonIsDoing(t *testing.T) {
	addresses := map[string]string{"a path": filepath.Join(t.TempDir(), "notify")}
	if runtime.GOOS == "linux" {
		addresses["the abstract namespace"] = fmt.Sprintf("@scored-notify-%d", os.Getpid())
	}
	for name, address := range addresses {
		t.Run(name, func(t *testing.T) {
			conn := listenNotify(t, address)
			t.Setenv("WATCHDOG_USEC", "120000000")
			t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
			n := newNotifier(slog.New(slog.DiscardHandler))
			if n.interval != 30*time.Second {
				t.Errorf("interval %v, want a quarter of the watchdog's 2 minutes", n.interval)
			}
			n.ready()
			n.status("lead_scoring: next slot 12:15\nREADY=1")
			n.watchdog()
			n.reloading()
			n.stopping()
			for _, want := range []string{
				"READY=1", "STATUS=lead_scoring: next slot 12:15 READY=1", "WATCHDOG=1", "RELOADING=1", "STOPPING=1",
			} {
				if got := receive(t, conn); got != want {
					t.Errorf("systemd reads %q, want %q", got, want)
				}
			}
		})
	}
}

func TestTheWatchdogIsQuietWhenNobodyWatchesThisProcess(t *testing.T) {
	for name, environment := range map[string][2]string{
		"no watchdog":            {"", ""},
		"no time":                {"soon", strconv.Itoa(os.Getpid())},
		"no patience":            {"0", strconv.Itoa(os.Getpid())},
		"another process's":      {"120000000", strconv.Itoa(os.Getpid() + 1)},
		"longer than a Duration": {"9223372036854775807", strconv.Itoa(os.Getpid())},
	} {
		t.Run(name, func(t *testing.T) {
			conn := listenNotify(t, filepath.Join(t.TempDir(), "notify"))
			t.Setenv("WATCHDOG_USEC", environment[0])
			t.Setenv("WATCHDOG_PID", environment[1])
			n := newNotifier(slog.New(slog.DiscardHandler))
			n.watchdog()
			n.ready()
			if got := receive(t, conn); got != "READY=1" || n.interval != 0 {
				t.Errorf("systemd reads %q first, and the interval is %v", got, n.interval)
			}
		})
	}
}

func TestWithoutSystemdNothingIsSentAndNothingLogged(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	var log bytes.Buffer
	n := newNotifier(slog.New(slog.NewTextHandler(&log, nil)))
	n.ready()
	n.status("well")
	if log.Len() > 0 {
		t.Errorf("logged %s", &log)
	}
}

func TestAMessageThatCannotBeSentIsLoggedOnce(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "nobody"))
	var log bytes.Buffer
	n := newNotifier(slog.New(slog.NewTextHandler(&log, nil)))
	n.ready()
	n.status("well")
	if lines := strings.Count(log.String(), "notify systemd: "); lines != 1 {
		t.Errorf("%d lines, want 1:\n%s", lines, &log)
	}
}

func TestASystemdThatDoesNotReadDoesNotStopTheDaemon(t *testing.T) {
	address := filepath.Join(t.TempDir(), "notify")
	listenNotify(t, address)
	fill(t, address)
	var log bytes.Buffer
	newNotifier(slog.New(slog.NewTextHandler(&log, nil))).ready()
	if !strings.Contains(log.String(), "i/o timeout") {
		t.Errorf("logged %q", &log)
	}
}

// fill sends until the socket's queue takes no more.
func fill(t *testing.T, address string) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := syscall.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		err = syscall.Sendto(fd, []byte("WATCHDOG=1"), 0, &syscall.SockaddrUnix{Name: address})
	}
	if !errors.Is(err, syscall.EAGAIN) {
		t.Fatal(err)
	}
}
