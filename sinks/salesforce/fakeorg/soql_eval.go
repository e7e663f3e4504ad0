package fakeorg

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// condition turns a parsed condition into a test of records.
func (b *binder) condition(e expr) func(*Org, *record) bool {
	switch e := e.(type) {
	case nil:
		return func(*Org, *record) bool { return true }
	case *negation:
		term := b.condition(e.term)
		return func(o *Org, r *record) bool { return !term(o, r) }
	case *logic:
		var terms []func(*Org, *record) bool
		for _, t := range e.terms {
			terms = append(terms, b.condition(t))
		}
		return func(o *Org, r *record) bool {
			for _, t := range terms {
				if t(o, r) != e.and {
					return !e.and
				}
			}
			return e.and
		}
	default:
		return b.comparison(e.(*comparison))
	}
}

func (b *binder) comparison(c *comparison) func(*Org, *record) bool {
	p := b.path(c.field)
	if p == nil {
		return nil
	}
	operands := make([]any, len(c.values))
	for i, l := range c.values {
		operands[i] = b.operand(p.field, l)
	}
	if reason := invalidOperator(c.op, p.field, operands[0]); reason != "" {
		b.fail("INVALID_QUERY_FILTER_OPERATOR", c.field.at, "%s", reason)
	}
	from := b.object
	matches := matcher(c.op, operands)
	return func(o *Org, r *record) bool { return matches(p.get(o, from, r)) }
}

func invalidOperator(op string, f *Field, operand any) string {
	switch op {
	case "<", "<=", ">", ">=":
		if operand == nil || f.Type == "boolean" || f.Type == "id" || f.Type == "reference" {
			return "invalid operator on " + f.Type + " field"
		}
	case "LIKE":
		if _, text := operand.(string); !text || f.Type == "id" || f.Type == "reference" {
			return "invalid operator on " + f.Type + " field"
		}
	}
	return ""
}

// matcher returns the test of one value. Null is less than nothing and equal to null alone.
func matcher(op string, operands []any) func(any) bool {
	first := operands[0]
	wanted := make(map[any]bool, len(operands))
	for _, x := range operands {
		wanted[folded(x)] = true
	}
	equal := func(v any) bool { return wanted[folded(v)] }
	switch op {
	case "=", "IN":
		return equal
	case "!=", "NOT IN":
		return func(v any) bool { return !equal(v) }
	case "LIKE":
		pattern, _ := first.(string)
		return func(v any) bool {
			s, text := v.(string)
			return text && like(strings.ToLower(s), strings.ToLower(pattern))
		}
	default:
		return func(v any) bool {
			if v == nil {
				return false
			}
			c := compare(v, first)
			return c < 0 && op[0] == '<' || c > 0 && op[0] == '>' || c == 0 && len(op) == 2
		}
	}
}

// folded returns what two values have in common if they are equal: text without its case, times without their zone.
func folded(v any) any {
	switch v := v.(type) {
	case string:
		return strings.ToLower(v)
	case time.Time:
		return v.UTC()
	}
	return v
}

// compare orders two values of one field: null first, text without regard to case.
func compare(a, b any) int {
	if a == nil || b == nil {
		return cmp.Compare(present(a), present(b))
	}
	switch a := a.(type) {
	case string:
		b, _ := b.(string)
		return cmp.Compare(strings.ToLower(a), strings.ToLower(b))
	case float64:
		b, _ := b.(float64)
		return cmp.Compare(a, b)
	case bool:
		b, _ := b.(bool)
		return cmp.Compare(truth(a), truth(b))
	case time.Time:
		b, _ := b.(time.Time)
		return a.Compare(b)
	}
	return 0
}

func present(v any) int { return truth(v != nil) }

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// like matches a text with a pattern: % stands for any text, _ for one character, a backslash takes their meaning away.
func like(text, pattern string) bool {
	t, p := []rune(text), []rune(pattern)
	// After a %, remember where it stood and try it with ever more text.
	star, retry := -1, 0
	i, j := 0, 0
	for i < len(t) {
		switch {
		case j < len(p) && p[j] == '%':
			star, retry = j, i
			j++
			continue
		case j+1 < len(p) && p[j] == '\\' && (p[j+1] == '%' || p[j+1] == '_'):
			if p[j+1] == t[i] {
				i, j = i+1, j+2
				continue
			}
		case j < len(p) && (p[j] == '_' || p[j] == t[i]):
			i, j = i+1, j+1
			continue
		}
		if star < 0 {
			return false
		}
		retry++
		i, j = retry, star+1
	}
	for j < len(p) && p[j] == '%' {
		j++
	}
	return j == len(p)
}

// run returns the records that the plan asks for, in order. The org's lock is held.
func (p *plan) run(o *Org, deletedToo bool) []*record {
	var found []*record
	for _, r := range o.tables[p.object.Name].rows {
		if (!r.deleted || deletedToo) && p.keep(o, r) {
			found = append(found, r)
		}
	}
	slices.SortStableFunc(found, func(a, b *record) int {
		for _, by := range p.order {
			if c := by.compare(by.path.get(o, p.object, a), by.path.get(o, p.object, b)); c != 0 {
				return c
			}
		}
		return 0
	})
	found = found[min(p.offset, len(found)):]
	if p.limit >= 0 {
		found = found[:min(p.limit, len(found))]
	}
	return found
}

// compare orders two values. Nulls come first in both directions unless the query says otherwise.
func (by orderBy) compare(a, b any) int {
	c := compare(a, b)
	switch {
	case a == nil || b == nil:
		if by.nullsLast {
			return -c
		}
		return c
	case by.descending:
		return -c
	}
	return c
}
