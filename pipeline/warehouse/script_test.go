package warehouse

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"scored/pipeline"
)

func TestScriptsAreCutIntoStatements(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
		lines      []int
	}{
		{"one", "SELECT 1", []string{"SELECT 1"}, []int{1}},
		{"several", "CREATE TEMP TABLE a AS SELECT 1;\n\nSELECT *\nFROM a;\n", []string{"CREATE TEMP TABLE a AS SELECT 1", "SELECT *\nFROM a"}, []int{1, 3}},
		{"empty statements", ";;\n SELECT 1 ; ; -- end\n;", []string{"SELECT 1"}, []int{2}},
		{"comments around", "-- first; not a statement\n/* nor; /* this; */ one; */ SELECT 1 -- done", []string{"SELECT 1"}, []int{2}},
		{"comment within", "SELECT 1 -- ; 'quote\n, 2", []string{"SELECT 1 -- ; 'quote\n, 2"}, []int{1}},
		{"literals", "SELECT ';', 'it''s; :x', \"a;\"\"b\"; SELECT 2", []string{"SELECT ';', 'it''s; :x', \"a;\"\"b\"", "SELECT 2"}, []int{1, 1}},
		{"dollar quotes", "SELECT $$a;'b$$, $tag$ $$ ; $tag$; SELECT 2", []string{"SELECT $$a;'b$$, $tag$ $$ ; $tag$", "SELECT 2"}, []int{1, 1}},
		{"a name with a dollar", "SELECT a$1 FROM b", []string{"SELECT a$1 FROM b"}, []int{1}},
		{"parameter", "SELECT :as_of, x::date, ':as_of' -- :as_of :other\n", []string{"SELECT '2026-11-22 12:00:00'::timestamp, x::date, ':as_of'"}, []int{1}},
		{"parameter next to casts", "SELECT (:as_of)::date,a::text=:as_of::text", []string{"SELECT ('2026-11-22 12:00:00'::timestamp)::date,a::text='2026-11-22 12:00:00'::timestamp::text"}, []int{1}},
		{"CRLF", "SELECT 1;\r\n-- x\r\nSELECT\r\n2\r\n", []string{"SELECT 1", "SELECT\r\n2"}, []int{1, 3}},
		{"byte order mark", "\ufeffSELECT 1", []string{"SELECT 1"}, []int{1}},
		{"parentheses", "(SELECT 1) UNION ALL (SELECT 2)", []string{"(SELECT 1) UNION ALL (SELECT 2)"}, []int{1}},
		{"with", "with a as (select 1) select * from a", []string{"with a as (select 1) select * from a"}, []int{1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := ParseScript("x.sql", []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			var lines []int
			for _, st := range s.statements {
				got = append(got, s.render(st, asOfNoon))
				lines = append(lines, st.line)
			}
			if !slices.Equal(got, tt.want) || !slices.Equal(lines, tt.lines) {
				t.Errorf("got %q at %v, want %q at %v", got, lines, tt.want, tt.lines)
			}
			sum := sha256.Sum256([]byte(tt.text))
			if s.Digest() != hex.EncodeToString(sum[:]) {
				t.Errorf("digest %s", s.Digest())
			}
		})
	}
}

