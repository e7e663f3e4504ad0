package model

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

type sample struct {
	Name  string            `json:"name"`
	Rows  int               `json:"rows"`
	Time  time.Time         `json:"time"`
	Words map[string]string `json:"words"`
	Free  map[string]any    `json:"free"`
	Items []item            `json:"items"`
}

type item struct {
	On    bool     `json:"on"`
	Value *float64 `json:"value,omitempty"`
}

const right = `{"name": "a", "rows": 3, "time": "2026-11-01T00:00:00Z", "words": {"x": "y"},
 "free": {"n": null, "m": [1]}, "items": [{"on": true},
  {"on": false, "value": -0.5}]}`

func TestDecodeStrict(t *testing.T) {
	var s sample
	if err := decodeStrict([]byte(right), &s); err != nil {
		t.Fatal(err)
	}
	if s.Name != "a" || s.Rows != 3 || s.Words["x"] != "y" || len(s.Items) != 2 || !s.Items[0].On ||
		s.Items[0].Value != nil || *s.Items[1].Value != -0.5 || s.Time.Year() != 2026 {
		t.Errorf("got %+v", s)
	}
}

func TestDecodeStrictRefuses(t *testing.T) {
	tests := []struct{ name, old, new, want string }{
		{"nothing", right, "", "unexpected end"},
		{"a list", right, "[]", "line 1: is not an object"},
		{"a comma too many", `{"on": true}`, `{"on": true,}`, "line 2: invalid character"},
		{"the end too early", "-0.5}]}", "", "line 3: unexpected end"},
		{"more after the end", "-0.5}]}", "-0.5}]} {}", "line 3: invalid character '{' after top-level value"},
		{"another encoding", `"a"`, "\"\xff\"", "is not UTF-8"},
		{"an unknown key", `"value"`, `"valu"`, "line 3: items[1].valu: unknown key"},
		{"a key in capitals", `"on": false`, `"ON": false`, "line 3: items[1].ON: unknown key"},
		{"a key that folds", `"rows"`, `"row` + "\u017f" + `"`, "unknown key"},
		{"a key that a terminal obeys", `"value"`, `"\u001b]0;x\u0007\u202e"`, `line 3: items[1]."\x1b]0;x\a\u202e": unknown key`},
		{"a key without end", `"value"`, `"` + strings.Repeat("v", 1<<20) + `"`,
			`items[1]."` + strings.Repeat("v", 60) + `": unknown key`},
		{"a word that a terminal obeys", `{"x": "y"}`, `{"\u009b2J": 5}`, `words."\u009b2J": is not text`},
		{"a key twice", `"on": true`, `"on": true, "on": true`, "line 2: items[0].on: comes twice"},
		{"a word twice", `"x": "y"`, `"x": "y", "x": "z"`, "words.x: comes twice"},
		{"keys missing", `"on": true`, ``, "line 2: items[0]: lacks on"},
		{"null for text", `"a"`, `null`, "line 1: name: is not text"},
		{"null for a list", `[{"on": true},`, `null, "x": [`, "line 2: items: is not a list"},
		{"null for an object", `{"x": "y"}`, `null`, "words: is not an object"},
		{"null for a number", `-0.5`, `null`, "items[1].value: is not a number"},
		{"a number for text", `"y"`, `5`, "words.x: is not text"},
		{"text for a number", `-0.5`, `"0.5"`, "value: is not a number"},
		{"a number too large", `-0.5`, `1e999`, "value: is not a number"},
		{"a fraction for a whole number", `3`, `3.0`, "rows: is not a whole number"},
		{"text for a flag", `true`, `"true"`, "items[0].on: is not true or false"},
		{"an object for a list", `[{"on": true},`, `{"a": 1}, "b": [`, "items: is not a list"},
		{"no time", `2026-11-01T00:00:00Z`, `2026-11-01`, "time: is not an RFC 3339 time"},
		{"depth without end", `{"n": null, "m": [1]}`, strings.Repeat("[", 20000) + strings.Repeat("]", 20000),
			"nests deeper than 10000 levels"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(right, tt.old) {
				t.Fatalf("the sample has no %s", tt.old)
			}
			var s sample
			err := decodeStrict([]byte(strings.Replace(right, tt.old, tt.new, 1)), &s)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want %q", err, tt.want)
			}
		})
	}
}

// FuzzDecodeStrict holds that what is accepted decodes as encoding/json does it.
func FuzzDecodeStrict(f *testing.F) {
	f.Add([]byte(right))
	f.Add([]byte(strings.ReplaceAll(right, "\n", "\r\n\t")))
	f.Add([]byte(strings.Replace(right, `"y"`, `"a\"\\\u00e9\ud800\n,]}"`, 1)))
	f.Add([]byte(strings.Replace(right, `{"n": null, "m": [1]}`, `{"a": [{"b": "]}\\"}, []], "c": -1e-5, "d": ""}`, 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		var got, want sample
		if decodeStrict(data, &got) != nil {
			return
		}
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatalf("accepted, and encoding/json says %v", err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}
