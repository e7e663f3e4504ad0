package salesforce

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/simpleforce/simpleforce"

	"scored/pipeline"
)

// answering is a login, and an org that gives one answer to everything.
type answering struct {
	status int
	header string // Sforce-Limit-Info
	body   []byte
}

// FuzzAnswers: whatever an org answers, a session, a description, a query, the limits, validation rules and collections end
// in a result that keeps to what is promised, or in an error.
func FuzzAnswers(f *testing.F) {
	for _, body := range []string{
		`{"fields":[{"name":"Lead_Score__c","type":"double","updateable":true}]}`, `{"done":true,"totalSize":1,"records":[{"Id":"00Q000000000001AAA"}]}`,
		`{"done":false,"nextRecordsUrl":"/services/data/v66.0/query/01g-2000","records":[]}`, `{"DailyApiRequests":{"Max":100,"Remaining":-3}}`,
		`{"done":true,"records":[{"ErrorDisplayField":"Lead_Score_Version__c","Active":true}]}`, `[{"success":true,"id":"00Q000000000001AAA","created":true}]`,
		`[{"success":false,"errors":[{"statusCode":"DUPLICATE_VALUE","message":"m","fields":["A__c"]}]}]`, `[{"errorCode":"INVALID_SESSION_ID"}]`,
		`{"id":"750000000000001AAA","state":"JobComplete","contentUrl":"services/data/v66.0/jobs/ingest/750/batches"}`, `null`, `[]`, ``, `{"done":null}`,
	} {
		f.Add(200, "api-usage=1/100", []byte(body))
		f.Add(401, "", []byte(body))
	}
	var now atomic.Pointer[answering]
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/oauth2/token") {
			fmt.Fprintf(w, `{"access_token":"t","instance_url":"http://%s","id":"https://x/id/00D000000000062EAA/005000000000001AAA"}`, r.Host)
			return
		}
		a := now.Load()
		w.Header().Set("Sforce-Limit-Info", a.header)
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	f.Cleanup(server.Close)
	f.Fuzz(func(t *testing.T, status int, header string, body []byte) {
		header = strings.Map(printing, header)
		now.Store(&answering{200 + (status%400+400)%400, header, body})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		sink, err := New(Config{Name: "org", LoginURL: server.URL, Flow: ClientCredentials, ClientID: "c", ClientSecret: "s", Object: "Lead",
			Operation: Upsert, ExternalID: "Lead_Key__c", Fields: []Field{{"Lead_Score__c", Score}, {"Lead_Score_Version__c", Version}}})
		if err != nil {
			t.Fatal(err)
		}
		defer sink.Close()
		_, _ = sink.Preflight(ctx)
		_, _ = sink.guarded(ctx)
		if u, err := sink.Usage(ctx); err == nil && u != (pipeline.Usage{}) && !json.Valid(body) && !usageForm.MatchString(header) {
			t.Errorf("usage %+v was read from nothing", u)
		}
		pages := 0
		for _, err := range sink.records(ctx, "SELECT Id FROM Lead") {
			if pages++; err != nil || pages > 100 { // each page says that there is another
				break
			}
		}
		_, _, _ = sink.listPage(ctx, "/services/data/v66.0/jobs/ingest")
		_ = sink.call(ctx, func(c *simpleforce.Client) error { // not by lookUp, which tries again
			_, err := sink.askJob(c, http.MethodGet, sink.jobsPath()+"/750000000000001AAA", nil)
			return err
		})
		accepted := writeOne(ctx, t, sink)
		if accepted && (now.Load().status > 299 || !strings.Contains(string(body), "success")) {
			t.Errorf("HTTP %d %q was taken for an acceptance", now.Load().status, body)
		}
	})
}

// printing keeps what a header may hold.
func printing(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}

// writeOne sends one change, and says whether it was accepted.
func writeOne(ctx context.Context, t *testing.T, sink *Sink) (accepted bool) {
	t.Helper()
	run, err := pipeline.NewRun("leads", pipeline.Request{Trigger: pipeline.Manual, AsOf: time.Unix(1e9, 0)}, 0, time.Unix(1e9, 0))
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	_ = sink.Write(ctx, run, "m@1", []pipeline.Change{{Score: pipeline.Score{Key: "L1", Grade: "A"}}}, func(outcomes []pipeline.Outcome) error {
		for _, o := range outcomes {
			if told++; o.Key != "L1" || o.Status == 0 || told > 1 {
				t.Errorf("outcome %+v, the %d. of one change", o, told)
			}
			accepted = o.Status == pipeline.Accepted
		}
		return nil
	})
	return accepted
}
