// Package world starts what the product runs in, for trying, training and tests: a temporary PostgreSQL behind Redshift's
// handshake with the sample CRM in it, and an org that answers like Salesforce with the same leads.
package world

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"scored/cmd/sandbox/crm"
	"scored/pipeline/warehouse/pgtest"
	"scored/sql"
)

// World is a running warehouse with the sample CRM in it, a running org with the same leads, and a folder for the
// state of whatever runs in it.
type World struct {
	CRM     *crm.World
	Cluster *pgtest.Cluster
	Org     *Org
	Dir     string    // temporary: the state folder, and the app's private key
	Loaded  time.Time // up to here the CRM's rows are in the warehouse, and its leads in the org

	key     *rsa.PrivateKey // of the org's app
	out     io.Writer
	cleanup []func() error
}

// New starts everything, in the order in which it is needed; each step says on out what it waits for.
func New(ctx context.Context, options crm.Options, out io.Writer) (_ *World, err error) {
	w := &World{out: out}
	defer func() {
		if err != nil {
			w.Close()
		}
	}()
	if err := w.makeDir(); err != nil {
		return nil, err
	}
	if w.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, err
	}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"start a temporary PostgreSQL behind Redshift's handshake", w.startWarehouse},
		{"simulate the sample CRM", func(context.Context) error { w.CRM = crm.Simulate(options); return nil }},
		{"load its history into the warehouse", func(ctx context.Context) error { _, err := w.Load(ctx, w.CRM.End()); return err }},
		{"start an org that answers like Salesforce, with the same leads", w.startOrg},
	} {
		start := time.Now()
		fmt.Fprintf(out, "%s ... ", step.what)
		if err := step.do(ctx); err != nil {
			fmt.Fprintln(out, "not done")
			return nil, fmt.Errorf("%s: %w", step.what, err)
		}
		fmt.Fprintf(out, "%.1f s\n", time.Since(start).Seconds())
	}
	return w, nil
}

// Clone starts another world with the same CRM: a copy of what is in the warehouse, an org of its own with the same leads
// and no scores, and an empty folder. The world it is made of must have nobody at its warehouse, and is closed after it.
func (w *World) Clone(ctx context.Context) (_ *World, err error) {
	clone := &World{CRM: w.CRM, Loaded: w.Loaded, key: w.key, out: w.out}
	defer func() {
		if err != nil {
			clone.Close()
		}
	}()
	if err := clone.makeDir(); err != nil {
		return nil, err
	}
	if clone.Cluster, err = w.Cluster.Clone(ctx); err != nil {
		return nil, err
	}
	clone.onClose(clone.Cluster.Stop)
	if err := clone.startOrg(ctx); err != nil {
		return nil, err
	}
	return clone, nil
}

func (w *World) makeDir() (err error) {
	if w.Dir, err = os.MkdirTemp("", "scored-"); err != nil {
		return err
	}
	w.onClose(func() error { return os.RemoveAll(w.Dir) })
	return nil
}

func (w *World) onClose(f func() error) { w.cleanup = append(w.cleanup, f) }

// Close stops and removes everything, last in first out.
func (w *World) Close() {
	for i := len(w.cleanup) - 1; i >= 0; i-- {
		if err := w.cleanup[i](); err != nil {
			fmt.Fprintf(w.out, "clean up: %v\n", err)
		}
	}
	w.cleanup = nil
}

func (w *World) startWarehouse(ctx context.Context) error {
	bin, err := findPostgres(ctx, w.out)
	if err != nil {
		return err
	}
	if w.Cluster, err = pgtest.Start(ctx, pgtest.Options{Bin: bin}); err != nil {
		return err
	}
	w.onClose(w.Cluster.Stop)
	for _, name := range []string{"sample/redshift_shim.sql", "sample/schema.sql"} {
		script, err := sql.Files.ReadFile(name)
		if err != nil {
			return err
		}
		if err := w.Cluster.Exec(ctx, string(script)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// Load brings what the CRM recorded until then into the warehouse and, once there is an org, the new leads into it. It
// returns the number of rows that came into the warehouse.
func (w *World) Load(ctx context.Context, until time.Time) (rows int, err error) {
	// The org comes first: a lead whose events are scored before it is there would be made by the upsert.
	if w.Org != nil {
		if err := w.Org.add(w.CRM.Leads(w.Loaded, until)); err != nil {
			return 0, err
		}
	}
	for load := range w.CRM.Loads(w.Loaded, until) {
		if err := w.Cluster.Copy(ctx, load.Copy(), bytes.NewReader(load.CSV)); err != nil {
			return rows, fmt.Errorf("load %s: %w", load.Table, err)
		}
		rows += load.Rows
	}
	if w.Loaded.IsZero() {
		if err := w.Cluster.Exec(ctx, "ANALYZE"); err != nil {
			return rows, err
		}
	}
	w.Loaded = until
	return rows, nil
}

func (w *World) startOrg(ctx context.Context) error {
	reps := map[string]bool{}
	for l := range w.CRM.Leads(time.Time{}, w.CRM.Horizon()) {
		reps[l.Owner] = true
	}
	var err error
	if w.Org, err = newOrg(ctx, w.key, filepath.Join(w.Dir, "org.pem"), slices.Sorted(maps.Keys(reps))); err != nil {
		return err
	}
	w.onClose(w.Org.close)
	return w.Org.add(w.CRM.Leads(time.Time{}, w.Loaded))
}

// Command prepares a child that finds this world in its environment. It is asked to stop when ctx ends, and given time
// to stop at a request boundary.
func (w *World) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	cmd.Env = append(os.Environ(), w.Environment()...)
	return cmd
}

// Environment overrides the addresses, and only those, of the reference config.
func (w *World) Environment() []string {
	return append([]string{
		"SCORED_STATE_DIR=" + w.Dir,
		"SCORED_WAREHOUSE_URL=" + w.Cluster.URL(),
		"SCORED_WAREHOUSE_PASSWORD_FILE=",
	}, w.Org.environment()...)
}
