package fakeorg_test

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"scored/sinks/salesforce/fakeorg"
)

func (s *site) query(token, soql string, header ...string) reply {
	s.t.Helper()
	return s.do(token, "GET", "/query?q="+url.QueryEscape(soql), "", header...)
}

// keys are the keys of the leads in a result, in order.
func keys(got reply) []string {
	out := []string{}
	object, _ := got.json.(map[string]any)
	list, _ := object["records"].([]any)
	for _, r := range list {
		key, _ := r.(map[string]any)["Lead_Key__c"].(string)
		out = append(out, key)
	}
	return out
}

// portfolio makes six leads: C has no city and no score, F is deleted.
func portfolio(t *testing.T) *site {
	s := start(t, config())
	r := s.UserID(rep)
	s.lead("A", "City", "Berlin", "Lead_Score__c", 90, "OwnerId", r, "Lead_Scored_At__c", "2026-11-22T10:00:00Z", "FirstName", "Ann")
	s.lead("B", "City", "berlin", "Lead_Score__c", 50, "Lead_Scored_At__c", "2026-11-22T11:00:00Z", "Company", "O'Neill \\ 100%")
	s.lead("C")
	s.lead("D", "City", "Bonn", "Lead_Score__c", 50, "OwnerId", r)
	s.lead("E", "City", "Köln", "Lead_Score__c", 10, "IsConverted", true)
	if err := s.Delete("Lead", s.lead("F", "City", "Berlin", "Lead_Score__c", 99)); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestQueries(t *testing.T) {
	s := portfolio(t)
	token := s.login()
	a := s.Records("Lead")[0].ID
	for where, want := range map[string]string{
		"":                       "ABCDE",
		"WHERE City = 'BERLIN'":  "AB",
		"WHERE City != 'Berlin'": "CDE",
		"WHERE City <> 'Berlin' AND City != null":                       "DE",
		"WHERE City = null":                                             "C",
		"WHERE City = ''":                                               "C",
		"WHERE City IN ('Bonn', 'Köln')":                                "DE",
		"WHERE City NOT IN ('Bonn','Köln')":                             "ABC",
		"WHERE City IN (null, 'Bonn')":                                  "CD",
		"WHERE City LIKE 'B%n'":                                         "ABD",
		"WHERE City LIKE 'K_ln'":                                        "E",
		"WHERE City LIKE '%'":                                           "ABDE",
		"WHERE City > 'bes'":                                            "DE",
		`WHERE Company = 'o\'neill \\ 100%'`:                            "B",
		`WHERE Company LIKE '%100\%'`:                                   "B",
		`WHERE Company LIKE '%1\_0%'`:                                   "",
		"WHERE Lead_Score__c >= 50":                                     "ABD",
		"WHERE Lead_Score__c > 50":                                      "A",
		"WHERE Lead_Score__c < 50":                                      "E",
		"WHERE Lead_Score__c <= 5.0E1":                                  "BDE",
		"WHERE Lead_Score__c > -1":                                      "ABDE",
		"WHERE NOT Lead_Score__c > 50":                                  "BCDE",
		"WHERE NOT (City = 'Bonn' OR City = null)":                      "ABE",
		"WHERE (City = 'Bonn' OR City = 'Köln') AND Lead_Score__c = 10": "E",
		"WHERE IsConverted = TRUE":                                      "E",
		"WHERE IsConverted != true AND City != NULL":                    "ABD",
		"WHERE IsDeleted = true":                                        "",
		"WHERE Owner.Name = 'rita rep'":                                 "AD",
		"WHERE Owner.Username LIKE 'scoring%'":                          "",
		"WHERE Lead.City = 'Bonn'":                                      "D",
		"l WHERE l.City = 'Bonn'":                                       "D",
		"WHERE Lead_Scored_At__c > 2026-11-22T11:30:00+01:00":           "B",
		"WHERE Lead_Scored_At__c <= 2026-11-22T10:00:00.000Z":           "A",
		"WHERE Name = 'Ann Doe'":                                        "A",
		"WHERE Id = '" + a + "'":                                        "A",
		"WHERE Id IN ('" + a[:15] + "')":                                "A",
		"WHERE OwnerId = ''":                                            "",
		"ORDER BY City":                                                 "CABDE",
		"ORDER BY City DESC":                                            "CEDAB",
		"ORDER BY City DESC NULLS LAST":                                 "EDABC",
		"ORDER BY City ASC NULLS LAST, Lead_Score__c NULLS FIRST":       "BADEC",
		"ORDER BY Lead_Score__c DESC NULLS LAST, Lead_Key__c DESC":      "ADBEC",
		"WHERE City != null ORDER BY Owner.Name DESC, Lead_Key__c":      "ADBE",
		"ORDER BY Lead_Key__c LIMIT 2":                                  "AB",
		"ORDER BY Lead_Key__c DESC LIMIT 2 OFFSET 1":                    "DC",
		"OFFSET 4": "E",
		"LIMIT 0":  "",
		"\n\twhere\tcity\n=\n'bonn'\norder\nby\nlead_key__c\nnulls\nfirst\n ": "D",
	} {
		got := s.query(token, "SELECT Lead_Key__c FROM Lead "+where)
		if all := strings.Join(keys(got), ""); got.status != 200 || all != want {
			t.Errorf("%s: got %q, want %q (%d %s)", where, all, want, got.status, got.text)
		}
	}
}

func TestQueryResult(t *testing.T) {
	s := portfolio(t)
	token := s.login()
	got := s.query(token, "select id, lead_score__c, Owner.Name, owner.id, CreatedBy.Username from lead where Lead_Key__c = 'A'")
	lead, user := s.Records("Lead")[0].ID, s.UserID(rep)
	attributes := func(typ, id string) map[string]any {
		return map[string]any{"type": typ, "url": "/services/data/v66.0/sobjects/" + typ + "/" + id}
	}
	maker := s.Records("Lead")[0].Fields["CreatedById"].(string)
	want := map[string]any{"totalSize": 1.0, "done": true, "records": []any{map[string]any{
		"attributes": attributes("Lead", lead), "Id": lead, "Lead_Score__c": 90.0,
		"Owner":     map[string]any{"attributes": attributes("User", user), "Name": "Rita Rep", "Id": user},
		"CreatedBy": map[string]any{"attributes": attributes("User", maker), "Username": "admin@fakeorg.example"},
	}}}
	if !reflect.DeepEqual(got.json, any(want)) {
		t.Errorf("got %s", got.text)
	}
	got = s.query(token, "SELECT COUNT() FROM Lead WHERE City != null LIMIT 3")
	if want := map[string]any{"totalSize": 3.0, "done": true, "records": []any{}}; !reflect.DeepEqual(got.json, any(want)) {
		t.Errorf("got %s", got.text)
	}
	got = s.query(token, "SELECT CreatedBy.Name FROM User LIMIT 1")
	if !strings.Contains(got.text, `"CreatedBy":null`) {
		t.Errorf("a reference that is null: %s", got.text)
	}
	got = s.do(token, "GET", "/queryAll?q="+url.QueryEscape("SELECT Lead_Key__c, IsDeleted FROM Lead WHERE IsDeleted = true"), "")
	if strings.Join(keys(got), "") != "F" {
		t.Errorf("queryAll: %s", got.text)
	}
	got = s.query(token, "SELECT Id, Name, IsSandbox FROM Organization")
	if !strings.Contains(got.text, s.ID()) {
		t.Errorf("Organization: %s", got.text)
	}
}

func TestRefusedQueries(t *testing.T) {
	s := portfolio(t)
	token := s.login()
	for soql, c := range map[string]struct {
		code   string
		column int
		words  string
	}{
		"SELECT Id, Shoe__c FROM Lead":                                        {"INVALID_FIELD", 12, "No such column 'Shoe__c' on entity 'Lead'. If you are attempting to use a custom field"},
		"SELECT Phone FROM Lead":                                              {"INVALID_FIELD", 8, "No such column 'Phone'"},
		"SELECT Id FROM Lead WHERE Phone = '1'":                               {"INVALID_FIELD", 27, "No such column 'Phone'"},
		"SELECT Id FROM Lead ORDER BY Shoe__c":                                {"INVALID_FIELD", 30, "No such column 'Shoe__c'"},
		"SELECT Boss.Name FROM Lead":                                          {"INVALID_FIELD", 8, "Didn't understand relationship 'Boss' in field path"},
		"SELECT Owner.Shoe__c FROM Lead":                                      {"INVALID_FIELD", 8, "No such column 'Shoe__c' on entity 'User'"},
		"SELECT Id, City, id FROM Lead":                                       {"INVALID_FIELD", 18, "duplicate field selected: Id"},
		"SELECT Id FROM Shoe__c":                                              {"INVALID_TYPE", 16, "sObject type 'Shoe__c' is not supported"},
		"SELECT Id FROM Lead WHERE Lead_Score__c = '7'":                       {"INVALID_FIELD", 43, "value of filter criterion for field 'Lead_Score__c' must be of type double and should not be enclosed in quotes"},
		"SELECT Id FROM Lead WHERE City = 7":                                  {"INVALID_FIELD", 34, "must be of type string"},
		"SELECT Id FROM Lead WHERE City = true":                               {"INVALID_FIELD", 34, "must be of type string"},
		"SELECT Id FROM Lead WHERE IsConverted = 1":                           {"INVALID_FIELD", 41, "must be of type boolean"},
		"SELECT Id FROM Lead WHERE CreatedDate > 2026-11-22":                  {"INVALID_FIELD", 41, "must be of type datetime"},
		"SELECT Id FROM Lead WHERE CreatedDate > '2026-11-22'":                {"INVALID_FIELD", 41, "should not be enclosed in quotes"},
		"SELECT Id FROM Lead WHERE Id = 'x'":                                  {"INVALID_QUERY_FILTER_OPERATOR", 32, "invalid ID field: x"},
		"SELECT Id FROM Lead WHERE Id > '00QDn0000000001MAA'":                 {"INVALID_QUERY_FILTER_OPERATOR", 27, "invalid operator on id field"},
		"SELECT Id FROM Lead WHERE IsConverted > true":                        {"INVALID_QUERY_FILTER_OPERATOR", 27, "invalid operator on boolean field"},
		"SELECT Id FROM Lead WHERE City > null":                               {"INVALID_QUERY_FILTER_OPERATOR", 27, "invalid operator on string field"},
		"SELECT Id FROM Lead WHERE Lead_Score__c LIKE 7":                      {"INVALID_QUERY_FILTER_OPERATOR", 27, "invalid operator on double field"},
		"SELECT Id FROM Lead OFFSET 2001":                                     {"NUMBER_OUTSIDE_VALID_RANGE", 21, "Maximum SOQL offset allowed is 2000"},
		"UPDATE Lead":                                                         {"MALFORMED_QUERY", 1, "unexpected token: 'UPDATE'"},
		"SELECT":                                                              {"MALFORMED_QUERY", 7, "unexpected token: '<EOF>'"},
		"SELECT FROM Lead":                                                    {"MALFORMED_QUERY", 8, "unexpected token: 'FROM'"},
		"SELECT Id, FROM Lead":                                                {"MALFORMED_QUERY", 12, "unexpected token: 'FROM'"},
		"SELECT * FROM Lead":                                                  {"MALFORMED_QUERY", 8, "unexpected token: '*'"},
		"SELECT Owner..Name FROM Lead":                                        {"MALFORMED_QUERY", 8, "unexpected token: 'Owner..Name'"},
		"SELECT Id FROM Lead WHERE":                                           {"MALFORMED_QUERY", 26, "unexpected token: '<EOF>'"},
		"SELECT Id FROM Lead WHERE City":                                      {"MALFORMED_QUERY", 31, "unexpected token: '<EOF>'"},
		"SELECT Id FROM Lead WHERE City = Berlin":                             {"MALFORMED_QUERY", 34, "unexpected token: 'Berlin'"},
		"SELECT Id FROM Lead WHERE City = 'Berlin":                            {"MALFORMED_QUERY", 34, "expecting '''"},
		`SELECT Id FROM Lead WHERE City = 'a\x'`:                              {"MALFORMED_QUERY", 37, `Illegal character sequence '\x' in string literal`},
		`SELECT Id FROM Lead WHERE City = '\`:                                 {"MALFORMED_QUERY", 34, "expecting '''"},
		"SELECT Id FROM Lead WHERE City = 'a' AND":                            {"MALFORMED_QUERY", 41, "unexpected token: '<EOF>'"},
		"SELECT Id FROM Lead WHERE City='a' AND City='b' OR Id=''":            {"MALFORMED_QUERY", 49, "unexpected token: 'OR'"},
		"SELECT Id FROM Lead WHERE (City = 'a'":                               {"MALFORMED_QUERY", 38, "unexpected token: '<EOF>'"},
		"SELECT Id FROM Lead WHERE City IN ()":                                {"MALFORMED_QUERY", 36, "unexpected token: ')'"},
		"SELECT Id FROM Lead WHERE Lead_Score__c = 1.2.3":                     {"MALFORMED_QUERY", 43, "unexpected token: '1.2.3'"},
		"SELECT Id FROM Lead LIMIT -1":                                        {"MALFORMED_QUERY", 27, "unexpected token: '-1'"},
		"SELECT Id FROM Lead LIMIT x":                                         {"MALFORMED_QUERY", 27, "unexpected token: 'x'"},
		"SELECT Id FROM Lead; DROP TABLE":                                     {"MALFORMED_QUERY", 20, "unexpected token: ';'"},
		"SELECT City FROM Lead GROUP BY City":                                 {"MALFORMED_QUERY", 23, "unexpected token: 'GROUP' (fakeorg does not emulate it)"},
		"SELECT FIELDS(ALL) FROM Lead":                                        {"MALFORMED_QUERY", 8, "unexpected token: 'FIELDS' (fakeorg"},
		"SELECT COUNT(Id) FROM Lead":                                          {"MALFORMED_QUERY", 14, "unexpected token: 'Id'"},
		"SELECT Id FROM Lead WHERE " + strings.Repeat("NOT ", 60) + "City=''": {"MALFORMED_QUERY", 227, "nested too deeply"},
		"SELECT Id FROM Lead WHERE " + strings.Repeat("(", 60) + "City='' " + strings.Repeat(")", 60): {"MALFORMED_QUERY", 77, "nested too deeply"},
		"SELECT Id FROM Lead WHERE City IN ('" + strings.Repeat("x", 100_000) + "')":                  {"MALFORMED_QUERY", 1, "SOQL statement too long"},
	} {
		got := s.query(token, soql)
		want := fmt.Sprintf("\nERROR at Row:1:Column:%d\n", c.column)
		message := got.json.([]any)[0].(map[string]any)["message"].(string)
		if got.status != 400 || got.code() != c.code || !strings.Contains(message, want) || !strings.Contains(message, c.words) {
			t.Errorf("%.60s: got %d %.300s, want %s column %d %q", soql, got.status, got.text, c.code, c.column, c.words)
		}
	}
}

// The error shows the query around the place, with a caret below, and counts rows.
func TestQueryErrorPointsAtThePlace(t *testing.T) {
	s := start(t, config())
	got := s.query(s.login(), "SELECT Id,\n  Shöe__c FROM Lead")
	message := got.json.([]any)[0].(map[string]any)["message"].(string)
	if !strings.HasPrefix(message, "\nSELECT Id,\n  Shöe__c FROM Lead\n") || !strings.Contains(message, "^\nERROR at Row:2:Column:5\n") {
		t.Errorf("got %q", message)
	}
}

func TestPages(t *testing.T) {
	s := start(t, config())
	for i := range 450 {
		s.lead(fmt.Sprintf("%03d", i))
	}
	token := s.login()
	const soql = "SELECT Lead_Key__c FROM Lead ORDER BY Lead_Key__c"
	got := s.query(token, soql, "Sforce-Query-Options: batchSize=200")
	var all []string
	var pages []int
	for {
		all, pages = append(all, keys(got)...), append(pages, len(keys(got)))
		next, more := got.json.(map[string]any)["nextRecordsUrl"].(string)
		if got.json.(map[string]any)["done"] == more {
			t.Fatalf("done and a next page: %s", got.text[:80])
		}
		if !more {
			break
		}
		if theirs := s.do(s.loginAdmin(), "GET", next, ""); theirs.code() != "INVALID_QUERY_LOCATOR" {
			t.Errorf("somebody else's result: %d", theirs.status)
		}
		got = s.do(token, "GET", next, "")
	}
	if !reflect.DeepEqual(pages, []int{200, 200, 50}) || all[0] != "000" || all[449] != "449" {
		t.Errorf("pages of %v", pages)
	}
	for option, want := range map[string]int{"batchSize=300": 300, "batchSize=1": 200, "batchSize=9999": 450, "x": 450} {
		if got := s.query(token, soql, "Sforce-Query-Options: "+option); len(keys(got)) != want {
			t.Errorf("%s: a page of %d, want %d", option, len(keys(got)), want)
		}
	}
}

// A result that nobody reads to the end is forgotten some day.
func TestOldResultsAreForgotten(t *testing.T) {
	s := start(t, config())
	for i := range 201 {
		s.lead(fmt.Sprint(i))
	}
	token := s.login()
	var first string
	for range 51 {
		got := s.query(token, "SELECT Id FROM Lead", "Sforce-Query-Options: batchSize=200")
		if first == "" {
			first = got.json.(map[string]any)["nextRecordsUrl"].(string)
		}
	}
	if got := s.do(token, "GET", first, ""); got.code() != "INVALID_QUERY_LOCATOR" {
		t.Errorf("got %d %s", got.status, got.text)
	}
}

func TestOrgThatContradictsItself(t *testing.T) {
	object := func(o fakeorg.Object) fakeorg.Config { return fakeorg.Config{Objects: []fakeorg.Object{o}} }
	field := func(f ...fakeorg.Field) fakeorg.Config {
		return object(fakeorg.Object{Name: "Shoe__c", KeyPrefix: "a00", Fields: f})
	}
	for words, c := range map[string]fakeorg.Config{
		"org id":                       {OrgID: "005000000000001"},
		"client id":                    {Apps: []fakeorg.App{{}}},
		"runs as":                      {Apps: []fakeorg.App{{ClientID: "a", RunAs: "nobody"}}},
		"username is missing or there": {Users: []fakeorg.User{{Username: "a"}, {Username: "A"}}},
		"a name and a key prefix":      object(fakeorg.Object{Name: "Shoe__c"}),
		"is there twice":               object(fakeorg.Object{Name: "User", KeyPrefix: "006"}),
		"assigns to":                   object(fakeorg.Object{Name: "Shoe__c", KeyPrefix: "a00", AssignTo: "x"}),
		"type \"shoe\"":                field(fakeorg.Field{Name: "A__c", Type: "shoe"}),
		"name is missing or there":     field(fakeorg.Field{Name: "id", Type: "string"}),
		"joins":                        field(fakeorg.Field{Name: "A__c", Type: "string", Joins: []string{"B__c"}}),
	} {
		if _, err := fakeorg.New(c); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: got %v", words, err)
		}
	}
}

func TestAdministratorsMistakes(t *testing.T) {
	s := start(t, config())
	id := s.lead("L000001")
	_, err := s.Insert("Shoe__c", nil)
	errs := []error{err}
	for _, fields := range []map[string]any{
		{"LastName": "x"}, {"Shoe__c": 1}, {"Name": "x"}, {"Lead_Score__c": "high"}, {"Lead_Score__c": []int{1}},
		{"LastName": "x", "Company": "x", "Lead_Key__c": "L000001"},
	} {
		_, err := s.Insert("Lead", fields)
		errs = append(errs, err)
	}
	errs = append(errs, s.Update("Lead", "x", nil), s.Update("Lead", id, map[string]any{"City": strings.Repeat("x", 41)}),
		s.Update("Lead", id, map[string]any{"Shoe__c": 1}), s.Delete("Lead", s.UserID(rep)), s.Purge("Shoe__c", id))
	for i, err := range errs {
		if err == nil {
			t.Errorf("mistake %d was taken", i)
		}
	}
	if err := s.Update("Lead", id, map[string]any{"Lead_Score__c": 7, "Lead_Scored_At__c": nil, "City": "Bonn"}); err != nil || s.field(id, "City") != "Bonn" {
		t.Error(err)
	}
	if s.Records("Shoe__c") != nil || s.UserID("nobody") != "" {
		t.Error("found what isn't there")
	}
}
