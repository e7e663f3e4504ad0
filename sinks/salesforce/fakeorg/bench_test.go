package fakeorg_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"scored/sinks/salesforce/fakeorg"
)

// BenchmarkUpsert upserts 200 leads a request into an org that holds 20,000.
func BenchmarkUpsert(b *testing.B) {
	c := config()
	c.DailyAPILimit = 1 << 40
	org, err := fakeorg.New(c)
	if err != nil {
		b.Fatal(err)
	}
	var rows []string
	for i := range 20_000 {
		key := fmt.Sprintf("L%06d", i)
		if _, err := org.Insert("Lead", map[string]any{"LastName": "Doe", "Company": "Acme", "Lead_Key__c": key}); err != nil {
			b.Fatal(err)
		}
		if i%100 == 0 {
			rows = append(rows, fmt.Sprintf(`"Lead_Key__c":%q,"Lead_Score__c":%d,"Lead_Grade__c":"A"`, key, i%100))
		}
	}
	body, ask := records(rows...), asker(b, org)
	b.ReportAllocs()
	for b.Loop() {
		if got := ask("PATCH", "/composite/sobjects/Lead/Lead_Key__c", "application/json", body); strings.Contains(got, `"success":false`) {
			b.Fatal(got)
		}
	}
	b.ReportMetric(float64(200*b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkBulk upserts 100,000 leads of seven columns a job, under a validation rule, and reads the results.
func BenchmarkBulk(b *testing.B) {
	const n = 100_000
	c := config()
	c.DailyAPILimit, c.DailyBulkBatches = 1<<40, 1<<40
	lead := fakeorg.LeadObject()
	lead.Rules = []fakeorg.Rule{fakeorg.NeverDecreases("Lead_Score_Version__c")}
	c.Objects = []fakeorg.Object{lead}
	org, err := fakeorg.New(c)
	if err != nil {
		b.Fatal(err)
	}
	var file strings.Builder
	file.WriteString("Lead_Key__c," + strings.Join(scoreFields(), ",") + "\n")
	for i := range n {
		key := fmt.Sprintf("L%06d", i)
		if _, err := org.Insert("Lead", map[string]any{"LastName": "Doe", "Company": "Acme", "Lead_Key__c": key}); err != nil {
			b.Fatal(err)
		}
		fmt.Fprintf(&file, "%s,%d,A,0.%06d,model-1,1795353300000001,2026-11-22T13:15:00Z\n", key, i%100, i)
	}
	ask := asker(b, org)
	b.ReportAllocs()
	for b.Loop() {
		_, id, _ := strings.Cut(ask("POST", ingest, "application/json", jobSettings(byKey()...)), `"id":"`)
		job := ingest + "/" + id[:18]
		ask("PUT", job+"/batches", "text/csv", file.String())
		ask("PATCH", job, "application/json", `{"state":"UploadComplete"}`)
		if got := ask("GET", job+"/successfulResults", "", ""); strings.Count(got, "\n") != n+1 {
			b.Fatal(got)
		}
		ask("DELETE", job, "", "")
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "rows/s")
}

// asker logs in, and returns what sends a request past the network.
func asker(b *testing.B, org *fakeorg.Org) func(method, path, kind, body string) string {
	form := httptest.NewRequest("POST", "/services/oauth2/token",
		strings.NewReader("grant_type=client_credentials&client_id=scored&client_secret=s3cret"))
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	granted := httptest.NewRecorder()
	org.ServeHTTP(granted, form)
	_, after, _ := strings.Cut(granted.Body.String(), `"access_token":"`)
	token, _, _ := strings.Cut(after, `"`)
	return func(method, path, kind, body string) string {
		r := httptest.NewRequest(method, "/services/data/v66.0"+path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		org.ServeHTTP(w, r)
		if w.Code >= http.StatusMultipleChoices {
			b.Fatal(method, path, w.Code, w.Body.String())
		}
		return w.Body.String()
	}
}
