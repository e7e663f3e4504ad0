package pipeline_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"scored/pipeline"
)

// table is a Source over rows held in memory: a key and one number each, NaN for a row the model rejects.
type table struct {
	rows  []row
	err   error // after the rows
	again bool  // start over once, as after a serialization conflict
	size  int   // rows of a batch; 2 if 0
	made  int   // batches that were not filled again
}

type row struct {
	key   string
	value float64
}

func (t *table) Digest() string { return "sql" }

func (t *table) Read(ctx context.Context, _ *pipeline.Run, rows pipeline.Rows) error {
	if t.again {
		t.again = false
		if err := t.Read(ctx, nil, rows); err != nil {
			return err
		}
	}
	if err := rows.Begin([]pipeline.Column{{Name: "x", Kind: pipeline.Number}}); err != nil {
		return err
	}
	b := &pipeline.Batch{}
	for chunk := range slices.Chunk(t.rows, cmp.Or(t.size, 2)) {
		if b.Columns == nil {
			t.made++
			b.Columns = []pipeline.Column{{Name: "x", Kind: pipeline.Number}}
		}
		b.Keys, b.Columns[0].Numbers = b.Keys[:0], b.Columns[0].Numbers[:0]
		for _, r := range chunk {
			b.Keys = append(b.Keys, r.key)
			b.Columns[0].Numbers = append(b.Columns[0].Numbers, r.value)
		}
		if err := rows.Add(b); err != nil {
			return err
		}
	}
	return t.err
}

// identity is a Model whose score is its column, with reasons for whatever is due.
type identity struct{ bindErr error }

func (identity) Name() string   { return "identity@00000000" }
func (identity) Digest() string { return "model" }

func (identity) Reference() *pipeline.Profile { return &pipeline.Profile{} }

func (m identity) Bind([]pipeline.Column) (pipeline.Scorer, error) { return m, m.bindErr }

func (identity) Score(b *pipeline.Batch, due func(pipeline.Score) bool, scores []pipeline.Score, rejected []pipeline.Rejection) ([]pipeline.Score, []pipeline.Rejection) {
	for i, key := range b.Keys {
		if v := b.Columns[0].Numbers[i]; math.IsNaN(v) {
			rejected = append(rejected, pipeline.Rejection{Key: key, Reason: "x: missing"})
		} else {
			s := pipeline.Score{Key: key, Score: int(v), Grade: "A", Probability: v / 100}
			if due != nil && due(s) {
				s.Reasons = "x of " + key
			}
			scores = append(scores, s)
		}
	}
	return scores, rejected
}

// everything decides that each score with no equal confirmed one is a change.
func everything(_ *pipeline.Run, _ string, found pipeline.Found, confirmed iter.Seq2[pipeline.Confirmed, error]) (pipeline.Decision, error) {
	known := map[string]int{}
	for c, err := range confirmed {
		if err != nil {
			return pipeline.Decision{}, err
		}
		if !c.Unsure {
			known[c.Key] = c.Score
		}
	}
	var d pipeline.Decision
	for _, s := range found.Scores {
		if old, ok := known[s.Key]; ok && old == s.Score {
			d.Unchanged++
		} else {
			d.Changes = append(d.Changes, pipeline.Change{Score: s})
		}
	}
	return d, nil
}

// memory is a Ledger in memory that also keeps the order of its calls.
type memory struct {
	calls       []string
	shape       string
	model       string // of the intents
	intents     map[string]pipeline.Change
	owners      map[string]string // of the intents: their runs
	confirmed   map[string]pipeline.Confirmed
	scores      map[string]score // of what is confirmed
	written     map[string][]pipeline.Written
	attempts    map[time.Time]int
	behind      bool           // the runs that it begins
	spent       pipeline.Spent // in 24 hours
	unsettled   time.Time
	swept       int64
	baseline    []pipeline.Profile
	baselineErr error
	standing    int64 // the version under which an undo brought a run's scores back
	summary     *pipeline.Summary
	rejected    []pipeline.Rejection
	refused     []pipeline.RefusedRow
	log         []string
	unpublished []pipeline.Record
	published   []string
	aside       *memory
	finish      error   // what Finish returns
	tidy        error   // what Tidy returns
	tidied      []bool  // the calls of Tidy: whether their time was bounded
	foreign     error   // what CheckBound returns
	confirms    []error // what the next calls of Confirm and Withdraw return
}

