package fakeorg

import (
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// defaultOrgID is a Developer Edition's, by its looks.
const defaultOrgID = "00DDn000000sPwqMAE"

// Org is an org: an http.Handler, and the hands of an administrator in it.
type Org struct {
	id          string
	now         func() time.Time
	sessionLife time.Duration
	apps        map[string]App
	users       map[string]*user // by username, in lower case
	admin       *user
	schema      *schema
	tooling     *schema
	routes      http.Handler
	page        *template.Template

	mu         sync.Mutex
	tables     map[string]*table // by object name
	sessions   map[string]*session
	cursors    map[string]*cursor
	limit      limit
	lastCursor int
	jobs       map[string]*job
	lastJob    int
	batches    limit
	bulkRows   int
	bulkTime   time.Duration
	bulkHeld   bool

	answers atomic.Pointer[func(Request) time.Duration]

	faultMu sync.Mutex
	faults  []*Fault

	logMu    sync.Mutex
	logged   *sync.Cond // a request was added
	requests []Request
}

// New starts an org. It fails if the config contradicts itself.
func New(c Config) (*Org, error) {
	o := &Org{
		id: defaultOrgID, now: c.Now, sessionLife: c.SessionLife,
		apps: map[string]App{}, users: map[string]*user{}, tables: map[string]*table{},
		sessions: map[string]*session{}, cursors: map[string]*cursor{},
		limit: limit{max: cmp.Or(c.DailyAPILimit, 15_000)}, batches: limit{max: cmp.Or(c.DailyBulkBatches, batchesADay)},
		jobs: map[string]*job{}, bulkRows: cmp.Or(c.BulkRows, rowsPerBatch), bulkTime: c.BulkTime,
	}
	o.SetAnswerTime(c.AnswerTime)
	if c.OrgID != "" {
		id, err := normalizeID(c.OrgID)
		if err != nil || id[:3] != "00D" {
			return nil, fmt.Errorf("org id %q: 15 or 18 characters that begin with 00D are needed", c.OrgID)
		}
		o.id = id
	}
	o.logged = sync.NewCond(&o.logMu)
	if o.now == nil {
		o.now = time.Now
	}
	if o.sessionLife == 0 {
		o.sessionLife = 2 * time.Hour
	}
	var err error
	if o.schema, err = newSchema(c.Objects); err != nil {
		return nil, err
	}
	for _, obj := range o.schema.objects {
		o.tables[obj.Name] = newTable(obj)
	}
	if err := errors.Join(o.addUsers(c.Users), o.addApps(c.Apps), o.checkAssignment(), o.addTooling()); err != nil {
		return nil, err
	}
	o.routes, o.page = o.newRoutes(), newPage()
	return o, nil
}

func (o *Org) checkAssignment() error {
	for _, obj := range o.schema.objects {
		if obj.AssignTo != "" && o.user(obj.AssignTo) == nil {
			return fmt.Errorf("object %s assigns to %q, who is no user", obj.Name, obj.AssignTo)
		}
	}
	return nil
}

// ID returns the org's 18-character id.
func (o *Org) ID() string { return o.id }

// UserID returns the 18-character id of a user, "" if there is none.
func (o *Org) UserID(username string) string {
	if u := o.user(username); u != nil {
		return u.id
	}
	return ""
}

// Insert makes a record as an administrator would by hand, and returns its id of 18 characters. Values are strings,
// numbers, bools, time.Time, or nil; an owner may be given as "OwnerId". Types, lengths, required and unique fields are
// checked; validation and assignment rules are not asked, and no API call is counted.
func (o *Org) Insert(object string, fields map[string]any) (string, error) {
	r, err := o.adminRow(object, fields)
	if err != nil {
		return "", err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	made, refused := o.adminSave().insert(r)
	if refused != nil {
		return "", fmt.Errorf("insert %s: %s: %s", object, refused.Code, refused.Message)
	}
	return made.id, nil
}

// Update changes a record as an administrator would, with the checks of Insert. Setting IsConverted makes a Lead a
// converted one.
func (o *Org) Update(object, id string, fields map[string]any) error {
	r, err := o.adminRow(object, fields)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	rec, err := o.living(object, id)
	if err != nil {
		return err
	}
	if refused := o.adminSave().update(rec, r); refused != nil {
		return fmt.Errorf("update %s %s: %s: %s", object, id, refused.Code, refused.Message)
	}
	return nil
}

// Delete moves a record to the recycle bin: whoever writes to it is told ENTITY_IS_DELETED.
func (o *Org) Delete(object, id string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	rec, err := o.living(object, id)
	if err != nil {
		return err
	}
	o.adminSave().delete(rec)
	return nil
}

// Purge erases a record for good: whoever writes to it is told INVALID_CROSS_REFERENCE_KEY.
func (o *Org) Purge(object, id string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	rec, err := o.living(object, id)
	if err != nil {
		return err
	}
	o.table(object).purge(rec)
	return nil
}

// Records returns a snapshot of an object's records, those in the recycle bin included, in ascending order of id, which
// is the order in which they were made. It is nil for an object that doesn't exist.
func (o *Org) Records(object string) []Record {
	o.runBulk()
	o.mu.Lock()
	defer o.mu.Unlock()
	t := o.table(object)
	if t == nil {
		return nil
	}
	records := make([]Record, len(t.rows))
	for i, r := range t.rows {
		records[i] = t.snapshot(r)
	}
	return records
}

// Record returns a snapshot of one record by its id.
func (o *Org) Record(id string) (Record, bool) {
	full, err := normalizeID(id)
	if err != nil {
		return Record{}, false
	}
	o.runBulk()
	o.mu.Lock()
	defer o.mu.Unlock()
	if obj := o.schema.byPrefix(full[:3]); obj != nil {
		if r := o.tables[obj.Name].byID[full]; r != nil {
			return o.tables[obj.Name].snapshot(r), true
		}
	}
	return Record{}, false
}

func (o *Org) adminSave() *save {
	s := o.newSave(o.admin)
	s.admin = true
	return s
}

// clock is now as the database stores it.
func (o *Org) clock() time.Time { return o.now().UTC().Truncate(time.Second) }

func (o *Org) table(object string) *table {
	if obj := o.schema.object(object); obj != nil {
		return o.tables[obj.Name]
	}
	return nil
}

func (o *Org) living(object, id string) (*record, error) {
	t := o.table(object)
	full, err := normalizeID(id)
	if t == nil || err != nil || t.byID[full] == nil || t.byID[full].deleted {
		return nil, fmt.Errorf("there is no %s %s", object, id)
	}
	return t.byID[full], nil
}

func (o *Org) adminRow(object string, fields map[string]any) (*row, error) {
	obj := o.schema.object(object)
	if obj == nil {
		return nil, fmt.Errorf("there is no object %s", object)
	}
	r := &row{object: obj}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		f := obj.field(name)
		if f == nil || f.Joins != nil {
			return nil, fmt.Errorf("%s has no field %s to write", object, name)
		}
		v, err := fromGo(f, fields[name])
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", object, name, err)
		}
		r.values = append(r.values, assignment{f, v})
	}
	return r, nil
}
