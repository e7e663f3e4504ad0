package ledger_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

// openJobs is what a journal has, as "run id", oldest first.
func openJobs(t testing.TB, j *ledger.Journal) (list []string) {
	t.Helper()
	jobs, err := j.Open(context.Background())
	check(t, err)
	for _, r := range jobs {
		if age := time.Since(r.Since); age < 0 || age > time.Minute {
			t.Errorf("%s was created %v ago", r.ID, age)
		}
		list = append(list, r.Run+" "+r.ID)
	}
	return list
}

func TestAJobAtTheTargetIsRememberedUntilItIsClosed(t *testing.T) {
	path := newPath(t)
	l := opened(t, path)
	j := l.Journal(job, target)
	first, second := begin(t, l, 0), begin(t, l, 1)
	ctx := t.Context()
	for i, step := range []struct {
		do   func() error
		want []string
	}{
		{func() error { return nil }, nil},
		{func() error { return j.Creating(ctx, first.ID) }, []string{first.ID + " "}},
		{func() error { return j.Created(ctx, first.ID, "750A") }, []string{first.ID + " 750A"}},
		{func() error { return j.Creating(ctx, first.ID) }, []string{first.ID + " ", first.ID + " 750A"}},
		{func() error { return j.Creating(ctx, second.ID) }, []string{first.ID + " ", first.ID + " 750A", second.ID + " "}},
		{func() error { return j.Closed(ctx, first.ID, "") }, []string{first.ID + " 750A", second.ID + " "}},
		{func() error { return j.Created(ctx, second.ID, "750B") }, []string{first.ID + " 750A", second.ID + " 750B"}},
		{func() error { finish(t, l, first); return j.Closed(ctx, first.ID, "750A") }, []string{second.ID + " 750B"}},
		{func() error { return j.Closed(ctx, second.ID, "750B") }, nil},
	} {
		check(t, step.do())
		got := openJobs(t, j)
		if i == 3 || i == 4 { // two of them may have begun in the same millisecond
			got, step.want = sorted(got), sorted(step.want)
		}
		if i == 2 {
			if err := j.Created(ctx, first.ID, "750C"); err == nil {
				t.Error("a job got a second id")
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(step.want) {
			t.Errorf("step %d: got %q, want %q", i, got, step.want)
		}
	}
}

func TestAJournalOutlivesItsProcess(t *testing.T) {
	path := newPath(t)
	l := opened(t, path)
	run := begin(t, l, 0)
	check(t, l.Journal(job, target).Creating(t.Context(), run.ID))
	check(t, l.Close())
	l = opened(t, path)
	j := l.Journal(job, target)
	if got := openJobs(t, j); len(got) != 1 || got[0] != run.ID+" " {
		t.Errorf("got %q", got)
	}
	check(t, j.Created(t.Context(), run.ID, "750A")) // found at the target, though its run has ended
	ro, err := ledger.OpenReadOnly(path)
	check(t, err)
	defer ro.Close()
	if got := openJobs(t, ro.Journal(job, target)); len(got) != 1 || got[0] != run.ID+" 750A" {
		t.Errorf("another process reads %q", got)
	}
}

func TestJournalsAreApart(t *testing.T) {
	l := fresh(t)
	enter(t, l, "other")
	check(t, l.Bind(t.Context(), job, "second", org))
	check(t, l.Bind(t.Context(), "other", target, org))
	run := begin(t, l, 0)
	check(t, l.Journal(job, target).Creating(t.Context(), run.ID))
	for _, j := range []*ledger.Journal{l.Journal(job, "second"), l.Journal("other", target), l.Journal(job, "unbound")} {
		if got := openJobs(t, j); len(got) > 0 {
			t.Errorf("got %q", got)
		}
		if err := j.Created(t.Context(), run.ID, "750A"); err == nil {
			t.Error("a journal took what is another's")
		}
	}
	check(t, l.Journal(job, "second").Creating(t.Context(), run.ID))
}

func TestAJournalRefusesWhatMakesNoSense(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(ctx context.Context, j *ledger.Journal, open, ended *pipeline.Run) error
		want string
	}{
		{"two creations at once", func(ctx context.Context, j *ledger.Journal, open, _ *pipeline.Run) error {
			return j.Creating(ctx, open.ID)
		}, "its last creation is still open"},
		{"a creation by a run that has ended", func(ctx context.Context, j *ledger.Journal, _, ended *pipeline.Run) error {
			return j.Creating(ctx, ended.ID)
		}, "the run has ended"},
		{"an id without a creation", func(ctx context.Context, j *ledger.Journal, _, ended *pipeline.Run) error {
			return j.Created(ctx, ended.ID, "750B")
		}, "no creation is open"},
		{"no id", func(ctx context.Context, j *ledger.Journal, open, _ *pipeline.Run) error {
			return j.Created(ctx, open.ID, "")
		}, "it has no id"},
		{"the end of what never began", func(ctx context.Context, j *ledger.Journal, open, _ *pipeline.Run) error {
			return j.Closed(ctx, open.ID, "750B")
		}, "no such job is open"},
		{"a run that never was", func(ctx context.Context, j *ledger.Journal, _, _ *pipeline.Run) error {
			return j.Creating(ctx, "unheard of")
		}, "no such run"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := fresh(t)
			j := l.Journal(job, target)
			ended, open := begin(t, l, 0), begin(t, l, 1)
			finish(t, l, ended)
			check(t, j.Creating(t.Context(), open.ID))
			if err := tt.do(t.Context(), j, open, ended); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if got := openJobs(t, j); len(got) != 1 || got[0] != open.ID+" " {
				t.Errorf("got %q: it changed something", got)
			}
		})
	}
}
