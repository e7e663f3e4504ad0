package fakeorg_test

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"scored/sinks/salesforce/fakeorg"
)

func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		fault   fakeorg.Fault
		status  int // 0: no answer
		code    string
		applied bool
	}{
		"none":         {fakeorg.Fault{Path: "/elsewhere"}, 200, "", true},
		"other method": {fakeorg.Fault{Method: "GET"}, 200, "", true},
		"a busy org": {fakeorg.Fault{Method: "PATCH", Status: 503, Body: fakeorg.Errors("SERVER_UNAVAILABLE", "Too busy.")},
			503, "SERVER_UNAVAILABLE", false},
		"no answer":            {fakeorg.Fault{Path: "/composite", Reset: true}, 0, "", false},
		"failed, yet applied":  {fakeorg.Fault{Path: "/composite", Drop: true}, 0, "", true},
		"a row":                {fakeorg.Fault{Rows: map[string]fakeorg.RowError{"L000001": fakeorg.Locked("x")}}, 200, "UNABLE_TO_LOCK_ROW", false},
		"a row by its id":      {fakeorg.Fault{Rows: map[string]fakeorg.RowError{"00QDn0000000001MAA": {Code: "X"}}}, 200, "X", false},
		"somebody else's row":  {fakeorg.Fault{Rows: map[string]fakeorg.RowError{"L000002": {}}}, 200, "", true},
		"after others":         {fakeorg.Fault{Skip: 1, Status: 500}, 200, "", true},
		"a page from a proxy":  {fakeorg.Fault{Status: 502, Body: "<html>", Header: map[string][]string{"Content-Type": {"text/html"}}}, 502, "", false},
		"no answer, other one": {fakeorg.Fault{Path: "/query", Reset: true}, 200, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, config())
			id := s.lead("L000001")
			token := s.login()
			s.Inject(c.fault)
			r := s.request(token, "PATCH", "/composite/sobjects/Lead/Lead_Key__c", records(`"Lead_Key__c":"L000001","Lead_Score__c":7`))
			got, err := s.send(r)
			if c.status == 0 && !errors.Is(err, io.EOF) {
				t.Errorf("got %v %v, want no answer", got, err)
			}
			if c.status != 0 && (err != nil || got.status != c.status || got.code() != c.code) {
				t.Errorf("got %d %s %v", got.status, got.text, err)
			}
			if applied := s.field(id, "Lead_Score__c") == 7.0; applied != c.applied {
				t.Errorf("applied: %v, want %v", applied, c.applied)
			}
		})
	}
}

func TestFaultsAreUsedUpInOrder(t *testing.T) {
	s := start(t, config())
	token := s.login()
	s.Inject(
		fakeorg.Fault{Path: "/limits", Skip: 1, Times: 2, Status: 500},
		fakeorg.Fault{Path: "/limits", Status: 503},
		fakeorg.Fault{Path: "/query", Times: -1, Status: 504},
	)
	var got []int
	for range 5 {
		got = append(got, s.do(token, "GET", "/limits", "").status)
	}
	// The first request passes the first fault, and so meets the second.
	if want := []int{503, 500, 500, 200, 200}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for range 3 {
		if got := s.do(token, "GET", "/query?q=x", ""); got.status != 504 {
			t.Errorf("got %d", got.status)
		}
	}
	if n := s.ClearFaults(); n != 1 {
		t.Errorf("%d faults were left", n)
	}
	if got := s.do(token, "GET", "/query?q=x", ""); got.status != 400 {
		t.Errorf("got %d", got.status)
	}
}

// A request whose sender gave up can land later: held by Before, it is applied when it is let go.
func TestLateRequest(t *testing.T) {
	s := start(t, config())
	id := s.lead("L000001")
	token := s.login()
	arrived, release := make(chan struct{}), make(chan struct{})
	s.Inject(fakeorg.Fault{Path: "/composite", Drop: true, Before: func() { close(arrived); <-release }})
	done := make(chan error)
	go func() {
		_, err := s.send(s.request(token, "PATCH", "/composite/sobjects", records(fmt.Sprintf(`"id":%q,"Lead_Score__c":1`, id))))
		done <- err
	}()
	<-arrived
	s.do(token, "PATCH", "/composite/sobjects", records(fmt.Sprintf(`"id":%q,"Lead_Score__c":2`, id)))
	close(release)
	if err := <-done; err == nil {
		t.Error("the late request was answered")
	}
	if got := s.field(id, "Lead_Score__c"); got != 1.0 {
		t.Errorf("score is %v, want the late request's", got)
	}
}

func TestRequestLog(t *testing.T) {
	s := start(t, config())
	s.lead("L000001")
	token := s.login()
	s.Inject(fakeorg.Fault{Path: "/query", Reset: true})
	if _, err := s.send(s.request(token, "POST", "/query", "")); err == nil {
		t.Error("answered")
	}
	s.do(token, "PATCH", "/composite/sobjects/Lead/Lead_Key__c",
		records(`"Lead_Key__c":"L000001"`, `"Lead_Key__c":"L000002"`), "Sforce-Auto-Assign: FALSE")
	got := s.Requests()
	if len(got) != 3 {
		t.Fatalf("got %v", got)
	}
	if r := got[1]; r.Status != 0 || r.Method != "POST" || r.Path != "/services/data/v66.0/query" || r.Username != "" {
		t.Errorf("got %+v", r)
	}
	r := got[2]
	if r.Status != 200 || r.Rows != 2 || r.Failed != 1 || r.Username != scorer || r.Header.Get("Sforce-Auto-Assign") != "FALSE" {
		t.Errorf("got %+v", r)
	}
	if strings.Contains(fmt.Sprint(got), token) || strings.Contains(fmt.Sprint(got), "s3cret") {
		t.Error("the log holds credentials")
	}
	s.ForgetRequests()
	if len(s.Requests()) != 0 {
		t.Error("not forgotten")
	}
}
