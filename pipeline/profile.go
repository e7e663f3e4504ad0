package pipeline

import "time"

// Profile is a run's result in figures: by them a guard tells it from those before. It holds nothing of any single row.
type Profile struct {
	Model    string          `json:"model"`
	AsOf     time.Time       `json:"as_of"`
	Read     int             `json:"read"`
	Rejected int             `json:"rejected"`
	Columns  []ColumnProfile `json:"columns"` // beside the key
	Scores   Histogram       `json:"scores"`
	Targets  []Crossing      `json:"-"` // what each target holds, beside the scores
	Past     bool            `json:"-"` // as of an earlier instant than the runs before, when there may have been other numbers
	// Difference is from what the targets hold, as the guard found it. Allowed is how much of it the next run may repeat beyond the
	// limits, as a person released a run that was so far from them: never more than this run differed itself.
	Difference Difference `json:"difference"`
	Allowed    Difference `json:"allowed"`
	Due        bool       `json:"due,omitempty"` // a target did not take what differs: the next run finds it again
	Released   bool       `json:"-"`             // the run was held, and a person says that it is as it should be
}

// Difference is how far a run is from what its targets hold: shares from 0 to 1, but for Shift. Left is that of the target where
// it is most, the others are those of the target that agrees best with the run. The zero Difference is none.
type Difference struct {
	Changed float64 `json:"changed"` // of the keys with a score of the same model: those with another score
	Jumped  float64 `json:"jumped"`  // of the same: those with a score that is at least [Jump] away
	New     float64 `json:"new"`     // of the keys that the run scored: those that the target knows nothing of
	Left    float64 `json:"left"`    // of all keys with a score: those that are to be cleared
	Moved   float64 `json:"moved"`   // of the top tenth: those that are not in it any more
	Shift   float64 `json:"shift"`   // population stability index of the scores of keys that had another model's
}

// Levels is how many scores there are: 0 to 100.
const Levels = 101

// Jump is by how much a score must change to be another one for who acts on it: two tenths of the leads.
const Jump = 20

// Histogram counts rows by their score.
type Histogram [Levels]int

// Rows returns how many there are in all.
func (h *Histogram) Rows() (rows int) {
	for _, n := range h {
		rows += n
	}
	return rows
}

// Crossing compares the scores of a run with those that a target confirmed, key by key. Keys that the run would leave alone are
// in none of its numbers: what a newer run or a backfill that only fills gave, and what waits in quarantine.
type Crossing struct {
	Target string
	Own    Table // keys with a score of the run's model
	Other  Table // keys with a score of another model
	Held   int   // keys that have a score, or may have one
	Left   int   // of them: those that left the result and are to be cleared
	New    int   // keys that the run scored and the target knows nothing of
}

// Table counts keys by the score that a target holds and the one that a run gives.
type Table [Levels][Levels]int32

// Margins counts them by the score that the target holds, and by the one that the run gives.
func (t *Table) Margins() (before, after Histogram) {
	for from := range t {
		for to, n := range t[from] {
			before[from] += int(n)
			after[to] += int(n)
		}
	}
	return before, after
}

// Finding is what a guard has against a run, in words and figures.
type Finding struct {
	Check string `json:"check"` // rows, rejected, column, changed, jumped, new, left, scores or top
	Text  string `json:"text"`
}

// Verdict is what a guard says of a run. Without findings it goes on.
type Verdict struct {
	Findings            []Finding
	Difference, Allowed Difference // for the run's profile
}

// Guard judges a run by its profile, the model's reference, and the profiles of the good runs before it, the newest first and
// none from before one that was released. It is a pure function.
type Guard func(now, reference *Profile, before []Profile) Verdict

// Ruling is what a person says of a run that was held.
type Ruling string

// The rulings on a held run.
const (
	Released  Ruling = "released"  // its figures are as they should be: the next runs are compared with them
	Discarded Ruling = "discarded" // something was wrong
)
