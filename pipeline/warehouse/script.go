package warehouse

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"scored/pipeline"
)

const (
	// asOf is the only parameter of a script.
	asOf = ":as_of"
	// maxStatement is Redshift's limit on a statement in bytes, less what is put around it.
	maxStatement = 16<<20 - 4<<10
)

// Script is a dataprep script: statements that prepare temporary tables, then one that gives the result.
type Script struct {
	Name       string // the file's name, for messages
	digest     string
	src        string
	lines      []int // the offset at which each line begins
	statements []statement
}

// statement is a part of the script, without the comments around it and without its semicolon.
type statement struct {
	start, end int
	line       int
	tokens     []token
}

// ParseScript reads a script: UTF-8, with or without a byte order mark, lines ending as they may. Its only parameter is
// :as_of. Errors are of class Configuration and name script, line and column.
func ParseScript(name string, text []byte) (*Script, error) {
	sum := sha256.Sum256(text)
	s := &Script{Name: name, digest: hex.EncodeToString(sum[:]), src: string(bytes.TrimPrefix(text, []byte("\ufeff")))}
	s.lines = lineStarts(s.src)
	if offset := invalidUTF8(s.src); offset >= 0 {
		return nil, s.problem(offset, "the script is not UTF-8", "Save the file in the encoding UTF-8.")
	}
	if offset := strings.IndexByte(s.src, 0); offset >= 0 {
		return nil, s.problem(offset, "the script holds a zero byte", "Save the file as plain text in the encoding UTF-8.")
	}
	tokens, err := lex(s.src)
	if serr, ok := errors.AsType[*syntaxError](err); ok {
		return nil, s.problem(serr.offset, serr.what, "Correct the script.")
	}
	s.split(tokens)
	if err := s.checkStatements(); err != nil {
		return nil, err
	}
	return s, nil
}

// checkStatements refuses a script without a result, and statements that Redshift would not take for their size.
func (s *Script) checkStatements() error {
	if len(s.statements) == 0 {
		return s.problem(0, "the script holds no statement", "Write the dataprep script; its last statement is a SELECT.")
	}
	for _, st := range s.statements {
		if size := len(s.render(st, time.Time{})); size > maxStatement {
			return s.problem(st.start, fmt.Sprintf("the statement has %d bytes; Redshift takes 16 MB", size),
				"Put the data into a table and join it.")
		}
	}
	last := s.statements[len(s.statements)-1]
	if verb := last.verb(); verb != "select" && verb != "with" {
		return s.problem(last.start, fmt.Sprintf("the last statement must be SELECT or WITH, it is %s", strings.ToUpper(verb)),
			"End the script with the SELECT that gives the key and the features.")
	}
	return nil
}

// Digest returns the hex SHA-256 of the script's bytes.
func (s *Script) Digest() string { return s.digest }

// split gathers the tokens between semicolons.
func (s *Script) split(tokens []token) {
	for len(tokens) > 0 {
		n := 0
		for n < len(tokens) && !tokens[n].is(";") {
			n++
		}
		if n > 0 {
			st := statement{start: tokens[0].start, end: tokens[n-1].end, tokens: tokens[:n]}
			st.line = s.line(st.start)
			s.statements = append(s.statements, st)
		}
		tokens = tokens[min(n+1, len(tokens)):]
	}
}

// verb is the statement's first word, behind the parentheses it may stand in.
func (st statement) verb() string {
	for _, t := range st.tokens {
		if !t.is("(") {
			return t.text
		}
	}
	return "("
}

// render returns a statement's text with :as_of in place. Second precision and UTC are the run's.
func (s *Script) render(st statement, asOf time.Time) string {
	value := timestamp(asOf)
	var b strings.Builder
	from := st.start
	for _, t := range st.tokens {
		if t.kind == parameter {
			b.WriteString(s.src[from:t.start])
			b.WriteString(value)
			from = t.end
		}
	}
	b.WriteString(s.src[from:st.end])
	return b.String()
}

// origin returns the offset in the script of the rendered statement's character n, counted from 0.
func (s *Script) origin(st statement, n int) int {
	grown := utf8.RuneCountInString(timestamp(time.Time{})) - len(asOf)
	for _, t := range st.tokens {
		if t.kind == parameter && utf8.RuneCountInString(s.src[st.start:t.start]) < n {
			n = max(n-grown, utf8.RuneCountInString(s.src[st.start:t.start]))
		}
	}
	offset := st.start
	for ; n > 0 && offset < st.end; n-- {
		_, size := utf8.DecodeRuneInString(s.src[offset:])
		offset += size
	}
	return offset
}

func timestamp(t time.Time) string { return t.UTC().Format("'2006-01-02 15:04:05'::timestamp") }

func lineStarts(text string) []int {
	starts := []int{0}
	for i := range len(text) {
		if text[i] == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// line returns the line of an offset, counted from 1.
func (s *Script) line(offset int) int {
	line, begins := slices.BinarySearch(s.lines, offset)
	if begins {
		line++
	}
	return line
}

// place returns line and column of an offset, both counted from 1, the column in characters.
func (s *Script) place(offset int) (line, column int) {
	line = s.line(offset)
	return line, 1 + utf8.RuneCountInString(s.src[s.lines[line-1]:offset])
}

func (s *Script) problem(offset int, what, hint string) error {
	line, column := s.place(offset)
	return &pipeline.Problem{
		Class: pipeline.Configuration,
		Err:   fmt.Errorf("script %s:%d:%d: %s", s.Name, line, column, what),
		Hint:  hint,
	}
}

// invalidUTF8 returns the offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(text string) int {
	if utf8.ValidString(text) {
		return -1
	}
	for i, r := range text {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				return i
			}
		}
	}
	return -1
}
