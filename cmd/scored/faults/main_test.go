package faults

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"scored/cmd/scored/overlay"
	"scored/pipeline/warehouse/pgtest"
)

const root = "../../.."

func TestMain(m *testing.M) {
	if folder := os.Getenv(diskVariable); folder != "" {
		if err := keepDisk(folder); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	// Most of the time the tests wait for another process: let more of them wait at once than there are processors.
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	code := m.Run()
	if err := errors.Join(origin.stop(), os.RemoveAll(production.dir)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	// toxiproxy leaves a toxic behind when a connection ends while it has something in hand.
	toxic := goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run")
	if err := goleak.Find(toxic); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// number reads a whole number from the environment.
func number(name string, otherwise int) int {
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		return otherwise
	}
	return n
}

// seed is where all draws of this process begin.
var seed = number("SEED", int(time.Now().UnixNano()%1_000_000))

func repeat() string { return fmt.Sprintf("SEED=%d repeats the draws", seed) }

// draws returns the random numbers of one part of the tests, whatever the others draw.
func draws(part string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(part))
	return rand.New(rand.NewPCG(uint64(seed), h.Sum64()))
}

// production is the binary, built once as the Makefile builds it.
var production struct {
	once sync.Once
	dir  string
	err  error
}

func build(t *testing.T) string {
	t.Helper()
	production.once.Do(func() {
		if production.dir, production.err = os.MkdirTemp("", "scored-faults-"); production.err != nil {
			return
		}
		production.err = compile(production.dir)
	})
	if production.err != nil {
		t.Fatal(production.err)
	}
	// Another user may have to run it.
	if err := os.Chmod(production.dir, 0o755); err != nil { //nolint:gosec // it holds a program and nothing else
		t.Fatal(err)
	}
	return filepath.Join(production.dir, "scored")
}

// edited builds the binary with a line changed, and with files that it has not.
func edited(t *testing.T, edit overlay.Edit, added map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	description, err := overlay.Write(dir, root, []overlay.Edit{edit}, added)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "scored")
	if err := compile(path, "-overlay", description); err != nil {
		t.Fatal(err)
	}
	return path
}

// compile builds the binary as the Makefile does, with more arguments if there are any.
func compile(path string, more ...string) error {
	cmd := exec.Command("go", append(append([]string{"build", "-trimpath", "-o", path}, more...), "./cmd/scored")...)
	cmd.Dir = root
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build scored: %w\n%s", err, text)
	}
	return nil
}

// origin is the warehouse that every world gets a clone of.
var origin warehouse

type warehouse struct {
	mu      sync.Mutex
	cluster *pgtest.Cluster
}

func (o *warehouse) clone(t *testing.T) *pgtest.Cluster {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.cluster == nil {
		if _, err := pgtest.Find(); err != nil && os.Getenv("CI") != "true" {
			t.Skipf("SKIP-postgres: %v", err)
		}
		var err error
		if o.cluster, err = pgtest.Start(context.Background(), pgtest.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	c, err := o.cluster.Clone(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func (o *warehouse) stop() error {
	if o.cluster == nil {
		return nil
	}
	return o.cluster.Stop()
}
