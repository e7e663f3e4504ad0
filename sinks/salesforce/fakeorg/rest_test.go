package fakeorg_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A request that is refused as a whole, with its status and error code.
func TestRefusedRequests(t *testing.T) {
	s := start(t, config())
	id := s.lead("L000001")
	deleted := s.lead("L000002")
	if err := s.Delete("Lead", deleted); err != nil {
		t.Fatal(err)
	}
	many := make([]string, 201)
	for i := range many {
		many[i] = fmt.Sprintf(`"id":%q`, id)
	}
	const all, byKey = "/composite/sobjects", "/composite/sobjects/Lead/Lead_Key__c"
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		code               string
		words              string
	}{
		"version to come":             {"GET", "/services/data/v69.0/limits", "", 404, "NOT_FOUND", "does not exist"},
		"retired version":             {"GET", "/services/data/v30.0/limits", "", 410, "UNSUPPORTED_API_VERSION", "30.0"},
		"retired version, no path":    {"GET", "/services/data/v21.0/x/y/z", "", 410, "UNSUPPORTED_API_VERSION", "21.0"},
		"version without v":           {"GET", "/services/data/66.0/limits", "", 404, "NOT_FOUND", ""},
		"version with a minor":        {"GET", "/services/data/v66.1/limits", "", 404, "NOT_FOUND", ""},
		"no such resource":            {"GET", "/shoes", "", 404, "NOT_FOUND", "The requested resource does not exist"},
		"no such object":              {"GET", "/sobjects/Shoe__c/describe", "", 404, "NOT_FOUND", ""},
		"method":                      {"PUT", "/limits", "", 405, "METHOD_NOT_ALLOWED", "HTTP Method 'PUT' not allowed. Allowed are GET"},
		"method of a collection":      {"GET", all, "", 405, "METHOD_NOT_ALLOWED", "DELETE,PATCH,POST"},
		"no record":                   {"GET", "/sobjects/Lead/00QDn0000zzzzzzMAA", "", 404, "NOT_FOUND", ""},
		"record of another object":    {"GET", "/sobjects/Lead/" + s.UserID(rep), "", 404, "NOT_FOUND", "Provided external ID field"},
		"not an id":                   {"GET", "/sobjects/Lead/x", "", 404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: x"},
		"deleted record":              {"GET", "/sobjects/Lead/" + deleted, "", 404, "ENTITY_IS_DELETED", "entity is deleted"},
		"field that is not there":     {"GET", "/sobjects/Lead/" + id + "?fields=Id,Shoe__c", "", 400, "INVALID_FIELD", "Shoe__c"},
		"field that is hidden":        {"GET", "/sobjects/Lead/" + id + "?fields=Phone", "", 400, "INVALID_FIELD", "Phone"},
		"no external id":              {"GET", "/sobjects/Lead/City/Berlin", "", 404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: City"},
		"no record with that key":     {"GET", "/sobjects/Lead/Lead_Key__c/L9", "", 404, "NOT_FOUND", ""},
		"delete, no record":           {"DELETE", "/sobjects/Lead/00QDn0000zzzzzzMAA", "", 404, "NOT_FOUND", ""},
		"delete a user":               {"DELETE", "/sobjects/User/" + s.UserID(rep), "", 400, "INVALID_TYPE_FOR_OPERATION", "User"},
		"update a user":               {"PATCH", "/sobjects/User/" + s.UserID(rep), `{"Name":"x"}`, 400, "INVALID_TYPE_FOR_OPERATION", "User"},
		"update, no record":           {"PATCH", "/sobjects/Lead/00QDn0000zzzzzzMAA", `{"Lead_Score__c":1}`, 404, "NOT_FOUND", "does not exist"},
		"update, not an id":           {"PATCH", "/sobjects/Lead/x", `{"Lead_Score__c":1}`, 404, "NOT_FOUND", "Provided external ID field"},
		"update, deleted record":      {"PATCH", "/sobjects/Lead/" + deleted, `{"Lead_Score__c":1}`, 404, "ENTITY_IS_DELETED", "entity is deleted"},
		"update, id in the body":      {"PATCH", "/sobjects/Lead/" + id, `{"Id":"` + id + `"}`, 400, "INVALID_FIELD", "Id field"},
		"update, row refused":         {"PATCH", "/sobjects/Lead/" + id, `{"Lead_Score__c":1000}`, 400, "NUMBER_OUTSIDE_VALID_RANGE", ""},
		"create, id in the body":      {"POST", "/sobjects/Lead", `{"Id":"` + id + `"}`, 400, "INVALID_FIELD_FOR_INSERT_UPDATE", "Id"},
		"create, read-only field":     {"POST", "/sobjects/Lead", `{"Company":"x"}`, 400, "INVALID_FIELD_FOR_INSERT_UPDATE", "Company"},
		"create, field missing":       {"POST", "/sobjects/Lead", `{"Lead_Score__c":1}`, 400, "REQUIRED_FIELD_MISSING", "[LastName, Company]"},
		"upsert, key in the body":     {"PATCH", "/sobjects/Lead/Lead_Key__c/L1", `{"Lead_Key__c":"L1"}`, 400, "INVALID_FIELD", "Lead_Key__c field"},
		"upsert by no external id":    {"PATCH", "/sobjects/Lead/City/Berlin", `{}`, 404, "NOT_FOUND", "City"},
		"no JSON":                     {"PATCH", all, `rubbish`, 400, "JSON_PARSER_ERROR", "Unexpected character ('r' (code 114)) at [line:1, column:1]"},
		"no JSON further down":        {"PATCH", all, "{\n \"records\": [x]}", 400, "JSON_PARSER_ERROR", "[line:2, column:"},
		"half a JSON":                 {"PATCH", all, `{"records":[{"a`, 400, "JSON_PARSER_ERROR", "Unexpected end-of-input"},
		"more than a JSON":            {"PATCH", all, `{"records":[]} {}`, 400, "JSON_PARSER_ERROR", ""},
		"no body":                     {"PATCH", all, "", 400, "JSON_PARSER_ERROR", "Unexpected end-of-input"},
		"a list":                      {"PATCH", all, `[]`, 400, "JSON_PARSER_ERROR", "START_ARRAY"},
		"too deep":                    {"PATCH", all, strings.Repeat(`{"a":`, 50), 400, "JSON_PARSER_ERROR", ""},
		"no records":                  {"PATCH", all, `{}`, 400, "MISSING_ARGUMENT", "records"},
		"records that are none":       {"PATCH", all, `{"records":[1]}`, 400, "JSON_PARSER_ERROR", "VALUE_NUMBER_INT value 1"},
		"201 records":                 {"PATCH", all, records(many...), 400, "EXCEEDED_ID_LIMIT", "cannot submit more than 200 records"},
		"no type":                     {"PATCH", all, `{"records":[{"id":"x"}]}`, 400, "INVALID_INPUT", "attributes"},
		"unknown type":                {"PATCH", all, `{"records":[{"attributes":{"type":"Shoe__c"}}]}`, 400, "INVALID_TYPE", "Shoe__c"},
		"read-only type":              {"PATCH", all, `{"records":[{"attributes":{"type":"User"}}]}`, 400, "INVALID_TYPE_FOR_OPERATION", "User"},
		"another type than the path":  {"PATCH", byKey, `{"records":[{"attributes":{"type":"Account"}}]}`, 400, "INVALID_TYPE", "Account"},
		"unknown field":               {"PATCH", all, records(`"id":"` + id + `","Shoe__c":1`), 400, "INVALID_FIELD", "No such column 'Shoe__c' on sobject of type Lead"},
		"hidden field":                {"PATCH", all, records(`"id":"` + id + `","Phone":"1"`), 400, "INVALID_FIELD", "No such column 'Phone'"},
		"text for a number":           {"PATCH", all, records(`"id":"` + id + `","Lead_Score__c":"high"`), 400, "JSON_PARSER_ERROR", "Cannot deserialize instance of double from VALUE_STRING value high or request may be missing a required field at [line:1, column:"},
		"hexadecimal for a number":    {"PATCH", all, records(`"id":"` + id + `","Lead_Score__c":"0x10"`), 400, "JSON_PARSER_ERROR", "double"},
		"a truth for a number":        {"PATCH", all, records(`"id":"` + id + `","Lead_Score__c":true`), 400, "JSON_PARSER_ERROR", "VALUE_TRUE value true"},
		"an object for a text":        {"PATCH", all, records(`"id":"` + id + `","Lead_Grade__c":{}`), 400, "JSON_PARSER_ERROR", "string from START_OBJECT"},
		"a time without a zone":       {"PATCH", all, records(`"id":"` + id + `","Lead_Scored_At__c":"2026-11-22T13:15:00"`), 400, "JSON_PARSER_ERROR", "datetime from VALUE_STRING"},
		"a number for a time":         {"PATCH", all, records(`"id":"` + id + `","Lead_Scored_At__c":1795353300`), 400, "JSON_PARSER_ERROR", "datetime from VALUE_NUMBER_INT"},
		"words for a truth":           {"PATCH", all, records(`"id":"` + id + `","IsConverted":"maybe"`), 400, "JSON_PARSER_ERROR", "boolean from VALUE_STRING"},
		"upsert collection by no key": {"PATCH", "/composite/sobjects/Lead/City", records(`"City":"x"`), 404, "NOT_FOUND", "City"},
		"delete nothing":              {"DELETE", all, "", 400, "MISSING_ARGUMENT", "ids"},
		"delete 201":                  {"DELETE", all + "?ids=" + strings.Repeat(id+",", 201), "", 400, "EXCEEDED_ID_LIMIT", "200"},
		"retrieve without fields":     {"GET", "/composite/sobjects/Lead?ids=" + id, "", 400, "MISSING_ARGUMENT", "fields"},
		"retrieve no field":           {"GET", "/composite/sobjects/Lead?fields=Shoe__c&ids=" + id, "", 400, "INVALID_FIELD", "Shoe__c"},
		"retrieve by no id":           {"POST", "/composite/sobjects/Lead", `{"ids":["x"],"fields":["Id"]}`, 400, "MALFORMED_ID", "x"},
		"retrieve, bad body":          {"POST", "/composite/sobjects/Lead", `{`, 400, "JSON_PARSER_ERROR", ""},
		"an empty query":              {"GET", "/query?q=", "", 400, "MALFORMED_QUERY", "empty"},
		"a locator that is none":      {"GET", "/query/01gDn0000000009IAA-2000", "", 400, "INVALID_QUERY_LOCATOR", "invalid query locator"},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.do(s.login(), c.method, c.path, c.body)
			if got.status != c.status || got.code() != c.code || !strings.Contains(got.text, c.words) {
				t.Errorf("got %d %s, want %d %s %q", got.status, got.text, c.status, c.code, c.words)
			}
		})
	}
	if s.field(id, "Lead_Score__c") != nil || len(s.Records("Lead")) != 2 {
		t.Error("a refused request left something behind")
	}
}

