package salesforce

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"scored/pipeline"
	"scored/sinks/salesforce/fakeorg"
)

// A day of an org with 10,000 leads, of which 5 % change from slot to slot: 96 slots of 15 minutes take at most 300 calls,
// with all that a run asks for beside its writes.
func TestADayTakesAtMost300Calls(t *testing.T) {
	const leads, changed, slots, most = 10_000, 500, 96, 300
	synctest.Test(t, func(t *testing.T) {
		org, err := fakeorg.New(fakeorg.Config{
			Apps:  []fakeorg.App{{ClientID: "app", ClientSecret: "secret", RunAs: "scoring@example.com"}},
			Users: []fakeorg.User{{Username: "scoring@example.com", Name: "Scoring", ViewSetup: true}},
		})
		if err != nil {
			t.Fatal(err)
		}
		for lead := range leads {
			if _, err := org.Insert("Lead", map[string]any{"Lead_Key__c": keyOf(lead), "LastName": "Doe", "Company": "Acme"}); err != nil {
				t.Fatal(err)
			}
		}
		s := inBubble(t, org)
		for slot := range slots {
			if err := s.slot(t.Context(), slot, changed, leads); err != nil {
				t.Fatalf("slot %d: %v", slot, err)
			}
			time.Sleep(15 * time.Minute)
		}
		calls := 0
		for _, r := range org.Requests() {
			if !strings.Contains(r.Path, "/oauth2/") { // an org counts no logins
				calls++
			}
		}
		t.Logf("%d slots with %d of %d leads changed took %d calls, of which %d wrote", slots, changed, leads, calls, slots*3)
		if calls > most || calls != s.Calls() {
			t.Errorf("a day took %d calls, and the sink counted %d; at most %d are wanted", calls, s.Calls(), most)
		}
	})
}

// daySink is a sink whose org is in the same bubble.
type daySink struct{ *Sink }

func inBubble(t *testing.T, org http.Handler) daySink {
	s, err := New(Config{
		Name: "org", LoginURL: "http://localhost", Flow: ClientCredentials, ClientID: "app", ClientSecret: "secret", Object: "Lead",
		Operation: Upsert, ExternalID: "Lead_Key__c",
		Fields: []Field{{"Lead_Score__c", Score}, {"Lead_Grade__c", Grade}, {"Lead_Score_Version__c", Version}},
	})
	if err != nil {
		t.Fatal(err)
	}
	conns, done := make(chan net.Conn), make(chan struct{})
	server := &http.Server{Handler: org}
	go func() { _ = server.Serve(&pipes{conns, done}) }()
	s.wire.transport.Proxy = nil
	s.wire.transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		conns <- theirs
		return ours, nil
	}
	t.Cleanup(func() {
		s.Close()
		_ = server.Close()
	})
	return daySink{s}
}

// slot does with the sink what a run does.
func (s daySink) slot(ctx context.Context, slot, changed, leads int) error {
	run, err := pipeline.NewRun("job", pipeline.Request{Trigger: pipeline.Scheduled, AsOf: time.Now()}, 0, time.Now())
	if err != nil {
		return err
	}
	if _, err := s.Preflight(ctx); err != nil {
		return err
	}
	if _, err := s.Usage(ctx); err != nil {
		return err
	}
	changes := make([]pipeline.Change, changed)
	for i := range changes {
		changes[i].Score = pipeline.Score{Key: keyOf((slot*changed + i) % leads), Score: slot, Grade: "B"}
	}
	slices.SortFunc(changes, func(a, b pipeline.Change) int { return cmp.Compare(a.Key, b.Key) })
	accepted := 0
	err = s.Write(ctx, run, "lead@0a1b2c3d", changes, func(outcomes []pipeline.Outcome) error {
		for _, o := range outcomes {
			if o.Status == pipeline.Accepted {
				accepted++
			}
		}
		return nil
	})
	if err == nil && accepted != changed {
		err = fmt.Errorf("%d of %d changes were accepted", accepted, changed)
	}
	return err
}

func keyOf(lead int) string { return fmt.Sprintf("L%06d", lead) }
