package fakeorg

import (
	"crypto/rsa"
	"strings"
	"time"
)

// Config describes an org. The zero value of every field is usable.
type Config struct {
	OrgID         string           // 15 or 18 characters beginning with 00D; a fixed id if ""
	Apps          []App            // who may ask for tokens
	Users         []User           // whom they may act for
	Objects       []Object         // LeadObject() if empty; User and Organization are always there
	Now           func() time.Time // time.Now if nil
	DailyAPILimit int              // REST calls in 24 hours; 15,000, a Developer Edition's, if 0
	SessionLife   time.Duration    // how long a session lives after its last use; two hours, an org's default, if 0

	DailyBulkBatches int           // internal batches of Bulk jobs in 24 hours; 15,000, an org's, if 0
	BulkRows         int           // rows of an internal batch; 10,000, an org's, if 0
	BulkTime         time.Duration // of the org's clock, for an internal batch; 0 processes a job when it is closed

	// AnswerTime returns how long an answer to a request takes, beyond what the org itself needs. Rows, Failed, Status
	// and Username are not known then. nil takes no time. SetAnswerTime changes it.
	AnswerTime func(Request) time.Duration
}

// App is a connected (or external client) app.
type App struct {
	ClientID      string         // the consumer key: client_id, and the assertion's iss
	ClientSecret  string         // the consumer secret; "" if the app has no client credentials flow
	RunAs         string         // the username that the client credentials flow acts for; "" refuses the flow
	PublicKey     *rsa.PublicKey // of the app's certificate, which JWT assertions are checked against; nil refuses them
	Preauthorized []string       // the usernames that a JWT assertion may name as sub; nobody else has approved the app
}

// User is somebody who can own leads or act through an app.
type User struct {
	Username string
	Name     string // as Owner.Name shows it
	Email    string
	Inactive bool

	// Editable is the user's field-level security: the fields the user may edit, by API name, on any object. nil is an
	// administrator, who may edit every field that is updateable at all.
	Editable []string
	// Hidden lists the fields that the user can't see. Describe, SOQL and writes treat them as if they didn't exist.
	Hidden []string
	// NoAPI takes the permission "API Enabled" away.
	NoAPI bool
	// ViewSetup is the permission "View Setup and Configuration", without which the Tooling API's objects are not there.
	ViewSetup bool
}

// Object is a type of record. Id, OwnerId (with Owned), IsDeleted, CreatedDate, CreatedById, LastModifiedDate,
// LastModifiedById and SystemModstamp are added by New.
type Object struct {
	Name      string // API name, such as Lead or Visit__c
	Label     string // Name if ""
	Plural    string // Label + "s" if ""
	KeyPrefix string // the first three characters of its records' ids
	ReadOnly  bool   // records can't be written through the API
	Owned     bool   // records have an owner
	Fields    []Field

	// AssignTo is the username to which the active assignment rule gives a record at every create and update, unless
	// the request says Sforce-Auto-Assign: FALSE. "" means that there is no active rule.
	AssignTo string
	// Rules are the validation rules.
	Rules []Rule
}

// Field is a column of an object.
type Field struct {
	Name  string // API name
	Label string // Name if ""
	// Type is the type that Describe gives: string, textarea, email, phone, url, picklist, boolean, int, double,
	// currency, percent, date, datetime, reference or id.
	Type      string
	Length    int // of text, in UTF-16 units; 255 if 0
	Precision int // of double, currency and percent: digits in all, 18 if 0
	Scale     int // of those: digits after the point

	ExternalID    bool
	Unique        bool
	CaseSensitive bool // of a unique text
	Rich          bool // of textarea: it holds HTML
	Nillable      bool // false: the field is required, unless Default is set
	Createable    bool
	Updateable    bool

	Picklist   []string // the active values
	Restricted bool     // other values are refused
	Default    any      // the value of a new record that gives none

	ReferenceTo  string // of a reference: the object referred to
	Relationship string // of a reference: the name that leads there in SOQL, such as Owner

	// Joins makes the field a computed text: these fields' values with a space between them.
	Joins []string

	slot   int    // where a record keeps the field's value
	folded string // the name in lower case
}

// Rule is a validation rule. It is asked about every record that is created or updated through the API.
type Rule struct {
	Name     string
	Message  string // what the row is refused with, as FIELD_CUSTOM_VALIDATION_EXCEPTION
	Field    string // the field the message stands beside; "" for the top of the page
	Inactive bool   // the rule is there, but nobody asks it
	// Broken tells whether the rule refuses the record. before is empty for a new record. Neither may be kept.
	Broken func(before, after Values) bool
}

// Values are what a record holds, as Record.Fields has it.
type Values struct {
	object *object
	slots  []any // nil for a record that doesn't exist
}

// Get returns the value of a field, nil for null.
func (v Values) Get(field string) any {
	f := v.object.field(field)
	if f == nil || v.slots == nil {
		return nil
	}
	return v.slots[f.slot]
}

// NeverDecreases is the rule PRIORVALUE(field) > field: a write older than what is stored is refused, and so is one that
// removes what is stored.
func NeverDecreases(field string) Rule {
	return Rule{
		Name:    strings.TrimSuffix(field, "__c") + "_Guard",
		Message: "A newer score is already stored.",
		Field:   field,
		Broken: func(before, after Values) bool {
			prior, hadPrior := before.Get(field).(float64)
			now, hasNow := after.Get(field).(float64)
			return hadPrior && (!hasNow || prior > now)
		},
	}
}
