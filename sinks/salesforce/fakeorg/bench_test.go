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
	body := records(rows...)
	form := httptest.NewRequest("POST", "/services/oauth2/token",
		strings.NewReader("grant_type=client_credentials&client_id=scored&client_secret=s3cret"))
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	granted := httptest.NewRecorder()
	org.ServeHTTP(granted, form)
	_, after, _ := strings.Cut(granted.Body.String(), `"access_token":"`)
	token, _, _ := strings.Cut(after, `"`)

	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("PATCH", "/services/data/v66.0/composite/sobjects/Lead/Lead_Key__c", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		org.ServeHTTP(w, r)
		if w.Code != http.StatusOK || strings.Contains(w.Body.String(), `"success":false`) {
			b.Fatal(w.Code, w.Body.String())
		}
	}
	b.ReportMetric(float64(200*b.N)/b.Elapsed().Seconds(), "rows/s")
}
