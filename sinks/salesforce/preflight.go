package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/simpleforce/simpleforce"

	"scored/pipeline"
)

// checkedFor is how long a mapping that was found good is trusted.
const checkedFor = time.Hour

// Preflight logs in, unless a session is at hand, and checks with Describe that the integration user may write every
// mapped field and that the fields can hold their values, unless that was found so within the hour. Its error is a
// Configuration problem that lists all faults. The identity is the org's Id of 18 characters.
func (s *Sink) Preflight(ctx context.Context) (identity string, err error) {
	current, err := s.open(ctx, nil)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	trusted := !s.checked.IsZero() && time.Since(s.checked) < checkedFor
	s.mu.Unlock()
	if trusted {
		return current.org, nil
	}
	object, err := s.describe(ctx)
	if err != nil {
		return "", fmt.Errorf("describe %s: %w", s.cfg.Object, err)
	}
	if faults := s.cfg.faults(object); len(faults) > 0 {
		return "", &pipeline.Problem{Class: pipeline.Configuration,
			Err: fmt.Errorf("%s in org %s can't take the scores: %w", s.cfg.Object, current.org, errors.Join(faults...)),
			Hint: "Salesforce hides what a user may not see: deploy the fields, then give the integration user " +
				"read and edit access to them (field-level security, best by a permission set)"}
	}
	s.mu.Lock()
	s.checked = time.Now()
	s.mu.Unlock()
	return current.org, nil
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
