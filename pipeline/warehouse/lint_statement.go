package warehouse

import (
	"fmt"
	"slices"
	"strings"
)

// statement judges what kind of statement this is: a dataprep script reads, and writes nothing but temporary tables of
// its own.
func (l *linter) statement() {
	first := l.tokens[0]
	switch verb := (statement{tokens: l.tokens}).verb(); verb {
	case "select", "with":
		l.query()
	case "create":
		l.create(first)
	case "insert":
		l.write(first, l.target("into"))
		l.clause("returning", "RETURNING is not on Redshift", "select the rows afterwards")
	case "update":
		l.write(first, l.target("update"))
		l.clause("returning", "RETURNING is not on Redshift", "select the rows afterwards")
	case "delete":
		l.write(first, l.target("from"))
		l.clause("returning", "RETURNING is not on Redshift", "select the rows afterwards")
	case "truncate", "analyze":
		l.write(first, l.target(verb, "table"))
		l.single(first)
	case "drop":
		l.drop(first)
	case "set", "reset":
		l.set(first)
	case "savepoint", "release":
		l.find(first, "savepoints are not on Redshift", "leave it out")
	case "begin", "start", "commit", "end", "rollback", "abort":
		l.find(first, strings.ToUpper(verb)+" is not for a dataprep script", "leave it out: temporary tables need no transaction")
	default:
		l.find(first, fmt.Sprintf("%s is not for a dataprep script", strings.ToUpper(verb)),
			"use SELECT, WITH and CREATE TEMP TABLE ... AS SELECT only")
	}
}

// query finds what makes a SELECT write: INTO, and statements hidden in a WITH.
func (l *linter) query() {
	for i, t := range l.tokens {
		switch {
		case t.is("into") && !l.at(i-1).is("insert") && !l.at(i-1).is("merge") && !l.at(i-1).is("."):
			if next := l.at(i + 1); !next.is("temp") && !next.is("temporary") && !strings.HasPrefix(next.text, "#") {
				l.find(t, "SELECT INTO creates a permanent table", useTemp)
			}
		case (t.is("insert") || t.is("update") || t.is("delete") || t.is("merge")) && (l.at(i-1).is("(") || l.at(i-1).is(")")):
			if next := l.at(i + 1); next.kind == word || next.kind == quoted {
				l.find(t, strings.ToUpper(t.text)+" in a WITH is not on Redshift", useTemp)
			}
		}
	}
}

// discarded finds a query before the last statement that keeps its rows nowhere.
func (l *linter) discarded(verb string) {
	if verb != "select" && verb != "with" {
		return
	}
	for i, t := range l.tokens {
		if t.is("into") && !l.at(i-1).is(".") {
			return
		}
	}
	l.warn(l.tokens[0], "the result of this "+strings.ToUpper(verb)+" is thrown away: only that of the last statement is read",
		"leave it out, or keep the rows with CREATE TEMP TABLE ... AS")
}

func (l *linter) create(first token) {
	name, ok := createdTable(l.tokens)
	if !ok {
		l.find(first, "CREATE of anything but a temporary table changes the warehouse", useTemp)
		return
	}
	l.created[name] = true
	l.query()
}

// write finds statements that change a table the script did not create.
func (l *linter) write(first token, name string) {
	if !l.created[name] {
		l.find(first, fmt.Sprintf("%s of a table that this script did not create before", strings.ToUpper(first.text)), useTemp)
	}
	l.query()
}

func (l *linter) drop(first token) {
	name := l.target("table", "if", "exists")
	switch {
	case !l.at(1).is("table") || !l.temporary[name]:
		l.find(first, "DROP changes the warehouse", "leave it out: temporary tables end with the run")
	case !l.created[name]:
		l.warn(first, "DROP before the temporary table exists would drop a permanent table of that name",
			"leave it out: each run has a session of its own")
	}
	l.single(first)
}

// single finds lists of tables: only the first of them is looked at.
func (l *linter) single(first token) {
	if slices.ContainsFunc(l.tokens, func(t token) bool { return t.is(",") }) {
		l.find(first, strings.ToUpper(first.text)+" of several tables", "write a statement for each")
	}
}

// set lets pass what tunes a query. The rest of the session is scored's: a script that changed the time zone or the
// digits of floats would change its own result.
func (l *linter) set(first token) {
	for _, t := range l.tokens[1:min(len(l.tokens), 3)] {
		switch t.text {
		case "search_path", "wlm_query_slot_count", "enable_result_cache_for_session", "enable_case_sensitive_identifier":
			return
		}
	}
	l.find(first, "this setting is not a dataprep script's to make", "leave it out: scored sets up the session")
}

func (l *linter) clause(keyword, what, instead string) {
	for i, t := range l.tokens {
		if t.is(keyword) && !l.at(i-1).is(".") && !l.at(i-1).is("as") {
			l.find(t, what, instead)
		}
	}
}

// target returns the table named behind the first of the words, passing the others; "" if it has a schema before it.
func (l *linter) target(words ...string) string {
	i := 0
	for i < len(l.tokens) && !l.tokens[i].is(words[0]) {
		i++
	}
	for _, w := range words {
		if l.at(i).is(w) {
			i++
		}
	}
	if l.at(i + 1).is(".") {
		return ""
	}
	return tableName(l.at(i))
}

// temporaryTables returns the names of the temporary tables that the script creates anywhere.
func (s *Script) temporaryTables() map[string]bool {
	names := map[string]bool{}
	for _, st := range s.statements {
		if name, ok := createdTable(st.tokens); ok {
			names[name] = true
		}
	}
	return names
}

// createdTable reads CREATE [LOCAL] TEMP|TEMPORARY TABLE [IF NOT EXISTS] name and CREATE TABLE #name.
func createdTable(tokens []token) (string, bool) {
	temporary := false
	for i, t := range tokens {
		switch {
		case i == 0 && !t.is("create"):
			return "", false
		case i == 0, t.is("local"), t.is("table"), t.is("if"), t.is("not"), t.is("exists"):
		case t.is("temp"), t.is("temporary"):
			temporary = true
		default:
			isTable := tokens[i-1].is("table") || tokens[i-1].is("exists")
			return tableName(t), isTable && (temporary || strings.HasPrefix(t.text, "#"))
		}
	}
	return "", false
}

func tableName(t token) string {
	if t.kind == quoted {
		return strings.ReplaceAll(t.text[1:len(t.text)-1], `""`, `"`)
	}
	return t.text
}
