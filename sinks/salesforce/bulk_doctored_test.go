package salesforce_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"scored/pipeline"
	"scored/sinks/salesforce"
	"scored/sinks/salesforce/fakeorg"
)

// doctored serves an org of which somebody edits result files: edit gets a file's header and lines, in order of key.
func doctored(t *testing.T, w *world, file string, edit func(header string, lines []string) []string) {
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, file) {
			w.org.ServeHTTP(out, r)
			return
		}
		r.Header.Del("Accept-Encoding")
		answer := httptest.NewRecorder()
		w.org.ServeHTTP(answer, r)
		lines := strings.Split(strings.TrimSuffix(answer.Body.String(), "\n"), "\n")
		header, lines := lines[0], lines[1:]
		key := func(line string) string { return line[max(strings.Index(line, "L0"), 0):] }
		slices.SortFunc(lines, func(a, b string) int { return strings.Compare(key(a), key(b)) })
		fmt.Fprint(out, strings.Join(edit(header, lines), "\n"))
	}))
	front.Config.ErrorLog = w.server.Config.ErrorLog
	front.Start()
	t.Cleanup(front.Close)
	w.config.LoginURL = front.URL
	w.sink = w.newSink(w.config)
}

// Results that can't be those of the rows that were sent are believed up to where they go wrong.
func TestResultsThatDoNotAddUp(t *testing.T) {
	for _, c := range []struct {
		name  string
		edit  func(header string, lines []string) []string
		known int // accepted
		words string
	}{
		{"a row is missing", func(h string, l []string) []string { return append([]string{h}, l[1:]...) }, 4, "1 of 5 rows are in no result"},
		{"all are", func(h string, _ []string) []string { return []string{h} }, 0, "5 of 5 rows are in no result"},
		{"a row twice", func(h string, l []string) []string { return append([]string{h}, l[0], l[1], l[1], l[2], l[3], l[4]) }, 1, "there twice"},
		{"somebody else's row", func(h string, l []string) []string {
			return append([]string{h}, l[0], strings.Replace(l[1], "L000002", "L000009", 1), l[2], l[3], l[4])
		}, 1, "not sent"},
		{"a row that stayed at home", func(h string, l []string) []string {
			return append([]string{h}, l[0], strings.Replace(l[1], "L000002", "L000006", 1), l[2], l[3], l[4])
		}, 1, "not sent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, j := newBulkWorld(t, nil)
			changes := w.insert(6, false)
			changes[5].Grade = "#N/A"
			doctored(t, w, "successfulResults", c.edit)
			d := w.deliver(t.Context(), w.sink, changes, nil)
			want := counts{unknown: 5 - c.known, refused: 1}
			if c.known > 0 {
				want[accepted] = c.known
			}
			d.want(t, want, true, 0)
			if d.err == nil || !strings.Contains(d.err.Error(), "don't add up") || !strings.Contains(d.err.Error(), c.words) {
				t.Errorf("error is %v", d.err)
			}
			w.wantTidy(j)
		})
	}
}

// A row that was accepted and is also among those that failed contradicts itself, and counts for nothing; the file is read
// as long as a row is missing.
func TestARowInTwoFiles(t *testing.T) {
	w, _ := newBulkWorld(t, nil)
	changes := w.insert(5, false)
	convert(t, w, changes[4].Key)
	doctored(t, w, "failedResults", func(h string, l []string) []string {
		return []string{h, strings.Replace(l[0], "L000005", "L000002", 1), l[0]}
	})
	d := w.deliver(t.Context(), w.sink, changes, nil)
	d.want(t, counts{accepted: 3, unknown: 2}, true, 0)
	if d.err == nil || !strings.Contains(d.err.Error(), "there twice") {
		t.Errorf("error is %v", d.err)
	}
}

