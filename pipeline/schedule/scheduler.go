package schedule

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"scored/pipeline"
)

const (
	longSleep = 30 * time.Second // the longest of the loop
	grace     = time.Minute      // how long after its context has ended a step may still be on its way out
	lastWrite = 10 * time.Second // bounds the journal's last writes when the daemon stops
)

// Job is what the scheduler runs.
type Job struct {
	Name        string
	Policy      Policy
	RunDeadline time.Duration // of a slot's attempts together
	Condition   Condition     // nil: none
	OnChange    bool          // the Condition waits for a change: that there was none is no fault
	// Run makes one attempt at the slot, as [pipeline.Runner] does. The summary is nil if no run could be opened.
	Run func(ctx context.Context, slot time.Time) (*pipeline.Summary, error)
}

// Journal is where the schedule's memory and the jobs' gates are; every method is safe for use by several goroutines, and
// what it changed is durable when it returns. Its errors say what was being done, and for which job.
type Journal interface {
	// Cursor returns where the job's schedule stands: the zero Cursor before its first turn.
	Cursor(ctx context.Context, job string) (pipeline.Cursor, error)
	// Account records the fates of slots and moves the cursor, which also goes back if the clock did. There may be no span.
	Account(ctx context.Context, job string, accounted time.Time, spans []pipeline.Span) error
	// Saw records the value of the job's condition that was acted on.
	Saw(ctx context.Context, job, value string) error
	// Enter waits for the job's gate, which lets one run at a time pass, of whatever process. It calls waiting, before it
	// returns and from the same goroutine, when somebody else holds the gate. The orphans are runs that it found open and
	// closed: their process died.
	Enter(ctx context.Context, job string, waiting func(holder string)) (orphans []string, err error)
	Leave(job string) error
}

// Condition says whether a slot's data is there.
type Condition interface {
	// Ready reads a value and holds it against the slot and against the one that was last acted on. If it isn't ready, why
	// says so in words: "no new data", "the newest event is of 06:12".
	Ready(ctx context.Context, slot time.Time, seen string) (value string, ready bool, why string, err error)
}

// Observer is told what happened, for metrics; from several goroutines.
type Observer interface {
	SlotsAccounted(job string, spans []pipeline.Span)
	RunEnded(job string, summary *pipeline.Summary, err error) // summary may be nil
}

// Options are for the service manager and for tests; the zero value is fine.
type Options struct {
	// Beat is called on every turn of the loop, and so at least every 30 s, for as long as all is well. It is not called
	// while a step of some slot's work (the look at its data, the wait for its turn, its run) has outlived its context by
	// more than a minute: what ignores its deadline will not end by itself, and the watchdog must fire.
	Beat func()
	// Poll is how long the loop sleeps at most, if that is to be less than 30 s: whoever listens to Beat may be less patient.
	Poll time.Duration
	// Now is the wall clock. Sleeping is left to timers.
	Now func() time.Time
	// Random returns a random duration in [0, limit), for the pause before another attempt.
	Random func(limit time.Duration) time.Duration
}

// Scheduler runs jobs on their schedules, side by side, one slot per job at a time.
type Scheduler struct {
	journal  Journal
	observer Observer
	log      *slog.Logger
	options  Options
	tracks   []*track // the loop's own
	ended    chan *work
	replaced chan []Job
	view     atomic.Pointer[[]view]
}

// track is one job on its way through its slots. It belongs to the loop.
type track struct {
	job     Job
	next    *Job // takes over when the slot's work has ended
	removed bool
	work    *work     // going on; nil if none
	verdict *verdict  // of the work that ended, until the journal has it
	watched time.Time // since when this process has
	busy    time.Time
	cursor  pipeline.Cursor
	due     time.Time // when the next slot comes due; zero if there is none, or it isn't known yet
	more    bool      // slots that are due already wait for the next turn
	last    pipeline.Span
	trouble error // of the last turn
}

