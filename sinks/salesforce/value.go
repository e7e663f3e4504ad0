package salesforce

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"scored/pipeline"
)

// Value is what a field of a record is given.
type Value uint8

// The values that a field can be mapped to.
const (
	Score       Value = iota + 1 // whole number, 0 to 100
	Grade                        // text
	Probability                  // number, 0 to 1, rounded to six decimals
	Model                        // text: name@digest
	Version                      // whole number of 16 digits: newer beats older
	ScoredAt                     // date and time, UTC, whole seconds: when the run began
	Reasons                      // text, at most reasonsLength UTF-16 units; none empties the field
)

// reasonsLength is the longest that reasons get, and what a Text field can hold at most.
const reasonsLength = 255

var valueWords = words[Value]{
	Score: "score", Grade: "grade", Probability: "probability", Model: "model", Version: "version", ScoredAt: "scored_at",
	Reasons: "reasons",
}

// ParseValue returns the value that a config's word means: score, grade, probability, model, version, scored_at or
// reasons.
func ParseValue(word string) (Value, error) { return valueWords.parse("value", word) }

// String returns the config's word.
func (v Value) String() string { return valueWords.of(v) }

// row is one change with what it shares with the others of its delivery.
type row struct {
	run    *pipeline.Run
	model  string
	change *pipeline.Change
}

// append appends the value as JSON.
func (v Value) append(dst []byte, r row) []byte {
	switch v {
	case Score:
		return strconv.AppendInt(dst, int64(r.change.Score.Score), 10)
	case Grade:
		return appendText(dst, r.change.Grade)
	case Probability:
		return strconv.AppendFloat(dst, r.change.Probability, 'f', 6, 64)
	case Model:
		return appendText(dst, r.model)
	case Version:
		return strconv.AppendInt(dst, r.run.Version, 10)
	case ScoredAt:
		return appendText(dst, r.run.Started.UTC().Format(time.RFC3339))
	case Reasons:
		if r.change.Reasons == "" {
			return append(dst, "null"...) // a field that is left out would keep the reasons of an earlier score
		}
		return appendText(dst, r.change.Reasons)
	default:
		panic("salesforce: a value that New let pass: " + v.String())
	}
}

// needs returns the Describe types of fields that can hold the value, and how many digits a number of theirs must have
// room for before the point.
func (v Value) needs() (types []string, whole int) {
	switch v {
	case Score:
		return []string{"double", "int", "long"}, 3
	case Version:
		return []string{"double", "long"}, 16
	case Probability:
		return []string{"double"}, 0
	case Grade:
		return []string{"string", "picklist"}, 0
	case Model:
		return []string{"string"}, 0
	case Reasons:
		return []string{"string", "textarea"}, 0
	default:
		return []string{"datetime"}, 0
	}
}

// finite reports whether the change's numbers can be written as JSON.
func finite(c *pipeline.Change) bool {
	return !math.IsNaN(c.Probability) && !math.IsInf(c.Probability, 0)
}

// words are the config's names of an enum's values.
type words[T ~uint8] map[T]string

func (w words[T]) of(v T) string {
	if word, ok := w[v]; ok {
		return word
	}
	return fmt.Sprintf("invalid(%d)", uint8(v))
}

func (w words[T]) parse(what, word string) (T, error) {
	var all []string
	for v := T(1); int(v) <= len(w); v++ {
		if w[v] == word {
			return v, nil
		}
		all = append(all, w[v])
	}
	return 0, fmt.Errorf("%s %q is none of %s", what, word, strings.Join(all, ", "))
}
