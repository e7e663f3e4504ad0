package fakeorg

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// datetimeLayout is how the REST API writes a date and time.
const datetimeLayout = "2006-01-02T15:04:05.000-0700"

// render returns a stored value as the REST API writes it.
func render(f *Field, value any) any {
	switch v := value.(type) {
	case float64:
		return json.RawMessage(formatNumber(f, v))
	case time.Time:
		if f.Type == "date" {
			return v.Format(time.DateOnly)
		}
		return v.UTC().Format(datetimeLayout)
	default:
		return value
	}
}

// formatNumber writes a number as Java does, which the REST API is written in: a double always has a point (87.0), and
// an exponent from ten millions on (1.7951E15).
func formatNumber(f *Field, v float64) string {
	if f.Type == "int" {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	if a := math.Abs(v); a != 0 && (a < 1e-3 || a >= 1e7) {
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', -1, 64), "e")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		n, _ := strconv.Atoi(exponent)
		return mantissa + "E" + strconv.Itoa(n)
	}
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// convert turns a decoded JSON value (nil, string, json.Number, bool) into the stored form of a field. It checks the
// type, not the limits: a wrong type spoils a request, a wrong size a row.
func convert(f *Field, v any) (any, error) {
	if s, ok := v.(string); ok {
		trimmed := strings.TrimSpace(s)
		if trimmed == "" {
			return nil, nil
		}
		if len(trimmed) < len(s) {
			v = trimmed
		}
	}
	if v == nil {
		return nil, nil
	}
	switch f.Type {
	case "boolean":
		return toBool(v)
	case "int":
		return toInt(v)
	case "double", "currency", "percent":
		return toFloat(v)
	case "date", "datetime":
		return toTime(f.Type, v)
	default:
		return toText(v)
	}
}

// mismatch is an error whose text is the middle of the parser's message: what was there instead of the type.
func mismatch(v any) error {
	switch v := v.(type) {
	case string:
		return fmt.Errorf("VALUE_STRING value %s", v)
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return fmt.Errorf("VALUE_NUMBER_FLOAT value %s", v)
		}
		return fmt.Errorf("VALUE_NUMBER_INT value %s", v)
	case bool:
		return fmt.Errorf("VALUE_%s value %t", strings.ToUpper(strconv.FormatBool(v)), v)
	case []any:
		return fmt.Errorf("START_ARRAY value [")
	default:
		return fmt.Errorf("START_OBJECT value {")
	}
}

func toBool(v any) (any, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case string:
		if b, err := strconv.ParseBool(strings.ToLower(v)); err == nil {
			return b, nil
		}
	}
	return nil, mismatch(v)
}

func toFloat(v any) (any, error) {
	var text string
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = v
	}
	// ParseFloat alone would take hexadecimal, underscores and words.
	if strings.Trim(text, "0123456789+-.eE") == "" {
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			return n, nil
		}
	}
	return nil, mismatch(v)
}

func toInt(v any) (any, error) {
	n, err := toFloat(v)
	if err != nil {
		return nil, err
	}
	if f := n.(float64); f != math.Trunc(f) || math.Abs(f) > math.MaxInt32 {
		return nil, mismatch(v)
	}
	return n, nil
}

func toText(value any) (any, error) {
	switch v := value.(type) {
	case string:
		return value, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return nil, mismatch(value)
}

// toTime reads ISO 8601. A time without a zone is refused, as the API does; fractions of a second are not kept.
func toTime(typ string, v any) (any, error) {
	s, ok := v.(string)
	if !ok {
		return nil, mismatch(v)
	}
	layouts := []string{time.RFC3339, "2006-01-02T15:04:05-0700", "2006-01-02T15:04Z07:00"}
	if typ == "date" {
		layouts = append([]string{time.DateOnly}, layouts...)
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			if typ == "date" {
				return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC), nil
			}
			return t.UTC().Truncate(time.Second), nil
		}
	}
	return nil, mismatch(v)
}

// fromGo is convert for values that Go code gives.
func fromGo(f *Field, v any) (any, error) {
	switch n := v.(type) {
	case time.Time:
		v = n.Format(time.RFC3339)
	case int:
		v = json.Number(strconv.Itoa(n))
	case int64:
		v = json.Number(strconv.FormatInt(n, 10))
	case float32:
		v = json.Number(strconv.FormatFloat(float64(n), 'g', -1, 32))
	case float64:
		v = json.Number(strconv.FormatFloat(n, 'g', -1, 64))
	case nil, bool, string:
	default:
		return nil, fmt.Errorf("a %T is not a value for a field", v)
	}
	stored, err := convert(f, v)
	if err != nil {
		return nil, fmt.Errorf("not a %s: %w", f.Type, err)
	}
	return stored, nil
}
