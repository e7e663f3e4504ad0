package salesforce_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"scored/sinks/salesforce/fakeorg"
)

// rewritten serves an org of which somebody edits the answers.
func rewritten(t *testing.T, w *world, edit func(r *http.Request, body string) string) {
	t.Helper()
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		r.Header.Del("Accept-Encoding")
		answer := httptest.NewRecorder()
		w.org.ServeHTTP(answer, r)
		out.WriteHeader(answer.Code)
		if answer.Code != http.StatusNoContent {
			_, _ = io.WriteString(out, edit(r, answer.Body.String()))
		}
	}))
	front.Config.ErrorLog = w.server.Config.ErrorLog
	front.Start()
	t.Cleanup(front.Close)
	w.config.LoginURL = front.URL
	w.sink = w.newSink(w.config)
}

// ofJob tells whether the answer is a job's description.
func ofJob(r *http.Request, body string) bool {
	return strings.Contains(r.URL.Path, ingest) && strings.HasPrefix(body, "{")
}

// A job whose results have more, or fewer, failures than it counts is not believed to have gone well.
func TestFailuresThatAreNotInTheResults(t *testing.T) {
	for _, counted := range []string{"0", "2", `"3"`} {
		w, j := newBulkWorld(t, nil)
		changes := w.insert(5, false)
		convert(t, w, changes[1].Key)
		rewritten(t, w, func(r *http.Request, body string) string {
			if ofJob(r, body) {
				body = strings.Replace(body, `"numberRecordsFailed":1`, `"numberRecordsFailed":`+counted, 1)
			}
			return body
		})
		d := w.deliver(t.Context(), w.sink, changes, nil)
		if d.want(t, counts{accepted: 4, refused: 1}, true, 0); d.err == nil || !strings.Contains(d.err.Error(), "don't add up") {
			t.Errorf("%s: error is %v", counted, d.err)
		}
		w.wantTidy(j)
	}
}

// A row that is in the first file although the org refused it is looked for in the second.
func TestARowThatIsSaidToBeAcceptedAndFailed(t *testing.T) {
	w, _ := newBulkWorld(t, nil)
	changes := w.insert(5, false)
	convert(t, w, changes[1].Key)
	rewritten(t, w, func(r *http.Request, body string) string {
		if strings.HasSuffix(r.URL.Path, "successfulResults") {
			header, _, _ := strings.Cut(body, "\n")
			body += fmt.Sprintf(`"00QDn0000000001MAA","false",%q`, changes[1].Key) + strings.Repeat(`,"1"`, strings.Count(header, ",")-2) + "\n"
		}
		return body
	})
	d := w.deliver(t.Context(), w.sink, changes, nil)
	d.want(t, counts{accepted: 4, unknown: 1}, true, 0)
	if o := d.outcomes[changes[1].Key]; o.Status != unknown {
		t.Errorf("%+v", o)
	}
}

// Orgs write numbers as strings, or leave them out.
func TestCountsInOtherForms(t *testing.T) {
	for name, edit := range map[string]func(field, number string) string{
		"strings": func(field, number string) string { return field + `"` + number + `"` },
		"null":    func(field, _ string) string { return field + "null" },
	} {
		w, j := newBulkWorld(t, nil)
		changes := w.insert(5, false)
		convert(t, w, changes[1].Key)
		edited := 0
		rewritten(t, w, func(r *http.Request, body string) string {
			for _, field := range []string{`"numberRecordsProcessed":`, `"numberRecordsFailed":`} {
				for _, number := range []string{"0", "1", "5"} {
					if ofJob(r, body) && strings.Contains(body, field+number) {
						body = strings.Replace(body, field+number, edit(field, number), 1)
						edited++
					}
				}
			}
			return body
		})
		d := w.deliver(t.Context(), w.sink, changes, nil)
		d.want(t, counts{accepted: 4, refused: 1}, false, 0)
		if edited == 0 {
			t.Errorf("%s: nothing was edited", name)
		}
		w.wantTidy(j)
	}
}

// An upload tells its length, also when it is sent again, for those who take none without.
func TestAnUploadTellsItsLength(t *testing.T) {
	w, j := newBulkWorld(t, nil)
	var lengths []int64
	front := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			lengths = append(lengths, r.ContentLength)
			if r.ContentLength < 0 {
				http.Error(out, "a length is needed", http.StatusLengthRequired)
				return
			}
		}
		w.org.ServeHTTP(out, r)
	}))
	defer front.Close()
	w.config.LoginURL = front.URL
	w.org.Inject(fakeorg.Fault{Method: "PUT", Path: ingest, Before: w.org.ExpireSessions, Rows: map[string]fakeorg.RowError{}})
	w.deliver(t.Context(), w.newSink(w.config), w.insert(3000, false), nil).want(t, counts{accepted: 3000}, false, 0)
	if len(lengths) != 2 || lengths[0] < 100_000 || lengths[1] != lengths[0] {
		t.Errorf("lengths are %d", lengths)
	}
	w.wantTidy(j)
}
