package salesforce_test

import (
	"regexp"
	"slices"
	"testing"
)

// save is what a validation rule sees of a record that is being saved. Fields without a value are blank.
type save struct {
	isNew         bool
	before, after map[string]float64
}

// formula evaluates a rule's formula, as far as the guard needs: AND, OR, NOT, ISNEW, ISBLANK, PRIORVALUE and ">". As
// Salesforce documents, PRIORVALUE of a new record is its value; nothing is greater than a blank, nor the other way round.
type formula struct {
	t      *testing.T
	tokens []string
	save
}

var formulaToken = regexp.MustCompile(`[A-Za-z_]+|[(),>]|[^\s]`)

// broken says whether the rule refuses the record.
func broken(t *testing.T, text string, s save) bool {
	t.Helper()
	f := &formula{t: t, tokens: formulaToken.FindAllString(text, -1), save: s}
	result := f.truth()
	if len(f.tokens) > 0 {
		t.Fatalf("left over: %q", f.tokens)
	}
	return result
}

func (f *formula) next() string {
	if len(f.tokens) == 0 {
		f.t.Fatal("the formula ends too early")
	}
	token := f.tokens[0]
	f.tokens = f.tokens[1:]
	return token
}

func (f *formula) expect(token string) {
	f.t.Helper()
	if got := f.next(); got != token {
		f.t.Fatalf("%q stands where %q belongs", got, token)
	}
}

// arguments reads what stands in parentheses, which may be nothing.
func (f *formula) arguments() (values []bool) {
	f.expect("(")
	if f.tokens[0] == ")" {
		f.next()
		return nil
	}
	for {
		values = append(values, f.truth())
		if token := f.next(); token == ")" {
			return values
		} else if token != "," {
			f.t.Fatalf("%q stands between arguments", token)
		}
	}
}

func (f *formula) truth() bool {
	switch f.tokens[0] {
	case "AND":
		f.next()
		return !slices.Contains(f.arguments(), false)
	case "OR":
		f.next()
		return slices.Contains(f.arguments(), true)
	case "NOT":
		f.next()
		return !f.arguments()[0]
	case "ISNEW":
		f.next()
		f.arguments()
		return f.isNew
	case "ISBLANK":
		f.next()
		f.expect("(")
		_, filled := f.value()
		f.expect(")")
		return !filled
	default:
		left, hasLeft := f.value()
		f.expect(">")
		right, hasRight := f.value()
		return hasLeft && hasRight && left > right
	}
}

func (f *formula) value() (value float64, filled bool) {
	name := f.next()
	if name != "PRIORVALUE" {
		value, filled = f.after[name]
		return value, filled
	}
	f.expect("(")
	name = f.next()
	f.expect(")")
	if f.isNew {
		value, filled = f.after[name]
	} else {
		value, filled = f.before[name]
	}
	return value, filled
}

func TestTheRuleRefusesAnOlderVersionAndNothingElse(t *testing.T) {
	rule := components(t)["ValidationRule"]["Lead_Score_Version_Guard"]
	version := mapped(t, "version")
	if rule.node == nil || rule.get("active") != "true" || rule.get("errorDisplayField") != version {
		t.Fatalf("the rule is not active, or its message does not stand beside %s: %+v", version, rule)
	}
	with := func(v float64) map[string]float64 { return map[string]float64{version: v} }
	none := map[string]float64{}
	const older, newer = 1_795_000_000_000_000, 1_795_000_000_000_001
	for _, c := range []struct {
		name string
		save save
		want bool
	}{
		{"a new lead without a version", save{isNew: true, after: none}, false},
		{"a new lead with a version", save{isNew: true, after: with(older)}, false},
		{"the first version of a lead", save{before: none, after: with(older)}, false},
		{"a newer version", save{before: with(older), after: with(newer)}, false},
		{"the same version again", save{before: with(newer), after: with(newer)}, false},
		{"an older version", save{before: with(newer), after: with(older)}, true},
		{"an edit of a lead that has a version", save{before: with(newer), after: with(newer)}, false},
		{"an edit of a lead that has none", save{before: none, after: none}, false},
		{"the version is removed", save{before: with(newer), after: none}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := broken(t, rule.get("errorConditionFormula"), c.save); got != c.want {
				t.Errorf("refused: %t, want %t", got, c.want)
			}
		})
	}
}
