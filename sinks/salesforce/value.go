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
	ScoredAt                     // date and time, UTC, whole seconds: when the run began that computed the score
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

// shared is what the rows of a delivery have in common.
type shared struct {
	model    string
	version  int64
	scoredAt string
}

func share(run *pipeline.Run, model string) *shared {
	return &shared{model: model, version: run.Version, scoredAt: stamp(run.Started)}
}

// stamp writes a time as Salesforce reads it: UTC, whole seconds.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// row is one change with what it shares with the others of its delivery.
type row struct {
	*shared
	change *pipeline.Change
}

// format is how a payload writes what fields are given.
type format struct {
	null string                               // an empty field: one that is left out, or blank, keeps what it holds
	text func(dst []byte, text string) []byte // appends text, escaped
}

// append appends what the field is given. A change that clears empties every field but the version's, by which newer
// beats older.
func (v Value) append(dst []byte, r row, f format) []byte {
	if v == Version {
		return strconv.AppendInt(dst, r.version, 10)
	}
	if r.change.Clear {
		return append(dst, f.null...)
	}
	switch v {
	case Score:
		return strconv.AppendInt(dst, int64(r.change.Score.Score), 10)
	case Probability:
		if math.IsNaN(r.change.Probability) { // an undo's: what the ledger knows no more
			return append(dst, f.null...)
		}
		return strconv.AppendFloat(dst, r.change.Probability, 'f', 6, 64)
	default:
		text := r.text(v)
		if text == "" {
			return append(dst, f.null...)
		}
		return f.text(dst, text)
	}
}

// text returns what a field of text or of time is given, "" if it is to be empty.
func (r row) text(v Value) string {
	origin := r.change.Origin
	switch {
	case v == Grade:
		return r.change.Grade
	case v == Reasons:
		return r.change.Reasons
	case v == Model && origin != nil:
		return origin.Model
	case v == Model:
		return r.model
	case v == ScoredAt && origin != nil:
		return stamp(origin.ScoredAt)
	case v == ScoredAt:
		return r.scoredAt
	default:
		panic("salesforce: a value that New let pass: " + v.String())
	}
}

// unsendable returns the refusal of a change that no request can carry, with Status 0 if there is nothing against it, and
// the key by which the record is found.
func (c *Config) unsendable(change *pipeline.Change) (key string, why pipeline.Outcome) {
	refusal := func(code, message string) pipeline.Outcome {
		return pipeline.Outcome{Key: change.Key, Status: pipeline.Refused, Class: classOf(code, ""), Code: code,
			Message: "not sent: " + message}
	}
	unknown := change.Clear || change.Origin != nil && math.IsNaN(change.Probability)
	if !unknown && (math.IsNaN(change.Probability) || math.IsInf(change.Probability, 0)) {
		return "", refusal("INVALID_NUMBER", "the probability is not a finite number")
	}
	if c.Operation != Update {
		return change.Key, pipeline.Outcome{}
	}
	id, ok := normalID(change.Key)
	if !ok {
		return "", refusal("MALFORMED_ID", "the key is no Id of 15 or 18 characters")
	}
	return id, pipeline.Outcome{}
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
