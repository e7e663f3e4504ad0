package ledger_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

// roleVariable makes the test binary another process that uses the ledger at the path that pathVariable holds.
const (
	roleVariable = "SCORED_LEDGER_TEST_ROLE"
	pathVariable = "SCORED_LEDGER_TEST_PATH"
)

// roles is what such a process can do. It says what it did on standard output, line by line.
var roles = map[string]func(path string) error{
	"deliver": deliver, "contend": contend, "daemon": daemon, "open": openMany, "who locks": whoLocks, "fill a disk": fillDisks,
	"serve": asService,
}

func play(role string) int {
	if err := roles[role](os.Getenv(pathVariable)); err != nil {
		fmt.Fprintln(os.Stderr, role+":", err)
		return 1
	}
	return 0
}

// process is a test binary in a role.
type process struct {
	*exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Scanner
}

func start(t *testing.T, role, path string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0])}
	p.Env = append(os.Environ(), roleVariable+"="+role, pathVariable+"="+path)
	p.Stderr = os.Stderr
	var err error
	p.stdin, err = p.StdinPipe()
	check(t, err)
	out, err := p.StdoutPipe()
	check(t, err)
	check(t, p.Start())
	p.out = bufio.NewScanner(out)
	return p
}

// line returns what the process says next.
func (p *process) line(t *testing.T) string {
	t.Helper()
	if !p.out.Scan() {
		t.Fatal("the process ended")
	}
	return p.out.Text()
}

func (p *process) tell(t *testing.T, text string) {
	t.Helper()
	_, err := fmt.Fprintln(p.stdin, text)
	check(t, err)
}

// end closes the process's input, which asks it to end.
func (p *process) end(t *testing.T) {
	t.Helper()
	check(t, p.stdin.Close())
	for p.out.Scan() {
	}
	check(t, p.Wait())
}

// kill ends the process as a crash does.
func (p *process) kill(t *testing.T) {
	t.Helper()
	check(t, p.Process.Kill())
	for p.out.Scan() {
	}
	if err := p.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the process ended by itself: %v", err)
	}
}

// deliver makes run after run, and says so after every call that the ledger acknowledged.
func deliver(path string) error {
	l, err := ledger.Open(path)
	if err != nil {
		return err
	}
	ctx := context.Background()
	if _, err := l.Enter(ctx, job, nil); err != nil {
		return err
	}
	if err := l.Bind(ctx, job, target, org); err != nil {
		return err
	}
	changes, ends := rows(childRows)
	changes = append(changes, change(childRefuses, 0))
	ends = append(ends, pipeline.Outcome{Key: childRefuses, Status: pipeline.Refused, Class: pipeline.Rejected})
	journal := l.Journal(job, target)
	for {
		run, err := l.Begin(ctx, job, pipeline.Request{Trigger: pipeline.Manual, AsOf: asOf})
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
		if err := journal.Creating(ctx, run.ID); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, "creating", run.Attempt)
		if err := journal.Created(ctx, run.ID, "750"); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, "created", run.Attempt)
		if err := l.Confirm(ctx, run, target, ends); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, "confirmed", run.Attempt)
		if err := journal.Closed(ctx, run.ID, "750"); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, "closed", run.Attempt)
		if err := l.Finish(ctx, &pipeline.Summary{ID: run.ID, End: pipeline.OK}, nil, nil, nil); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, "finished", run.Attempt)
	}
}

// contend enters the job and begins a run. At each line of input it ends the run, leaves and enters again at once.
func contend(path string) error {
	l, err := ledger.Open(path)
	if err != nil {
		return err
	}
	defer l.Close()
	ctx := context.Background()
	input := bufio.NewScanner(os.Stdin)
	for {
		if _, err := l.Enter(ctx, job, func(string) { fmt.Fprintln(os.Stdout, "waits") }); err != nil {
			return err
		}
		run, err := l.Begin(ctx, job, pipeline.Request{Trigger: pipeline.Backfill, AsOf: asOf})
		if err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, run.ID)
		if !input.Scan() {
			return input.Err()
		}
		if err := l.Finish(ctx, &pipeline.Summary{ID: run.ID, End: pipeline.OK}, nil, nil, nil); err != nil {
			return err
		}
		if err := l.Leave(job); err != nil {
			return err
		}
	}
}

// daemon is the ledger's daemon until its input ends.
func daemon(path string) error {
	l, err := ledger.Open(path)
	if err != nil {
		return err
	}
	defer l.Close()
	if err := l.LockDaemon(); err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "daemon")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// openMany opens, writes and closes the ledgers whose paths it reads.
func openMany(string) error {
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		if err := openAndWrite(input.Text(), fmt.Sprint("job", os.Getpid())); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, "done")
	}
	return input.Err()
}

func openAndWrite(path, job string) error {
	l, err := ledger.Open(path)
	if err != nil {
		return err
	}
	defer l.Close()
	return l.Saw(context.Background(), job, "x")
}

// whoLocks says which process has SQLite's lock on the file; 0 if none has.
func whoLocks(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lock := syscall.Flock_t{Type: syscall.F_WRLCK}
	if err := syscall.FcntlFlock(file.Fd(), syscall.F_GETLK, &lock); err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, lock.Pid)
	return nil
}
