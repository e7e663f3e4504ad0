package faults

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// wire is a connection that can be told to fail.
type wire struct{ proxy *toxiproxy.Proxy }

func newWire(t *testing.T, name, upstream string) *wire {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	w := &wire{toxiproxy.NewProxy(server, name, "127.0.0.1:0", upstream)}
	w.up(t)
	t.Cleanup(w.proxy.Stop)
	return w
}

func (w *wire) address() string { return w.proxy.Listen }

func (w *wire) up(t *testing.T) {
	t.Helper()
	if err := w.proxy.Start(); err != nil {
		t.Fatal(err)
	}
}

// toxic is a way for a wire to fail, in toxiproxy's words; down takes it away.
type toxic struct {
	kind       string
	attributes map[string]any
}

const down = "down"

var toxics = []toxic{
	{"latency", map[string]any{"latency": 150, "jitter": 100}},
	{"bandwidth", map[string]any{"rate": 20}}, // kB/s
	{"slicer", map[string]any{"average_size": 40, "size_variation": 20, "delay": 200}},
	{"reset_peer", map[string]any{"timeout": 0}},
	{"timeout", map[string]any{"timeout": 0}}, // all is lost, and nothing closed
	{"timeout", map[string]any{"timeout": 200}},
	{"limit_data", map[string]any{"bytes": 3000}}, // then it is closed
	{down, nil},
}

// both ways of a wire, in toxiproxy's words.
var streams = []string{"upstream", "downstream"}

func (w *wire) fail(t *testing.T, how toxic, stream string) {
	t.Helper()
	if how.kind == down {
		w.proxy.Stop()
		return
	}
	text, err := json.Marshal(map[string]any{"type": how.kind, "stream": stream, "attributes": how.attributes})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.proxy.Toxics.AddToxicJson(strings.NewReader(string(text))); err != nil {
		t.Fatal(err)
	}
}

// heal takes every fault away.
func (w *wire) heal(t *testing.T) {
	t.Helper()
	w.proxy.Toxics.ResetToxics(context.WithoutCancel(t.Context()))
	if !w.proxy.Enabled {
		w.up(t)
	}
}
