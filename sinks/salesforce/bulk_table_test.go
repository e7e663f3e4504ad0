package salesforce

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// readTable returns the columns a and b of a text, row by row.
func readTable(in io.Reader) (rows [][2]string, err error) {
	t, err := newTable(in, "a", "b")
	if err != nil {
		return nil, err
	}
	for {
		fields, err := t.next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows = append(rows, [2]string{string(fields[0]), string(fields[1])})
	}
}

func TestTable(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       string // a=b of each row
		err        error
	}{
		{"plain", "a,b\n1,2\n3,4\n", "1=2 3=4", nil},
		{"without a last line end", "a,b\n1,2", "1=2", nil},
		{"CRLF", "a,b\r\n1,2\r\n\"3\",\"4\"\r\n", "1=2 3=4", nil},
		{"another order, others between", "x,B,y,A\n,2,,1\n", "1=2", nil},
		{"quotes", "\"a\",\"b\"\n\"1\",\"2\"\"\"\n\"\"\"\",\"\"\n", `1=2" "=`, nil},
		{"line ends in quotes", "a,b\n\"1\n2\",\"3,\r\n\"\n", "1\n2=3,\r\n", nil},
		{"empty lines", "\n\na,b\n\n1,2\n\n\n", "1=2", nil},
		{"empty fields", "a,b\n,\n", "=", nil},
		{"a mark", "\uFEFF\"a\",b\n1,2\n", "1=2", nil},
		{"only a header", "a,b\n", "", nil},
		{"nothing at all", "", "", errEmpty},
		{"nothing but line ends", "\r\n\n", "", errEmpty},
		{"a column that is missing", "a,c\n1,2\n", "", errColumn},
		{"a column twice", "a,b,A\n1,2,3\n", "", errColumn},
		{"HTML", "<html>Jane</html>", "", errColumn},
		{"too few fields", "a,b\n1,2\n3\n", "1=2", errWidth},
		{"too many", "a,b\n1,2,3\n", "", errWidth},
		{"cut off in quotes", "a,b\n1,2\n\"3\",\"4", "1=2", errCut},
		{"cut off before a field", "a,b\n1,2\n3", "1=2", errWidth},
		{"text behind quotes", "a,b\n\"1\"x,2\n", "", errCSV},
		{"a quote within", "a,b\n1\"2,3\n", "", errCSV},
		{"a carriage return alone", "a,b\n\"1\"\r,2\n", "", errCSV},
	} {
		for name, in := range map[string]io.Reader{"at once": strings.NewReader(c.text), "byte by byte": iotest.OneByteReader(strings.NewReader(c.text)),
			"with the end": iotest.DataErrReader(strings.NewReader(c.text))} {
			rows, err := readTable(in)
			var got []string
			for _, r := range rows {
				got = append(got, r[0]+"="+r[1])
			}
			if strings.Join(got, " ") != c.want || !errors.Is(err, c.err) {
				t.Errorf("%s, %s: %q, %v; want %q, %v", c.name, name, got, err, c.want, c.err)
			}
		}
	}
}

func TestARowWithoutAnEndIsGivenUp(t *testing.T) {
	for name, text := range map[string]string{"header": "", "row": "a,b\n"} {
		if _, err := readTable(strings.NewReader(text + `"` + strings.Repeat("x", maxRow))); !errors.Is(err, errLength) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAReadErrorIsNoEndOfATable(t *testing.T) {
	in := io.MultiReader(strings.NewReader("a,b\n1,2\n3,4"), iotest.ErrReader(io.ErrUnexpectedEOF))
	if rows, err := readTable(in); len(rows) != 1 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v, %v", rows, err)
	}
}

// The table reads what encoding/csv reads, and has no other opinion of what is a row; memory that begins small shows that a
// row is put together again.
func FuzzTable(f *testing.F) {
	for _, text := range []string{"a,b\n1,2\n", "a,b\n\"1\",\"2\"\"\"\n", "b,x,a\r\n1,\"2\n3\",4\r\n", "a,b\n\"", "\uFEFFa,b\n"} {
		f.Add(text, 7)
	}
	f.Fuzz(func(t *testing.T, text string, step int) {
		got, err := readTable(&slow{text: text, step: 1 + step&1023})
		again, errAgain := readTable(strings.NewReader(text))
		if !slices.Equal(got, again) || (err == nil) != (errAgain == nil) {
			t.Fatalf("%q %v in steps, %q %v at once", got, err, again, errAgain)
		}
		if err != nil || strings.Contains(strings.ReplaceAll(text, "\r\n", ""), "\r") || strings.HasPrefix(text, "\uFEFF") {
			return // a lone \r is a matter of taste
		}
		r := csv.NewReader(strings.NewReader(text))
		records, err := r.ReadAll()
		if err != nil {
			t.Fatalf("%q is read as %q, and is no CSV: %v", text, got, err)
		}
		if len(records) == 0 {
			return
		}
		a := slices.IndexFunc(records[0], func(n string) bool { return strings.EqualFold(n, "a") })
		b := slices.IndexFunc(records[0], func(n string) bool { return strings.EqualFold(n, "b") })
		for i, record := range records[1:] {
			want := [2]string{record[a], record[b]}
			plain := func(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") } // as encoding/csv has it
			if i >= len(got) || plain(got[i][0]) != want[0] || plain(got[i][1]) != want[1] {
				t.Fatalf("%q: row %d is %q, want %q", text, i, got, want)
			}
		}
		if len(got) != len(records)-1 {
			t.Fatalf("%q: %d rows, want %d", text, len(got), len(records)-1)
		}
	})
}

// slow gives text in steps.
type slow struct {
	text string
	step int
}

func (s *slow) Read(p []byte) (int, error) {
	if s.text == "" {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), s.step)], s.text)
	s.text = s.text[n:]
	return n, nil
}

