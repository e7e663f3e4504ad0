package main

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sendTimeout keeps a service manager that doesn't read from stopping the daemon.
const sendTimeout = time.Second

// notifier tells systemd how the daemon is doing, as sd_notify(3) has it; when something else started us, it is silent.
// A message that can't be sent is logged, the first time: systemd acts on silence by itself.
type notifier struct {
	socket   string        // "" without systemd; @name is in the abstract namespace
	interval time.Duration // how often watchdog is to be called: four times in systemd's patience; 0 if nobody watches
	log      *slog.Logger
	failed   sync.Once
}

// newNotifier reads what systemd put into the environment.
func newNotifier(log *slog.Logger) *notifier {
	n := &notifier{socket: os.Getenv("NOTIFY_SOCKET"), log: log}
	patience, err := strconv.ParseUint(os.Getenv("WATCHDOG_USEC"), 10, 53) // as many microseconds as a Duration holds
	if pid := os.Getenv("WATCHDOG_PID"); err == nil && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		n.interval = time.Duration(patience) * time.Microsecond / 4
	}
	return n
}

// ready says that the daemon has started, or has reloaded.
func (n *notifier) ready() { n.send("READY=1") }

// reloading says that the config is being read again; ready ends it.
func (n *notifier) reloading() { n.send("RELOADING=1") }

func (n *notifier) stopping() { n.send("STOPPING=1") }

// status is the line that `systemctl status` shows.
func (n *notifier) status(text string) { n.send("STATUS=" + strings.ReplaceAll(text, "\n", " ")) }

// watchdog says that the daemon's loop still turns.
func (n *notifier) watchdog() {
	if n.interval > 0 {
		n.send("WATCHDOG=1")
	}
}

func (n *notifier) send(state string) {
	if n.socket == "" {
		return
	}
	if err := n.datagram(state); err != nil {
		n.failed.Do(func() { n.log.Warn("systemd does not hear of the daemon's state", "error", err.Error()) })
	}
}

func (n *notifier) datagram(state string) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	return nil
}
