package salesforce

import (
	"cmp"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"scored/pipeline"
)

// Every code that the documentation of the API and of this program name, and what it means for a delivery.
func TestClasses(t *testing.T) {
	for class, codes := range map[pipeline.Class][]string{
		pipeline.Expired:   {"INVALID_SESSION_ID"},
		pipeline.Exhausted: {"REQUEST_LIMIT_EXCEEDED", "API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED", "EXCEEDEDQUOTA", "EXCEEDED_QUOTA"},
		pipeline.TryAgain: {"SERVER_UNAVAILABLE", "UNABLE_TO_LOCK_ROW", "REQUEST_RUNNING_TOO_LONG", "QUERY_TIMEOUT", "INVALIDJOBSTATE",
			"INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE"},
		pipeline.Terminal: {"CANNOT_UPDATE_CONVERTED_LEAD", "ENTITY_IS_DELETED"},
		pipeline.Rejected: {"MALFORMED_ID", "INVALID_CROSS_REFERENCE_KEY", "DUPLICATES_DETECTED", "FIELD_CUSTOM_VALIDATION_EXCEPTION",
			"REQUIRED_FIELD_MISSING", "DUPLICATE_VALUE", "STRING_TOO_LONG", "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "INSUFFICIENT_ACCESS_OR_READONLY",
			"FIELD_FILTER_VALIDATION_EXCEPTION", "INVALID_NUMBER", "A_CODE_OF_NEXT_YEAR", ""},
		pipeline.Configuration: {"INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE", "INVALID_TYPE", "INVALID_TYPE_ON_FIELD_IN_RECORD", "NOT_FOUND",
			"UNSUPPORTED_API_VERSION", "INSUFFICIENT_ACCESS", "FUNCTIONALITY_NOT_ENABLED", "FEATURENOTENABLED", "INVALIDENTITY", "INVALIDJOB"},
	} {
		for _, code := range codes {
			if got := classOf(code, "UNABLE"); got != class {
				t.Errorf("%s is %s, want %s", code, got, class)
			}
		}
	}
	if got := classOf("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "LeadTrigger: caused by: UNABLE_TO_LOCK_ROW, unable"); got != pipeline.TryAgain {
		t.Errorf("a lock that a trigger met is %s", got)
	}
}

func TestVerdict(t *testing.T) {
	const guard = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
	unversioned := &Config{Fields: []Field{{"Lead_Score__c", Score}}}
	for _, c := range []struct {
		name   string
		config *Config
		code   string
		fields []string
		status pipeline.Status
		class  pipeline.Class
		says   string // "m" if ""
	}{
		{"the guard", leads, guard, []string{"Lead_Score_Version__c"}, pipeline.Stale, pipeline.Outdated, ""},
		{"the guard, in another case", leads, guard, []string{"LEAD_SCORE_VERSION__C"}, pipeline.Stale, pipeline.Outdated, ""},
		{"the guard, and another rule with it", leads, guard, []string{"Status", "Lead_Score_Version__c"}, pipeline.Stale, pipeline.Outdated, ""},
		{"another rule", leads, guard, []string{"Lead_Score__c"}, pipeline.Refused, pipeline.Rejected, ""},
		{"a rule with its error on top of the page", leads, guard, nil, pipeline.Refused, pipeline.Rejected, ""},
		{"the guard with its error on top of the page", leads, guard, nil, pipeline.Stale, pipeline.Outdated, guardMessage},
		{"its message with another error", leads, "INVALID_FIELD", nil, pipeline.Refused, pipeline.Configuration, guardMessage},
		{"its message without a version", unversioned, guard, nil, pipeline.Refused, pipeline.Rejected, guardMessage},
		{"another error of the version", leads, "NUMBER_OUTSIDE_VALID_RANGE", []string{"Lead_Score_Version__c"}, pipeline.Refused, pipeline.Rejected, ""},
		{"no version", unversioned, guard, []string{"Lead_Score_Version__c"}, pipeline.Refused, pipeline.Rejected, ""},
		{"no version and no field's name", unversioned, guard, []string{""}, pipeline.Refused, pipeline.Rejected, ""},
		{"a lock", leads, "UNABLE_TO_LOCK_ROW", nil, pipeline.Retry, pipeline.TryAgain, ""},
		{"a converted lead", leads, "CANNOT_UPDATE_CONVERTED_LEAD", nil, pipeline.Refused, pipeline.Terminal, ""},
		{"a field that is gone", leads, "INVALID_FIELD", []string{"X__c"}, pipeline.Refused, pipeline.Configuration, ""},
	} {
		c.says = cmp.Or(c.says, "m")
		o := c.config.verdict(c.code, c.says, c.fields)
		if o.Status != c.status || o.Class != c.class || o.Code != c.code || o.Message != c.says || o.Key != "" {
			t.Errorf("%s: %+v, want %s, %s", c.name, o, c.status, c.class)
		}
	}
}

// Of several errors of a row it matters first whether it is outdated, then whether it may be sent again.
func TestOfSeveralErrorsTheOneThatDecides(t *testing.T) {
	const guard = `{"statusCode":"FIELD_CUSTOM_VALIDATION_EXCEPTION","fields":["Lead_Score_Version__c"]}`
	const lock, other = `{"statusCode":"UNABLE_TO_LOCK_ROW"}`, `{"statusCode":"STRING_TOO_LONG"}`
	for _, c := range []struct {
		errors string
		status pipeline.Status
	}{
		{other + "," + lock + "," + guard, pipeline.Stale}, {guard + "," + lock, pipeline.Stale},
		{other + "," + lock + "," + other, pipeline.Retry}, {other + "," + other, pipeline.Refused},
	} {
		got, err := leads.parseResults([]byte(`[{"success":false,"errors":[`+c.errors+`]}]`), nil, 1)
		if err != nil || got[0].Status != c.status {
			t.Errorf("%s: %+v, %v; want %s", c.errors, got, err, c.status)
		}
	}
}

func FuzzVerdict(f *testing.F) {
	f.Add("STRING_TOO_LONG", strings.Repeat("é", 200), "Lead_Score__c")
	f.Add("Jane Doe", "\x80\x80\x80"+strings.Repeat("\x80", 300), "jane@example.com")
	f.Fuzz(func(t *testing.T, code, message, field string) {
		o := leads.verdict(code, message, []string{field})
		if len(o.Message) > maxMessage || !utf8.ValidString(o.Message) || !codeForm.MatchString(o.Code) || o.Class == 0 || o.Status == 0 {
			t.Fatalf("%+v", o)
		}
		for _, name := range o.Fields {
			if !fieldForm.MatchString(name) {
				t.Fatalf("field %q", name)
			}
		}
		if fmt.Sprint(o.Status) == "invalid" {
			t.Fatal(o.Status)
		}
	})
}