// New makes a scheduler of jobs with different names.
func New(journal Journal, observer Observer, log *slog.Logger, jobs []Job, options Options) *Scheduler {
	if options.Beat == nil {
		options.Beat = func() {}
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Random == nil {
		options.Random = rand.N[time.Duration]
	}
	if options.Poll <= 0 || options.Poll > longSleep {
		options.Poll = longSleep
	}
	s := &Scheduler{
		journal: journal, observer: observer, log: log, options: options, ended: make(chan *work), replaced: make(chan []Job, 1),
	}
	s.adopt(jobs)
	s.publish()
	return s
}

// Replace changes the jobs; it may be called from any goroutine. Work that is going on ends as it began; a job that is
// gone ends with it. A job whose spec changed has the new one's slots from now on, and those whose jitter has not passed.
func (s *Scheduler) Replace(jobs []Job) {
	for {
		select {
		case s.replaced <- jobs:
			return
		case <-s.replaced: // the loop has not come to it, and now need not
		}
	}
}

// Run keeps the schedules until ctx ends and all work with it. Its error says what the journal could not be told then.
func (s *Scheduler) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
		case <-timer.C:
		case w := <-s.ended:
			s.end(w)
		case jobs := <-s.replaced:
			s.adopt(jobs)
		}
		if ctx.Err() != nil {
			return s.drain(ctx)
		}
		timer.Reset(s.turn(ctx))
	}
}

// now is the wall clock without its monotonic reading: differences must show a suspend and a step.
func (s *Scheduler) now() time.Time { return s.options.Now().Round(0).UTC() }

// turn looks at every job once and returns how long the loop may sleep.
func (s *Scheduler) turn(ctx context.Context) time.Duration {
	for _, t := range s.tracks {
		t.trouble = s.visit(ctx, t)
	}
	s.tracks = slices.DeleteFunc(s.tracks, func(t *track) bool { return t.removed && t.work == nil && t.verdict == nil })
	s.publish()
	s.complain(ctx)
	if s.healthy() {
		s.options.Beat()
	}
	sleep := s.options.Poll
	for now, i := s.now(), 0; i < len(s.tracks); i++ {
		switch t := s.tracks[i]; {
		case t.trouble != nil || t.work != nil:
		case t.more:
			return 0
		case !t.due.IsZero():
			sleep = min(sleep, t.due.Sub(now))
		}
	}
	return sleep
}

// complain logs what the turn could not do, once the status page can show it, too.
func (s *Scheduler) complain(ctx context.Context) {
	for _, t := range s.tracks {
		if t.trouble != nil && ctx.Err() == nil {
			s.log.Error("the schedule could not be kept", "job", t.job.Name, "error", t.trouble.Error(),
				"hint", hintOr(t.trouble, "check the disk that holds the ledger")+
					"; the newest slot is caught up when it works again, the others are recorded as missed")
		}
	}
}

// visit brings one job up to date with the clock.
func (s *Scheduler) visit(ctx context.Context, t *track) error {
	if err := s.record(ctx, t); err != nil || t.removed {
		return err
	}
	var err error
	if t.cursor, err = s.journal.Cursor(ctx, t.job.Name); err != nil {
		return err
	}
	now := s.now() // one for both specs: between two, a slot could come due that neither sees
	plan, err := s.plan(ctx, t, now)
	if err != nil {
		return err
	}
	if t.next != nil && t.work == nil {
		if plan, err = s.takeOver(ctx, t, plan, now); err != nil {
			return err
		}
	}
	t.due, t.more = plan.Next, plan.More
	if !plan.Run.IsZero() {
		s.begin(ctx, t, plan)
	}
	return nil
}

// takeOver puts the job's successor in its place. One with another spec comes after the slot that is to run now, and its
// slots begin now: those before were not its own, but for what still waits for its jitter.
func (s *Scheduler) takeOver(ctx context.Context, t *track, plan Plan, now time.Time) (Plan, error) {
	if t.next.Policy.Spec.String() == t.job.Policy.Spec.String() {
		t.job, t.next = *t.next, nil
		return plan, nil
	}
	if plan.More || !plan.Run.IsZero() {
		return plan, nil
	}
	policy := t.next.Policy
	accounted := policy.takesOver(t.job.Policy, t.cursor.Accounted, now)
	if !accounted.Equal(t.cursor.Accounted) {
		if err := s.account(ctx, t, accounted, nil); err != nil {
			return plan, err
		}
	}
	s.log.Info("schedule changed: slots begin anew", "job", t.job.Name, "from", t.job.Policy.Spec.String(), "to", policy.Spec.String(),
		"next", policy.due(policy.Spec.Next(accounted)))
	t.cursor.Accounted = accounted
	t.job, t.next = *t.next, nil
	return s.plan(ctx, t, now)
}

