package fakeorg

import (
	"slices"
	"strconv"
	"strings"
)

// soql is a parsed query. Names are as written: whether they exist is for bind to say.
type soql struct {
	count    bool // SELECT COUNT()
	fields   []token
	from     token
	alias    string
	where    expr // nil for none
	orders   []ordering
	limit    int // -1 for none
	offset   int
	offsetAt int
}

type ordering struct {
	field      token
	descending bool
	nullsLast  bool
}

// The longest query that the API takes, and how deep conditions may nest.
const (
	maxQuery = 100_000
	maxNest  = 50
)

// parser reads a query by recursive descent, one token ahead.
type parser struct {
	lexer lexer
	token token
	nest  int
	err   *soqlError // the first one; the parser then sees the end
}

func parseSOQL(query string) (*soql, *soqlError) {
	if len(query) > maxQuery {
		return nil, malformed(0, "SOQL statement too long")
	}
	p := &parser{lexer: lexer{query: query}}
	p.advance()
	q := p.query()
	if p.token.kind != endToken {
		p.unexpected()
	}
	if p.err != nil {
		return nil, p.err
	}
	return q, nil
}

func (p *parser) advance() {
	if p.err != nil {
		return
	}
	next, err := p.lexer.next()
	if err != nil {
		p.fail(err)
		return
	}
	p.token = next
}

func (p *parser) fail(err *soqlError) {
	if p.err == nil {
		p.err = err
		p.token = token{kind: endToken, at: p.token.at}
	}
}

func (p *parser) unexpected() {
	switch {
	case p.token.kind == endToken:
		p.fail(malformed(p.token.at, "unexpected token: '<EOF>'"))
	case foreign(p.token):
		p.fail(malformed(p.token.at, "unexpected token: '%s' (fakeorg does not emulate it)", p.token.text))
	default:
		p.fail(malformed(p.token.at, "unexpected token: '%s'", p.token.text))
	}
}

// accept takes a keyword or symbol if it is next.
func (p *parser) accept(word string) bool {
	if p.err != nil || !p.token.is(word) {
		return false
	}
	p.advance()
	return true
}

func (p *parser) expect(words ...string) {
	for _, w := range words {
		if !p.accept(w) {
			p.unexpected()
		}
	}
}

func (p *parser) name() token {
	t := p.token
	if t.kind != nameToken || reserved(t) || strings.HasSuffix(t.text, ".") || strings.Contains(t.text, "..") {
		p.unexpected()
	}
	p.advance()
	return t
}

func (p *parser) query() *soql {
	q := &soql{limit: -1}
	p.expect("SELECT")
	if p.token.is("COUNT") {
		p.advance()
		p.expect("(", ")")
		q.count = true
	} else {
		q.fields = p.names()
	}
	p.expect("FROM")
	q.from = p.name()
	if p.accept("AS") || p.token.kind == nameToken && !p.token.is("OFFSET") && !reserved(p.token) {
		q.alias = p.name().text
	}
	if p.accept("WHERE") {
		q.where = p.condition()
	}
	if p.accept("ORDER") {
		p.expect("BY")
		q.orders = p.orderings()
	}
	if p.accept("LIMIT") {
		q.limit = p.whole()
	}
	if q.offsetAt = p.token.at; p.accept("OFFSET") {
		q.offset = p.whole()
	}
	return q
}

// reserved tells whether a token is a word that can't be a name.
func reserved(t token) bool {
	words := []string{"SELECT", "FROM", "WHERE",
		"ORDER", "LIMIT", "AND", "OR", "NOT", "IN", "LIKE", "TRUE", "FALSE", "NULL"}
	return slices.ContainsFunc(words, t.is) || foreign(t)
}

// foreign tells whether a token begins a part of SOQL that this parser doesn't know.
func foreign(t token) bool {
	words := []string{"GROUP", "HAVING", "WITH", "USING", "FOR", "TYPEOF", "FIELDS", "INCLUDES", "EXCLUDES"}
	return slices.ContainsFunc(words, t.is)
}

func (p *parser) names() []token {
	names := []token{p.name()}
	for p.accept(",") {
		names = append(names, p.name())
	}
	return names
}

func (p *parser) whole() int {
	n, err := strconv.Atoi(p.token.text)
	if p.token.kind != numberToken || err != nil || n < 0 {
		p.unexpected()
	}
	p.advance()
	return n
}

func (p *parser) orderings() []ordering {
	var list []ordering
	for {
		o := ordering{field: p.name()}
		if p.accept("DESC") {
			o.descending = true
		} else {
			p.accept("ASC")
		}
		if p.accept("NULLS") {
			if p.accept("LAST") {
				o.nullsLast = true
			} else {
				p.expect("FIRST")
			}
		}
		list = append(list, o)
		if !p.accept(",") {
			return list
		}
	}
}