// Files may come with a byte order mark, with CRLF, with their columns in another order, and with others between them.
func TestResultsInOtherForms(t *testing.T) {
	for name, edit := range map[string]func(header string, lines []string) []string{
		"mark": func(h string, l []string) []string { return append([]string{"\uFEFF" + h}, l...) },
		"CRLF": func(h string, l []string) []string {
			return []string{strings.Join(append([]string{h}, l...), "\r\n") + "\r\n"}
		},
		"case": func(h string, l []string) []string { return append([]string{strings.ToUpper(h)}, l...) },
		"shuffled columns": func(_ string, l []string) []string {
			for i := range l {
				l[i] = fmt.Sprintf("more,L%06d,%q,\"\",FALSE", i+1, "a, b")
			}
			return append([]string{`Whatever,Lead_Key__c,"sf__Id",x,sf__created`}, l...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, j := newBulkWorld(t, nil)
			changes := w.insert(5, false)
			doctored(t, w, "successfulResults", edit)
			w.deliver(t.Context(), w.sink, changes, nil).want(t, counts{accepted: 5}, false, 0)
			w.wantTidy(j)
		})
	}
}

// An org that repeats the long form of an Id where the short one was sent means the same record.
func TestResultsWithTheOtherFormOfAnID(t *testing.T) {
	w, j := newBulkWorld(t, updateByID)
	changes := w.insert(4, true)
	changes[1].Key = changes[1].Key[:15]
	long := map[string]string{}
	for _, r := range w.org.Records("Lead") {
		long[r.ID[:15]] = r.ID
	}
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		r.Header.Del("Accept-Encoding")
		w.org.ServeHTTP(answer, r)
		body := answer.Body.String()
		if strings.HasSuffix(r.URL.Path, "successfulResults") {
			body = strings.ReplaceAll(body, `"`+changes[1].Key+`"`, `"`+long[changes[1].Key]+`"`)
			body = strings.ReplaceAll(body, `,"`+changes[2].Key+`"`, `,"`+changes[2].Key[:15]+`"`)
		}
		out.WriteHeader(answer.Code)
		fmt.Fprint(out, body)
	}))
	defer front.Close()
	front.Start()
	w.config.LoginURL = front.URL
	w.deliver(t.Context(), w.newSink(w.config), changes, nil).want(t, counts{accepted: 4}, false, 0)
	w.wantTidy(j)
}

// A session that ends in the middle is renewed at each of a job's requests, and the upload is rendered again.
func TestASessionThatEndsWithinAJob(t *testing.T) {
	for _, step := range jobSteps {
		w, j := newBulkWorld(t, nil)
		changes := w.insert(5, false)
		convert(t, w, changes[1].Key)
		w.org.Inject(fakeorg.Fault{Method: step.method, Path: step.path, Before: w.org.ExpireSessions, Rows: map[string]fakeorg.RowError{}})
		w.deliver(t.Context(), w.sink, changes, nil).want(t, counts{accepted: 4, refused: 1}, false, 0)
		if n := strings.Count(w.logged.String(), "session expired"); n != 1 {
			t.Errorf("%s: %d new logins", step.name, n)
		}
		w.wantTidy(j)
	}
}

func TestCost(t *testing.T) {
	for _, edit := range []func(*salesforce.Config){
		func(*salesforce.Config) {},
		func(c *salesforce.Config) { c.BulkThreshold = 100_000 },
		func(c *salesforce.Config) { c.BulkThreshold, c.UploadLimit = 1, 1 },
		func(c *salesforce.Config) { c.UploadLimit, c.FirstPoll = 10_000, 1 },
	} {
		w, _ := newBulkWorld(t, func(_ *fakeorg.Config, c *salesforce.Config) {
			c.BulkThreshold, c.FirstPoll = 0, 0
			edit(c)
		})
		var meter interface{ Cost(int) int } = w.sink
		last := meter.Cost(0)
		if last != 0 {
			t.Errorf("nothing costs %d", last)
		}
		for n := 1; n < 1_000_000; n += 1 + n/300 {
			cost := meter.Cost(n)
			if cost < last {
				t.Fatalf("%d changes cost %d, fewer cost %d", n, cost, last)
			}
			last = cost
		}
	}
	w, _ := newBulkWorld(t, func(_ *fakeorg.Config, c *salesforce.Config) { c.BulkThreshold, c.FirstPoll = 0, 0 })
	for changes, want := range map[int]int{1: 1, 200: 1, 201: 2, 2000: 10, 2001: 10, 100_000: 19} {
		if got := w.sink.Cost(changes); got != want {
			t.Errorf("%d changes cost %d, want %d", changes, got, want)
		}
	}
	var _ pipeline.Resumer = w.sink
	var _ pipeline.Meter = w.sink
}
