package fakeorg_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"scored/sinks/salesforce/fakeorg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	scorer = "scoring@example.com" // may edit the score fields only
	admin  = "admin@example.com"
	rep    = "rita@example.com"
)

// key is the private key of the app's certificate.
var key = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func scoreFields() []string {
	return []string{"Lead_Score__c", "Lead_Grade__c", "Lead_Score_Probability__c", "Lead_Score_Model__c",
		"Lead_Score_Version__c", "Lead_Scored_At__c"}
}

func config() fakeorg.Config {
	return fakeorg.Config{
		Apps: []fakeorg.App{
			{ClientID: "scored", ClientSecret: "s3cret", RunAs: scorer, PublicKey: &key().PublicKey,
				Preauthorized: []string{scorer, "gone@example.com"}},
			{ClientID: "admin-app", ClientSecret: "admin-secret", RunAs: admin},
			{ClientID: "no-flows"},
			{ClientID: "nobody-app", ClientSecret: "x"},
			{ClientID: "muted-app", ClientSecret: "x", RunAs: "muted@example.com"},
		},
		Users: []fakeorg.User{
			{Username: scorer, Name: "Scoring Integration", Editable: scoreFields(), Hidden: []string{"Phone"}},
			{Username: admin, Name: "Ada Admin", Email: "ada@example.com"},
			{Username: rep, Name: "Rita Rep"},
			{Username: "gone@example.com", Inactive: true},
			{Username: "muted@example.com", NoAPI: true},
		},
	}
}

// site is an org on loopback with a client that says what came back.
type site struct {
	*fakeorg.Org
	t   *testing.T
	url string
}

func start(t *testing.T, c fakeorg.Config) *site {
	t.Helper()
	org, err := fakeorg.New(c)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(org)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return &site{org, t, server.URL}
}

// lead makes a lead with a key and, as pairs, other fields.
func (s *site) lead(key string, pairs ...any) string {
	s.t.Helper()
	fields := map[string]any{"LastName": "Doe", "Company": "Acme", "Lead_Key__c": key}
	for i := 0; i < len(pairs); i += 2 {
		fields[pairs[i].(string)] = pairs[i+1]
	}
	id, err := s.Insert("Lead", fields)
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

func (s *site) field(id, name string) any {
	r, _ := s.Record(id)
	return r.Fields[name]
}

// reply is an answer, decoded where it is JSON.
type reply struct {
	status int
	header http.Header
	text   string
	json   any
}

// code returns the first error code in the reply, of the request or of its first refused row; "" for none.
func (r reply) code() string {
	list, _ := r.json.([]any)
	for _, item := range list {
		entry, _ := item.(map[string]any)
		if code, ok := entry["errorCode"].(string); ok {
			return code
		}
		if errs, _ := entry["errors"].([]any); len(errs) > 0 {
			return errs[0].(map[string]any)["statusCode"].(string)
		}
	}
	return ""
}

func (s *site) send(r *http.Request) (reply, error) {
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	out := reply{status: response.StatusCode, header: response.Header, text: string(body)}
	json.Unmarshal(body, &out.json)
	return out, err
}

// do sends a request; a path without /services is below the REST API's root. header holds "Name: value" lines.
func (s *site) do(token, method, path, body string, header ...string) reply {
	s.t.Helper()
	r := s.request(token, method, path, body, header...)
	out, err := s.send(r)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return out
}

func (s *site) request(token, method, path, body string, header ...string) *http.Request {
	s.t.Helper()
	if !strings.HasPrefix(path, "/services") && !strings.HasPrefix(path, "/id") && !strings.HasPrefix(path, "/lightning") {
		path = "/services/data/v66.0" + path
	}
	r, err := http.NewRequest(method, s.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	return r
}

// grant posts a form to the token endpoint.
func (s *site) grant(pairs ...string) reply {
	s.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return s.do("", "POST", "/services/oauth2/token", form.Encode(), "Content-Type: application/x-www-form-urlencoded")
}

// login returns a token of the integration user; loginAdmin one of the administrator.
func (s *site) login() string { return s.loginAs("scored", "s3cret") }

func (s *site) loginAdmin() string { return s.loginAs("admin-app", "admin-secret") }

func (s *site) loginAs(id, secret string) string {
	s.t.Helper()
	out := s.grant("grant_type", "client_credentials", "client_id", id, "client_secret", secret)
	object, _ := out.json.(map[string]any)
	token, _ := object["access_token"].(string)
	if token == "" {
		s.t.Fatalf("login as %s: %d %s", id, out.status, out.text)
	}
	return token
}

// records renders a collection request of leads; each is the text of its members.
func records(rows ...string) string {
	for i, r := range rows {
		rows[i] = fmt.Sprintf(`{"attributes":{"type":"Lead"},%s}`, r)
	}
	return fmt.Sprintf(`{"allOrNone":false,"records":[%s]}`, strings.Join(rows, ","))
}
