package warehouse

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"scored/pipeline"
)

// Finding is something in a script that Redshift does not have or that a dataprep script must not do.
type Finding struct {
	Script       string
	Line, Column int
	What         string
	Instead      string // what to write instead
	Warning      bool   // it may be meant; a script with warnings runs
}

// String returns the finding as a compiler would print it.
func (f Finding) String() string {
	level := ""
	if f.Warning {
		level = "warning: "
	}
	return fmt.Sprintf("%s:%d:%d: %s%s; %s", f.Script, f.Line, f.Column, level, f.What, f.Instead)
}

// Lint judges the script by its tokens and returns every finding in order of place. It finds what Redshift does not
// have, what reads the clock or is not deterministic, and what writes anything but temporary tables of its own. It is
// no parser: what it passes may still fail on the server.
func (s *Script) Lint() []Finding { return s.lint(redshiftRules) }

// LintPortable is [Script.Lint] and finds, beside that, what Redshift has and PostgreSQL does not.
func (s *Script) LintPortable() []Finding { return s.lint(redshiftRules, portableRules) }

func (s *Script) lint(sets ...[]rule) []Finding {
	l := linter{script: s, temporary: s.temporaryTables(), created: map[string]bool{}}
	for i, st := range s.statements {
		l.tokens = st.tokens
		l.statement()
		if i < len(s.statements)-1 {
			l.discarded(st.verb())
		}
		for i := range st.tokens {
			for _, set := range sets {
				l.match(i, set)
			}
			l.clockLiteral(i)
			l.quotedParameter(i)
			l.average(i)
		}
	}
	l.asOf()
	slices.SortStableFunc(l.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return l.findings
}

// check returns a problem that lists what keeps the script from running, or nil.
func (s *Script) check(log *slog.Logger) error {
	var errs []error
	for _, f := range s.Lint() {
		if f.Warning {
			log.Warn("dataprep script", "finding", f.String())
		} else {
			errs = append(errs, errors.New(f.String()))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return &pipeline.Problem{
		Class: pipeline.Configuration,
		Err:   fmt.Errorf("check dataprep script: %w", errors.Join(errs...)),
		Hint:  "Edit the script as each line says.",
	}
}

// linter walks the tokens of a script, statement by statement.
type linter struct {
	script    *Script
	temporary map[string]bool // the temporary tables that the script creates
	created   map[string]bool // those created so far
	tokens    []token
	findings  []Finding
}

func (l *linter) find(at token, what, instead string) {
	l.findings = append(l.findings, l.finding(at, what, instead))
}

func (l *linter) warn(at token, what, instead string) {
	f := l.finding(at, what, instead)
	f.Warning = true
	l.findings = append(l.findings, f)
}

func (l *linter) finding(at token, what, instead string) Finding {
	line, column := l.script.place(at.start)
	return Finding{Script: l.script.Name, Line: line, Column: column, What: what, Instead: instead}
}

// at returns the token at i, an empty one outside the statement.
func (l *linter) at(i int) token {
	if i < 0 || i >= len(l.tokens) {
		return token{}
	}
	return l.tokens[i]
}

// unquoted returns a token's text; that of a name in quotes without them and in lower case.
func unquoted(t token) string {
	if t.kind == quoted {
		return strings.ToLower(tableName(t))
	}
	return t.text
}

// match reports the first rule of the set whose pattern stands at i.
func (l *linter) match(i int, set []rule) {
	for _, r := range set {
		first, _, _ := strings.Cut(r.pattern, " ")
		if first == unquoted(l.tokens[i]) && l.stands(i, strings.Fields(r.pattern)) {
			l.find(l.tokens[i], r.what, r.instead)
			return
		}
	}
}

// stands says whether the pattern's words and symbols follow one another from i. A word that is a column's name (t.x)
// or an alias (AS x) is no keyword.
func (l *linter) stands(i int, pattern []string) bool {
	for n, text := range pattern {
		if text == "…" {
			if k := l.at(i + n).kind; k != word && k != quoted {
				return false
			}
		} else if !l.at(i+n).is(text) && (n > 0 || !l.calls(i, text)) {
			return false
		}
	}
	if k := l.tokens[i].kind; k != word && k != quoted {
		return true
	}
	switch before := l.at(i - 1); {
	case before.is("."):
		return unquoted(l.at(i-2)) == "pg_catalog"
	case before.is("as"):
		return len(pattern) > 1
	default:
		return true
	}
}

// calls says whether the function of this name is called at i. Quotes make no difference to a name of lower case, on
// Redshift to none.
func (l *linter) calls(i int, function string) bool {
	return unquoted(l.at(i)) == function && l.at(i+1).is("(")
}

// clockLiteral finds literals that stand for the time of the query, such as 'today'.
func (l *linter) clockLiteral(i int) {
	t := l.tokens[i]
	if t.kind != literal {
		return
	}
	switch strings.ToLower(strings.TrimSpace(strings.Trim(t.text, "'"))) {
	case "now", "today", "tomorrow", "yesterday":
	default:
		return
	}
	what, instead := t.text+" as a time reads the clock", "use :as_of"
	switch {
	case isTime(l.at(i - 1)), l.at(i+1).is("::") && isTime(l.at(i+2)), l.at(i+1).is("as") && isTime(l.at(i+2)):
		l.find(t, what, instead)
	default:
		l.warn(t, what, instead+" if a time is meant")
	}
}

// quotedParameter finds ':as_of', which is not replaced: nothing inside a literal is.
func (l *linter) quotedParameter(i int) {
	t := l.tokens[i]
	if t.kind == literal && strings.EqualFold(strings.TrimSpace(strings.Trim(t.text, "'$")), asOf) {
		l.find(t, "the parameter stands in quotes: it is text there", "write :as_of without them")
	}
}

func isTime(t token) bool {
	switch unquoted(t) {
	case "timestamp", "timestamptz", "date", "time", "timetz", "zone":
		return true
	default:
		return false
	}
}

// average finds AVG over what may be whole numbers: Redshift's result is then a whole number too, PostgreSQL's is not.
func (l *linter) average(i int) {
	if !l.stands(i, []string{"avg", "("}) {
		return
	}
	depth := 0
	for j := i + 1; j < len(l.tokens); j++ {
		switch t := l.tokens[j]; {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		case t.is("float8"), t.is("float"), t.is("double"), t.is("."):
			if t.text != "." || l.at(j-1).kind == number {
				return
			}
		}
		if depth == 0 {
			break
		}
	}
	l.warn(l.tokens[i], "AVG of whole numbers is truncated on Redshift", "write AVG(x::float8)")
}

// asOf finds a script that does not depend on its parameter.
func (l *linter) asOf() {
	for _, st := range l.script.statements {
		if slices.ContainsFunc(st.tokens, func(t token) bool { return t.kind == parameter }) {
			return
		}
	}
	l.warn(l.script.statements[0].tokens[0], "the script never uses :as_of, so it gives the same rows at every as-of",
		"filter with event_ts < :as_of")
}
