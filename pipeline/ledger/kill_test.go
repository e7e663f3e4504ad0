package ledger_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

// childVariable makes the test binary a process that uses the ledger at the path that it holds.
const childVariable = "SCORED_LEDGER_TEST_CHILD"

const childRows = 20

// child delivers run after run, and writes a line after every call that the ledger acknowledged, until it is killed or
// its standard input ends.
func child(path string) int {
	l, err := ledger.Open(path)
	if err == nil {
		fmt.Fprintln(os.Stdout, "open")
		go func() {
			io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		}()
		err = deliverForever(l)
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func deliverForever(l *ledger.Ledger) error {
	ctx := context.Background()
	if err := l.Bind(ctx, job, target, org); err != nil {
		return err
	}
	changes, accepted := rows(childRows)
	for {
		run, err := l.Begin(ctx, job, time.Time{}, asOf)
		if err != nil {
			return err
		}
		for i := range changes {
			changes[i].Score.Score = run.Attempt
		}
		fmt.Fprintln(os.Stdout, "begun", run.Attempt)
		if err := l.Intend(ctx, run, target, model, changes); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, "intended", run.Attempt)
		if err := l.Confirm(ctx, run, target, accepted); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, "confirmed", run.Attempt)
		if err := l.Finish(ctx, &pipeline.Summary{ID: run.ID, End: pipeline.OK}, nil, nil); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, "finished", run.Attempt)
	}
}

// start runs the child; lines ends when it has.
func start(t *testing.T, path string) (cmd *exec.Cmd, stdin io.Closer, lines *bufio.Scanner) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+path)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	check(t, err)
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	return cmd, in, bufio.NewScanner(out)
}

func TestNothingAcknowledgedIsLostWhenKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	doubts := 0
	acknowledged := map[string]int{"begun": -1, "intended": -1, "confirmed": -1} // the last attempt
	finished := map[int]bool{}
	for range 20 {
		cmd, _, lines := start(t, path)
		for n := rand.IntN(25); lines.Scan(); n-- {
			if n == 0 {
				check(t, cmd.Process.Kill()) // and read on: what it wrote before it died was acknowledged
			}
			var word string
			var attempt int
			fmt.Sscan(lines.Text(), &word, &attempt)
			if word == "finished" {
				finished[attempt] = true
			} else if _, ok := acknowledged[word]; ok {
				acknowledged[word] = attempt
			}
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("the child ended by itself: %v", err)
		}

		ro, err := ledger.OpenReadOnly(path)
		check(t, err)
		left := confirmed(t, ro)
		check(t, ro.Close())
		l, err := ledger.Open(path)
		check(t, err)
		records, err := l.Runs(t.Context(), job, 1000)
		check(t, err)
		if len(records) <= acknowledged["begun"] {
			t.Fatalf("run %d was acknowledged, and there are %d", acknowledged["begun"], len(records))
		}
		for _, r := range records {
			if r.End != pipeline.OK && (finished[r.Attempt] || r.End != pipeline.Interrupted) {
				t.Errorf("run %d (acknowledged as finished: %v) is %q", r.Attempt, finished[r.Attempt], r.End)
			}
		}
		entries := confirmed(t, l)
		if !slices.Equal(left, entries) {
			t.Error("a dry run between crash and restart sees something else")
		}
		if acknowledged["intended"] >= 0 && len(entries) != childRows {
			t.Fatalf("%d entries, want %d", len(entries), childRows)
		}
		for _, c := range entries {
			attempt := int(c.Version % 1000)
			if attempt < acknowledged["intended"] {
				t.Errorf("%s: got %+v, and attempt %d was intended", c.Key, c, acknowledged["intended"])
			}
			if sure := c.Model != "" || acknowledged["confirmed"] < 0; !sure || c.Score < acknowledged["confirmed"] || !c.Unsure && c.Score != attempt {
				t.Errorf("%s: got %+v, and attempt %d was confirmed", c.Key, c, acknowledged["confirmed"])
			}
			if c.Unsure {
				doubts++
			}
		}
		check(t, l.Close())
	}
	t.Logf("%d runs, %d of %d entries in doubt after a kill", acknowledged["begun"]+1, doubts, 20*childRows)
}

func TestALedgerHasOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	cmd, stdin, lines := start(t, path)
	if !lines.Scan() || lines.Text() != "open" {
		t.Fatalf("got %q from the child", lines.Text())
	}
	l, err := ledger.Open(path)
	if err == nil {
		t.Fatal(l.Close(), "two processes have it open")
	}
	if pipeline.ClassOf(err) != pipeline.TryAgain || !strings.Contains(err.Error(), fmt.Sprintf("by process %d", cmd.Process.Pid)) ||
		pipeline.HintOf(err) == "" {
		t.Errorf("got %v (class %d, hint %q), want a problem that names process %d", err, pipeline.ClassOf(err), pipeline.HintOf(err), cmd.Process.Pid)
	}
	for range 20 {
		ro, err := ledger.OpenReadOnly(path) // beside a process that writes all the time
		check(t, err)
		confirmed(t, ro)
		check(t, ro.Close())
	}
	check(t, stdin.Close())
	for lines.Scan() {
	}
	check(t, cmd.Wait())
	open(t, path)
}

func TestALedgerIsOpenedOnceInAProcessToo(t *testing.T) {
	l := fresh(t)
	if _, err := ledger.Open(l.Path()); pipeline.ClassOf(err) != pipeline.TryAgain {
		t.Errorf("got %v, want a problem: try again", err)
	}
}
