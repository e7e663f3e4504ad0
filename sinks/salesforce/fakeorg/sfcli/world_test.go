package sfcli_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"scored/sinks/salesforce/fakeorg"
)

const (
	scorer     = "scoring@example.com" // may edit the score fields only
	admin      = "admin@example.com"
	dailyCalls = 15_000
)

var scoredAt = time.Date(2026, 11, 22, 13, 15, 0, 0, time.UTC)

// world is an org on loopback and the CLI that knows it.
type world struct {
	*fakeorg.Org
	*cli
	url string
	key *rsa.PrivateKey // of the app's certificate
}

func newWorld(t *testing.T) *world {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	lead := fakeorg.LeadObject()
	lead.Rules = []fakeorg.Rule{fakeorg.NeverDecreases("Lead_Score_Version__c")}
	org, err := fakeorg.New(fakeorg.Config{
		Objects: []fakeorg.Object{lead}, DailyAPILimit: dailyCalls, BulkRows: 1000,
		Apps: []fakeorg.App{
			{ClientID: "scored", PublicKey: &key.PublicKey, Preauthorized: []string{scorer}},
			{ClientID: "admin-app", ClientSecret: "admin-secret", RunAs: admin},
		},
		Users: []fakeorg.User{
			{Username: scorer, Name: "Scoring Integration", Editable: []string{"Lead_Score__c", "Lead_Grade__c",
				"Lead_Score_Version__c", "Lead_Score_Reasons__c", "Lead_Scored_At__c"}},
			{Username: admin, Name: "Ada Admin"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(org)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return &world{Org: org, cli: newCLI(t), url: server.URL, key: key}
}

// loginJWT logs the integration user in with a key, as the alias scoring, which commands without --target-org act for.
func (w *world) loginJWT(t *testing.T) {
	t.Helper()
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(w.key)}
	w.writeText(t, "server.key", string(pem.EncodeToMemory(block)))
	var granted struct{ Username, OrgID, AccessToken string }
	w.json(t, &granted, "org", "login", "jwt", "--username", scorer, "--client-id", "scored", "--instance-url", w.url,
		"--jwt-key-file", filepath.Join(w.home, "server.key"), "--alias", "scoring", "--set-default")
	if granted.Username != scorer || granted.OrgID != w.ID() {
		t.Fatalf("logged in as %q in org %q", granted.Username, granted.OrgID)
	}
}

// loginToken gives the CLI the administrator's access token, as the alias admin.
func (w *world) loginToken(t *testing.T) {
	t.Helper()
	response, err := http.PostForm(w.url+"/services/oauth2/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"admin-app"}, "client_secret": {"admin-secret"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var granted struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&granted); err != nil || granted.AccessToken == "" {
		t.Fatalf("no access token: %d %v", response.StatusCode, err)
	}
	out := w.run(t, []string{"SF_ACCESS_TOKEN=" + granted.AccessToken}, "org", "login", "access-token", "--alias", "admin",
		"--instance-url", w.url, "--no-prompt", "--json")
	if out.code != 0 {
		t.Fatalf("exit %d: %s", out.code, out.Message)
	}
}

// leads makes n leads of a company, with keys that begin with its name, and returns their ids. pairs are other fields.
func (w *world) leads(t *testing.T, company string, n int, pairs ...any) []string {
	t.Helper()
	ids := make([]string, n)
	for i := range ids {
		fields := map[string]any{"LastName": "Doe", "Company": company, "Lead_Key__c": fmt.Sprintf("%s%06d", company, i+1)}
		for at := 0; at < len(pairs); at += 2 {
			fields[pairs[at].(string)] = pairs[at+1]
		}
		id, err := w.Insert("Lead", fields)
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = id
	}
	return ids
}

// holds says what the org holds in fields of a record; pairs are names and values.
func (w *world) holds(t *testing.T, id string, pairs ...any) {
	t.Helper()
	record, found := w.Record(id)
	if !found {
		t.Fatalf("the org has no record %q", id)
	}
	for at := 0; at < len(pairs); at += 2 {
		name, want := pairs[at].(string), pairs[at+1]
		if n, isInt := want.(int); isInt {
			want = float64(n)
		}
		if got := record.Fields[name]; got != want {
			t.Fatalf("%s of %s is %v, want %v", name, id, got, want)
		}
	}
}

// count returns how many leads of a company the org holds.
func (w *world) count(company string) int {
	n := 0
	for _, r := range w.Records("Lead") {
		if r.Fields["Company"] == company && !r.Deleted {
			n++
		}
	}
	return n
}

// results fetches a job's results and returns the rows of one of the files: success, failed or unprocessed.
func (w *world) results(t *testing.T, job, kind string) []map[string]string {
	t.Helper()
	if out := w.run(t, nil, "data", "bulk", "results", "--job-id", job, "--json"); out.code != 0 {
		t.Fatalf("exit %d: %s", out.code, out.Message)
	}
	return w.read(t, job+"-"+kind+"-records.csv")
}