func TestAsOfIsRenderedInUTC(t *testing.T) {
	s, err := ParseScript("x.sql", []byte("SELECT :as_of"))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 14, 15, 0, 999, time.FixedZone("", 3600))
	if got, want := s.render(s.statements[0], at), "SELECT '2026-11-22 13:15:00'::timestamp"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestScriptsThatCannotBeRead(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "x.sql:1:1: the script holds no statement"},
		{"comments only", "-- SELECT 1\n/* ; */;", "x.sql:1:1: the script holds no statement"},
		{"literal", "SELECT 1,\n  'abc", "x.sql:2:3: this ' is never closed"},
		{"name", "SELECT \"abc", `x.sql:1:8: this " is never closed`},
		{"comment", "SELECT 1 /* /* */", "x.sql:1:10: this comment is never closed"},
		{"dollar quote", "SELECT $a$ $b$", "x.sql:1:8: this $a$ is never closed"},
		{"lone dollar", "SELECT $ 1", "x.sql:1:8: a dollar sign that opens no literal"},
		{"numbered parameter", "SELECT $1", "x.sql:1:8: numbered parameters"},
		{"other parameter", "SELECT 'ä', :key", "x.sql:1:13: :key has no value"},
		{"longer parameter", "SELECT :as_of_date", "x.sql:1:8: :as_of_date has no value"},
		{"capital parameter", "SELECT :AS_OF", "x.sql:1:8: :AS_OF has no value"},
		{"backslash", `SELECT 'a\'b'`, "x.sql:1:10: a backslash in a literal"},
		{"psql", "\\set x 1\nSELECT 1", "x.sql:1:1: a backslash outside"},
		{"control character", "SELECT \x01", "x.sql:1:8: a control character (0x01)"},
		{"zero byte", "SELECT 'a\x00'", "x.sql:1:10: the script holds a zero byte"},
		{"not UTF-8", "SELECT\n'\xe4'", "x.sql:2:2: the script is not UTF-8"},
		{"UTF-16", "\xff\xfeS\x00", "x.sql:1:1: the script is not UTF-8"},
		{"no result", "SELECT 1;\nCREATE TEMP TABLE a AS SELECT 1;", "x.sql:2:1: the last statement must be SELECT or WITH, it is CREATE"},
		{"too long", "SELECT '" + strings.Repeat("x", 16<<20) + "'", "x.sql:1:1: the statement has 16777225 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseScript("x.sql", []byte(tt.text))
			wantProblem(t, err, pipeline.Configuration, tt.want)
		})
	}
}

func TestPlacesOfRenderedCharacters(t *testing.T) {
	s, err := ParseScript("x.sql", []byte("SELECT :as_of,\n 'ä', :as_of, boom"))
	if err != nil {
		t.Fatal(err)
	}
	st := s.statements[0]
	rendered := []rune(s.render(st, asOfNoon))
	for _, word := range []string{"SELECT", "'ä'", "boom"} {
		at := strings.Index(string(rendered), word)
		n := utf8.RuneCountInString(string(rendered)[:at])
		if got := s.src[s.origin(st, n):]; !strings.HasPrefix(got, word) {
			t.Errorf("%s is found at %q", word, got)
		}
	}
	for n := range len(rendered) + 10 {
		s.place(s.origin(st, n))
	}
}

func FuzzParseScript(f *testing.F) {
	for _, seed := range []string{
		"SELECT 1", "SELECT :as_of;", "CREATE TEMP TABLE a AS SELECT 1; SELECT * FROM a", "SELECT 'it''s' -- x\n/* /* */ */", "SELECT $$x$$, $a$y$a$",
		"\ufeffSELECT \"a\"\"b\"::date", "WITH a AS (DELETE FROM b RETURNING *) SELECT AVG(x) FROM a", "SELECT 'now'::timestamp", "SELECT '", "DROP TABLE a, b; SELECT 1",
		"SET x TO y; INSERT INTO a VALUES (1); UPDATE a SET b = 1; SELECT DISTINCT ON (a) b FROM c FILTER (", "CREATE TABLE #x (a int); ANALYZE; SELECT a#b",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ParseScript("x.sql", text)
		if err != nil {
			if pipeline.ClassOf(err) != pipeline.Configuration || !strings.Contains(err.Error(), "script x.sql:") {
				t.Fatalf("an error without place or class: %v", err)
			}
			return
		}
		for _, st := range s.statements {
			sql := s.render(st, asOfNoon)
			again, err := lex(sql)
			if err != nil {
				t.Fatalf("%q does not read: %v", sql, err)
			}
			if slices.ContainsFunc(again, func(tok token) bool { return tok.is(";") || tok.kind == parameter }) {
				t.Fatalf("%q is more than one statement, or holds a parameter", sql)
			}
			for n := range min(len(sql), 100) {
				if at := s.origin(st, n); at < st.start || at > st.end {
					t.Fatalf("character %d comes from %d, outside %d-%d", n, at, st.start, st.end)
				}
			}
		}
		for _, finding := range s.LintPortable() {
			if finding.Line < 1 || finding.Column < 1 || finding.What == "" || finding.Instead == "" {
				t.Fatalf("%+v", finding)
			}
		}
	})
}
