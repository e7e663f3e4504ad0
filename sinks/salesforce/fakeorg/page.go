package fakeorg

import (
	"bytes"
	"cmp"
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The Lead list is the page on which a rep sorts a portfolio: rendered here, without scripts.
//
//go:embed page.html
var pageHTML string

func newPage() *template.Template { return template.Must(template.New("leads").Parse(pageHTML)) }

// perPage is how many leads a page shows.
const perPage = 50

// column is one column of the list.
type column struct {
	Title string
	key   string // its name in the query string
	field string // the field of Lead it shows; OwnerId shows the owner's name
}

// scoreColumn is the one that the list is sorted by at first, and whose cells have a bar.
const scoreColumn = "score"

// reasonsColumn is the one whose text is never cut.
const reasonsColumn = "reasons"

func columns() []column {
	return []column{
		{"Name", "name", "Name"},
		{"Score", scoreColumn, "Lead_Score__c"},
		{"Grade", "grade", "Lead_Grade__c"},
		{"Reasons", reasonsColumn, "Lead_Score_Reasons__c"},
		{"Vehicle interest", "vehicle", "Vehicle_Interest__c"},
		{"Status", "status", "Status"},
		{"Owner", "owner", "OwnerId"},
		{"Company", "company", "Company"},
		{"City", "city", "City"},
		{"Scored at", "scored", "Lead_Scored_At__c"},
	}
}

// order says in words what a direction means for the column.
func (c column) order(dir string) string {
	words := [2]string{"A to Z", "Z to A"}
	switch c.key {
	case scoreColumn:
		words = [2]string{"lowest first", "highest first"}
	case "scored":
		words = [2]string{"oldest first", "newest first"}
	}
	return words[truth(dir == "desc")]
}

// leadList is what the page shows.
type leadList struct {
	Title    string
	Headers  []header
	Rows     [][]cell
	Owners   []ownerOption
	Owner    string
	Sort     string
	Dir      string
	Total    int
	From, To int // of Total, counted from 1
	Prev     string
	Next     string
	Sorted   string // the words below the title
}

type header struct {
	Title string
	Link  string
	Aria  string // ascending, descending, or "" for a column that isn't sorted by
	Key   string
}

type cell struct {
	Key   string
	Text  string
	Width int       // of a score's bar, in percent
	Time  time.Time // of a time
	sort  any
}

type ownerOption struct {
	ID, Name string
	Selected bool
}

// serveLeadList renders the list. The query string holds sort, dir (asc or desc), owner (a user's id) and page.
func (o *Org) serveLeadList(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	list := &leadList{Owner: q.Get("owner"), Sort: q.Get("sort"), Dir: q.Get("dir")}
	known := func(c column) bool { return c.key == list.Sort }
	if !slices.ContainsFunc(columns(), known) {
		list.Sort = scoreColumn
	}
	if list.Dir != "asc" && list.Dir != "desc" {
		list.Dir = firstDir(list.Sort)
	}
	o.fill(list)
	list.sortRows()
	page, _ := strconv.Atoi(q.Get("page"))
	list.cut(page)
	list.head()
	var html bytes.Buffer
	if err := o.page.Execute(&html, list); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	respond(w, http.StatusOK, "text/html; charset=utf-8", html.Bytes())
}

// firstDir is the direction of a first click: best scores and newest times first, text from A on.
func firstDir(key string) string {
	if key == scoreColumn || key == "scored" {
		return "desc"
	}
	return "asc"
}

// fill takes the leads and their owners from the org.
func (o *Org) fill(list *leadList) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := o.tables["Lead"]
	if t == nil {
		return
	}
	owners := map[string]string{}
	for _, r := range t.rows {
		if r.deleted {
			continue
		}
		id := t.object.text(r, "OwnerId")
		if owners[id] == "" {
			owners[id] = o.ownerName(id)
		}
		if list.Owner == "" || list.Owner == id {
			list.Rows = append(list.Rows, t.cells(r, owners[id]))
		}
	}
	if list.Title = "All leads"; list.Owner != "" {
		list.Title = "Leads"
	}
	for id, name := range owners {
		if id == list.Owner {
			list.Title = name + "’s leads"
		}
		list.Owners = append(list.Owners, ownerOption{id, name, id == list.Owner})
	}
	slices.SortFunc(list.Owners, func(a, b ownerOption) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
}

func (o *Org) ownerName(id string) string {
	users := o.tables["User"]
	if u := users.byID[id]; u != nil {
		return users.object.text(u, "Name")
	}
	return ""
}

func (t *table) cells(r *record, owner string) []cell {
	var cells []cell
	for _, col := range columns() {
		c := cell{Key: col.key}
		f := t.object.field(col.field)
		switch {
		case col.key == "owner":
			c.Text, c.sort = owner, owner
		case f != nil:
			c.sort = t.object.get(r, f)
			switch v := c.sort.(type) {
			case string:
				c.Text = v
			case float64:
				c.Text, c.Width = strconv.FormatFloat(v, 'f', -1, 64), int(min(max(v, 0), 100))
			case time.Time:
				c.Time = v
			}
		}
		cells = append(cells, c)
	}
	return cells
}

// sortRows orders the rows by the chosen column, empty cells last, and leaves equals in the order of their ids.
func (l *leadList) sortRows() {
	at := slices.IndexFunc(columns(), func(c column) bool { return c.key == l.Sort })
	slices.SortStableFunc(l.Rows, func(a, b []cell) int {
		x, y := a[at].sort, b[at].sort
		c := compare(x, y)
		if x == nil || y == nil || l.Dir == "desc" {
			return -c
		}
		return c
	})
}

// cut leaves the rows of one page, counted from 1.
func (l *leadList) cut(page int) {
	l.Total = len(l.Rows)
	last := max(1, (l.Total+perPage-1)/perPage)
	page = min(max(page, 1), last)
	from, to := (page-1)*perPage, min(page*perPage, l.Total)
	l.Rows = l.Rows[from:to]
	l.From, l.To = min(from+1, to), to
	if page > 1 {
		l.Prev = l.link(l.Sort, l.Dir, page-1)
	}
	if page < last {
		l.Next = l.link(l.Sort, l.Dir, page+1)
	}
}

func (l *leadList) head() {
	for _, c := range columns() {
		h := header{Title: c.Title, Key: c.key, Link: l.link(c.key, firstDir(c.key), 1)}
		if c.key == l.Sort {
			other := map[string]string{"asc": "desc", "desc": "asc"}[l.Dir]
			h.Aria = map[string]string{"asc": "ascending", "desc": "descending"}[l.Dir]
			h.Link = l.link(c.key, other, 1)
			l.Sorted = strings.ToLower(c.Title) + ", " + c.order(l.Dir)
		}
		l.Headers = append(l.Headers, h)
	}
}

func (l *leadList) link(sort, dir string, page int) string {
	q := url.Values{"sort": {sort}, "dir": {dir}}
	if l.Owner != "" {
		q.Set("owner", l.Owner)
	}
	if page > 1 {
		q.Set("page", strconv.Itoa(page))
	}
	return "?" + q.Encode()
}
