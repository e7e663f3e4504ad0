package salesforce_test

import (
	"fmt"
	"strings"
	"testing"

	"scored/pipeline"
	"scored/sinks/salesforce"
	"scored/sinks/salesforce/fakeorg"
)

func TestPreflight(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*fakeorg.Config, *salesforce.Config)
		want []string // parts of the error; none for success
	}{
		{"all is there", nil, nil},
		{"by Id no external id is needed", func(o *fakeorg.Config, c *salesforce.Config) {
			updateByID(o, c)
			field(o, "Lead_Key__c").ExternalID = false
		}, nil},
		{"the key itself need not be editable", func(o *fakeorg.Config, _ *salesforce.Config) {
			o.Users[0].Editable = []string{"Lead_Score__c", "Lead_Grade__c", "Lead_Score_Probability__c", "Lead_Score_Model__c",
				"Lead_Score_Version__c", "Lead_Scored_At__c", "Lead_Score_Reasons__c"}
		}, nil},
		{"names in another case", func(_ *fakeorg.Config, c *salesforce.Config) { c.Fields[0].Field = "LEAD_SCORE__C" }, nil},
		{"a misspelled field", func(_ *fakeorg.Config, c *salesforce.Config) { c.Fields[0].Field = "Lead_Scor__c" },
			[]string{"field Lead_Scor__c: missing, or hidden"}},
		{"hidden fields", func(o *fakeorg.Config, _ *salesforce.Config) {
			o.Users[0].Hidden = []string{"Lead_Score__c", "Lead_Key__c"}
		}, []string{"field Lead_Score__c: missing, or hidden", "external_id Lead_Key__c: missing, or hidden"}},
		{"read-only fields, all of them listed", func(o *fakeorg.Config, _ *salesforce.Config) {
			o.Users[0].Editable = []string{"Lead_Score__c"}
		}, []string{"field Lead_Grade__c: the integration user may not edit it", "field Lead_Score_Version__c: the",
			"field Lead_Scored_At__c: the"}},
		{"a key that is no external id", func(o *fakeorg.Config, _ *salesforce.Config) { field(o, "Lead_Key__c").ExternalID = false },
			[]string{"external_id Lead_Key__c: is not marked as external id"}},
		{"a key that is not unique", func(o *fakeorg.Config, _ *salesforce.Config) { field(o, "Lead_Key__c").Unique = false },
			[]string{"external_id Lead_Key__c: is not unique"}},
		{"a key that is a number", func(o *fakeorg.Config, _ *salesforce.Config) { field(o, "Lead_Key__c").Type = "double" },
			[]string{"external_id Lead_Key__c: is of type double"}},
		{"text for numbers and numbers for text", func(_ *fakeorg.Config, c *salesforce.Config) {
			c.Fields[0].Field, c.Fields[1].Field = c.Fields[1].Field, c.Fields[0].Field
		}, []string{"field Lead_Grade__c: is of type string, and score needs double or int",
			"field Lead_Score__c: is of type double, and grade needs string"}},
		{"no room", func(o *fakeorg.Config, _ *salesforce.Config) {
			field(o, "Lead_Score__c").Precision = 2
			field(o, "Lead_Score_Version__c").Precision = 15
			field(o, "Lead_Score_Probability__c").Scale = 0
		}, []string{"field Lead_Score__c: has room for 2 digits", "field Lead_Score_Version__c: has room for 15 digits",
			"field Lead_Score_Probability__c: has no decimals"}},
		{"a date", func(o *fakeorg.Config, _ *salesforce.Config) { field(o, "Lead_Scored_At__c").Type = "date" },
			[]string{"field Lead_Scored_At__c: is of type date, and scored_at needs datetime"}},
		{"reasons as a text area, and as a long one", func(o *fakeorg.Config, c *salesforce.Config) {
			textArea(o, 255)
			long := *field(o, "Lead_Score_Reasons__c")
			long.Name, long.Length = "Lead_Score_Reasons_Long__c", 32_768
			o.Objects[0].Fields = append(o.Objects[0].Fields, long)
			c.Fields = append(c.Fields, salesforce.Field{Field: long.Name, Value: salesforce.Reasons})
		}, nil},
		{"reasons without a field", func(_ *fakeorg.Config, c *salesforce.Config) { c.Fields[6].Field = "Lead_Reasons__c" },
			[]string{"field Lead_Reasons__c: missing, or hidden"}},
		{"reasons in a short text", func(o *fakeorg.Config, _ *salesforce.Config) { field(o, "Lead_Score_Reasons__c").Length = 254 },
			[]string{"field Lead_Score_Reasons__c: has room for 254 characters, and reasons needs 255: make it Text(255), or a text area"}},
		{"reasons in a short text area", func(o *fakeorg.Config, _ *salesforce.Config) { textArea(o, 100) },
			[]string{"field Lead_Score_Reasons__c: has room for 100 characters"}},
		{"reasons in rich text", func(o *fakeorg.Config, _ *salesforce.Config) { textArea(o, 32_768).Rich = true },
			[]string{"field Lead_Score_Reasons__c: is rich text"}},
		{"reasons that must not be empty", func(o *fakeorg.Config, _ *salesforce.Config) { field(o, "Lead_Score_Reasons__c").Nillable = false },
			[]string{"field Lead_Score_Reasons__c: is required, and a score without reasons empties it"}},
		{"reasons that must be unique", func(o *fakeorg.Config, _ *salesforce.Config) { field(o, "Lead_Score_Reasons__c").Unique = true },
			[]string{"field Lead_Score_Reasons__c: is unique"}},
		{"reasons in a number", func(_ *fakeorg.Config, c *salesforce.Config) {
			c.Fields[0].Value, c.Fields[6].Value = salesforce.Reasons, salesforce.Score
		},
			[]string{"field Lead_Score__c: is of type double, and reasons needs string or textarea"}},
		{"an object that can't be written", func(o *fakeorg.Config, _ *salesforce.Config) { o.Objects[0].ReadOnly = true },
			[]string{"may not edit the object"}},
		{"an object that isn't there", func(_ *fakeorg.Config, c *salesforce.Config) { c.Object = "Led" },
			[]string{"describe Led", "NOT_FOUND"}},
		{"a version that isn't there", func(_ *fakeorg.Config, c *salesforce.Config) { c.APIVersion = "199.0" },
			[]string{"describe Lead", "NOT_FOUND"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.edit)
			_, err := w.sink.Preflight(t.Context())
			if c.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if pipeline.ClassOf(err) != pipeline.Configuration || pipeline.HintOf(err) == "" {
				t.Fatalf("not a configuration problem with a hint: %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error lacks %q: %v", want, err)
				}
			}
			fmt.Fprintln(w.logged, err, pipeline.HintOf(err))
		})
	}
}

