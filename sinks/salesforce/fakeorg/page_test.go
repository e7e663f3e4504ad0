package fakeorg_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// names are the names on the page, in order.
func names(page string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`<th scope="row"[^>]*>([^<]*)</th>`).FindAllStringSubmatch(page, -1) {
		out = append(out, m[1])
	}
	return out
}

func TestLeadList(t *testing.T) {
	s := start(t, config())
	add := func(name string, pairs ...any) {
		s.lead(name, append([]any{"LastName", name, "OwnerId", s.UserID(admin)}, pairs...)...)
	}
	add("Low", "Lead_Score__c", 7, "Lead_Grade__c", "D", "Lead_Score_Reasons__c", "Up: asked for a quote. Down: <b>.", "Lead_Scored_At__c", "2026-11-22T13:15:00Z", "City", "Köln")
	add("High", "Lead_Score__c", 99, "OwnerId", s.UserID(rep), "Vehicle_Interest__c", "Family van")
	add("None", "Company", "<script>alert(1)</script>")
	add("Mid", "Lead_Score__c", 50, "OwnerId", s.UserID(rep))
	if err := s.Delete("Lead", s.lead("Gone", "Lead_Score__c", 100)); err != nil {
		t.Fatal(err)
	}
	get := func(query string) string { return s.do("", "GET", "/lightning/o/Lead/list"+query, "").text }
	for query, want := range map[string][]string{
		"":                                  {"High", "Mid", "Low", "None"},
		"?sort=rubbish&dir=rubbish&page=-1": {"High", "Mid", "Low", "None"},
		"?sort=score&dir=asc":               {"Low", "Mid", "High", "None"},
		"?sort=name":                        {"High", "Low", "Mid", "None"},
		"?sort=name&dir=desc":               {"None", "Mid", "Low", "High"},
		"?sort=scored":                      {"Low", "High", "None", "Mid"},
		"?owner=" + s.UserID(rep):           {"High", "Mid"},
		"?page=9":                           {"High", "Mid", "Low", "None"},
		"?owner=nobody":                     nil,
	} {
		if got := names(get(query)); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
	}
	page := get("")
	for _, want := range []string{"4 leads, sorted by score, highest first", `aria-sort="descending"><a href="?dir=asc&amp;sort=score">Score`,
		"22 Nov 2026, 13:15 UTC", "&lt;script&gt;", "Family van", `<td class="reasons">Up: asked for a quote. Down: &lt;b&gt;.</td>`, ">Rita Rep</option>", "1–4 of 4"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if strings.Contains(page, "<script") {
		t.Error("data became markup")
	}
	if mine := get("?owner=" + s.UserID(rep)); !strings.Contains(mine, "Rita Rep’s leads") || !strings.Contains(mine, "2 leads") {
		t.Error("the owner's page has no title")
	}
}

func TestLeadListPages(t *testing.T) {
	s := start(t, config())
	if got := s.do("", "GET", "/lightning/o/Lead/list", ""); !strings.Contains(got.text, "There are no leads here.") {
		t.Error("an empty list says nothing")
	}
	for i := range 120 {
		s.lead(fmt.Sprint(i), "LastName", fmt.Sprint(i), "Lead_Score__c", i)
	}
	response, err := http.Get(s.url)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.Request.URL.Path != "/lightning/o/Lead/list" {
		t.Errorf("the root leads to %s", response.Request.URL)
	}
	var all []string
	next := "?sort=score"
	link := regexp.MustCompile(`<a href="([^"]*)" rel="next">`)
	for range 3 {
		page := s.do("", "GET", "/lightning/o/Lead/list"+next, "").text
		all = append(all, names(page)...)
		if m := link.FindStringSubmatch(page); m != nil {
			next = strings.ReplaceAll(m[1], "&amp;", "&")
		} else {
			next = ""
		}
	}
	if len(all) != 120 || all[0] != "119" || all[119] != "0" || next != "" {
		t.Errorf("got %d leads, next is %q", len(all), next)
	}
}

// Everything at once, for the race detector; every write arrives.
func TestConcurrentUse(t *testing.T) {
	s := start(t, config())
	token := s.login()
	var wg sync.WaitGroup
	for i := range 8 {
		key := fmt.Sprintf("L%06d", i)
		id := s.lead(key)
		wg.Go(func() {
			for n := range 10 {
				s.do(token, "PATCH", "/composite/sobjects/Lead/Lead_Key__c", records(fmt.Sprintf(`"Lead_Key__c":%q,"Lead_Score__c":%d`, key, n)))
				s.do(token, "GET", "/query?q="+url.QueryEscape("SELECT Id, Owner.Name FROM Lead ORDER BY Lead_Score__c"), "")
				s.do("", "GET", "/lightning/o/Lead/list", "")
				s.field(id, "Lead_Score__c")
				s.Records("Lead")
				s.Requests()
			}
		})
	}
	wg.Wait()
	for _, r := range s.Records("Lead") {
		if r.Fields["Lead_Score__c"] != 9.0 {
			t.Errorf("%s has %v", r.ID, r.Fields["Lead_Score__c"])
		}
	}
}
