package model

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"scored/pipeline"
	"scored/pipeline/feature"
)

// wide is a contract of number columns with the given names.
func wide(names ...string) feature.Contract {
	contract := make(feature.Contract, len(names))
	for i, name := range names {
		contract[i] = feature.Column{Name: name, Type: "number", Nullable: true, Abnormal: feature.Refuse}
	}
	return contract
}

// fives gives every column the value 5.
func fives(int) *pipeline.Column { return numbers(5) }

func TestText(t *testing.T) {
	nan := math.NaN()
	tests := []struct {
		name          string
		contributions []float64 // of a, b, c, ...
		want          string
	}{
		{"both sides", []float64{0.1, -0.2, 0.3}, "Up: c = 5; a = 5. Down: b = 5."},
		{"up only", []float64{0.1, 0, 0}, "Up: a = 5."},
		{"down only", []float64{0, -0.1, -0.2}, "Down: c = 5; b = 5."},
		{"nothing", []float64{0, 0, 0}, ""},
		{"three of each side", []float64{0.5, 0.1, 0.4, 0.2, 0.3, -0.1, -0.2, -0.3, -0.4, -0.05},
			"Up: a = 5; c = 5; e = 5. Down: i = 5; h = 5; g = 5."},
		{"equal ones in the contract's order", []float64{0.2, 0.3, 0.2, 0.2, 0.2}, "Up: b = 5; a = 5; c = 5."},
		{"the least that counts", []float64{0.001, 0.000999, -0.001, -0.000999}, "Up: a = 5. Down: c = 5."},
		{"NaN", []float64{nan, 0.1, nan}, "Up: b = 5."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			contract := wide(strings.Split("abcdefghij", "")[:len(tt.contributions)]...)
			if got := mustPhrases(t, contract, Reasons{}).text(fives, 0, tt.contributions); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTextGivesNoBannedColumn(t *testing.T) {
	p := mustPhrases(t, wide("a", "b", "c"), Reasons{
		Phrases: []Phrase{{Column: "a", Text: "aged {value}"}}, Banned: []string{"a", "c"},
	})
	if got := p.text(fives, 0, []float64{0.9, 0.1, -0.9}); got != "Up: b = 5." {
		t.Errorf("got %q", got)
	}
}

func TestTextIsOfItsRow(t *testing.T) {
	p := mustPhrases(t, raw, Reasons{})
	columns := []*pipeline.Column{numbers(1, 2), texts("north", "south"), numbers(30, 40)}
	got := p.text(func(i int) *pipeline.Column { return columns[i] }, 1, []float64{0.1, 0.2, -0.1})
	if want := "Up: region = south; visits_7d = 2. Down: age = 40."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// phrased is a contract of a, b, ... with phrases of the given lengths.
func phrased(t *testing.T, lengths ...int) *phrases {
	var reasons Reasons
	names := strings.Split("abcdefghij", "")[:len(lengths)]
	for i, name := range names {
		reasons.Phrases = append(reasons.Phrases, Phrase{Column: name, Text: strings.Repeat(name, lengths[i])})
	}
	return mustPhrases(t, wide(names...), reasons)
}

func TestTextDropsTheLeastUntilTheRestFits(t *testing.T) {
	a, b, c, d := strings.Repeat("a", 78), strings.Repeat("b", 78), strings.Repeat("c", 78), strings.Repeat("d", 78)
	tests := []struct {
		name          string
		lengths       []int
		contributions []float64
		want          string
	}{
		{"255 units fit", []int{78, 78, 78, 4}, []float64{0.4, 0.3, -0.2, 0.1}, "Up: " + a + "; " + b + "; dddd. Down: " + c + "."},
		{"256 don't", []int{78, 78, 78, 5}, []float64{0.4, 0.3, -0.2, 0.1}, "Up: " + a + "; " + b + ". Down: " + c + "."},
		{"the least is on the other side", []int{78, 78, 78, 78}, []float64{0.4, -0.1, 0.3, 0.2}, "Up: " + a + "; " + c + "; " + d + "."},
		{"of two equal ones on both sides the later", []int{78, 78, 78, 78}, []float64{-0.1, 0.4, 0.3, 0.1}, "Up: " + b + "; " + c + ". Down: " + a + "."},
		{"of two equal ones the later", []int{78, 78, 78, 78}, []float64{0.1, 0.4, 0.1, -0.4}, "Up: " + b + "; " + a + ". Down: " + d + "."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := phrased(t, tt.lengths...).text(fives, 0, tt.contributions); got != tt.want {
				t.Errorf("got %d units %q, want %d %q", units(got), got, units(tt.want), tt.want)
			}
		})
	}
}

func TestTextCutsAReasonThatIsTooLongByItself(t *testing.T) {
	contract := feature.Contract{{Name: "note", Type: "text", Nullable: true, Abnormal: feature.Pass}}
	p := mustPhrases(t, contract, Reasons{Phrases: []Phrase{{Column: "note", Text: strings.Repeat("{value}", 5)}}})
	value := texts(strings.Repeat("😀", 30))
	column := func(int) *pipeline.Column { return value }
	for side, contribution := range map[string]float64{"Up: ": 0.1, "Down: ": -0.1} {
		got := p.text(column, 0, []float64{contribution})
		if !strings.HasPrefix(got, side+"😀") || !strings.HasSuffix(got, "😀….") || units(got) < 254 || units(got) > 255 {
			t.Errorf("%d units: %q", units(got), got)
		}
	}
}

// FuzzText holds that whatever the words, the values and the contributions are, the text fits, is one line of UTF-8, and
// has whole phrases only, unless it has a single one.
func FuzzText(f *testing.F) {
	f.Add("visited {value} times", "north", 5.0, 0.1, -0.2, 0.3)
	f.Add(strings.Repeat("{value}", 17), strings.Repeat("😀", 40), 1e300, 0.1, 0.1, 0.1)
	f.Add("=1+1", "=cmd()\r\n\x00", -0.5, -0.1, 0.0, -0.1)
	f.Add(strings.Repeat("ü", 120), "\xff\xfe\u202e{value}", math.Inf(1), 0.1, -0.1, math.NaN())
	f.Add("x", strings.Repeat("a; b. Down: ", 9), math.NaN(), 5e-324, math.Inf(-1), 0.001)
	f.Fuzz(func(t *testing.T, phrase, value string, number, c0, c1, c2 float64) {
		p, err := newPhrases(raw, Reasons{Phrases: []Phrase{
			{Column: "visits_7d", Text: phrase, Missing: words("not counted")}, {Column: "region", Text: phrase},
		}})
		if err != nil || value == "" || !utf8.ValidString(phrase) {
			return
		}
		columns := []*pipeline.Column{numbers(number), texts(value), numbers(number)}
		column := func(i int) *pipeline.Column { return columns[i] }
		contributions := []float64{c0, c1, c2}
		got := p.text(column, 0, contributions)
		if again := p.text(column, 0, contributions); again != got {
			t.Fatalf("got %q, then %q", got, again)
		}
		if units(got) > 255 || !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) {
			t.Fatalf("%d units: %q", units(got), got)
		}
		var order []int // of importance
		for i, c := range contributions {
			if math.Abs(c) >= 0.001 {
				order = append(order, i)
			}
		}
		slices.SortStableFunc(order, func(a, b int) int {
			return cmp.Compare(math.Abs(contributions[b]), math.Abs(contributions[a]))
		})
		said := func(i int) string { return p.words(i, columns[i], 0) }
		for n := len(order); n > 0; n-- {
			var up, down, text []string
			for _, i := range order[:n] {
				if contributions[i] > 0 {
					up = append(up, said(i))
				} else {
					down = append(down, said(i))
				}
			}
			if up != nil {
				text = append(text, "Up: "+strings.Join(up, "; ")+".")
			}
			if down != nil {
				text = append(text, "Down: "+strings.Join(down, "; ")+".")
			}
			want := strings.Join(text, " ")
			if units(want) <= 255 {
				if got != want {
					t.Fatalf("got %q, want %q", got, want)
				}
				return
			}
		}
		if len(order) == 0 {
			if got != "" {
				t.Fatalf("no column is a reason, and got %q", got)
			}
			return
		}
		side, rest, _ := strings.Cut(got, ": ")
		begin := strings.TrimSuffix(rest, "….")
		if side != "Up" && side != "Down" || begin == rest || !strings.HasPrefix(said(order[0]), begin) {
			t.Fatalf("got %q, want the begin of %q", got, said(order[0]))
		}
	})
}