// textArea makes the field for reasons one for text of several lines.
func textArea(o *fakeorg.Config, length int) *fakeorg.Field {
	f := field(o, "Lead_Score_Reasons__c")
	f.Type, f.Length = "textarea", length
	return f
}

func TestAGoodMappingIsTrustedUntilAWriteDisagrees(t *testing.T) {
	w := newWorld(t, nil)
	describes := func() int { return w.requests("GET", "/describe") }
	for range 3 {
		if _, err := w.sink.Preflight(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n, logins := describes(), w.requests("", tokenPath); n != 1 || logins != 1 {
		t.Errorf("%d describes and %d logins for three preflights, want 1 and 1", n, logins)
	}
	w.org.Inject(fakeorg.Fault{Path: composite, Status: 400, Body: fakeorg.Errors("INVALID_FIELD", "No such column")})
	w.deliver(t.Context(), w.sink, w.insert(1, false), nil)
	if _, err := w.sink.Preflight(t.Context()); err != nil || describes() != 2 {
		t.Errorf("%d describes, want 2; error %v", describes(), err)
	}
}

func TestDescribeFailures(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault fakeorg.Fault
		class pipeline.Class
	}{
		{"503", fakeorg.Fault{Status: 503, Body: "[]"}, pipeline.TryAgain},
		{"lost", fakeorg.Fault{Reset: true}, pipeline.TryAgain},
		{"HTML as success", fakeorg.Fault{Status: 200, Body: "<html>Jane"}, pipeline.TryAgain},
		{"nothing in it", fakeorg.Fault{Status: 200, Body: "{}"}, pipeline.TryAgain},
		{"fields of another kind", fakeorg.Fault{Status: 200, Body: `{"fields":{"a":1}}`}, pipeline.TryAgain},
		{"no API", fakeorg.Fault{Status: 403, Body: fakeorg.Errors("API_DISABLED_FOR_ORG", "Jane")}, pipeline.Exhausted},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			c.fault.Path, c.fault.Times = "/describe", -1
			w.org.Inject(c.fault)
			_, err := w.sink.Preflight(t.Context())
			if pipeline.ClassOf(err) != c.class || !strings.Contains(err.Error(), "describe Lead") || pipeline.HintOf(err) == "" {
				t.Errorf("error %v, hint %q", err, pipeline.HintOf(err))
			}
			fmt.Fprintln(w.logged, err)
		})
	}
}