// plan decides about a job's slots and records it.
func (s *Scheduler) plan(ctx context.Context, t *track, now time.Time) (Plan, error) {
	plan := t.job.Policy.Plan(t.cursor, Situation{Watched: t.watched, Active: t.work != nil, BusyUntil: t.busy}, now)
	if plan.Accounted.Equal(t.cursor.Accounted) {
		return plan, nil
	}
	if err := s.account(ctx, t, plan.Accounted, plan.Spans); err != nil {
		return plan, err
	}
	log := s.log.With("job", t.job.Name)
	switch {
	case plan.Rewound:
		t.watched = now
		log.Warn("the clock was set back: the schedule begins anew from now", "accounted", t.cursor.Accounted, "next", plan.Next,
			"hint", "slots since then may run again; check the machine's time service")
	case t.cursor.Accounted.IsZero():
		log.Info("the schedule begins", "next", plan.Next)
	}
	for _, span := range plan.Spans {
		logSpan(log, span)
	}
	t.cursor.Accounted = plan.Accounted
	return plan, nil
}

func (s *Scheduler) account(ctx context.Context, t *track, accounted time.Time, spans []pipeline.Span) error {
	if err := s.journal.Account(ctx, t.job.Name, accounted, spans); err != nil {
		return err
	}
	if len(spans) > 0 {
		t.last = spans[len(spans)-1]
		s.observer.SlotsAccounted(t.job.Name, spans)
	}
	return nil
}

// begin starts a slot's work.
func (s *Scheduler) begin(ctx context.Context, t *track, plan Plan) {
	t.work = newWork(s, t, plan)
	go func(w *work) {
		w.verdict = w.do(ctx)
		s.ended <- w
	}(t.work)
}

// end takes a slot's work back.
func (s *Scheduler) end(w *work) {
	t := w.track
	t.work, t.verdict = nil, w.verdict
	if w.verdict != nil && w.verdict.span.Fate == pipeline.Ran {
		t.busy = w.verdict.ended
	}
}

// record brings how a slot's work ended into the journal. It can be called again after an error.
func (s *Scheduler) record(ctx context.Context, t *track) error {
	v := t.verdict
	if v == nil {
		return nil
	}
	if !v.accounted {
		if err := s.account(ctx, t, v.span.Last, []pipeline.Span{v.span}); err != nil {
			return err
		}
		v.accounted = true
		v.report()
	}
	if v.acted {
		if err := s.journal.Saw(ctx, t.job.Name, v.value); err != nil {
			return err
		}
	}
	t.verdict = nil
	return nil
}

// drain waits for all work to end and records what of it did.
func (s *Scheduler) drain(ctx context.Context) error {
	ticker := time.NewTicker(s.options.Poll)
	defer ticker.Stop()
	for slices.ContainsFunc(s.tracks, func(t *track) bool { return t.work != nil }) {
		select {
		case w := <-s.ended:
			s.end(w)
		case <-ticker.C:
		}
		s.publish()
		if s.healthy() {
			s.options.Beat()
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
	defer cancel()
	var errs []error
	for _, t := range s.tracks {
		if err := s.record(ctx, t); err != nil {
			errs = append(errs, err)
		}
	}
	s.publish()
	return errors.Join(errs...)
}

// healthy says whether all work keeps its deadlines.
func (s *Scheduler) healthy() bool {
	return !slices.ContainsFunc(s.tracks, func(t *track) bool { return t.work != nil && t.work.overdue() })
}

// adopt brings the tracks in line with the jobs, in the jobs' order; those that are gone come last.
func (s *Scheduler) adopt(jobs []Job) {
	old := s.tracks
	s.tracks = make([]*track, 0, len(jobs))
	for _, job := range jobs {
		i := slices.IndexFunc(old, func(t *track) bool { return t.job.Name == job.Name })
		if i < 0 {
			s.tracks = append(s.tracks, &track{job: job, watched: s.now()})
			continue
		}
		old[i].next, old[i].removed = &job, false
		s.tracks = append(s.tracks, old[i])
		old = slices.Delete(old, i, i+1)
	}
	for _, t := range old {
		t.removed = true
		s.tracks = append(s.tracks, t)
	}
}
