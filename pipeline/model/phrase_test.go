package model

import (
	"math"
	"strings"
	"testing"

	"scored/pipeline"
	"scored/pipeline/feature"
)

// raw is a contract of two numbers and a text.
var raw = feature.Contract{
	{Name: "visits_7d", Type: "number", Nullable: true, Abnormal: feature.Refuse},
	{Name: "region", Type: "text", Nullable: true, Abnormal: feature.Pass},
	{Name: "age", Type: "number", Nullable: true, Abnormal: feature.Refuse},
}

func numbers(values ...float64) *pipeline.Column {
	return &pipeline.Column{Kind: pipeline.Number, Numbers: values}
}

// texts is a column of values, missing where they are empty.
func texts(values ...string) *pipeline.Column {
	c := &pipeline.Column{Kind: pipeline.Text}
	for _, v := range values {
		if v == "" {
			c.Codes = append(c.Codes, pipeline.NoText)
			continue
		}
		c.Codes = append(c.Codes, int32(len(c.Dict)))
		c.Dict = append(c.Dict, v)
	}
	return c
}

func words(s string) *string { return &s }

func mustPhrases(t testing.TB, contract feature.Contract, r Reasons) *phrases {
	t.Helper()
	p, err := newPhrases(contract, r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestNewPhrasesRefuses(t *testing.T) {
	good := Phrase{Column: "region", Text: "in {value}"}
	phrase := func(p Phrase) Reasons { return Reasons{Phrases: []Phrase{good, p}} }
	visits := func(text string) Reasons { return phrase(Phrase{Column: "visits_7d", Text: text}) }
	tests := []struct {
		name    string
		reasons Reasons
		want    string
	}{
		{"unknown column", phrase(Phrase{Column: "visits", Text: "x"}), `reasons.phrases[1].column: "visits" is not in the contract`},
		{"phrase twice", phrase(good), `reasons.phrases[1].column: "region" has a phrase already`},
		{"empty", visits(""), "reasons.phrases[1].text: is empty"},
		{"blank", visits(" \u00a0"), "reasons.phrases[1].text: is empty"},
		{"too long", visits(strings.Repeat("é", 121)), "reasons.phrases[1].text: has 121 characters, more than 120"},
		{"line break", visits("a\nb"), "reasons.phrases[1].text: has a line break or a control character"},
		{"control character", visits("a\x1bb"), "reasons.phrases[1].text: has a line break or a control character"},
		{"line separator", visits("a\u2028b"), "reasons.phrases[1].text: has a line break"},
		{"reading order", visits("a\u202eb"), "reasons.phrases[1].text: has a line break or a control character"},
		{"unknown placeholder", visits("{values} visits"), "reasons.phrases[1].text: has braces that are not {value}"},
		{"placeholder with space", visits("{ value } visits"), "reasons.phrases[1].text: has braces"},
		{"lone brace", visits("{value}} visits"), "reasons.phrases[1].text: has braces"},
		{"nested braces", visits("{va{value}lue}"), "reasons.phrases[1].text: has braces"},
		{"zero of text", Reasons{Phrases: []Phrase{{Column: "region", Text: "x", Zero: words("y")}}},
			`reasons.phrases[0].zero: column "region" is text, and only a number is zero`},
		{"one of text", Reasons{Phrases: []Phrase{{Column: "region", Text: "x", One: words("y")}}},
			`reasons.phrases[0].one: column "region" is text, and only a number is one`},
		{"empty zero", phrase(Phrase{Column: "age", Text: "x", Zero: words("")}), "reasons.phrases[1].zero: is empty"},
		{"wrong one", phrase(Phrase{Column: "age", Text: "x", One: words("{n}")}), "reasons.phrases[1].one: has braces"},
		{"wrong missing", phrase(Phrase{Column: "age", Text: "x", Missing: words("\t")}), "reasons.phrases[1].missing: is empty"},
		{"value of missing", phrase(Phrase{Column: "age", Text: "x", Missing: words("no {value}")}),
			"reasons.phrases[1].missing: a missing value has no {value}"},
		{"unknown banned", Reasons{Banned: []string{"age", "sex"}}, `reasons.banned[1]: "sex" is not in the contract`},
		{"banned twice", Reasons{Banned: []string{"age", "age"}}, `reasons.banned[1]: "age" comes twice`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := newPhrases(raw, tt.reasons); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestLongestPhraseIsTaken(t *testing.T) {
	mustPhrases(t, raw, Reasons{Phrases: []Phrase{{Column: "age", Text: strings.Repeat("é", 120)}}})
}

func TestWords(t *testing.T) {
	long := strings.Repeat("ä", 60)
	full := Phrase{
		Column: "visits_7d", Text: "visited {value} times", One: words("visited once"), Zero: words("no visit"),
		Missing: words("visits not counted"),
	}
	bare := Phrase{Column: "visits_7d", Text: "visited {value} times"}
	none := Phrase{Column: "age", Text: "unused"}
	region := Phrase{Column: "region", Text: "in {value}, yes: {value}"}
	visits := &raw[0]
	tests := []struct {
		name   string
		phrase Phrase
		column *feature.Column
		values *pipeline.Column
		want   string
	}{
		{"several", full, visits, numbers(5), "visited 5 times"},
		{"none", full, visits, numbers(0), "no visit"},
		{"minus zero", full, visits, numbers(math.Copysign(0, -1)), "no visit"},
		{"one", full, visits, numbers(1), "visited once"},
		{"what reads as one", full, visits, numbers(1.001), "visited once"},
		{"minus one", full, visits, numbers(-1), "visited -1 times"},
		{"missing", full, visits, numbers(math.NaN()), "visits not counted"},
		{"zero without words", bare, visits, numbers(0), "visited 0 times"},
		{"one without words", bare, visits, numbers(1), "visited 1 times"},
		{"missing without words", bare, visits, numbers(math.NaN()), "visits_7d missing"},
		{"no phrase", none, visits, numbers(5), "visits_7d = 5"},
		{"no phrase, missing", none, visits, numbers(math.NaN()), "visits_7d missing"},
		{"text", region, &raw[1], texts("north"), "in north, yes: north"},
		{"text without phrase", none, &raw[1], texts("north"), "region = north"},
		{"missing text", region, &raw[1], texts(""), "region missing"},
		{"zero as text", none, &raw[1], texts("0"), "region = 0"},
		{"a value that looks like the placeholder", region, &raw[1], texts("{value}"), "in {value}, yes: {value}"},
		{"line breaks", none, &raw[1], texts("a\r\nb\tc\u2028d"), "region = a  b c d"},
		{"no UTF-8", none, &raw[1], texts("a\xffb"), "region = a\ufffdb"},
		{"60 units", none, &raw[1], texts(long), "region = " + long},
		{"61 units", none, &raw[1], texts(long + "b"), "region = " + long[:2*59] + "…"},
		{"no half character", none, &raw[1], texts(strings.Repeat("😀", 31)), "region = " + strings.Repeat("😀", 29) + "…"},
		{"no space before the cut", none, &raw[1], texts(long[:2*58] + " bcd"), "region = " + long[:2*58] + "…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := mustPhrases(t, raw, Reasons{Phrases: []Phrase{tt.phrase}})
			at := 0
			if tt.column == &raw[1] {
				at = 1
			}
			if got := p.words(at, tt.values, 0); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNameThatStandsForAPhraseIsMadeReadable(t *testing.T) {
	contract := feature.Contract{{Name: "a\nb" + strings.Repeat("c", 100), Type: "number"}}
	want := "a b" + strings.Repeat("c", 56) + "… = 5"
	if got := mustPhrases(t, contract, Reasons{}).words(0, numbers(5), 0); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestShownNumber(t *testing.T) {
	tests := []struct {
		value float64
		want  string
	}{
		{0, "0"},
		{5, "5"},
		{-5, "-5"},
		{100, "100"},
		{1_000_000, "1000000"},
		{123_456_789_012_345, "123456789012345"},
		{1e15, "1e+15"},
		{-1.23456e20, "-1.23e+20"},
		{3.14159, "3.14"},
		{2.5, "2.5"},
		{2.999, "3"},
		{19900.5, "19900.5"},
		{1234567.891, "1234567.89"},
		{0.5, "0.5"},
		{0.126, "0.13"},
		{0.999, "1"},
		{0.0999, "0.1"},
		{0.0123, "0.012"},
		{-0.000123, "-0.00012"},
		{0.000001, "0.000001"},
		{0.00000012345, "1.23e-07"},
		{5e-324, "4.94e-324"},
		{math.Inf(1), "infinity"},
		{math.Inf(-1), "-infinity"},
	}
	for _, tt := range tests {
		if got := shownNumber(tt.value); got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.value, got, tt.want)
		}
	}
}
