package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/simpleforce/simpleforce"

	"scored/pipeline"
)

// checkedFor is how long a mapping that was found good is trusted, and what the org said of its guard. A write that the
// mapping refuses ends the trust at once, and so does a restart.
const checkedFor = 6 * time.Hour

// checked is what the org was last found to be like.
type checked struct {
	mapping time.Time // when it was found good; zero if it must be looked at
	lengths lengths
	guard   time.Time // when the org said whether it is guarded; zero if it must be asked
	guarded bool
}

// lengths holds how many UTF-16 units the fields have room for whose text comes from a bundle; 0 if there is no such field.
type lengths struct{ model, grade int }

// Preflight logs in, unless a session is at hand, and checks with Describe that the integration user may write every
// mapped field and that the fields can hold their values, and with the Tooling API that the org refuses older versions,
// unless that was found within [checkedFor]. Its error is a Configuration problem that lists all faults; an org without
// the guard gets a warning in the log. The identity is the org's Id of 18 characters.
func (s *Sink) Preflight(ctx context.Context) (pipeline.Ready, error) {
	current, err := s.open(ctx, nil)
	if err != nil {
		return pipeline.Ready{}, err
	}
	s.mu.Lock()
	known := s.checked
	s.mu.Unlock()
	if time.Since(known.mapping) >= checkedFor {
		object, err := s.describe(ctx)
		if err != nil {
			return pipeline.Ready{}, fmt.Errorf("describe %s: %w", s.cfg.Object, err)
		}
		if faults := s.cfg.faults(object); len(faults) > 0 {
			return pipeline.Ready{}, &pipeline.Problem{Class: pipeline.Configuration,
				Err: fmt.Errorf("%s in org %s can't take the scores: %w", s.cfg.Object, current.org, errors.Join(faults...)),
				Hint: "Salesforce hides what a user may not see: deploy the fields, then give the integration user " +
					"read and edit access to them (field-level security, best by a permission set)"}
		}
		known = checked{mapping: time.Now(), lengths: s.cfg.lengths(object)}
	}
	if time.Since(known.guard) >= checkedFor {
		var final bool
		if known.guarded, final = s.guarded(ctx); final {
			known.guard = time.Now()
		}
	}
	s.mu.Lock()
	s.checked = known
	s.mu.Unlock()
	return pipeline.Ready{Identity: current.org, Guarded: known.guarded}, nil
}

// distrust makes the next preflight look at the org again.
func (s *Sink) distrust() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checked = checked{}
}

// description is what Describe says of an object, as far as it matters here.
type description struct {
	Name       string             `json:"name"`
	Updateable bool               `json:"updateable"`
	Fields     []fieldDescription `json:"fields"`
}

type fieldDescription struct {
	Name       string `json:"name"`
	Type       string `json:"type"`
	Length     int    `json:"length"`
	Precision  int    `json:"precision"`
	Scale      int    `json:"scale"`
	Updateable bool   `json:"updateable"`
	Nillable   bool   `json:"nillable"`
	ExternalID bool   `json:"externalId"`
	Unique     bool   `json:"unique"`
	Rich       bool   `json:"htmlFormatted"`
}

func (s *Sink) describe(ctx context.Context) (*description, error) {
	var d description
	err := s.call(ctx, func(c *simpleforce.Client) error {
		meta := c.SObject(s.cfg.Object).Describe()
		if meta == nil {
			return garbled("no description")
		}
		text, err := json.Marshal(meta)
		if err == nil {
			err = json.Unmarshal(text, &d)
		}
		if err != nil || len(d.Fields) == 0 {
			return garbled("no description of fields")
		}
		return nil
	})
	return &d, err
}

