package warehouse

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

type kind uint8

const (
	word      kind = iota + 1 // an unquoted name or keyword
	quoted                    // a name in double quotes
	number                    // digits; a decimal point or a sign is a symbol of its own
	literal                   // text in single quotes or between dollar tags
	parameter                 // :as_of
	symbol                    // everything else, a character each but for "::"
)

// token is a piece of the script that is neither blank nor comment.
type token struct {
	kind       kind
	start, end int    // offsets into the script
	text       string // as written, but words in lower case
}

// is says whether the token is this keyword or symbol.
func (t token) is(text string) bool { return (t.kind == word || t.kind == symbol) && t.text == text }

// syntaxError is a place the lexer cannot get past.
type syntaxError struct {
	offset int
	what   string
}

func (e *syntaxError) Error() string { return e.what }

// lex cuts a script into tokens, by the rules that Redshift and PostgreSQL share: quotes are doubled to stand for
// themselves, comments nest, and a backslash is banned because the two read it differently.
func lex(src string) ([]token, error) {
	l := lexer{src: src}
	var tokens []token
	for {
		if err := l.skip(); err != nil {
			return nil, err
		}
		if l.pos == len(src) {
			return tokens, nil
		}
		t := token{start: l.pos}
		var err error
		if t.kind, err = l.advance(); err != nil {
			return nil, err
		}
		t.end = l.pos
		t.text = src[t.start:t.end]
		if t.kind == word {
			t.text = strings.ToLower(t.text)
		}
		tokens = append(tokens, t)
	}
}

type lexer struct {
	src string
	pos int
}

// peek returns the byte at an offset from here, 0 behind the end.
func (l *lexer) peek(offset int) byte {
	if l.pos+offset < len(l.src) {
		return l.src[l.pos+offset]
	}
	return 0
}

// skip passes blanks and comments.
func (l *lexer) skip() error {
	for l.pos < len(l.src) {
		switch {
		case strings.IndexByte(" \t\r\n\f\v", l.peek(0)) >= 0:
			l.pos++
		case l.peek(0) == '-' && l.peek(1) == '-':
			end := strings.IndexAny(l.src[l.pos:], "\r\n")
			if end < 0 {
				end = len(l.src) - l.pos
			}
			l.pos += end
		case l.peek(0) == '/' && l.peek(1) == '*':
			if err := l.comment(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

func (l *lexer) comment() error {
	start, depth := l.pos, 0
	for l.pos < len(l.src) {
		switch {
		case l.peek(0) == '/' && l.peek(1) == '*':
			depth++
			l.pos += 2
		case l.peek(0) == '*' && l.peek(1) == '/':
			depth--
			l.pos += 2
			if depth == 0 {
				return nil
			}
		default:
			l.pos++
		}
	}
	return &syntaxError{start, "this comment is never closed"}
}

// advance passes one token.
func (l *lexer) advance() (kind, error) {
	c := l.peek(0)
	switch {
	case c == '\'':
		return literal, l.quotes('\'')
	case c == '"':
		return quoted, l.quotes('"')
	case c == '$':
		return literal, l.dollar()
	case c == ':' && isNameStart(l.peek(1)):
		return parameter, l.parameter()
	case c == ':' && l.peek(1) == ':':
		l.pos += 2
		return symbol, nil
	case isNameStart(c), c == '#' && isNameStart(l.peek(1)):
		l.pos++
		l.name()
		return word, nil
	case isDigit(c):
		l.name()
		return number, nil
	case c == '\\':
		return 0, &syntaxError{l.pos, `a backslash outside a literal: psql's commands are not SQL`}
	case c < ' ' || c == 0x7f:
		return 0, &syntaxError{l.pos, fmt.Sprintf("a control character (0x%02x)", c)}
	default:
		l.pos++
		return symbol, nil
	}
}

func (l *lexer) quotes(quote byte) error {
	start := l.pos
	for l.pos++; l.pos < len(l.src); l.pos++ {
		switch c := l.peek(0); {
		case c == quote && l.peek(1) == quote:
			l.pos++
		case c == quote:
			l.pos++
			return nil
		case c == '\\' && quote == '\'':
			return &syntaxError{l.pos, "a backslash in a literal: Redshift takes it as an escape, PostgreSQL does not; write CHR(92) where you need one"}
		}
	}
	return &syntaxError{start, fmt.Sprintf("this %c is never closed", quote)}
}

// dollar passes text between dollar tags, $$ or $tag$.
func (l *lexer) dollar() error {
	start := l.pos
	if isDigit(l.peek(1)) {
		return &syntaxError{start, "numbered parameters have no value here: the only parameter is :as_of"}
	}
	l.pos++
	l.tag()
	if l.peek(0) != '$' {
		return &syntaxError{start, "a dollar sign that opens no literal"}
	}
	l.pos++
	tag := l.src[start:l.pos]
	end := strings.Index(l.src[l.pos:], tag)
	if end < 0 {
		return &syntaxError{start, fmt.Sprintf("this %s is never closed", tag)}
	}
	l.pos += end + len(tag)
	return nil
}

func (l *lexer) parameter() error {
	start := l.pos
	l.pos++
	l.name()
	if name := l.src[start:l.pos]; name != asOf {
		return &syntaxError{start, fmt.Sprintf("%s has no value: the only parameter is %s", name, asOf)}
	}
	return nil
}

func (l *lexer) name() {
	for c := l.peek(0); isNameStart(c) || isDigit(c) || c == '$'; c = l.peek(0) {
		l.pos++
	}
}

func (l *lexer) tag() {
	for c := l.peek(0); isNameStart(c) || isDigit(c); c = l.peek(0) {
		l.pos++
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isNameStart(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= utf8.RuneSelf
}