func TestBodies(t *testing.T) {
	s := start(t, config())
	id := s.lead("L000001")
	body := records(`"id":"` + id + `","Lead_Score__c":7`)
	bomb := zipped(strings.Repeat(" ", 50<<20+1))
	for name, c := range map[string]struct {
		body, kind, encoding string
		status               int
		code                 string
	}{
		"plain":            {body, "application/json; charset=UTF-8", "", 200, ""},
		"gzip":             {zipped(body), "application/json", "gzip", 200, ""},
		"not gzip":         {body, "application/json", "gzip", 400, "UNKNOWN_EXCEPTION"},
		"half a gzip":      {zipped(body)[:20], "application/json", "gzip", 400, "UNKNOWN_EXCEPTION"},
		"unknown encoding": {body, "application/json", "br", 400, "UNKNOWN_EXCEPTION"},
		"CSV":              {body, "text/csv", "", 415, "UNSUPPORTED_MEDIA_TYPE"},
		"no type":          {body, "", "", 415, "UNSUPPORTED_MEDIA_TYPE"},
		"too large":        {bomb, "application/json", "gzip", 413, "REQUEST_TOO_LARGE"},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.do(s.login(), "PATCH", "/composite/sobjects", c.body, "Content-Type: "+c.kind, "Content-Encoding: "+c.encoding)
			if got.status != c.status || got.code() != c.code {
				t.Errorf("got %d %s, want %d %s", got.status, got.text, c.status, c.code)
			}
		})
	}
}

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return b.String()
}

