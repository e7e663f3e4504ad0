package fakeorg

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// expr is a condition: *logic, *negation or *comparison.
type expr interface{}

type logic struct {
	and   bool // or else or
	terms []expr
}

type negation struct{ term expr }

type comparison struct {
	field  token
	op     string // = != < <= > >= LIKE IN NOT IN
	values []literal
}

// literal is a constant: nil, string, float64, bool or time.Time.
type literal struct {
	value any
	day   bool // of a time.Time: a date without a time
	at    int
}

// condition reads terms joined by AND or by OR. Mixing the two needs parentheses, as SOQL asks.
func (p *parser) condition() expr {
	if p.nest++; p.nest > maxNest {
		p.fail(malformed(p.token.at, "conditions are nested too deeply"))
		return nil
	}
	defer func() { p.nest-- }()
	first := p.term()
	and := p.token.is("AND")
	if !and && !p.token.is("OR") {
		return first
	}
	l := &logic{and: and, terms: []expr{first}}
	for p.accept(p.connective(and)) {
		l.terms = append(l.terms, p.term())
	}
	return l
}

func (*parser) connective(and bool) string {
	if and {
		return "AND"
	}
	return "OR"
}

func (p *parser) term() expr {
	switch {
	case p.accept("NOT"):
		if p.nest++; p.nest > maxNest {
			p.fail(malformed(p.token.at, "conditions are nested too deeply"))
			return nil
		}
		defer func() { p.nest-- }()
		return &negation{p.term()}
	case p.accept("("):
		inner := p.condition()
		p.expect(")")
		return inner
	default:
		return p.comparison()
	}
}

func (p *parser) comparison() expr {
	c := &comparison{field: p.name()}
	switch {
	case p.accept("IN"):
		c.op, c.values = "IN", p.list()
	case p.accept("NOT"):
		p.expect("IN")
		c.op, c.values = "NOT IN", p.list()
	case p.accept("LIKE"):
		c.op, c.values = "LIKE", []literal{p.literal()}
	case p.token.kind == symbolToken && strings.ContainsAny(p.token.text, "=<>"):
		c.op = strings.Replace(p.token.text, "<>", "!=", 1)
		p.advance()
		c.values = []literal{p.literal()}
	default:
		p.unexpected()
	}
	return c
}

func (p *parser) list() []literal {
	p.expect("(")
	values := []literal{p.literal()}
	for p.accept(",") {
		values = append(values, p.literal())
	}
	p.expect(")")
	return values
}

func (p *parser) literal() literal {
	t := p.token
	l := literal{at: t.at}
	switch {
	case t.kind == textToken:
		l.value = t.text
	case t.is("TRUE"), t.is("FALSE"):
		l.value = t.is("TRUE")
	case t.is("NULL"):
	case t.kind == numberToken:
		if l.value, l.day = number(t.text); l.value == nil {
			p.unexpected()
		}
	default:
		p.unexpected()
	}
	p.advance()
	return l
}

// number reads a number, a date or a date and time; nil if it is none of them.
func number(text string) (value any, day bool) {
	plain := strings.Trim(text, "0123456789+-.eE") == ""
	if n, err := strconv.ParseFloat(text, 64); err == nil && plain && !math.IsInf(n, 0) {
		return n, false
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t, true
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05-0700"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), false
		}
	}
	return nil, false
}
