package fakeorg

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A page of a query's result holds up to pageSize records; Sforce-Query-Options may ask for less, down to minPage.
const (
	pageSize = 2000
	minPage  = 200
)

// maxCursors is how many results that were not read to the end the org keeps.
const maxCursors = 50

// cursor is a query's result of which pages are still to be fetched.
type cursor struct {
	id    string
	plan  *plan
	user  *user
	found []*record
	size  int
}

// query is GET /query and /queryAll.
func (c *call) query() *answer { return c.search(c.org.schema) }

// search runs the query of a request on the objects of a schema.
func (c *call) search(s *schema) *answer {
	text := c.r.URL.Query().Get("q")
	if text == "" {
		return refuse(http.StatusBadRequest, "MALFORMED_QUERY", "SOQL statement cannot be empty")
	}
	parsed, serr := parseSOQL(text)
	var p *plan
	if serr == nil {
		p, serr = s.bind(parsed, c.user)
	}
	if serr != nil {
		return refuse(http.StatusBadRequest, serr.code, "%s", pointed(text, serr))
	}
	if c.r.URL.Query().Get("columns") == "true" {
		return c.columns(p)
	}
	c.org.mu.Lock()
	defer c.org.mu.Unlock()
	found := p.run(c.org, strings.Contains(c.r.URL.Path, "/queryAll"))
	if p.count {
		return ok(map[string]any{"totalSize": len(found), "done": true, "records": []any{}})
	}
	return c.page(&cursor{plan: p, user: c.user, found: found, size: c.batchSize()}, 0)
}

// queryMore is GET of a nextRecordsUrl: /query/{cursor's id}-{offset}.
func (c *call) queryMore() *answer {
	id, offset, _ := strings.Cut(c.r.PathValue("locator"), "-")
	from, err := strconv.Atoi(offset)
	c.org.mu.Lock()
	defer c.org.mu.Unlock()
	cur := c.org.cursors[id]
	if err != nil || cur == nil || cur.user != c.user || from < 0 || from >= len(cur.found) {
		return refuse(http.StatusBadRequest, "INVALID_QUERY_LOCATOR", "invalid query locator")
	}
	return c.page(cur, from)
}

// page answers the records of a cursor from an offset on, and keeps the cursor while there are more.
func (c *call) page(cur *cursor, from int) *answer {
	to := min(from+cur.size, len(cur.found))
	records := make([]any, 0, to-from)
	for _, r := range cur.found[from:to] {
		records = append(records, c.selected(cur.plan, r))
	}
	c.entry.Rows = len(records)
	out := map[string]any{"totalSize": len(cur.found), "done": to == len(cur.found), "records": records}
	if to < len(cur.found) {
		c.org.keep(cur)
		out["nextRecordsUrl"] = fmt.Sprintf("%s/query/%s-%d", c.base(), cur.id, to)
	}
	return ok(out)
}

// keep remembers a cursor, and forgets the oldest if there are too many.
func (o *Org) keep(cur *cursor) {
	if cur.id == "" {
		o.lastCursor++
		cur.id = newID("01g", o.lastCursor)
		o.cursors[cur.id] = cur
	}
	if len(o.cursors) > maxCursors {
		delete(o.cursors, slices.Min(slices.Collect(maps.Keys(o.cursors))))
	}
}

// batchSize reads the header Sforce-Query-Options.
func (c *call) batchSize() int {
	for option := range strings.SplitSeq(c.r.Header.Get("Sforce-Query-Options"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(option), "=")
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err == nil && strings.EqualFold(strings.TrimSpace(name), "batchSize") {
			return max(minPage, min(n, pageSize))
		}
	}
	return pageSize
}

// selected renders a record as a query's result has it: with relationships nested.
func (c *call) selected(p *plan, r *record) map[string]any {
	out := map[string]any{"attributes": c.attributes(p.object, r.id)}
	for _, f := range p.fields {
		c.put(out, p.object, r, f)
	}
	return out
}

// put sets one path's value in a rendered record. A reference that is null is null as a whole.
func (c *call) put(out map[string]any, from *object, r *record, p *path) {
	for i, ref := range p.references {
		id, _ := from.get(r, ref).(string)
		from = p.objects[i]
		if r = c.org.tables[from.Name].byID[id]; r == nil {
			out[ref.Relationship] = nil
			return
		}
		nested, _ := out[ref.Relationship].(map[string]any)
		if nested == nil {
			nested = map[string]any{"attributes": c.attributes(from, r.id)}
			out[ref.Relationship] = nested
		}
		out = nested
	}
	out[p.field.Name] = render(p.field, from.get(r, p.field))
}

// pointed writes a query error as the API does: the query around the place, a caret below it, row and column.
func pointed(query string, e *soqlError) string {
	at := min(e.at, len(query))
	start, end := max(0, at-40), min(len(query), at+40)
	for start < at && !utf8.RuneStart(query[start]) {
		start++
	}
	for end < len(query) && !utf8.RuneStart(query[end]) {
		end++
	}
	row := 1 + strings.Count(query[:at], "\n")
	column := utf8.RuneCountInString(query[strings.LastIndexByte(query[:at], '\n')+1:at]) + 1
	caret := strings.Repeat(" ", utf8.RuneCountInString(query[start:at])) + "^"
	return fmt.Sprintf("\n%s\n%s\nERROR at Row:%d:Column:%d\n%s", query[start:end], caret, row, column, e.message)
}