// faults compares the mapping with the object.
func (c *Config) faults(object *description) (faults []error) {
	if !object.Updateable {
		faults = append(faults, errors.New("the integration user may not edit the object"))
	}
	if c.Operation == Upsert {
		if f := object.field(c.ExternalID); f == nil {
			faults = append(faults, fmt.Errorf("external_id %s: missing, or hidden from the integration user", c.ExternalID))
		} else if what := f.keyFault(); what != "" {
			faults = append(faults, fmt.Errorf("external_id %s: %s", c.ExternalID, what))
		}
	}
	for _, m := range c.Fields {
		f := object.field(m.Field)
		if f == nil {
			faults = append(faults, fmt.Errorf("field %s: missing, or hidden from the integration user", m.Field))
			continue
		}
		if !f.Updateable {
			faults = append(faults, fmt.Errorf("field %s: the integration user may not edit it", m.Field))
		}
		if what := f.valueFault(m.Value); what != "" {
			faults = append(faults, fmt.Errorf("field %s: %s", m.Field, what))
		}
	}
	return faults
}

// field finds a field by its API name, whose case does not matter in Salesforce.
func (d *description) field(name string) *fieldDescription {
	i := slices.IndexFunc(d.Fields, func(f fieldDescription) bool { return strings.EqualFold(f.Name, name) })
	if i < 0 {
		return nil
	}
	return &d.Fields[i]
}

// keyFault says why the field can't be the key of an upsert, "" if it can.
func (f *fieldDescription) keyFault() string {
	switch {
	case !f.ExternalID:
		return "is not marked as external id"
	case !f.Unique:
		return "is not unique: two records could match, and the integration user would need View All Data"
	case f.Type != "string" && f.Type != "email":
		return fmt.Sprintf("is of type %s, and the keys are text", f.Type)
	default:
		return ""
	}
}

// valueFault says why the field can't hold the value, "" if it can.
func (f *fieldDescription) valueFault(v Value) string {
	types, whole := v.needs()
	switch {
	case !slices.Contains(types, f.Type):
		return fmt.Sprintf("is of type %s, and %s needs %s", f.Type, v, strings.Join(types, " or "))
	case f.Type == "double" && f.Precision > 0 && f.Precision-f.Scale < whole:
		return fmt.Sprintf("has room for %d digits before the point, and %s needs %d", f.Precision-f.Scale, v, whole)
	case v == Probability && f.Precision > 0 && f.Scale == 0:
		return "has no decimals, and probability needs some (six are sent)"
	case v == Reasons:
		return f.reasonsFault()
	default:
		return ""
	}
}

// reasonsFault says why a field for text can't hold reasons, "" if it can. A text area is as good as a text field, also a
// long one, by which nobody can filter.
func (f *fieldDescription) reasonsFault() string {
	switch {
	case f.Length < reasonsLength:
		return fmt.Sprintf("has room for %d characters, and reasons needs %d: make it Text(255), or a text area", f.Length, reasonsLength)
	case f.Rich:
		return "is rich text, which would take reasons for HTML: make it Text(255), or a plain text area"
	case !f.Nillable:
		return "is required, and a score without reasons empties it"
	case f.Unique:
		return "is unique, and two leads may have the same reasons"
	default:
		return ""
	}
}

// lengths takes the lengths from the object's description.
func (c *Config) lengths(object *description) (l lengths) {
	if f := object.field(c.fieldOf(Model)); f != nil {
		l.model = f.Length
	}
	if f := object.field(c.fieldOf(Grade)); f != nil {
		l.grade = f.Length
	}
	return l
}

// fits checks that the fields have room for what the bundle brings along, as far as a preflight has seen them: every row
// would be refused, or each that has the grade.
func (s *Sink) fits(model string, changes []pipeline.Change) error {
	s.mu.Lock()
	room := s.checked.lengths
	s.mu.Unlock()
	fault := func(v Value, need, room int) error {
		return &pipeline.Problem{Class: pipeline.Configuration,
			Err:  fmt.Errorf("field %s has room for %d characters, and the bundle's %s needs %d", s.cfg.fieldOf(v), room, v, need),
			Hint: "make the field longer, or the name in the bundle shorter"}
	}
	if need := units(model); room.model > 0 && need > room.model {
		return fault(Model, need, room.model)
	}
	for i := range changes {
		// A text has no more units than bytes.
		if grade := changes[i].Grade; room.grade > 0 && len(grade) > room.grade && units(grade) > room.grade {
			return fault(Grade, units(grade), room.grade)
		}
	}
	return nil
}

// units is the length of a text as Salesforce counts it.
func units(text string) (n int) {
	for _, r := range text {
		n += utf16.RuneLen(r)
	}
	return n
}