func TestParseError(t *testing.T) {
	for _, c := range []struct {
		text, code, message string
		fields              []string
	}{
		{"REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --", "REQUIRED_FIELD_MISSING",
			"Required fields are missing: [LastName]", []string{"LastName"}},
		{"CANNOT_UPDATE_CONVERTED_LEAD:cannot reference converted lead:--", "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", nil},
		{"STRING_TOO_LONG:too long: (max length=5):A__c,B__c --", "STRING_TOO_LONG", "too long: (max length=5)", []string{"A__c", "B__c"}},
		{"STRING_TOO_LONG:too long:A__c, B__c--", "STRING_TOO_LONG", "too long", []string{"A__c", "B__c"}},
		{"UNABLE_TO_LOCK_ROW:unable to obtain exclusive access: 00Q:--", "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access: 00Q", nil},
		{"INVALID_FIELD:Failed to deserialize field at col 1. Due to, 'x' is not valid --", "INVALID_FIELD",
			"Failed to deserialize field at col 1. Due to, 'x' is not valid", nil},
		{"DUPLICATE_VALUE:duplicate value found: 00Q", "DUPLICATE_VALUE", "duplicate value found: 00Q", nil},
		{"no code at all", "", "no code at all", nil},
		{"Jane Doe: was refused", "", "Jane Doe: was refused", nil},
		{"CODE:", "CODE", "", nil},
		{"CODE:--", "CODE", "", nil},
		{"", "", "", nil},
	} {
		code, message, fields := parseError(c.text)
		if code != c.code || message != c.message || !slices.Equal(fields, c.fields) {
			t.Errorf("%q: %q, %q, %q", c.text, code, message, fields)
		}
	}
}

// Whatever is read from an error looks like a code and like fields, and a text that was put together comes apart again.
func FuzzParseError(f *testing.F) {
	f.Add("CODE", "a message: with a colon", "A__c")
	f.Add("UNABLE_TO_LOCK_ROW", "--", "")
	f.Fuzz(func(t *testing.T, code, message, field string) {
		c, _, fields := parseError(code + message + field)
		if c != "" && !codeForm.MatchString(c) || slices.ContainsFunc(fields, func(f string) bool { return !fieldForm.MatchString(f) }) {
			t.Fatalf("%q, %q", c, fields)
		}
		if !codeForm.MatchString(code) || field != "" && !fieldForm.MatchString(field) {
			return
		}
		c, m, fields := parseError(code + ":" + message + ":" + field + " --")
		if c != code || m != strings.TrimSpace(message) || field != "" && !slices.Equal(fields, []string{field}) || field == "" && fields != nil {
			t.Fatalf("%q, %q, %q", c, m, fields)
		}
	})
}

func TestReadingAResultAllocatesNothingPerRow(t *testing.T) {
	const rows = 20_000
	text := bytes.Repeat([]byte(`"00QDn0000000001MAA","false","L000001","87","A","Up: visited ""often"" this week"`+"\n"), rows)
	text = append([]byte("\"sf__Id\",\"sf__Created\",a,b,c,d\n"), text...)
	got := 0
	allocs := testing.AllocsPerRun(3, func() {
		table, err := newTable(bytes.NewReader(text), "a", "sf__Created")
		if err != nil {
			t.Fatal(err)
		}
		for got = 0; ; got++ {
			if _, err := table.next(); err != nil {
				break
			}
		}
	})
	if got != rows || allocs > 100 {
		t.Errorf("%d rows, %.0f allocations", got, allocs)
	}
}
