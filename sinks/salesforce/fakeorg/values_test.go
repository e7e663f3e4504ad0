package fakeorg

import (
	"encoding/json"
	"testing"
)

// A value as JSON has it, stored and read back, or refused with what the parser says was there.
func TestValues(t *testing.T) {
	number := func(s string) json.Number { return json.Number(s) }
	for _, c := range []struct {
		typ  string
		in   any
		want string // JSON
		err  string
	}{
		{"string", " a ", `"a"`, ""},
		{"string", "", `null`, ""},
		{"string", number("5"), `"5"`, ""},
		{"string", true, `"true"`, ""},
		{"string", []any{}, "", "START_ARRAY value ["},
		{"string", []member{}, "", "START_OBJECT value {"},
		{"double", number("0"), `0.0`, ""},
		{"double", number("-1.5"), `-1.5`, ""},
		{"double", number("9999999"), `9999999.0`, ""},
		{"double", number("10000000"), `1.0E7`, ""},
		{"double", number("0.001"), `0.001`, ""},
		{"double", number("0.00012"), `1.2E-4`, ""},
		{"double", "12", `12.0`, ""},
		{"double", "NaN", "", "VALUE_STRING value NaN"},
		{"double", false, "", "VALUE_FALSE value false"},
		{"int", number("12"), `12`, ""},
		{"int", number("12000000"), `12000000`, ""},
		{"int", number("1.5"), "", "VALUE_NUMBER_FLOAT value 1.5"},
		{"int", number("3000000000"), "", "VALUE_NUMBER_INT value 3000000000"},
		{"int", "x", "", "VALUE_STRING value x"},
		{"boolean", true, `true`, ""},
		{"boolean", "FALSE", `false`, ""},
		{"boolean", number("1"), "", "VALUE_NUMBER_INT value 1"},
		{"date", "2026-11-22", `"2026-11-22"`, ""},
		{"date", "2026-11-22T23:30:00Z", `"2026-11-22"`, ""},
		{"date", "22.11.2026", "", "VALUE_STRING value 22.11.2026"},
		{"datetime", "2026-11-22T13:15Z", `"2026-11-22T13:15:00.000+0000"`, ""},
		{"datetime", "2026-11-22T13:15:00-0500", `"2026-11-22T18:15:00.000+0000"`, ""},
		{"datetime", "2026-11-22", "", "VALUE_STRING value 2026-11-22"},
		{"datetime", nil, `null`, ""},
	} {
		f := &Field{Name: "F", Type: c.typ}
		stored, err := convert(f, c.in)
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%s of %v: got %v %v, want %s", c.typ, c.in, stored, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s of %v: %v", c.typ, c.in, err)
			continue
		}
		if got := string(encode(render(f, stored))); got != c.want {
			t.Errorf("%s of %v: got %s, want %s", c.typ, c.in, got, c.want)
		}
	}
}

// Clients differ in whether they encode the two parts of Basic authentication as forms do.
func TestBasicCredentials(t *testing.T) {
	for sent, want := range map[string]string{"plain": "plain", "a%2Bb": "a+b", "50%": "50%", "a+b/c=": "a+b/c=", "%41": "%41"} {
		if got := unescaped(sent); got != want {
			t.Errorf("%s: got %s, want %s", sent, got, want)
		}
	}
}