// score is what an undo needs of a confirmed score.
type score struct {
	pipeline.Score
	pipeline.Origin
}

func newMemory() *memory {
	return &memory{
		intents: map[string]pipeline.Change{}, owners: map[string]string{}, confirmed: map[string]pipeline.Confirmed{},
		scores: map[string]score{}, written: map[string][]pipeline.Written{},
	}
}

func (m *memory) Begin(_ context.Context, job string, req pipeline.Request) (*pipeline.Run, error) {
	m.calls = append(m.calls, "begin")
	attempt := m.attempts[req.AsOf]
	if m.attempts == nil {
		m.attempts = map[time.Time]int{}
	}
	m.attempts[req.AsOf]++
	run, err := pipeline.NewRun(job, req, attempt, time.Now())
	if err == nil {
		run.Behind = m.behind
	}
	return run, err
}

func (m *memory) Bind(_ context.Context, _, _, id string) error {
	m.calls = append(m.calls, "bind "+id)
	return nil
}

func (m *memory) CheckBound(_ context.Context, _, target, id string) error {
	if m.foreign != nil && target == "org" {
		return fmt.Errorf("%s is another org: %w", id, m.foreign)
	}
	return nil
}

// of keeps what concerns the history apart, as a ledger does for every target.
func (m *memory) of(target string) *memory {
	if target != "history" {
		return m
	}
	if m.aside == nil {
		m.aside = newMemory()
	}
	return m.aside
}

func (m *memory) Confirmed(_ context.Context, _, target string) iter.Seq2[pipeline.Confirmed, error] {
	m = m.of(target)
	return func(yield func(pipeline.Confirmed, error) bool) {
		all := slices.SortedFunc(maps.Values(m.confirmed), func(a, b pipeline.Confirmed) int { return cmp.Compare(a.Key, b.Key) })
		for _, c := range all {
			if !yield(c, nil) {
				return
			}
		}
	}
}

func (m *memory) Shaped(_ context.Context, _, target, shape string) (bool, error) {
	m = m.of(target)
	return m.shape != "" && m.shape != shape, nil
}

func (m *memory) Shape(ctx context.Context, _, target, shape string) (bool, error) {
	m = m.of(target)
	changed := m.shape != "" && m.shape != shape
	m.shape = shape
	if changed {
		return true, m.Doubt(ctx, "", "")
	}
	return false, nil
}

func (m *memory) Doubt(_ context.Context, _, target string) error {
	m = m.of(target)
	for key, c := range m.confirmed {
		c.Unsure = true
		m.confirmed[key] = c
	}
	return nil
}

func (m *memory) Sweep(_ context.Context, run *pipeline.Run, target string) error {
	m = m.of(target)
	m.calls = append(m.calls, "sweep")
	m.swept = max(m.swept, run.Version)
	return nil
}

func (m *memory) Swept(_ context.Context, _, target string) (int64, error) {
	return m.of(target).swept, nil
}

func (m *memory) Unsettled(context.Context, string, string) (time.Time, error) {
	return m.unsettled, nil
}

func (m *memory) Intend(_ context.Context, run *pipeline.Run, target, model string, changes []pipeline.Change) error {
	m = m.of(target)
	m.model = model
	m.calls = append(m.calls, fmt.Sprintf("intend %d", len(changes)))
	for _, c := range changes {
		m.intents[c.Key], m.owners[c.Key] = c, run.ID
	}
	return nil
}

func (m *memory) Confirm(ctx context.Context, run *pipeline.Run, target string, outcomes []pipeline.Outcome) error {
	m = m.of(target)
	if err := m.fails(ctx); err != nil {
		return err
	}
	m.calls = append(m.calls, fmt.Sprintf("confirm %d", len(outcomes)))
	for _, o := range outcomes {
		if _, ok := m.intents[o.Key]; !ok {
			return fmt.Errorf("no intent for %s", o.Key)
		}
		m.settle(run, o)
	}
	return nil
}

