package fakeorg

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf16"
)

func rowError(code string, fields []string, format string, args ...any) *RowError {
	return &RowError{Code: code, Message: fmt.Sprintf(format, args...), Fields: fields}
}

// checkAccess refuses fields that can't be written, by anybody or by this user.
func checkAccess(u *user, values []assignment, create bool) *RowError {
	var denied []string
	for _, a := range values {
		writeable := a.field.Updateable
		if create {
			writeable = a.field.Createable
		}
		if !writeable || !u.edits(a.field) {
			denied = append(denied, a.field.Name)
		}
	}
	if denied == nil {
		return nil
	}
	return rowError("INVALID_FIELD_FOR_INSERT_UPDATE", denied, "Unable to create/update fields: %s. Please check the "+
		"security settings of this field and verify that it is read/write for your profile or permission set.",
		strings.Join(denied, ", "))
}

// checkValue refuses a value that the field has no room for, rounds numbers to the field's scale and completes ids.
func (o *Org) checkValue(f *Field, value any) (any, *RowError) {
	switch v := value.(type) {
	case nil:
		if f.Type == "boolean" {
			return false, nil
		}
	case string:
		if f.Type == "reference" {
			return o.checkReference(f, v)
		}
		return value, checkText(f, v)
	case float64:
		if f.Type == "int" {
			return v, nil
		}
		unit := math.Pow10(f.Scale)
		rounded := math.Round(v*unit) / unit
		if math.IsInf(v*unit, 0) || math.Abs(rounded) >= math.Pow10(f.Precision-f.Scale) {
			return nil, rowError("NUMBER_OUTSIDE_VALID_RANGE", []string{f.Name},
				"%s: value outside of valid range on numeric field: %s", f.Label, formatNumber(f, v))
		}
		if rounded != v {
			return rounded, nil
		}
	}
	return value, nil
}

func checkText(f *Field, s string) *RowError {
	switch {
	case f.Type == "picklist" && f.Restricted && !slices.Contains(f.Picklist, s):
		return rowError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", []string{f.Name},
			"%s: bad value for restricted picklist field: %s", f.Label, s)
	case f.Type == "email" && !looksLikeEmail(s):
		return rowError("INVALID_EMAIL_ADDRESS", []string{f.Name}, "%s: invalid email address: %s", f.Label, s)
	case f.Length > 0 && len(s) > f.Length && units(s) > f.Length:
		return rowError("STRING_TOO_LONG", []string{f.Name}, "%s: data value too large: %s (max length=%d)", f.Label, s, f.Length)
	}
	return nil
}

// units counts as Java does, which measures text fields: a character outside Unicode's basic plane is two.
func units(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

func looksLikeEmail(s string) bool {
	local, domain, found := strings.Cut(s, "@")
	return found && local != "" && strings.Contains(strings.Trim(domain, "."), ".") && !strings.ContainsAny(s, " ,;<>")
}

// checkRequired refuses a record without one of its required fields.
func checkRequired(o *object, slots []any) *RowError {
	var missing []string
	for _, f := range o.fields {
		if (f.Createable || f.Updateable) && !f.Nillable && slots[f.slot] == nil && f.Type != "reference" {
			missing = append(missing, f.Name)
		}
	}
	if missing == nil {
		return nil
	}
	return rowError("REQUIRED_FIELD_MISSING", missing, "Required fields are missing: [%s]", strings.Join(missing, ", "))
}

// checkReference refuses an id that leads nowhere, and gives the 18-character form of one that doesn't.
func (o *Org) checkReference(f *Field, id string) (string, *RowError) {
	full, err := normalizeID(id)
	target := o.tables[f.ReferenceTo]
	switch {
	case err != nil || target == nil || full[:3] != target.object.KeyPrefix:
		return "", rowError("MALFORMED_ID", []string{f.Name}, "%s: id value of incorrect type: %s", f.Label, id)
	case target.byID[full] == nil || target.byID[full].deleted:
		return "", rowError("INVALID_CROSS_REFERENCE_KEY", []string{f.Name}, "invalid cross reference id")
	}
	return full, nil
}

// checkUnique refuses a value that another record has.
func (t *table) checkUnique(self *record, slots []any) *RowError {
	for _, f := range t.object.fields {
		v := slots[f.slot]
		if !f.Unique || v == nil || self != nil && self.slots[f.slot] == v {
			continue
		}
		for _, other := range t.find(f, v) {
			if other != self {
				return rowError("DUPLICATE_VALUE", nil,
					"duplicate value found: %s duplicates value on record with id: %s", f.Name, other.id)
			}
		}
	}
	return nil
}

// checkRules asks the object's validation rules.
func checkRules(o *object, before, after []any) *RowError {
	for _, rule := range o.Rules {
		if !rule.Inactive && rule.Broken(Values{o, before}, Values{o, after}) {
			var fields []string
			if rule.Field != "" {
				fields = []string{rule.Field}
			}
			return rowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", fields, "%s", rule.Message)
		}
	}
	return nil
}
