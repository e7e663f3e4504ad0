package fakeorg

import (
	"fmt"
	"strings"
)

// tokenKind says what a token of SOQL is.
type tokenKind uint8

const (
	endToken tokenKind = iota
	nameToken
	textToken    // a quoted string; its text is without quotes and escapes
	numberToken  // also dates and times, which begin with a digit
	symbolToken  // an operator or a bracket
	invalidToken // what can't begin a token
)

type token struct {
	kind tokenKind
	text string
	at   int // offset in the query
}

// is tells whether the token is a keyword or symbol.
func (t token) is(word string) bool {
	return (t.kind == nameToken || t.kind == symbolToken) && strings.EqualFold(t.text, word)
}

// soqlError is a query that can't be run: a code, a place and what is wrong there.
type soqlError struct {
	code    string
	at      int
	message string
}

func malformed(at int, format string, args ...any) *soqlError {
	return &soqlError{"MALFORMED_QUERY", at, fmt.Sprintf(format, args...)}
}

// lexer cuts a query into tokens.
type lexer struct {
	query string
	at    int
}

func (l *lexer) next() (token, *soqlError) {
	for l.at < len(l.query) && strings.IndexByte(" \t\r\n", l.query[l.at]) >= 0 {
		l.at++
	}
	start := l.at
	if start == len(l.query) {
		return token{kind: endToken, at: start}, nil
	}
	switch c := l.query[start]; {
	case c == '\'':
		return l.quoted()
	case isLetter(c):
		return l.take(nameToken, func(c byte) bool { return isLetter(c) || isDigit(c) || c == '.' }), nil
	case isDigit(c), (c == '-' || c == '+' || c == '.') && start+1 < len(l.query) && isDigit(l.query[start+1]):
		return l.take(numberToken, func(c byte) bool {
			return isLetter(c) || isDigit(c) || strings.IndexByte(".:+-", c) >= 0
		}), nil
	}
	for _, symbol := range []string{"!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ",", ":"} {
		if strings.HasPrefix(l.query[start:], symbol) {
			l.at += len(symbol)
			return token{symbolToken, symbol, start}, nil
		}
	}
	return token{invalidToken, l.query[start : start+1], start}, nil
}

// take makes a token of the first byte and those after it that belong.
func (l *lexer) take(kind tokenKind, belongs func(byte) bool) token {
	start := l.at
	for l.at++; l.at < len(l.query) && belongs(l.query[l.at]); l.at++ {
	}
	return token{kind, l.query[start:l.at], start}
}

// quoted reads a string in single quotes. A backslash before % and _ stays, for LIKE to see.
func (l *lexer) quoted() (token, *soqlError) {
	start := l.at
	var text strings.Builder
	for l.at++; l.at < len(l.query); l.at++ {
		switch c := l.query[l.at]; c {
		case '\'':
			l.at++
			return token{textToken, text.String(), start}, nil
		case '\\':
			l.at++
			if l.at == len(l.query) {
				break
			}
			unescaped := soqlEscape(l.query[l.at])
			if unescaped == "" {
				return token{}, malformed(l.at, "Illegal character sequence '\\%c' in string literal", l.query[l.at])
			}
			text.WriteString(unescaped)
		default:
			text.WriteByte(c)
		}
	}
	return token{}, malformed(start, "line 1:%d mismatched character '<EOF>' expecting '''", l.at)
}

// soqlEscape returns what a backslash and a character stand for, "" if nothing.
func soqlEscape(c byte) string {
	switch c {
	case '\'', '"', '\\':
		return string(c)
	case 'n', 'N':
		return "\n"
	case 'r', 'R':
		return "\r"
	case 't', 'T':
		return "\t"
	case 'b', 'B':
		return "\b"
	case 'f', 'F':
		return "\f"
	case '%', '_':
		return `\` + string(c)
	default:
		return ""
	}
}

func isLetter(c byte) bool { return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
