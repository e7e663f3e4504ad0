package salesforce_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// clicks says how Setup asks for the field: a number's Length is its digits before the point.
func clicks(t *testing.T, c component) string {
	t.Helper()
	switch c.get("type") {
	case "Number":
		scale := number(t, c.node, "scale")
		return fmt.Sprintf("Number, Length %d, Decimal Places %d", number(t, c.node, "precision")-scale, scale)
	case "DateTime":
		return "Date/Time"
	}
	text := "Text, Length " + c.get("length")
	if c.get("unique") == "true" && c.get("caseSensitive") == "true" && c.get("externalId") == "true" {
		text += "; Unique, case sensitive; External ID"
	}
	return text
}

// Who makes the fields and the rule by hand makes the same as who deploys them.
func TestTheAdminsPageHasTheWholePackage(t *testing.T) {
	page := read(t, "../../docs/salesforce-admin.md")
	var got, want []string
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "| `Lead_") && strings.Count(line, "|") == 4 {
			got = append(got, strings.TrimSpace(line))
		}
	}
	for _, ofType := range components(t) {
		for _, c := range ofType {
			if !strings.Contains(page, "`"+c.name+"`") {
				t.Errorf("the page does not name %s", c.name)
			}
			switch c.typ {
			case "CustomField":
				want = append(want, fmt.Sprintf("| `%s` | %s | %s |", c.name, c.get("label"), clicks(t, c)))
			case "ValidationRule":
				if !strings.Contains(page, "```\n"+c.get("errorConditionFormula")+"\n```") {
					t.Error("the page has another formula than the rule")
				}
				if !strings.Contains(page, "`"+c.get("errorMessage")+"`") {
					t.Error("the page has another message than the rule")
				}
			}
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the page has\n%s\nthe package has\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, path := range manifests {
		if !strings.Contains(page, path) {
			t.Errorf("the page does not use %s", path)
		}
	}
}

// What the page says that a check prints is what the client prints.
func TestTheAdminsPageQuotesTheClient(t *testing.T) {
	page := read(t, "../../docs/salesforce-admin.md")
	files, err := filepath.Glob("../../sinks/salesforce/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	var client strings.Builder
	for _, path := range files {
		if !strings.HasSuffix(path, "_test.go") {
			client.WriteString(read(t, path))
		}
	}
	for _, words := range []string{
		"missing, or hidden from the integration user", "the integration user may not edit it",
		"the integration user may not edit the object", "is not marked as external id", "is not unique",
		"user hasn't approved this consumer", "invalid assertion", "audience is invalid", "invalid_client_id", "invalid_client",
		"no client credentials user enabled", "request not supported on this domain", "unauthorized_client",
		"unsupported_grant_type", "inactive_user", "invalid_grant", "the org does not refuse older scores",
	} {
		if !strings.Contains(page, words) {
			t.Errorf("the page does not say what to do about %q", words)
		}
		if !strings.Contains(client.String(), words) {
			t.Errorf("the page tells of %q, and the client never says so", words)
		}
	}
}

func TestTheRepsPageNamesWhatTheySee(t *testing.T) {
	page := read(t, "../../docs/salesforce-reps.md")
	for name, c := range components(t)["CustomField"] {
		if name != "Lead_Score_Version__c" && !strings.Contains(page, "**"+c.get("label")+"**") {
			t.Errorf("the page does not explain %s", c.get("label"))
		}
	}
	for _, kind := range []struct{ typ, name, element string }{
		{"ListView", "My_Leads_By_Score", "label"}, {"ValidationRule", "Lead_Score_Version_Guard", "errorMessage"},
	} {
		if text := components(t)[kind.typ][kind.name].get(kind.element); !strings.Contains(page, `"`+text+`"`) {
			t.Errorf("the page does not have %q", text)
		}
	}
}