func (m *memory) Withdraw(ctx context.Context, run *pipeline.Run, target string, unsent iter.Seq[[]pipeline.Change]) error {
	m = m.of(target)
	if err := m.fails(ctx); err != nil {
		return err
	}
	n := 0
	for changes := range unsent {
		for _, c := range changes {
			m.settle(run, pipeline.Outcome{Key: c.Key, Status: pipeline.NotSent})
		}
		n += len(changes)
	}
	m.calls = append(m.calls, fmt.Sprintf("withdraw %d", n))
	return nil
}

// fails is the error of a call of Confirm or Withdraw that is to fail.
func (m *memory) fails(ctx context.Context) error {
	if len(m.confirms) == 0 {
		return ctx.Err()
	}
	err := m.confirms[0]
	m.confirms = m.confirms[1:]
	return err
}

func (m *memory) Settle(ctx context.Context, run, target string, outcomes []pipeline.Outcome) error {
	m = m.of(target)
	if err := ctx.Err(); err != nil {
		return err
	}
	m.calls = append(m.calls, fmt.Sprintf("settle %d of %s", len(outcomes), run))
	for _, o := range outcomes {
		if m.owners[o.Key] == run {
			m.settle(&pipeline.Run{ID: run}, o)
		}
	}
	return nil
}

// settle ends an intent, and keeps what an undo needs.
func (m *memory) settle(run *pipeline.Run, o pipeline.Outcome) {
	c := m.intents[o.Key]
	if o.Status == pipeline.Accepted {
		w := pipeline.Written{Key: o.Key, Version: run.Version, Stands: []pipeline.Stand{{Version: run.Version}}}
		if old, ok := m.scores[o.Key]; ok {
			w.Before, w.Origin = &old.Score, &old.Origin
		}
		m.written[run.ID] = append(m.written[run.ID], w)
		origin := pipeline.Origin{Model: m.model, ScoredAt: run.AsOf}
		if c.Origin != nil {
			origin = *c.Origin
		}
		if delete(m.scores, o.Key); !c.Clear {
			m.scores[o.Key] = score{c.Score, origin}
		}
		m.confirmed[o.Key] = pipeline.Confirmed{
			Key: o.Key, Score: c.Score.Score, Grade: c.Grade, Model: origin.Model, Version: run.Version, Cleared: c.Clear,
		}
	}
	if o.Status != pipeline.Unknown {
		delete(m.intents, o.Key)
	}
}

func (m *memory) Written(_ context.Context, run, target string) iter.Seq2[pipeline.Written, error] {
	all := slices.SortedFunc(slices.Values(m.of(target).written[run]), func(a, b pipeline.Written) int { return cmp.Compare(a.Key, b.Key) })
	return func(yield func(pipeline.Written, error) bool) {
		for _, w := range all {
			if !yield(w, nil) {
				return
			}
		}
	}
}

func (m *memory) Standing(_ context.Context, run string) (int64, error) {
	version := m.standing
	for _, w := range m.written[run] {
		version = max(version, w.Version)
	}
	return version, nil
}

func (m *memory) Baseline(context.Context, string) ([]pipeline.Profile, error) {
	return m.baseline, m.baselineErr
}

func (m *memory) Spent(context.Context, time.Time) (pipeline.Spent, error) { return m.spent, nil }

func (m *memory) Finish(
	ctx context.Context, s *pipeline.Summary, rejected []pipeline.Rejection, refused []pipeline.RefusedRow, log []string,
) error {
	m.calls = append(m.calls, "finish "+string(s.End))
	m.summary, m.rejected, m.refused, m.log = s, rejected, refused, log
	return errors.Join(ctx.Err(), m.finish)
}

func (m *memory) Tidy(ctx context.Context, _ string) error {
	if m.summary == nil {
		return errors.New("the run is not finished")
	}
	_, bounded := ctx.Deadline()
	m.tidied = append(m.tidied, bounded)
	return m.tidy
}

func (m *memory) Unpublished(context.Context, string, int) ([]pipeline.Record, error) {
	return m.unpublished, nil
}

func (m *memory) Published(_ context.Context, ids []string) error {
	m.published = append(m.published, ids...)
	return nil
}
