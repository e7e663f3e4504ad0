package pipeline_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"scored/pipeline"
)

// wide is a Source of rows with numbers and texts, in batches of some size, and with dictionaries that hold more than is used.
type wide struct {
	rows []wideRow
	size int
}

type wideRow struct {
	number float64
	text   string // "" is missing
}

func (*wide) Digest() string { return "sql" }

func (w *wide) Read(_ context.Context, _ *pipeline.Run, rows pipeline.Rows) error {
	columns := []pipeline.Column{{Name: "number", Kind: pipeline.Number}, {Name: "text", Kind: pipeline.Text}}
	if err := rows.Begin(columns); err != nil {
		return err
	}
	n := 0
	for chunk := range slices.Chunk(w.rows, w.size) {
		b := &pipeline.Batch{Columns: slices.Clone(columns)}
		number, text := &b.Columns[0], &b.Columns[1]
		text.Dict = []string{"\x00 lower than all", "zzz higher than all"}
		for _, r := range chunk {
			n++
			b.Keys = append(b.Keys, fmt.Sprintf("k%05d", n))
			number.Numbers = append(number.Numbers, r.number)
			code := pipeline.NoText
			if r.text != "" {
				at := slices.Index(text.Dict, r.text)
				if at < 0 {
					at = len(text.Dict)
					text.Dict = append(text.Dict, r.text)
				}
				code = int32(at)
			}
			text.Codes = append(text.Codes, code)
		}
		if err := rows.Add(b); err != nil {
			return err
		}
	}
	return nil
}

// zero is a Model that gives every row the score 0.
type zero struct{ identity }

func (z zero) Bind([]pipeline.Column) (pipeline.Scorer, error) { return z, nil }

func (zero) Score(b *pipeline.Batch, _ func(pipeline.Score) bool, scores []pipeline.Score, rejected []pipeline.Rejection) ([]pipeline.Score, []pipeline.Rejection) {
	for _, key := range b.Keys {
		scores = append(scores, pipeline.Score{Key: key})
	}
	return scores, rejected
}

// profiled makes a run and returns what its guard was given.
func profiled(t *testing.T, source pipeline.Source) (profile pipeline.Profile) {
	t.Helper()
	r := runner(source, newMemory(), &org{})
	r.Model = zero{}
	r.Guard = func(now, _ *pipeline.Profile, _ []pipeline.Profile) pipeline.Verdict {
		profile = *now
		return pipeline.Verdict{}
	}
	if _, err := r.Run(t.Context(), live()); err != nil {
		t.Fatal(err)
	}
	return profile
}

func live() pipeline.Request { return pipeline.Request{Trigger: pipeline.Manual, AsOf: asOf} }

func TestAProfileTellsWhatTheColumnsHeld(t *testing.T) {
	none := math.NaN()
	inf := math.Inf(1)
	tests := []struct {
		name                 string
		rows                 []wideRow
		missing, varied      int // of the number
		textMissing, textVar int
	}{
		{"all the same", []wideRow{{1, "a"}, {1, "a"}, {1, "a"}, {1, "a"}, {1, "a"}}, 0, 0, 0, 0},
		{"all missing", []wideRow{{none, ""}, {none, ""}, {none, ""}}, 3, 0, 3, 0},
		{"one value beside missing ones", []wideRow{{none, ""}, {7, "a"}, {none, ""}, {7, "a"}}, 2, 0, 2, 0},
		{"one of five is otherwise", []wideRow{{1, "b"}, {1, "b"}, {1, "b"}, {1, "b"}, {0, "a"}}, 0, 1, 0, 1},
		{"one of five is higher", []wideRow{{9, "c"}, {1, "b"}, {1, "b"}, {1, "b"}, {1, "b"}}, 0, 1, 0, 1},
		{"most are the lowest", []wideRow{{0, "a"}, {0, "a"}, {0, "a"}, {3, "x"}, {5, "y"}}, 0, 2, 0, 2},
		{"all differ", []wideRow{{1, "a"}, {2, "b"}, {3, "c"}, {4, "d"}, {none, ""}}, 1, 3, 1, 3},
		{"zero has no sign", []wideRow{{0, "a"}, {math.Copysign(0, -1), "a"}}, 0, 0, 0, 0},
		{"infinite", []wideRow{{inf, "a"}, {inf, "a"}, {-inf, "a"}}, 0, 1, 0, 0},
		{"only infinite", []wideRow{{inf, "a"}, {inf, "a"}}, 0, 0, 0, 0},
	}
	for _, tt := range tests {
		for _, size := range []int{1, 2, 100} {
			t.Run(fmt.Sprintf("%s, in batches of %d", tt.name, size), func(t *testing.T) {
				want := []pipeline.ColumnProfile{{Name: "number", Missing: tt.missing, Varied: tt.varied},
					{Name: "text", Missing: tt.textMissing, Varied: tt.textVar}}
				want[0].Typical, want[0].Sized = sizesOf(tt.rows)
				if got := profiled(t, &wide{tt.rows, size}); !reflect.DeepEqual(got.Columns, want) || got.Read != len(tt.rows) {
					t.Errorf("%d rows, got %+v, want %+v", got.Read, got.Columns, want)
				}
			})
		}
	}
}