func TestPathsThatClientsSend(t *testing.T) {
	s := start(t, config())
	s.lead("a/b c%")
	token := s.login()
	for _, path := range []string{"/services/data/v66.0/", "/services//data//v51.0/limits", "/services/data/v31.0/limits/",
		"/sobjects/lead/describe", "/sobjects/Lead", "/sobjects/Lead/Lead_Key__c/a%2Fb%20c%25"} {
		if got := s.do(token, "GET", path, ""); got.status != 200 {
			t.Errorf("%s: %d %s", path, got.status, got.text)
		}
	}
	got := s.do(token, "POST", "/sobjects/Lead/Lead_Key__c/a%2Fb%20c%25?_HttpMethod=PATCH", `{"Lead_Score__c":5}`)
	if got.status != 200 {
		t.Errorf("a POST that stands for PATCH: %d %s", got.status, got.text)
	}
	if got := s.do(token, "HEAD", "/limits", ""); got.status != 200 || got.text != "" {
		t.Errorf("HEAD: %d %s", got.status, got.text)
	}
}

func TestDailyLimit(t *testing.T) {
	clock := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	c := config()
	c.DailyAPILimit = 10
	c.Now = func() time.Time { return clock }
	s := start(t, c)
	token := s.login()
	if got := s.do(token, "GET", "/limits", ""); got.header.Get("Sforce-Limit-Info") != "api-usage=1/10" ||
		!strings.Contains(got.text, `"DailyApiRequests":{"Max":10,"Remaining":9}`) {
		t.Errorf("got %q %s", got.header.Get("Sforce-Limit-Info"), got.text)
	}
	s.do("rubbish", "GET", "/limits", "") // not counted
	s.SpendAPICalls(8)
	if got := s.do(token, "GET", "/shoes", ""); got.status != 404 || got.header.Get("Sforce-Limit-Info") != "api-usage=10/10" {
		t.Errorf("a refused call counts: %d %q", got.status, got.header.Get("Sforce-Limit-Info"))
	}
	got := s.do(token, "GET", "/limits", "")
	if got.status != http.StatusForbidden || got.text != `[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]` {
		t.Errorf("got %d %s", got.status, got.text)
	}
	if s.APIUsage() != 10 {
		t.Errorf("usage is %d", s.APIUsage())
	}
	clock = clock.Add(24 * time.Hour)
	if got := s.do(s.login(), "GET", "/limits", ""); got.status != 200 {
		t.Errorf("the next day: %d %s", got.status, got.text)
	}
}

func TestUserWithoutAPI(t *testing.T) {
	s := start(t, config())
	got := s.do(s.loginAs("muted-app", "x"), "GET", "/limits", "")
	if got.status != http.StatusForbidden || got.code() != "API_DISABLED_FOR_ORG" {
		t.Errorf("got %d %s", got.status, got.text)
	}
}

func TestDescribeHoldsForTheUserWhoAsks(t *testing.T) {
	s := start(t, config())
	for _, c := range []struct {
		token              string
		city, score, phone bool
	}{
		{s.login(), false, true, false},
		{s.loginAdmin(), true, true, true},
	} {
		object := s.do(c.token, "GET", "/sobjects/Lead/describe", "").json.(map[string]any)
		updateable := map[string]any{}
		for _, f := range object["fields"].([]any) {
			f := f.(map[string]any)
			updateable[f["name"].(string)] = f["updateable"]
		}
		_, phone := updateable["Phone"]
		if updateable["City"] != c.city || updateable["Lead_Score__c"] != c.score || phone != c.phone || updateable["Id"] != false ||
			updateable["CreatedDate"] != false || object["updateable"] != true {
			t.Errorf("got %v", updateable)
		}
	}
}
