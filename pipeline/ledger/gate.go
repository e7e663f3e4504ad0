package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"scored/pipeline"
)

// passing is more than it takes to go through an open gate: whoever has the place next in line for longer waits.
const passing = time.Second

// orphaned is the reason given to a run whose process died.
const orphaned = "the process ended before the run did"

// Enter takes the job's gate, which one run at a time holds, whatever its process, and waits for it. Whoever has waited
// goes before one that just left. If it must wait it calls waiting, which may be nil, once, with who holds the gate. When
// ctx ends first that is a [pipeline.TryAgain] problem which names the holder.
//
// Runs of the job that are still open are orphans, as their process died or gave up: Enter ends them as interrupted and
// returns their ids.
func (l *Ledger) Enter(ctx context.Context, job string, waiting func(holder string)) (orphans []string, err error) {
	if l.write == nil {
		return nil, l.readOnly()
	}
	gate, err := l.pass(ctx, job, waiting)
	if err != nil {
		return nil, err
	}
	if orphans, err = l.interruptOpen(ctx, job); err != nil {
		return nil, errors.Join(fmt.Errorf("end what was left open of job %s: %w", job, err), gate.Close())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gates[job] = gate
	return orphans, nil
}

// Leave gives the job's gate back.
func (l *Ledger) Leave(job string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	gate, ok := l.gates[job]
	if !ok {
		return fmt.Errorf("leave job %s: it was not entered", job)
	}
	delete(l.gates, job)
	if err := gate.Close(); err != nil {
		return fmt.Errorf("leave job %s: %w", job, err)
	}
	return nil
}

// Running says whether a process holds the job's gate now, as far as it is known: without the gate's file, or without
// permission to read it, it isn't. It neither waits nor makes anything.
func (l *Ledger) Running(job string) (held, known bool) {
	gate := flock.New(l.path+"."+job+".gate", flock.SetFlag(os.O_RDONLY))
	defer gate.Close()
	free, err := gate.TryRLock()
	return err == nil && !free, err == nil
}

// Wanted says whether a run of the job that is not this ledger's has the gate or waits for it. While this one waits itself,
// somebody else has it. It doesn't wait. A lock that can't be read is no reason to stand back.
func (l *Ledger) Wanted(job string) bool {
	if l.locked(job + ".next") {
		return true
	}
	return !l.entered(job) && l.locked(job+".gate")
}

func (l *Ledger) locked(name string) bool {
	lock := flock.New(l.path+"."+name, flock.SetFlag(os.O_RDONLY))
	defer lock.Close()
	free, err := lock.TryRLock()
	return err == nil && !free
}

func (l *Ledger) entered(job string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.gates[job]
	return ok
}

// pass goes through the turnstile: first the place next in line, then the gate, then the place is free for another. So one
// that leaves the gate and comes back finds the place taken by whoever waited meanwhile.
func (l *Ledger) pass(ctx context.Context, job string, waiting func(holder string)) (gate *flock.Flock, err error) {
	next, err := l.lockFile(job + ".next")
	if err != nil {
		return nil, err
	}
	if gate, err = l.lockFile(job + ".gate"); err != nil {
		return nil, err
	}
	queue := sync.OnceFunc(func() {
		if waiting != nil {
			waiting(holder(gate))
		}
	})
	if err = wait(ctx, next, passing, queue); err == nil {
		if err = wait(ctx, gate, lookAgain, queue); err == nil { // one look that finds it locked may have met Running
			err = sign(gate)
		}
		err = errors.Join(err, next.Close())
	}
	switch {
	case err == nil:
		return gate, nil
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		err = &pipeline.Problem{Class: pipeline.TryAgain,
			Err:  fmt.Errorf("job %s is being run by %s: %w", job, holder(gate), ctx.Err()),
			Hint: "wait until that run has ended, then try again"}
	default:
		err = unusable(l.path, err)
	}
	return nil, errors.Join(err, gate.Close())
}

// wait takes the lock. It calls queue when that has taken as long as patient, or longer.
func wait(ctx context.Context, lock *flock.Flock, patient time.Duration, queue func()) error {
	for start := time.Now(); ; {
		locked, err := lock.TryLock()
		if locked || err != nil {
			return err
		}
		if time.Since(start) >= patient {
			queue()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookAgain):
		}
	}
}

// interruptOpen ends the job's open runs. It is called with the gate held: nothing of theirs was sent after this instant.
func (l *Ledger) interruptOpen(ctx context.Context, job string) (ids []string, err error) {
	err = l.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `UPDATE runs SET ended = ?, outcome = ?, reason = ?
			WHERE job = ? AND ended IS NULL RETURNING id`, millis(time.Now()), string(pipeline.Interrupted), orphaned, job)
		if err != nil {
			return err
		}
		ids, err = drain(rows, scanText)
		return err
	})
	return ids, err
}
