package model

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"scored/pipeline"
	"scored/pipeline/feature"
)

const (
	placeholder     = "{value}"
	maxPhraseLength = 120 // characters
	maxValueUnits   = 60  // of a value, or of a column's name that stands for a phrase
)

// Reasons holds the words for reasons, and the columns that are never given as one.
type Reasons struct {
	Phrases []Phrase `json:"phrases"`
	Banned  []string `json:"banned"`
}

// Phrase says how a raw column reads as a reason; the pointers are nil where Text serves, too.
type Phrase struct {
	Column  string  `json:"column"`
	Text    string  `json:"text"`
	Zero    *string `json:"zero,omitempty"`    // of what reads as 0
	One     *string `json:"one,omitempty"`     // of what reads as 1
	Missing *string `json:"missing,omitempty"` // without a value; nil: the column's name and "missing"
}

// phrases are the words of every column of a contract.
type phrases struct {
	columns []Phrase // per column; Text is "" where the name and the value serve
	banned  []bool   // per column
}

// newPhrases checks the words for reasons. Its errors name the key.
func newPhrases(contract feature.Contract, r Reasons) (*phrases, error) {
	p := &phrases{columns: make([]Phrase, len(contract)), banned: make([]bool, len(contract))}
	places := make(map[string]int, len(contract))
	for i, column := range contract {
		places[column.Name] = i
		p.columns[i].Column = cut(clean(column.Name), maxValueUnits)
	}
	for i, phrase := range r.Phrases {
		key := fmt.Sprintf("reasons.phrases[%d]", i)
		at, ok := places[phrase.Column]
		switch {
		case !ok:
			return nil, fmt.Errorf("%s.column: %q is not in the contract", key, phrase.Column)
		case p.columns[at].Text != "":
			return nil, fmt.Errorf("%s.column: %q has a phrase already", key, phrase.Column)
		}
		if err := phrase.validate(key, contract[at]); err != nil {
			return nil, err
		}
		phrase.Column = p.columns[at].Column
		p.columns[at] = phrase
	}
	for i, name := range r.Banned {
		at, ok := places[name]
		switch {
		case !ok:
			return nil, fmt.Errorf("reasons.banned[%d]: %q is not in the contract", i, name)
		case p.banned[at]:
			return nil, fmt.Errorf("reasons.banned[%d]: %q comes twice", i, name)
		}
		p.banned[at] = true
	}
	return p, nil
}

func (p *Phrase) validate(key string, column feature.Column) error {
	for _, words := range []struct {
		key         string
		text        *string
		ofNumbers   bool
		ofAnyValues bool
	}{
		{"text", &p.Text, false, true},
		{"zero", p.Zero, true, true},
		{"one", p.One, true, true},
		{"missing", p.Missing, false, false},
	} {
		if words.text == nil {
			continue
		}
		err := checkWords(*words.text)
		switch {
		case words.ofNumbers && column.Kind() != pipeline.Number:
			err = fmt.Errorf("column %q is %s, and only a number is %s", p.Column, column.Type, words.key)
		case !words.ofAnyValues && strings.Contains(*words.text, placeholder):
			err = fmt.Errorf("a missing value has no %s", placeholder)
		}
		if err != nil {
			return fmt.Errorf("%s.%s: %w", key, words.key, err)
		}
	}
	return nil
}

func checkWords(text string) error {
	switch length := utf8.RuneCountInString(text); {
	case strings.TrimSpace(text) == "":
		return errors.New("is empty")
	case length > maxPhraseLength:
		return fmt.Errorf("has %d characters, more than %d", length, maxPhraseLength)
	case strings.ContainsFunc(text, breaks):
		return errors.New("has a line break or a control character")
	case strings.ContainsAny(strings.ReplaceAll(text, placeholder, ""), "{}"):
		return fmt.Errorf("has braces that are not %s, the only placeholder", placeholder)
	}
	return nil
}

// words says a row's value in the words of the i-th column; only numbers have words for 0 and 1.
func (p *phrases) words(i int, column *pipeline.Column, row int) string {
	phrase := &p.columns[i]
	value, missing := shown(column, row)
	switch {
	case missing && phrase.Missing != nil:
		return *phrase.Missing
	case missing:
		return phrase.Column + " missing"
	case value == "0" && phrase.Zero != nil:
		return strings.ReplaceAll(*phrase.Zero, placeholder, value)
	case value == "1" && phrase.One != nil:
		return strings.ReplaceAll(*phrase.One, placeholder, value)
	case phrase.Text == "":
		return phrase.Column + " = " + value
	}
	return strings.ReplaceAll(phrase.Text, placeholder, value)
}

// shown returns a raw value as a rep reads it.
func shown(column *pipeline.Column, row int) (value string, missing bool) {
	if column.Kind == pipeline.Number {
		v := column.Numbers[row]
		return shownNumber(v), math.IsNaN(v)
	}
	code := column.Codes[row]
	if code == pipeline.NoText {
		return "", true
	}
	return cut(clean(column.Dict[code]), maxValueUnits), false
}

// shownNumber gives whole numbers plain, and others with two decimals, or two significant ones below 1. Numbers that
// nobody would write out have an exponent.
func shownNumber(v float64) string {
	size := math.Abs(v)
	decimals := 2
	switch {
	case v == 0:
		return "0" // -0, too
	case math.IsInf(v, 0):
		return strings.Replace(strings.TrimPrefix(strconv.FormatFloat(v, 'f', -1, 64), "+"), "Inf", "infinity", 1)
	case size >= 1e15 || size < 1e-6:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case size < 1:
		decimals = 1 - int(math.Floor(math.Log10(size)))
	}
	digits := strconv.FormatFloat(v, 'f', decimals, 64)
	return strings.TrimSuffix(strings.TrimRight(digits, "0"), ".")
}

// breaks says whether a character would break the line, or the reading order, of the text it stands in.
func breaks(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

// clean makes one line of valid UTF-8 of a text.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if breaks(r) {
			return ' '
		}
		return r // utf8.RuneError for a byte that is not UTF-8
	}, text)
}

// units returns the number of UTF-16 units, in which Salesforce counts.
func units(text string) int {
	n := 0
	for _, r := range text {
		n += utf16.RuneLen(r)
	}
	return n
}

// cut shortens a text to at most limit UTF-16 units; "…" ends it then.
func cut(text string, limit int) string {
	if units(text) <= limit {
		return text
	}
	room := limit - 1
	for i, r := range text {
		if room -= utf16.RuneLen(r); room < 0 {
			return strings.TrimRightFunc(text[:i], unicode.IsSpace) + "…"
		}
	}
	return text
}
