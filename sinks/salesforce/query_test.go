package salesforce_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"scored/pipeline"
	"scored/sinks/salesforce/fakeorg"
)

func TestQueryFollowsItsPages(t *testing.T) {
	w := newWorld(t, nil)
	w.insert(2001, false)
	records, err := w.sink.Query(t.Context(), "SELECT Id, Lead_Key__c FROM Lead ORDER BY Lead_Key__c")
	if err != nil || len(records) != 2001 {
		t.Fatalf("%d records, error %v", len(records), err)
	}
	for i, r := range records {
		if r["Lead_Key__c"] != fmt.Sprintf("L%06d", i+1) || len(r) != 2 {
			t.Fatalf("record %d is %v", i, r)
		}
	}
	if n := w.sink.Calls(); n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
	fmt.Fprintf(w.logged, "%+v\n", records[0])
}

func TestQueryFailures(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault fakeorg.Fault
		class pipeline.Class
	}{
		{"a page that leads to another host", fakeorg.Fault{Status: 200,
			Body: `{"totalSize":9,"done":false,"nextRecordsUrl":"@evil.example/services/data/","records":[{"Id":"x"}]}`},
			pipeline.TryAgain},
		{"a page that leads nowhere", fakeorg.Fault{Status: 200, Body: `{"totalSize":9,"done":false,"records":[{"Id":"x"}]}`},
			pipeline.TryAgain},
		{"empty pages without end", fakeorg.Fault{Status: 200,
			Body: `{"totalSize":9,"done":false,"nextRecordsUrl":"/services/data/v66.0/query/01g-2000","records":[]}`}, pipeline.TryAgain},
		{"more pages than records", fakeorg.Fault{Status: 200,
			Body: `{"totalSize":1,"done":false,"nextRecordsUrl":"/services/data/v66.0/query/01g-2000","records":[{"Id":"x"}]}`},
			pipeline.TryAgain},
		{"an object without pages", fakeorg.Fault{Status: 200, Body: `{}`}, pipeline.TryAgain},
		{"null", fakeorg.Fault{Status: 200, Body: `null`}, pipeline.TryAgain},
		{"a null record", fakeorg.Fault{Status: 200, Body: `{"done":true,"records":[null]}`}, pipeline.TryAgain},
		{"HTML", fakeorg.Fault{Status: 200, Body: `<html>Jane`}, pipeline.TryAgain},
		{"a wrong query", fakeorg.Fault{Status: 400, Body: fakeorg.Errors("MALFORMED_QUERY", "SELECT Jane")}, 0},
		{"an error list without errors", fakeorg.Fault{Status: 400, Body: "[]"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			c.fault.Path, c.fault.Times = "/query", -1
			w.org.Inject(c.fault)
			records, err := w.sink.Query(t.Context(), "SELECT Id FROM Lead")
			if err == nil || records != nil || pipeline.ClassOf(err) != c.class || !strings.HasPrefix(err.Error(), "query Salesforce: ") {
				t.Errorf("records %v, error %v", records, err)
			}
			fmt.Fprintln(w.logged, err)
			if n := w.requests("", "/query"); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

func TestQueryEndsWithItsContext(t *testing.T) {
	w := newWorld(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	w.org.Inject(fakeorg.Fault{Path: "/query", Reset: true, Before: func() { cancel(); <-release }})
	_, err := w.sink.Query(ctx, "SELECT Id FROM Lead")
	close(release)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}