// sizesOf is the typical size of the numbers, and how many have one.
func sizesOf(rows []wideRow) (float64, int) {
	counts := map[float64]int{}
	for _, r := range rows {
		if !math.IsNaN(r.number) {
			counts[r.number]++
		}
	}
	return pipeline.Sizes(counts)
}

func TestTheTypicalSizeOfNumbers(t *testing.T) {
	inf := math.Inf(1)
	for _, tt := range []struct {
		name   string
		counts map[float64]int
		want   float64
		sized  int
	}{
		{"none", nil, 0, 0},
		{"no size", map[float64]int{0: 5, inf: 1, -inf: 1}, 0, 0},
		{"one number", map[float64]int{12.5: 7}, 12.5, 7},
		{"a number and its opposite", map[float64]int{12.5: 1, -12.5: 1}, 12.5, 2},
		{"the geometric mean", map[float64]int{0.25: 3, 4: 3, 0: 100}, 1, 6},
		{"a thousandth", map[float64]int{0.003: 10}, 0.003, 10},
		{"an absurd one among many", map[float64]int{10: 999, 1e12: 1}, 10.3, 1000},
		{"the smallest and the largest there are", map[float64]int{math.SmallestNonzeroFloat64: 1, math.MaxFloat64: 1}, 1.5, 2},
	} {
		got, sized := pipeline.Sizes(tt.counts)
		if math.Abs(got-tt.want) > 0.02*tt.want || sized != tt.sized {
			t.Errorf("%s: %g of %d, want %g of %d", tt.name, got, sized, tt.want, tt.sized)
		}
	}
	kilometres, metres := map[float64]int{}, map[float64]int{}
	random := rand.New(rand.NewPCG(5, 6))
	for range 1000 {
		km := math.Exp(random.NormFloat64())
		kilometres[km]++
		metres[km*1000]++
	}
	small, _ := pipeline.Sizes(kilometres)
	large, _ := pipeline.Sizes(metres)
	if by := large / small; by < 950 || by > 1050 {
		t.Errorf("in another unit it is %g times as large, want about 1000", by)
	}
}

// Which scorer takes which batch, and in which order rows come, makes no difference.
func TestAProfileDoesNotDependOnTheOrderOfRows(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var rows []wideRow
	for range 1000 {
		r := wideRow{float64(random.IntN(4)), string(rune('a' + random.IntN(4)))}
		if random.IntN(5) == 0 {
			r = wideRow{math.NaN(), ""}
		}
		rows = append(rows, r)
	}
	want := profiled(t, &wide{rows, 1000})
	if want.Columns[0].Varied == 0 || want.Columns[1].Varied == 0 || want.Columns[0].Missing == 0 {
		t.Fatalf("%+v shows nothing", want.Columns)
	}
	for range 20 {
		random.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		if got := profiled(t, &wide{rows, 1 + random.IntN(300)}); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, want %+v", got.Columns, want.Columns)
		}
	}
}

// A read that begins anew begins the profile anew.
func TestARowThatWasReadTwiceIsCountedOnce(t *testing.T) {
	r := runner(&table{rows: five().rows, again: true}, newMemory(), &org{})
	var got pipeline.Profile
	r.Guard = func(now, _ *pipeline.Profile, _ []pipeline.Profile) pipeline.Verdict {
		got = *now
		return pipeline.Verdict{}
	}
	if _, err := r.Run(t.Context(), live()); err != nil {
		t.Fatal(err)
	}
	if want := []pipeline.ColumnProfile{{Name: "x", Varied: 4, Typical: got.Columns[0].Typical, Sized: 5}}; !reflect.DeepEqual(got.Columns, want) || got.Read != 5 || got.Scores.Rows() != 5 {
		t.Errorf("got %d rows, %+v", got.Read, got.Columns)
	}
}
