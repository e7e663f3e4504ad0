package fakeorg

import (
	"bufio"
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func fuzzOrg(f *testing.F) (*Org, *user) {
	o, err := New(Config{Users: []User{{Username: "u", Hidden: []string{"Phone"}}}})
	if err != nil {
		f.Fatal(err)
	}
	for _, fields := range []map[string]any{
		{"LastName": "a", "Company": "b", "Lead_Score__c": 7, "Lead_Scored_At__c": time.Unix(0, 0), "City": "%_\\"},
		{"LastName": "ä", "Company": "c"},
	} {
		if _, err := o.Insert("Lead", fields); err != nil {
			f.Fatal(err)
		}
	}
	return o, o.user("u")
}

// A query is either run or refused at a place within it; neither panics, and what is found is never more than there is.
func FuzzSOQL(f *testing.F) {
	for _, q := range []string{
		"SELECT Id, Owner.Name FROM Lead l WHERE (l.City LIKE 'B\\%_%' OR NOT Lead_Score__c >= -1.5e3) ORDER BY City DESC NULLS LAST LIMIT 5 OFFSET 1",
		"SELECT COUNT() FROM Lead WHERE Lead_Scored_At__c > 2026-11-22T13:15:00+01:00 AND Id NOT IN ('00QDn0000000001MAA', null)",
		"SELECT Id FROM User WHERE IsActive = true", "SELECT", "SELECT Id FROM Lead WHERE City = 'a\\'", "\xff", "SELECT Id FROM Lead GROUP BY x",
	} {
		f.Add(q)
	}
	o, u := fuzzOrg(f)
	f.Fuzz(func(t *testing.T, query string) {
		parsed, err := parseSOQL(query)
		var p *plan
		if err == nil {
			p, err = o.schema.bind(parsed, u)
		}
		if err != nil {
			if err.at < 0 || err.at > len(query) || err.code == "" || err.message == "" {
				t.Fatalf("%+v", err)
			}
			if utf8.ValidString(query) && !strings.Contains(pointed(query, err), "ERROR at Row:") {
				t.Fatal("no place")
			}
			return
		}
		if found := p.run(o, true); len(found) > 6 {
			t.Fatalf("%d records", len(found))
		}
	})
}

// A pattern matches itself where it has no wildcard, and % matches everything.
func FuzzLike(f *testing.F) {
	f.Add("berlin", "b%n")
	f.Add("a%b", `a\%b`)
	f.Add("aaaaaaaaaaaaaaaaaaaaaaaa", "%a%a%a%a%a%b")
	f.Fuzz(func(t *testing.T, text, pattern string) {
		like(text, pattern)
		if !strings.ContainsAny(text, `%_\`) && !like(text, text) {
			t.Fatal("not like itself")
		}
		if !like(text, "%") || !like(text, "%%") {
			t.Fatal("not like everything")
		}
	})
}

// A body is decoded or refused with a place; what is decoded holds nothing but the known types.
func FuzzDecodeBody(f *testing.F) {
	f.Add([]byte(`{"allOrNone":false,"records":[{"attributes":{"type":"Lead"},"id":"x","Lead_Score__c":1.5e3,"City":null}]}`))
	f.Add([]byte(`{"a":`))
	f.Add([]byte("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["))
	f.Add([]byte(`{} {}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		members, refused := decodeBody(body)
		if (members == nil) == (refused == nil) {
			t.Fatalf("%v %v", members, refused)
		}
		if refused != nil && refused.body.([]apiError)[0].Code != "JSON_PARSER_ERROR" {
			t.Fatal(refused.body)
		}
	})
}

// An assertion is taken apart or refused.
func FuzzAssertion(f *testing.F) {
	f.Add("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIiwic3ViIjoiYiIsImF1ZCI6ImMiLCJleHAiOjF9.AAAA")
	f.Add("e30.e30.")
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		if a, err := parseAssertion(token); (a == nil) == (err == nil) {
			t.Fatalf("%v %v", a, err)
		}
	})
}

// An id's 18-character form is found from every form, and finding it again changes nothing.
func FuzzNormalizeID(f *testing.F) {
	f.Add("00QDn0000000001")
	f.Add("00QDn0000000001MAA")
	f.Add("00qdn0000000001maa")
	f.Add("00Q_n0000000001MAA")
	f.Fuzz(func(t *testing.T, id string) {
		full, err := normalizeID(id)
		if err != nil {
			return
		}
		again, err := normalizeID(strings.ToLower(full))
		if err != nil || again != full || len(full) != 18 || !strings.EqualFold(full[:15], id[:15]) {
			t.Fatalf("%s is %s, and again %s %v", id, full, again, err)
		}
	})
}

// A file is taken apart or refused: its rows are the bytes after the header, each is read again as it was found, and
// what is written of a row is read as the same fields.
func FuzzBulkFile(f *testing.F) {
	f.Add([]byte("Id,City\n00QDn0000000001MAA,\"a \"\"b\"\"\n,c\"\n\nx, \"y\"\nz\n"), byte(','), false)
	f.Add([]byte("Lead_Key__c;Lead_Score__c\r\nL1;#N/A\r\nL2;high\r\n"), byte(';'), true)
	f.Add([]byte("\ufeff\"Id\"\n"), byte('^'), false)
	f.Add([]byte("Id\n\"open"), byte('`'), false)
	o, u := fuzzOrg(f)
	f.Fuzz(func(t *testing.T, data []byte, separator byte, crlf bool) {
		name := [...]string{"COMMA", "TAB", "PIPE", "SEMICOLON", "CARET", "BACKQUOTE"}[separator%6]
		j := &job{user: u, object: o.schema.object("Lead"), delimiter: name, lineEnding: "LF", data: data}
		if crlf {
			j.lineEnding = "CRLF"
		}
		file, err := openFile(j)
		if err == nil && (file == nil || len(file.results) == 0) {
			t.Fatal("no rows and no error")
		}
		if file == nil {
			return
		}
		reader, again := file.newReader(), file.newReader()
		for i := range file.results {
			fields, failed := file.fields(reader, i)
			if failed != nil && failed.Code != "CLIENT_INPUT_ERROR" {
				t.Fatal(failed)
			}
			var b bytes.Buffer
			out := bufio.NewWriter(&b)
			for _, field := range fields {
				quote(out, field)
				out.WriteByte(delimiter(name))
			}
			out.Flush()
			again.data, again.at = append(bytes.TrimSuffix(b.Bytes(), []byte{delimiter(name)}), "\r\n"[truth(!crlf):]...), 0
			if read, err := again.read(); fields != nil && (err != nil || !slices.EqualFunc(read, fields, bytes.Equal)) {
				t.Fatalf("%q is read as %q: %v", fields, read, err)
			}
			if err == nil {
				checkParsed(t, file, reader, i)
			}
		}
	})
}

// checkParsed reads a row's values, if it has any.
func checkParsed(t *testing.T, file *bulkFile, reader *csvReader, i int) {
	var r row
	if failed := file.parse(reader, i, &r); failed == nil && len(r.values) > len(file.columns) {
		t.Fatalf("%d values in %d columns", len(r.values), len(file.columns))
	}
}

// A multipart request is split into two parts or refused.
func FuzzJobParts(f *testing.F) {
	f.Add("multipart/form-data; boundary=X", []byte("--X\r\nContent-Disposition: form-data; name=\"job\"\r\n\r\n{}\r\n--X\r\n"+
		"Content-Disposition: form-data; name=\"content\"\r\n\r\nId\n\r\n--X--\r\n"))
	f.Add("multipart/form-data", []byte("--"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		c := &call{r: &http.Request{Header: http.Header{"Content-Type": {kind}}}, body: body}
		settings, file, refused := c.jobParts()
		multipart := file != nil || refused != nil
		if refused == nil && (len(file) > maxInline || settings == nil && multipart) {
			t.Fatalf("%q %q", settings, file)
		}
	})
}

// The settings of a job are taken or refused with a code of the Bulk API.
func FuzzJobSettings(f *testing.F) {
	f.Add([]byte(`{"object":"Lead","operation":"upsert","externalIdFieldName":"Lead_Key__c","columnDelimiter":"TAB","lineEnding":"CRLF"}`))
	f.Add([]byte(`{"object":"Lead","operation":"hardDelete"}`))
	f.Add([]byte(`{"object":1,"operation":["update"]}`))
	o, u := fuzzOrg(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		members, refused := decodeBody(body)
		if refused != nil {
			return
		}
		c := &call{writer: writer{org: o, user: u}, version: "v66.0", fault: &Fault{}}
		j, refused := c.newJob(members)
		if refused == nil && (j.object == nil || delimiter(j.delimiter) == 0) {
			t.Fatalf("%+v", j)
		}
		if refused != nil && (refused.status != 400 || refused.body.([]apiError)[0].Code == "") {
			t.Fatalf("%+v", refused)
		}
	})
}
