package fakeorg_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"scored/sinks/salesforce/fakeorg"
)

// byKey are the settings of an upsert by external id.
func byKey(more ...string) []string {
	return append([]string{"operation", "upsert", "externalIdFieldName", "Lead_Key__c"}, more...)
}

// Every delimiter and line ending, with quotes, doubled quotes, delimiters, line ends and umlauts within fields.
func TestBulkFormats(t *testing.T) {
	text := "says \"hi\", ;|^`\t\nthen leaves, äöü €"
	for _, ending := range []string{"LF", "CRLF"} {
		for name, delimiter := range map[string]string{"COMMA": ",", "TAB": "\t", "PIPE": "|", "SEMICOLON": ";", "CARET": "^", "BACKQUOTE": "`"} {
			t.Run(name+" "+ending, func(t *testing.T) {
				s := start(t, config())
				token, id := s.loginAdmin(), s.lead("L000001")
				end := map[string]string{"LF": "\n", "CRLF": "\r\n"}[ending]
				row := []string{id, `"` + strings.ReplaceAll(text, `"`, `""`) + `"`, "plain words"}
				file := strings.Join([]string{"Id", "Title", "City"}, delimiter) + end + strings.Join(row, delimiter) + end
				job := s.load(token, file, "columnDelimiter", name, "lineEnding", ending)
				if s.field(id, "Title") != text || s.field(id, "City") != "plain words" {
					t.Errorf("got %q %q: %v", s.field(id, "Title"), s.field(id, "City"), s.info(token, job))
				}
				got := s.do(token, "GET", ingest+"/"+job+"/successfulResults", "").text
				want := strings.Join([]string{`"sf__Id"`, `"sf__Created"`, "Id", "Title", "City"}, delimiter) + end +
					strings.Join([]string{`"` + id + `"`, `"false"`, `"` + id + `"`, row[1], `"plain words"`}, delimiter) + end
				if got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		}
	}
}

// A field's text has the meaning that its JSON has in a collection; blank is ignored, #N/A is null.
func TestBulkValues(t *testing.T) {
	s := start(t, config())
	token := s.loginAdmin()
	at := time.Date(2026, 11, 22, 13, 15, 9, 0, time.UTC)
	for name, c := range map[string]struct {
		column, text string
		want         any
		failed       string
	}{
		"number":           {"Lead_Score__c", "87", 87.0, ""},
		"rounded":          {"Lead_Score__c", "86.5", 87.0, ""},
		"exponent":         {"Lead_Score_Version__c", "1.795353300000001E15", 1795353300000001.0, ""},
		"blank":            {"Lead_Score__c", "", 5.0, ""},
		"quoted blank":     {"Lead_Score__c", `""`, 5.0, ""},
		"null":             {"Lead_Score__c", "#N/A", nil, ""},
		"time":             {"Lead_Scored_At__c", "2026-11-22T14:15:09.000+01:00", at, ""},
		"time in UTC":      {"Lead_Scored_At__c", "2026-11-22T13:15:09Z", at, ""},
		"text":             {"Lead_Grade__c", "A", "A", ""},
		"case of the name": {"lead_grade__C", "B", "B", ""},
		"truth":            {"IsConverted", "false", false, "INVALID_FIELD_FOR_INSERT_UPDATE"},
		"no number":        {"Lead_Score__c", "high", nil, "INVALID_FIELD:Failed to deserialize field at col 2. Due to, 'high' is not a valid value for the type xsd:double:Lead_Score__c --"},
		"no zone":          {"Lead_Scored_At__c", "2026-11-22T13:15:00", nil, "is not a valid value for the type xsd:dateTime:Lead_Scored_At__c --"},
		"too large":        {"Lead_Score__c", "1000", nil, "NUMBER_OUTSIDE_VALID_RANGE:Lead Score: value outside of valid range on numeric field: 1000.0:Lead_Score__c --"},
		"too long":         {"Lead_Grade__c", "12345678901", nil, "STRING_TOO_LONG:Lead Grade: data value too large: 12345678901 (max length=10):Lead_Grade__c --"},
		"required":         {"LastName", "#N/A", nil, "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"},
		"computed":         {"Name", "x", nil, "INVALID_FIELD_FOR_INSERT_UPDATE:"},
	} {
		t.Run(name, func(t *testing.T) {
			id := s.lead("", "Lead_Score__c", 5)
			job := s.load(token, "Id,"+c.column+"\n"+id+","+c.text+"\n")
			bad := s.result(token, job, "failedResults")[1:]
			if c.failed != "" {
				if len(bad) != 1 || bad[0][2] != id || !strings.Contains(bad[0][1], c.failed) || bad[0][3] != c.text {
					t.Errorf("got %q", bad)
				}
				return
			}
			if got := s.field(id, columnName(c.column)); len(bad) != 0 || got != c.want {
				t.Errorf("got %v %q, want %v", got, bad, c.want)
			}
		})
	}
}

// columnName is a column as the schema spells it.
func columnName(column string) string {
	if strings.EqualFold(column, "Lead_Grade__c") {
		return "Lead_Grade__c"
	}
	return column
}

// Rows are refused one by one, for what a collection would refuse them for.
func TestBulkRefusedRows(t *testing.T) {
	s := start(t, config())
	token := s.login()
	fine, twice, city := s.lead("L000001"), s.lead("L000002"), s.lead("L000003")
	deleted, erased, converted := s.lead("L000004"), s.lead("L000005"), s.lead("L000006", "IsConverted", true)
	if err := s.Delete("Lead", deleted); err != nil {
		t.Fatal(err)
	}
	if err := s.Purge("Lead", erased); err != nil {
		t.Fatal(err)
	}
	rows := []string{fine + ",", twice + ",", twice + ",", city + ",Berlin", deleted + ",", erased + ",", converted + ",", ",", "x,"}
	var file strings.Builder
	for _, r := range rows {
		id, city, _ := strings.Cut(r, ",")
		file.WriteString(id + ",1," + city + "\n")
	}
	job := s.load(token, "Id,Lead_Score__c,City\n"+file.String())
	info := s.info(token, job)
	if info["state"] != "JobComplete" || info["numberRecordsProcessed"] != 9.0 || info["numberRecordsFailed"] != 8.0 {
		t.Errorf("got %v", info)
	}
	got := columnOf(s.result(token, job, "failedResults"), "sf__Error")
	for i, e := range got {
		got[i], _, _ = strings.Cut(e, ":")
	}
	want := []string{"CANNOT_UPDATE_CONVERTED_LEAD", "DUPLICATE_VALUE", "DUPLICATE_VALUE", "ENTITY_IS_DELETED",
		"INVALID_CROSS_REFERENCE_KEY", "INVALID_FIELD_FOR_INSERT_UPDATE", "MALFORMED_ID", "MISSING_ARGUMENT"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := columnOf(s.result(token, job, "successfulResults"), "sf__Id"); !slices.Equal(got, []string{fine}) {
		t.Errorf("got %v", got)
	}
}

// An upsert says which leads it made. The empty Id column that jsforce sends along means nothing.
func TestBulkUpsert(t *testing.T) {
	s := start(t, config())
	token, id := s.loginAdmin(), s.lead("L000001")
	job := s.load(token, "Id,Lead_Key__c,LastName,Company,Lead_Score__c\n"+
		",l000001,Roe,,7\n,N000001,New,Acme,8\n,N000002,,,9\n,,Nobody,,\n"+id+",N000003,,,9\n", byKey()...)
	good := map[string][]string{}
	for _, r := range s.result(token, job, "successfulResults")[1:] {
		good[r[3]] = r
	}
	if len(good) != 2 || good["l000001"][0] != id || good["l000001"][1] != "false" || good["N000001"][1] != "true" {
		t.Errorf("got %v", good)
	}
	if s.field(good["N000001"][0], "Lead_Key__c") != "N000001" || s.field(id, "LastName") != "Roe" || s.field(id, "Company") != "Acme" {
		t.Error("not written as it says")
	}
	bad := map[string]string{}
	for _, r := range s.result(token, job, "failedResults")[1:] {
		bad[r[3]], _, _ = strings.Cut(r[1], ":")
	}
	if len(bad) != 3 || bad["N000002"] != "REQUIRED_FIELD_MISSING" || bad[""] != "MISSING_ARGUMENT" || bad["N000003"] != "INVALID_FIELD" {
		t.Errorf("got %v", bad)
	}
	twins := s.load(token, "Lead_Key__c,Lead_Score__c\nL000001,1\nL000001,2\n", byKey()...)
	if got := columnOf(s.result(token, twins, "failedResults"), "sf__Error"); len(got) != 2 ||
		got[0] != "DUPLICATE_VALUE:Duplicate external id specified: L000001:Lead_Key__c --" {
		t.Errorf("got %v", got)
	}
}

func TestBulkUpsertById(t *testing.T) {
	s := start(t, config())
	token, id := s.loginAdmin(), s.lead("L000001")
	job := s.load(token, "Id,LastName,Company\n"+id+",Roe,\n,New,Acme\n", "operation", "upsert", "externalIdFieldName", "Id")
	if got := columnOf(s.result(token, job, "successfulResults"), "sf__Created"); !slices.Equal(got, []string{"false", "true"}) {
		t.Errorf("got %v", got)
	}
	if s.field(id, "LastName") != "Roe" || len(s.Records("Lead")) != 2 {
		t.Errorf("got %v", s.Records("Lead"))
	}
}

func TestBulkInsertAndDelete(t *testing.T) {
	s := start(t, config())
	token, id := s.loginAdmin(), s.lead("L000001")
	made := s.result(token, s.load(token, "Id,LastName,Company\n,Doe,Acme\n"+id+",Doe,Acme\n", "operation", "insert"), "successfulResults")
	if len(made) != 2 || made[1][1] != "true" {
		t.Fatalf("got %v", made)
	}
	job := s.load(token, "Id\n"+made[1][0]+"\n"+id+"\n"+s.UserID(rep)+"\nx\n", "operation", "delete")
	if got, want := columnOf(s.result(token, job, "successfulResults"), "sf__Id"), []string{id, made[1][0]}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := s.info(token, job)["numberRecordsFailed"]; got != 2.0 {
		t.Errorf("%v failed", got)
	}
	if r, _ := s.Record(id); !r.Deleted {
		t.Error("not deleted")
	}
}

// A rule's refusal names the field it stands beside, in both paths; an upsert passes or fails as an update does.
func TestVersionRuleNamesItsField(t *testing.T) {
	c := config()
	lead := fakeorg.LeadObject()
	lead.Rules = []fakeorg.Rule{fakeorg.NeverDecreases("Lead_Score_Version__c")}
	c.Objects = []fakeorg.Object{lead}
	s := start(t, c)
	token, id := s.login(), s.lead("L000001", "Lead_Score_Version__c", 1795353300000001)
	older := s.do(token, "PATCH", "/composite/sobjects", records(`"id":"`+id+`","Lead_Score_Version__c":1795353300000000`))
	const words = `{"statusCode":"FIELD_CUSTOM_VALIDATION_EXCEPTION","message":"A newer score is already stored.","fields":["Lead_Score_Version__c"]}`
	if !strings.Contains(older.text, words) {
		t.Errorf("got %s", older.text)
	}
	job := s.load(token, "Lead_Key__c,Lead_Score_Version__c\nL000001,1795353300000000\n", byKey()...)
	bad := s.result(token, job, "failedResults")
	if len(bad) != 2 || bad[1][0] != id ||
		bad[1][1] != "FIELD_CUSTOM_VALIDATION_EXCEPTION:A newer score is already stored.:Lead_Score_Version__c --" {
		t.Errorf("got %v", bad)
	}
	if got := s.info(token, s.load(token, "Lead_Key__c,Lead_Score_Version__c\nL000001,1795353300000001\n", byKey()...)); got["numberRecordsFailed"] != 0.0 {
		t.Errorf("got %v", got)
	}
}

// Bulk jobs assign only if they name a rule, whatever the header says.
func TestBulkAssignment(t *testing.T) {
	c := config()
	lead := fakeorg.LeadObject()
	lead.AssignTo = rep
	c.Objects = []fakeorg.Object{lead}
	s := start(t, c)
	token, id := s.login(), s.lead("L000001", "OwnerId", s.UserID(admin))
	file := "Id,Lead_Score__c\n" + id + ",1\n"
	if s.load(token, file); s.field(id, "OwnerId") != s.UserID(admin) {
		t.Error("assigned without being asked")
	}
	job := s.load(token, file, "assignmentRuleId", "01QDn0000000001MAA")
	if s.field(id, "OwnerId") != s.UserID(rep) || s.info(token, job)["assignmentRuleId"] != "01QDn0000000001MAA" {
		t.Error("not assigned")
	}
}

// A row that can't be read fails alone; the others are written.
func TestBulkRowsThatCannotBeRead(t *testing.T) {
	s := start(t, config())
	token, id := s.login(), s.lead("L000001")
	job := s.load(token, "Id,Lead_Score__c\nx, \"1\"\n"+id+",7\n\ny\nz,1,2\n")
	got := columnOf(s.result(token, job, "failedResults"), "sf__Error")
	want := []string{
		"CLIENT_INPUT_ERROR:Failed to parse CSV. Found unescaped quote. A value with quote should be within a quote:--",
		"CLIENT_INPUT_ERROR:The row has 1 fields, the header has 2:--", "CLIENT_INPUT_ERROR:The row has 3 fields, the header has 2:--",
	}
	if !slices.Equal(got, want) || s.field(id, "Lead_Score__c") != 7.0 {
		t.Errorf("got %q", got)
	}
	if got := columnOf(s.result(token, job, "failedResults"), "Id"); !slices.Equal(got, []string{`x, "1"`, "y", "z"}) {
		t.Errorf("got %q", got)
	}
}

// A key that was changed leads to its record by its new value alone, in both paths.
func TestUpsertAfterAKeyChanged(t *testing.T) {
	s := start(t, config())
	token, id := s.loginAdmin(), s.lead("L000001")
	if err := s.Update("Lead", id, map[string]any{"Lead_Key__c": "L000002"}); err != nil {
		t.Fatal(err)
	}
	job := s.load(token, "Lead_Key__c,LastName,Company\nL000002,Doe,Acme\nL000001,Doe,Acme\n", byKey()...)
	for _, r := range s.result(token, job, "successfulResults")[1:] {
		if old := r[2] == "L000002"; (r[0] == id) != old || (r[1] == "false") != old {
			t.Errorf("got %v", r)
		}
	}
	if got := len(s.Records("Lead")); got != 2 {
		t.Errorf("%d leads", got)
	}
}
