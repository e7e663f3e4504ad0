package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"scored/pipeline"
	"scored/pipeline/feature"
)

// printSelect prints the SELECT list that a dataprep script ends with so that its result fits the contract, in the dialect
// that Redshift and PostgreSQL share. key is the job's key column, "" if it isn't known.
func printSelect(out io.Writer, model, key string, contract feature.Contract) {
	fmt.Fprintf(out, "-- What %s expects of a dataprep script: put the expressions in, keep the names, and go on with FROM.\n", printable(model))
	fmt.Fprintln(out, "-- A boolean becomes a number by CAST(CAST(x AS INTEGER) AS DOUBLE PRECISION). An empty text is missing, as NULL is.")
	if slices.ContainsFunc(contract, func(c feature.Column) bool { return strings.ToLower(c.Name) != c.Name }) {
		fmt.Fprintln(out, "-- Redshift makes names lower case, also quoted ones, unless the script begins with")
		fmt.Fprintln(out, "-- SET enable_case_sensitive_identifier TO true;")
	}
	lines := make([][2]string, 0, len(contract)+1)
	if key != "" {
		lines = append(lines, selected(key, "VARCHAR", "the key"))
	} else {
		lines = append(lines, [2]string{"-- the key comes first: the column that the job's `key` names, as text or a whole number", ""})
	}
	for _, c := range contract {
		lines = append(lines, selected(c.Name, sqlType(c), strings.Join(expectations(c), "; ")))
	}
	fmt.Fprintln(out, "SELECT")
	for i, line := range lines {
		if line[1] != "" && i < len(lines)-1 {
			line[0] += ","
		}
		fmt.Fprintln(out, strings.TrimRight("    "+pad(line[0], sqlWidth(lines)+1)+comment(line[1]), " "))
	}
}

// selected is one column of the list, and what is said of it. A name that a terminal would obey can't be given as it is.
func selected(name, typ, what string) [2]string {
	shown := printable(name)
	if shown != name {
		what = "NOT its name, which has characters that can't be printed: rename the column and train anew; " + what
	}
	quoted := identifier(shown)
	return [2]string{fmt.Sprintf("CAST(%s AS %s) AS %s", quoted, typ, quoted), what}
}

// sqlWidth is the width of the columns, those far wider than others left aside.
func sqlWidth(lines [][2]string) int {
	const most = 80
	width := 0
	for _, line := range lines {
		if n := len([]rune(line[0])); line[1] != "" && n <= most {
			width = max(width, n)
		}
	}
	return width
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-len([]rune(text))))
}

// comment keeps a text in one line: names and categories come from a file, and a line end would make SQL of the rest.
func comment(text string) string {
	if text == "" {
		return ""
	}
	return "  -- " + printable(text)
}

func sqlType(c feature.Column) string {
	if c.Kind() == pipeline.Number {
		return "DOUBLE PRECISION"
	}
	return "VARCHAR"
}

// expectations are the contract's rules of a column, in words.
func expectations(c feature.Column) []string {
	rules := []string{"not null"}
	if c.Nullable {
		rules[0] = "may be null"
	}
	if limits := limits(c); limits != "" {
		rules = append(rules, limits+", else "+otherwise(c))
	}
	if len(c.Categories) > 0 {
		rules = append(rules, someOf(c.Categories, 3)+", else "+otherwise(c))
	}
	return rules
}

// otherwise says what becomes of a value that breaks its column's rule.
func otherwise(c feature.Column) string {
	switch c.Abnormal {
	case "clip":
		return "clipped"
	case "missing":
		return "missing"
	case "pass":
		return "as trained"
	default:
		return "rejected"
	}
}

// limits are a column's limits in words, "" if it has none.
func limits(c feature.Column) string {
	switch {
	case c.Min != nil && c.Max != nil:
		return plainNumber(*c.Min) + " to " + plainNumber(*c.Max)
	case c.Min != nil:
		return "from " + plainNumber(*c.Min)
	case c.Max != nil:
		return "up to " + plainNumber(*c.Max)
	default:
		return ""
	}
}

// someOf shows the first of some texts, and how many more there are.
func someOf(texts []string, most int) string {
	shown := texts
	if len(texts) > most {
		shown = texts[:most]
	}
	quoted := make([]string, len(shown))
	for i, text := range shown {
		quoted[i] = printable(text)
		if text == "" || strings.ContainsAny(text, ",;'") || strings.TrimSpace(text) != text {
			quoted[i] = "'" + quoted[i] + "'"
		}
	}
	all := strings.Join(quoted, ", ")
	if more := len(texts) - len(shown); more > 0 {
		all += fmt.Sprintf(" and %d more", more)
	}
	return all
}

func plainNumber(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

var plainName = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// identifier writes a column's name for SQL, in quotes where it needs them.
func identifier(name string) string {
	if plainName.MatchString(name) && !slices.Contains(reservedWords(), name) {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// reservedWords can't be names of columns without quotes, on Redshift or on PostgreSQL.
func reservedWords() []string {
	return strings.Fields(`
		aes128 aes256 all allowoverwrite analyse analyze and any array as asc asymmetric authorization az64 backup between
		binary blanksasnull both bytedict bzip2 case cast check collate collation column concurrently connect constraint
		create credentials cross current_catalog current_date current_role current_schema current_time current_timestamp
		current_user current_user_id default deferrable deflate defrag delta delta32k desc disable distinct do else
		emptyasnull enable encode encrypt encryption end except explicit false fetch for foreign freeze from full
		globaldict256 globaldict64k grant group gzip having identity ignore ilike in initially inner intersect interval
		into is isnull join language lateral leading left like limit localtime localtimestamp lun luns lzo lzop minus
		mostly13 mostly16 mostly32 mostly8 natural new not notnull null nulls off offline offset oid old on only open or
		order outer overlaps parallel partition percent permissions pivot placing primary qualify raw readratio recover
		references rejectlog resort respect restore returning right select session_user similar snapshot some symmetric
		sysdate system table tablesample tag tdes text255 text32k then timestamp to top trailing true truncatecolumns
		union unique unnest unpivot user using variadic verbose wallet when where window with without`)
}
