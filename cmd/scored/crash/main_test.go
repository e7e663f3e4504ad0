package crash

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
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"scored/pipeline/warehouse/pgtest"
)

const root = "../../.."

func TestMain(m *testing.M) {
	// Most of the time the tests wait for another process: let more of them wait at once than there are processors.
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	code := m.Run()
	if err := errors.Join(origin.stop(), os.RemoveAll(binaries.dir)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// number reads a whole number from the environment.
func number(name string, otherwise int64) int64 {
	n, err := strconv.ParseInt(os.Getenv(name), 10, 64)
	if err != nil {
		return otherwise
	}
	return n
}

// seed is where all draws of this process begin; repeat says how to have them again.
var seed = number("SEED", time.Now().UnixNano()%1_000_000)

func repeat() string { return fmt.Sprintf("SEED=%d repeats the draws", seed) }

// draws returns the random numbers of one part of the tests, whatever the others draw.
func draws(part string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(part))
	return rand.New(rand.NewPCG(uint64(seed), h.Sum64()))
}

// binaries are built once, into a folder of their own.
var binaries struct {
	mu   sync.Mutex
	dir  string
	path map[string]string
}

// recipe is how the Makefile builds the binary.
const recipe = "CGO_ENABLED=0 $(GO) build -trimpath -o $@ ./cmd/$(@F)"

// TestTheBinaryIsBuiltAsShipped keeps the harness from drifting away from what is packaged.
func TestTheBinaryIsBuiltAsShipped(t *testing.T) {
	text, err := os.ReadFile(root + "/Makefile")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "\t"+recipe+"\n") {
		t.Errorf("the Makefile does not build the binary with %q: build it here as it does there", recipe)
	}
}

// build builds the binary as the recipe says, with more arguments if there are any, and returns its path.
func build(t *testing.T, name string, more ...string) string {
	t.Helper()
	b := &binaries
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.path[name] != "" {
		return b.path[name]
	}
	if b.path == nil {
		dir, err := os.MkdirTemp("", "scored-crash-")
		if err != nil {
			t.Fatal(err)
		}
		b.dir, b.path = dir, map[string]string{}
	}
	path := filepath.Join(b.dir, name)
	cmd := exec.Command("go", append(append([]string{"build", "-trimpath", "-o", path}, more...), "./cmd/scored")...)
	cmd.Dir = root
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build scored: %v\n%s", err, text)
	}
	b.path[name] = path
	return path
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
