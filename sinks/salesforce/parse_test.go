package salesforce

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"scored/pipeline"
)

// leads is a config whose version has a field.
var leads = &Config{Fields: []Field{{"Lead_Score__c", Score}, {"Lead_Score_Version__c", Version}}}

func TestParseResults(t *testing.T) {
	const id = "00QDn0000000001MAA"
	long := strings.Repeat("x", maxMessage-1)
	for _, c := range []struct {
		name, body string
		want       pipeline.Outcome
	}{
		{"accepted", `[{"id":"` + id + `","success":true,"errors":[],"created":false}]`, pipeline.Outcome{Status: pipeline.Accepted}},
		{"created", `[{"id":"` + id + `","success":true,"errors":[],"created":true}]`,
			pipeline.Outcome{Status: pipeline.Accepted, Created: true}},
		{"refused", `[{"success":false,"errors":[{"statusCode":"DUPLICATE_VALUE","message":"taken","fields":["Lead_Key__c"]}]}]`,
			pipeline.Outcome{Status: pipeline.Refused, Class: pipeline.Rejected, Code: "DUPLICATE_VALUE", Fields: []string{"Lead_Key__c"}, Message: "taken"}},
		{"locked", `[{"success":false,"errors":[{"statusCode":"UNABLE_TO_LOCK_ROW","message":"busy"}]}]`,
			pipeline.Outcome{Status: pipeline.Retry, Class: pipeline.TryAgain, Code: "UNABLE_TO_LOCK_ROW", Message: "busy"}},
		{"a lock that a trigger met", `[{"success":false,"errors":[{"statusCode":"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",` +
			`"message":"Trigger: caused by: UNABLE_TO_LOCK_ROW"}]}]`, pipeline.Outcome{Status: pipeline.Retry, Class: pipeline.TryAgain,
			Code: "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", Message: "Trigger: caused by: UNABLE_TO_LOCK_ROW"}},
		{"a trigger's other errors", `[{"success":false,"errors":[{"statusCode":"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",` +
			`"message":"Trigger"}]}]`,
			pipeline.Outcome{Status: pipeline.Refused, Class: pipeline.Rejected, Code: "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", Message: "Trigger"}},
		{"a code and a field that are neither, and so could be data",
			`[{"success":false,"errors":[{"statusCode":"Jane Doe","message":"m","fields":["jane@example.com","Ok__c"]}]}]`,
			pipeline.Outcome{Status: pipeline.Refused, Class: pipeline.Rejected, Code: "UNREADABLE", Fields: []string{"Ok__c"}, Message: "m"}},
		{"a long message is cut between characters", `[{"success":false,"errors":[{"statusCode":"X","message":"` + long + `éz"}]}]`,
			pipeline.Outcome{Status: pipeline.Refused, Class: pipeline.Rejected, Code: "X", Message: long}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := leads.parseResults([]byte(c.body), nil, 1)
			if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", []pipeline.Outcome{c.want}) {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func TestAnswersThatCannotBeTiedToTheRecordsAreVoid(t *testing.T) {
	const a, b = "00QDn0000000001MAA", "00QDn0000000002MAA"
	row := func(id string) string { return `{"id":"` + id + `","success":true,"errors":[]}` }
	for _, c := range []struct{ name, body string }{
		{"HTML", "<html>maintenance</html>"},
		{"empty", ""},
		{"null", "null"},
		{"an empty list", "[]"},
		{"an object", `{"success":true}`},
		{"too few", "[" + row(a) + "]"},
		{"too many", "[" + row(a) + "," + row(b) + "," + row(b) + "]"},
		{"cut off", "[" + row(a) + "," + row(b)},
		{"a row without success", "[" + row(a) + `,{"id":"` + b + `"}]`},
		{"a failure without an error", "[" + row(a) + `,{"success":false,"errors":[]}]`},
		{"a null row", "[" + row(a) + ",null]"},
		{"another order", "[" + row(b) + "," + row(a) + "]"},
		{"no id", "[" + row(a) + "," + row("") + "]"},
	} {
		outcomes, err := leads.parseResults([]byte(c.body), []string{a, b}, 2)
		f, ok := errors.AsType[*failure](err)
		if !ok || !f.uncertain || pipeline.ClassOf(err) != pipeline.TryAgain || outcomes != nil {
			t.Errorf("%s: got %v, %v", c.name, outcomes, err)
		}
	}
}

func FuzzParseResults(f *testing.F) {
	for _, seed := range []string{
		`[{"id":"00QDn0000000001MAA","success":true,"errors":[],"created":true}]`,
		`[{"success":false,"errors":[{"statusCode":"UNABLE_TO_LOCK_ROW","message":"m","fields":["A"]}]}]`,
		`[{"success":false,"errors":[]}]`, `[]`, `null`, `[null]`, `{}`, `<html>`, ``, `[{"success":true}`, "\xff\xfe",
	} {
		f.Add([]byte(seed), 1, true)
	}
	f.Fuzz(func(t *testing.T, body []byte, n int, byID bool) {
		n = min(max(n, 1), maxRecords)
		var ids []string
		if byID {
			for range n {
				ids = append(ids, "00QDn0000000001MAA")
			}
		}
		outcomes, err := leads.parseResults(body, ids, n)
		if err != nil {
			if outcomes != nil || strings.Contains(err.Error(), "statusCode") {
				t.Fatalf("an error beside outcomes, or with the answer's words: %v", err)
			}
			return
		}
		if len(outcomes) != n {
			t.Fatalf("%d outcomes for %d records", len(outcomes), n)
		}
		for _, o := range outcomes {
			known := o.Status == pipeline.Accepted || o.Status == pipeline.Refused || o.Status == pipeline.Retry || o.Status == pipeline.Stale
			if !known || o.Key != "" || len(o.Message) > maxMessage || !utf8.ValidString(o.Message) {
				t.Fatalf("outcome %+v", o)
			}
			if (o.Status == pipeline.Accepted) != (o.Code == "") || (o.Code == "") != (o.Class == 0) || o.Created && o.Status != pipeline.Accepted {
				t.Fatalf("outcome %+v", o)
			}
		}
	})
}

func TestRefusal(t *testing.T) {
	const tryAgain, config, exhausted = pipeline.TryAgain, pipeline.Configuration, pipeline.Exhausted
	body := func(code string) string { return `[{"message":"jane@example.com","errorCode":"` + code + `"}]` }
	for _, c := range []struct {
		status             int
		body               string
		class              pipeline.Class
		uncertain, expired bool
	}{
		{401, body("INVALID_SESSION_ID"), pipeline.Expired, false, true},
		{401, "[]", pipeline.Expired, false, true},
		{403, body("REQUEST_LIMIT_EXCEEDED"), exhausted, false, false},
		{403, body("API_DISABLED_FOR_ORG"), exhausted, false, false},
		{400, body("INVALID_FIELD"), config, false, false},
		{404, body("NOT_FOUND"), config, false, false},
		{410, body("GONE"), config, false, false},
		{400, body("JSON_PARSER_ERROR"), 0, false, false},
		{429, body("TOO_MANY"), tryAgain, false, false},
		{429, "slow down", tryAgain, true, false},
		{403, "<html>proxy</html>", 0, true, false},
		{301, "", config, true, false},
		{500, body("UNKNOWN_EXCEPTION"), tryAgain, true, false},
		{503, body("SERVER_UNAVAILABLE"), tryAgain, true, false},
		{503, body("REQUEST_LIMIT_EXCEEDED"), tryAgain, true, false},
		{502, "[]", tryAgain, true, false},
	} {
		f := refusal(&answer{status: c.status, header: http.Header{}, body: []byte(c.body)})
		if pipeline.ClassOf(f) != c.class || f.uncertain != c.uncertain || f.expired != c.expired {
			t.Errorf("%d %s: class %d, uncertain %t, expired %t: %v", c.status, c.body, pipeline.ClassOf(f), f.uncertain, f.expired, f)
		}
		if strings.Contains(f.Error(), "jane") || strings.Contains(f.Error(), "proxy") {
			t.Errorf("%d: the error repeats the answer: %v", c.status, f)
		}
		if c.class != 0 && pipeline.HintOf(f) == "" {
			t.Errorf("%d %s: no hint", c.status, c.body)
		}
	}
}

// What an operator can do about a limit that is spent depends on the limit.
func TestHintsOfWhatIsExhausted(t *testing.T) {
	for code, words := range map[string]string{"REQUEST_LIMIT_EXCEEDED": "scored budget", "EXCEEDEDQUOTA": "Bulk API", "EXCEEDED_QUOTA": "Bulk API",
		"API_DISABLED_FOR_ORG": "API Enabled", "API_CURRENTLY_DISABLED": "API Enabled"} {
		err := classify(http.StatusForbidden, code, "")
		if hint := pipeline.HintOf(err); pipeline.ClassOf(err) != pipeline.Exhausted || !strings.Contains(hint, words) {
			t.Errorf("%s: %v, hint %q", code, err, hint)
		}
	}
}

func FuzzErrorCode(f *testing.F) {
	f.Add([]byte(`[{"message":"m","errorCode":"INVALID_FIELD","fields":[]}]`))
	f.Add([]byte(`[]`))
	f.Add([]byte(`[{"errorCode":"jane@example.com"}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if code, _ := errorCode(body); code != "" && !codeForm.MatchString(code) {
			t.Fatalf("code %q", code)
		}
	})
}

func FuzzParseSession(f *testing.F) {
	f.Add([]byte(`{"access_token":"00D!x","instance_url":"https://a.my.salesforce.com","token_type":"Bearer",` +
		`"id":"https://login.salesforce.com/id/00D000000000062EAA/005000000000001AAA"}`))
	f.Add([]byte(`{"access_token":"a\nb","instance_url":"http://evil.example","id":"https://x/id/1/2"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := parseSession(body)
		if err != nil {
			if class := pipeline.ClassOf(err); class != pipeline.Configuration && (class != pipeline.TryAgain || json.Valid(body)) {
				t.Fatal(err)
			}
			return
		}
		if s.token == "" || strings.ContainsAny(string(s.token), " \r\n") || len(s.org) != 18 && s.org != s.instance || checkOrigin(s.instance) != nil {
			t.Fatalf("session %+v", s)
		}
	})
}
