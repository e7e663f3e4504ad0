package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// narrator tells a person what the daemon logs: a line per run, and what went wrong as it stands in the log.
type narrator struct {
	out io.Writer

	mu      sync.Mutex
	pending []byte // of a line whose end did not come yet
}

// Write takes a part of the log.
func (n *narrator) Write(text []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.pending = append(n.pending, text...)
	for {
		line, rest, whole := bytes.Cut(n.pending, []byte{'\n'})
		if !whole {
			return len(text), nil
		}
		n.tell(line)
		n.pending = rest
	}
}

func (n *narrator) tell(line []byte) {
	var entry struct {
		Level    string    `json:"level"`
		Msg      string    `json:"msg"`
		Slot     time.Time `json:"slot"`
		End      string    `json:"end"`
		Scored   int       `json:"rows_scored"`
		Accepted int       `json:"rows_accepted"`
		Calls    int       `json:"api_calls"`
		Duration int       `json:"dur_ms"`
		Reason   string    `json:"reason"`
	}
	err := json.Unmarshal(line, &entry)
	switch {
	case err == nil && entry.Msg == "run ended":
		fmt.Fprintf(n.out, "  slot %s  %s  %d scored, %d sent and accepted, %d calls, %.1f s  %s\n", entry.Slot.Format(time.TimeOnly),
			entry.End, entry.Scored, entry.Accepted, entry.Calls, float64(entry.Duration)/1000, entry.Reason)
	case err == nil && slices.Contains([]string{"slot skipped", "slots skipped", "slots missed"}, entry.Msg):
		_, fate, _ := strings.Cut(entry.Msg, " ")
		fmt.Fprintf(n.out, "  slot %s  %s: %s\n", entry.Slot.Format(time.TimeOnly), fate, entry.Reason)
	case err != nil || entry.Level != "INFO" && entry.Level != "DEBUG":
		fmt.Fprintf(n.out, "  %s\n", line)
	}
}
