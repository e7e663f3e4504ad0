package fakeorg_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"scored/sinks/salesforce/fakeorg"
)

// result is one row's answer.
func result(t *testing.T, got reply, i int) map[string]any {
	t.Helper()
	list, _ := got.json.([]any)
	if got.status != 200 || i >= len(list) {
		t.Fatalf("no result %d: %d %s", i, got.status, got.text)
	}
	return list[i].(map[string]any)
}

// codes are the status codes of every row, "ok" where it was written.
func codes(t *testing.T, got reply) []string {
	t.Helper()
	var out []string
	for i := range got.json.([]any) {
		r := result(t, got, i)
		if r["success"] == true {
			out = append(out, "ok")
		} else {
			out = append(out, r["errors"].([]any)[0].(map[string]any)["statusCode"].(string))
		}
	}
	return out
}

// A row that is refused while the request is taken, with its code, its words and the fields it names.
func TestRefusedRows(t *testing.T) {
	c := config()
	lead := fakeorg.LeadObject()
	for i, f := range lead.Fields {
		if f.Name == "Status" {
			lead.Fields[i].Restricted = true
		}
	}
	lead.Fields = append(lead.Fields, fakeorg.Field{Name: "Seats__c", Label: "Seats", Type: "int", Nillable: true, Createable: true, Updateable: true})
	c.Objects = []fakeorg.Object{lead}
	s := start(t, c)
	id, taken := s.lead("L000001"), s.lead("L000002")
	deleted, purged, converted := s.lead("L000003"), s.lead("L000004"), s.lead("L000005", "IsConverted", true)
	if err := s.Delete("Lead", deleted); err != nil {
		t.Fatal(err)
	}
	if err := s.Purge("Lead", purged); err != nil {
		t.Fatal(err)
	}
	of := func(id string) string { return fmt.Sprintf(`"id":%q,"Lead_Score__c":1`, id) }
	with := func(member string) string { return fmt.Sprintf(`"id":%q,%s`, id, member) }
	none := []any{}
	for name, c := range map[string]struct {
		row    string
		code   string
		words  string
		fields []any
	}{
		"no id":               {`"Lead_Score__c":1`, "MISSING_ARGUMENT", "Id not specified in an update call", []any{"Id"}},
		"malformed id":        {of("00Q"), "MALFORMED_ID", "Lead ID: id value of incorrect type: 00Q", []any{"Id"}},
		"strange characters":  {of("00QDn000000000-"), "MALFORMED_ID", "", []any{"Id"}},
		"another object's id": {of(s.UserID(rep)), "MALFORMED_ID", "", []any{"Id"}},
		"nobody's id":         {of("00QDn0000zzzzzzMAA"), "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", none},
		"deleted":             {of(deleted), "ENTITY_IS_DELETED", "entity is deleted", none},
		"erased":              {of(purged), "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", none},
		"converted":           {of(converted), "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", none},
		"text too long":       {with(`"Lead_Grade__c":"12345678901"`), "STRING_TOO_LONG", "Lead Grade: data value too large: 12345678901 (max length=10)", []any{"Lead_Grade__c"}},
		"number too large":    {with(`"Lead_Score__c":1000`), "NUMBER_OUTSIDE_VALID_RANGE", "Lead Score: value outside of valid range on numeric field: 1000.0", []any{"Lead_Score__c"}},
		"rounded too large":   {with(`"Lead_Score__c":999.5`), "NUMBER_OUTSIDE_VALID_RANGE", "", []any{"Lead_Score__c"}},
		"number too small":    {with(`"Lead_Score__c":-1000`), "NUMBER_OUTSIDE_VALID_RANGE", "", []any{"Lead_Score__c"}},
		"digits before point": {with(`"Lead_Score_Probability__c":10`), "NUMBER_OUTSIDE_VALID_RANGE", "", []any{"Lead_Score_Probability__c"}},
		"beyond all numbers":  {with(`"Lead_Score__c":1e300`), "NUMBER_OUTSIDE_VALID_RANGE", "", []any{"Lead_Score__c"}},
		"picklist":            {with(`"Status":"Sleeping"`), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "bad value for restricted picklist field: Sleeping", []any{"Status"}},
		"email":               {with(`"Email":"jane"`), "INVALID_EMAIL_ADDRESS", "Email: invalid email address: jane", []any{"Email"}},
		"required":            {with(`"LastName":null,"Company":" "`), "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName, Company]", []any{"LastName", "Company"}},
		"taken key":           {with(`"Lead_Key__c":"l000002"`), "DUPLICATE_VALUE", "duplicate value found: Lead_Key__c duplicates value on record with id: " + taken, none},
		"computed field":      {with(`"Name":"x"`), "INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: Name.", []any{"Name"}},
		"system field":        {with(`"CreatedDate":"2026-11-22T13:15:00Z"`), "INVALID_FIELD_FOR_INSERT_UPDATE", "fields: CreatedDate.", []any{"CreatedDate"}},
		"owner malformed":     {with(`"OwnerId":"x"`), "MALFORMED_ID", "Owner ID: id value of incorrect type: x", []any{"OwnerId"}},
		"owner is a lead":     {with(`"OwnerId":"` + id + `"`), "MALFORMED_ID", "", []any{"OwnerId"}},
		"owner is nobody":     {with(`"OwnerId":"005Dn0000zzzzzzMAA"`), "INVALID_CROSS_REFERENCE_KEY", "", []any{"OwnerId"}},
	} {
		t.Run(name, func(t *testing.T) {
			// The first row goes to another lead: the same one twice would be refused for that.
			got := s.do(s.loginAdmin(), "PATCH", "/composite/sobjects", records(of(taken), c.row))
			if codes := codes(t, got); codes[0] != "ok" || codes[1] != c.code {
				t.Fatalf("got %v, want ok and %s", codes, c.code)
			}
			err := result(t, got, 1)["errors"].([]any)[0].(map[string]any)
			if !strings.Contains(err["message"].(string), c.words) || !reflect.DeepEqual(err["fields"], any(c.fields)) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestFieldSecurityRefusesRows(t *testing.T) {
	s := start(t, config())
	id := s.lead("L000001")
	got := s.do(s.login(), "PATCH", "/composite/sobjects", records(fmt.Sprintf(`"id":%q,"Lead_Score__c":1,"City":"x","Company":"y"`, id)))
	err := result(t, got, 0)["errors"].([]any)[0].(map[string]any)
	if err["statusCode"] != "INVALID_FIELD_FOR_INSERT_UPDATE" || !reflect.DeepEqual(err["fields"], []any{"City", "Company"}) {
		t.Errorf("got %v", err)
	}
	if s.field(id, "Lead_Score__c") != nil {
		t.Error("half a row was written")
	}
}

func TestUpsertedRows(t *testing.T) {
	s := start(t, config())
	id := s.lead("L000001")
	gone := s.lead("L000002")
	if err := s.Delete("Lead", gone); err != nil {
		t.Fatal(err)
	}
	got := s.do(s.loginAdmin(), "PATCH", "/composite/sobjects/Lead/Lead_Key__c", records(
		`"Lead_Key__c":"L000001","Lead_Score__c":87`,
		`"Lead_Key__c":"L000002","LastName":"Back","Company":"Again"`,
		`"Lead_Key__c":"L000003","Lead_Score__c":1`,
		`"Lead_Score__c":1`,
		`"Lead_Key__c":null`,
		`"Lead_Key__c":"L000004","id":"`+id+`"`,
		`"Lead_Key__c":"L000005","LastName":"A","Company":"A"`,
		`"Lead_Key__c":"l000005","LastName":"B","Company":"B"`,
	))
	want := []string{"ok", "ok", "REQUIRED_FIELD_MISSING", "MISSING_ARGUMENT", "MISSING_ARGUMENT", "INVALID_FIELD", "DUPLICATE_VALUE", "DUPLICATE_VALUE"}
	if codes := codes(t, got); !reflect.DeepEqual(codes, want) {
		t.Fatalf("got %v, want %v", codes, want)
	}
	if r := result(t, got, 0); r["created"] != false || r["id"] != id || s.field(id, "Lead_Score__c") != 87.0 {
		t.Errorf("not updated: %v", r)
	}
	if r := result(t, got, 1); r["created"] != true || r["id"] == gone {
		t.Errorf("an erased lead comes back as a new one: %v", r)
	}
	if r := result(t, got, 2); r["created"] != nil || r["id"] != nil {
		t.Errorf("a refused row has neither id nor created: %v", r)
	}
	// The integration user may not edit the key, and need not: it only leads to the record.
	if got := s.do(s.login(), "PATCH", "/composite/sobjects/Lead/Lead_Key__c", records(`"Lead_Key__c":"L000001","Lead_Score__c":5`)); codes(t, got)[0] != "ok" {
		t.Errorf("got %s", got.text)
	}
}

func TestExternalIDThatIsNotUnique(t *testing.T) {
	c := config()
	lead := fakeorg.LeadObject()
	lead.Fields = append(lead.Fields, fakeorg.Field{Name: "Old_Key__c", Type: "double", ExternalID: true, Nillable: true, Createable: true, Updateable: true})
	c.Objects = []fakeorg.Object{lead}
	s := start(t, c)
	a, b := s.lead("A", "Old_Key__c", 7), s.lead("B", "Old_Key__c", 7)
	s.lead("C", "Old_Key__c", 8)
	token := s.loginAdmin()
	urls := []any{"/services/data/v66.0/sobjects/Lead/" + a, "/services/data/v66.0/sobjects/Lead/" + b}
	for method, body := range map[string]string{"GET": "", "PATCH": `{"City":"x"}`, "DELETE": ""} {
		if got := s.do(token, method, "/sobjects/Lead/Old_Key__c/7", body); got.status != 300 || !reflect.DeepEqual(got.json, any(urls)) {
			t.Errorf("%s: %d %s", method, got.status, got.text)
		}
	}
	if got := s.do(token, "GET", "/sobjects/Lead/Old_Key__c/x", ""); got.status != 404 {
		t.Errorf("text for a number: %d", got.status)
	}
	got := s.do(token, "PATCH", "/composite/sobjects/Lead/Old_Key__c", records(
		`"Old_Key__c":7,"City":"x"`, `"Old_Key__c":8,"City":"x"`, `"Old_Key__c":9`, `"Old_Key__c":"9.0"`))
	want := []string{"DUPLICATE_EXTERNAL_ID", "ok", "DUPLICATE_VALUE", "DUPLICATE_VALUE"}
	if !reflect.DeepEqual(codes(t, got), want) || !strings.Contains(got.text, "external id field: 7.0") ||
		!strings.Contains(got.text, "Duplicate external id specified: 9.0") {
		t.Errorf("got %s", got.text)
	}
}

func TestAllOrNone(t *testing.T) {
	s := start(t, config())
	id, other := s.lead("L000001", "City", "Bonn"), s.lead("L000002")
	token := s.loginAdmin()
	body := strings.Replace(records(
		`"Lead_Key__c":"L000001","City":"Berlin"`,
		`"Lead_Key__c":"L000009","LastName":"New","Company":"New"`,
		`"Lead_Key__c":"L000002","Lead_Score__c":1000`,
	), "false", "true", 1)
	got := s.do(token, "PATCH", "/composite/sobjects/Lead/Lead_Key__c", body)
	want := []string{"ALL_OR_NONE_OPERATION_ROLLED_BACK", "ALL_OR_NONE_OPERATION_ROLLED_BACK", "NUMBER_OUTSIDE_VALID_RANGE"}
	if codes := codes(t, got); !reflect.DeepEqual(codes, want) {
		t.Fatalf("got %v", codes)
	}
	got = s.do(token, "DELETE", "/composite/sobjects?allOrNone=true&ids="+id+","+other+",00QDn0000zzzzzzMAA", "")
	want[2] = "INVALID_CROSS_REFERENCE_KEY"
	if codes := codes(t, got); !reflect.DeepEqual(codes, want) {
		t.Fatalf("got %v", codes)
	}
	if all := s.Records("Lead"); len(all) != 2 || all[0].Fields["City"] != "Bonn" || all[0].Deleted {
		t.Errorf("not taken back: %v", all)
	}
	if got := s.do(token, "GET", "/sobjects/Lead/Lead_Key__c/L000001?fields=City", ""); got.status != 200 || !strings.Contains(got.text, "Bonn") {
		t.Errorf("not found by its key: %s", got.text)
	}
}

func TestCreatedDeletedRetrieved(t *testing.T) {
	s := start(t, config())
	token := s.loginAdmin()
	made := s.do(token, "POST", "/sobjects/Lead", `{"LastName":"Roe","Company":"Acme","Lead_Key__c":"L1"}`)
	id := made.json.(map[string]any)["id"].(string)
	if made.status != 201 || s.field(id, "OwnerId") != s.UserID(admin) || s.field(id, "Status") != "New" {
		t.Fatalf("got %d %s", made.status, made.text)
	}
	got := s.do(token, "POST", "/composite/sobjects", records(
		`"LastName":"A","Company":"A"`, `"LastName":"B","Company":"B","Lead_Key__c":"L1"`, `"id":"`+id+`"`))
	if want := []string{"ok", "DUPLICATE_VALUE", "INVALID_FIELD_FOR_INSERT_UPDATE"}; !reflect.DeepEqual(codes(t, got), want) {
		t.Errorf("got %s", got.text)
	}
	upserted := s.do(token, "PATCH", "/sobjects/Lead/Lead_Key__c/L2", `{"LastName":"New","Company":"New"}`)
	if upserted.status != 201 || upserted.json.(map[string]any)["created"] != true {
		t.Errorf("got %d %s", upserted.status, upserted.text)
	}
	got = s.do(token, "GET", "/composite/sobjects/Lead?fields=LastName,City&ids="+id+",00QDn0000zzzzzzMAA", "")
	if want := []any{map[string]any{"attributes": map[string]any{"type": "Lead", "url": "/services/data/v66.0/sobjects/Lead/" + id},
		"Id": id, "LastName": "Roe", "City": nil}, nil}; !reflect.DeepEqual(got.json, any(want)) {
		t.Errorf("got %s", got.text)
	}
	got = s.do(token, "DELETE", "/composite/sobjects?ids="+id+",x,"+s.UserID(rep), "")
	if want := []string{"ok", "MALFORMED_ID", "INVALID_CROSS_REFERENCE_KEY"}; !reflect.DeepEqual(codes(t, got), want) {
		t.Errorf("got %s", got.text)
	}
	if got := s.do(token, "DELETE", "/sobjects/Lead/Lead_Key__c/L2", ""); got.status != 204 {
		t.Errorf("got %d %s", got.status, got.text)
	}
	if got := s.do(token, "DELETE", "/sobjects/Lead/"+id, ""); got.status != 404 || got.code() != "ENTITY_IS_DELETED" {
		t.Errorf("got %d %s", got.status, got.text)
	}
}

func TestDuplicateIDsInOneRequest(t *testing.T) {
	s := start(t, config())
	id, other := s.lead("L000001"), s.lead("L000002")
	got := s.do(s.login(), "PATCH", "/composite/sobjects", records(
		fmt.Sprintf(`"id":%q,"Lead_Score__c":1`, id), fmt.Sprintf(`"id":%q,"Lead_Score__c":2`, id[:15]), fmt.Sprintf(`"id":%q,"Lead_Score__c":3`, other)))
	if want := []string{"DUPLICATE_VALUE", "DUPLICATE_VALUE", "ok"}; !reflect.DeepEqual(codes(t, got), want) {
		t.Errorf("got %s", got.text)
	}
}

// The id of 18 characters is the same record in whatever case it was mangled to.
func TestIDForms(t *testing.T) {
	s := start(t, config())
	id := s.lead("L000001")
	for _, form := range []string{id, id[:15], strings.ToLower(id), strings.ToUpper(id)} {
		got := s.do(s.login(), "PATCH", "/composite/sobjects", records(fmt.Sprintf(`"Id":%q,"Lead_Score__c":1`, form)))
		if r := result(t, got, 0); r["id"] != id {
			t.Errorf("%s: %s", form, got.text)
		}
	}
}

// An active assignment rule takes updated leads to another owner, unless the request says not to.
func TestAssignmentRule(t *testing.T) {
	c := config()
	lead := fakeorg.LeadObject()
	lead.AssignTo = "Admin@example.com"
	c.Objects = []fakeorg.Object{lead}
	s := start(t, c)
	for _, header := range []string{"Sforce-Auto-Assign: FALSE", "Sforce-Auto-Assign: false", "Sforce-Auto-Assign: TRUE", "X: y"} {
		want := s.UserID(admin)
		if strings.EqualFold(header, "Sforce-Auto-Assign: FALSE") {
			want = s.UserID(rep)
		}
		for path, key := range map[string]string{"/composite/sobjects": "id", "/composite/sobjects/Lead/Lead_Key__c": "Lead_Key__c"} {
			name := header + path
			id := s.lead(name[:min(40, len(name))], "OwnerId", s.UserID(rep))
			value := id
			if key != "id" {
				value = s.field(id, "Lead_Key__c").(string)
			}
			s.do(s.login(), "PATCH", path, records(fmt.Sprintf(`%q:%q,"Lead_Score__c":1`, key, value)), header)
			if s.field(id, "OwnerId") != want || s.field(id, "Lead_Score__c") != 1.0 {
				t.Errorf("%s: owner is %v, want %v", name, s.field(id, "OwnerId"), want)
			}
			if err := s.Purge("Lead", id); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestValidationRule(t *testing.T) {
	c := config()
	lead := fakeorg.LeadObject()
	lead.Rules = []fakeorg.Rule{fakeorg.NeverDecreases("Lead_Score_Version__c")}
	c.Objects = []fakeorg.Object{lead}
	s := start(t, c)
	id := s.lead("L000001")
	for _, step := range []struct{ version, code string }{
		{"1795353300000001", "ok"}, {"1795353300000001", "ok"}, {"1795353300000000", "FIELD_CUSTOM_VALIDATION_EXCEPTION"}, {"null", "FIELD_CUSTOM_VALIDATION_EXCEPTION"}, {"1795353300000002", "ok"},
	} {
		got := s.do(s.login(), "PATCH", "/composite/sobjects", records(fmt.Sprintf(`"id":%q,"Lead_Score_Version__c":%s`, id, step.version)))
		if codes(t, got)[0] != step.code {
			t.Errorf("%s: %s", step.version, got.text)
		}
	}
}

// What is written is read back as the API writes it: Java's numbers, times in UTC without fractions, trimmed text.
func TestValuesAsReadBack(t *testing.T) {
	clock := time.Date(2026, 11, 22, 8, 0, 0, 999, time.FixedZone("CET", 3600))
	c := config()
	c.Now = func() time.Time { return clock }
	s := start(t, c)
	id := s.lead("L000001", "FirstName", "Jane")
	clock = clock.Add(time.Hour)
	for member, want := range map[string]string{
		`"Lead_Score__c":87`:                                 `"Lead_Score__c":87.0`,
		`"Lead_Score__c":"87"`:                               `"Lead_Score__c":87.0`,
		`"Lead_Score__c":86.5`:                               `"Lead_Score__c":87.0`,
		`"Lead_Score__c":null`:                               `"Lead_Score__c":null`,
		`"Lead_Score_Version__c":1795353300000001`:           `"Lead_Score_Version__c":1.795353300000001E15`,
		`"Lead_Score_Probability__c":0.1234567`:              `"Lead_Score_Probability__c":0.123457`,
		`"Lead_Score_Probability__c":0.0000010`:              `"Lead_Score_Probability__c":1.0E-6`,
		`"Lead_Scored_At__c":"2026-11-22T14:15:09.9+01:00"`:  `"Lead_Scored_At__c":"2026-11-22T13:15:09.000+0000"`,
		`"Lead_Scored_At__c":"2026-11-22T13:15:09.000+0000"`: `"Lead_Scored_At__c":"2026-11-22T13:15:09.000+0000"`,
		`"Lead_Grade__c":"  A "`:                             `"Lead_Grade__c":"A"`,
		`"Lead_Grade__c":""`:                                 `"Lead_Grade__c":null`,
		`"Lead_Grade__c":5`:                                  `"Lead_Grade__c":"5"`,
		`"lead_grade__C":"B"`:                                `"Lead_Grade__c":"B"`,
	} {
		if got := s.do(s.login(), "PATCH", "/sobjects/Lead/"+id, "{"+member+"}"); got.status != 204 {
			t.Fatalf("%s: %d %s", member, got.status, got.text)
		}
		if got := s.do(s.login(), "GET", "/sobjects/Lead/"+id, ""); !strings.Contains(got.text, want) {
			t.Errorf("%s: %s", member, got.text)
		}
	}
	got := s.do(s.login(), "GET", "/sobjects/Lead/"+id+"?fields=Name,CreatedDate,LastModifiedDate,LastModifiedById", "").json.(map[string]any)
	if got["Name"] != "Jane Doe" || got["CreatedDate"] != "2026-11-22T07:00:00.000+0000" ||
		got["LastModifiedDate"] != "2026-11-22T08:00:00.000+0000" || got["LastModifiedById"] != s.UserID(scorer) {
		t.Errorf("got %v", got)
	}
}
