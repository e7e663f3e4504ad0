package warehouse

import (
	"fmt"
	"strings"
	"unicode"
)

// Erasure renders the statement that erases a key of jobs from the history's scores, for a person to run. It is the same to
// Redshift and to PostgreSQL, which read a backslash within quotes differently; blanks at the key's end count.
func Erasure(schema string, jobs []string, key string) string {
	quoted := make([]string, len(jobs))
	for i, job := range jobs {
		quoted[i] = asLiteral(job)
	}
	return fmt.Sprintf("DELETE FROM %[1]s.scores WHERE job IN (%[2]s) AND score_key = %[3]s AND LENGTH(score_key) = LENGTH(CAST(%[3]s AS VARCHAR(%[4]d)));",
		schema, strings.Join(quoted, ", "), asLiteral(key), maxScoreKey)
}

// asLiteral writes a text in SQL.
func asLiteral(text string) string {
	var b strings.Builder
	pieces := 1
	for _, r := range text {
		switch {
		case r == '\'':
			b.WriteString("''")
		case r == '\\', r <= unicode.MaxASCII && !unicode.IsPrint(r):
			fmt.Fprintf(&b, "' || CHR(%d) || '", r)
			pieces++
		default:
			b.WriteRune(r)
		}
	}
	if pieces > 1 {
		return "('" + b.String() + "')"
	}
	return "'" + b.String() + "'"
}
