package salesforce_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"scored/pipeline"
	"scored/sinks/salesforce"
	"scored/sinks/salesforce/fakeorg"
)

const tokenPath = "/services/oauth2/token"

func TestLogin(t *testing.T) {
	for name, edit := range map[string]func(*fakeorg.Config, *salesforce.Config){
		"JWT bearer, PKCS #1": nil,
		"JWT bearer, PKCS #8": func(_ *fakeorg.Config, c *salesforce.Config) { c.PrivateKey = keyPEM(t, "PKCS8") },
		"JWT bearer for the production login": func(_ *fakeorg.Config, c *salesforce.Config) {
			c.Audience = "https://login.salesforce.com"
		},
		"client credentials": func(_ *fakeorg.Config, c *salesforce.Config) {
			c.Flow, c.ClientSecret, c.PrivateKey, c.Username = salesforce.ClientCredentials, clientSecret, "", ""
		},
		"an org id of 15 characters": func(o *fakeorg.Config, _ *salesforce.Config) { o.OrgID = "00D000000000062" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, edit)
			ready, err := w.sink.Preflight(t.Context())
			if err != nil || ready.Identity != w.org.ID() || len(ready.Identity) != 18 {
				t.Errorf("identity %q, error %v; the org is %s", ready.Identity, err, w.org.ID())
			}
		})
	}
}

func TestRefusedLogins(t *testing.T) {
	clientCredentials := func(c *salesforce.Config) {
		c.Flow, c.ClientSecret = salesforce.ClientCredentials, clientSecret
	}
	const busy, config = pipeline.TryAgain, pipeline.Configuration
	for _, c := range []struct {
		name  string
		edit  func(*fakeorg.Config, *salesforce.Config)
		fault *fakeorg.Fault
		class pipeline.Class
		err   string // part of the error
		hint  string // part of the hint
	}{
		{"unknown app", func(_ *fakeorg.Config, c *salesforce.Config) { c.ClientID = "other" }, nil,
			config, "invalid_client_id", "client_id"},
		{"a key that isn't the certificate's", func(o *fakeorg.Config, _ *salesforce.Config) {
			o.Apps[0].PublicKey = &newKey().PublicKey
		}, nil, config, "invalid assertion", "private_key_file"},
		{"user not approved", func(o *fakeorg.Config, _ *salesforce.Config) { o.Apps[0].Preauthorized = nil }, nil,
			config, "user hasn't approved this consumer", "permission set"},
		{"another audience", func(_ *fakeorg.Config, c *salesforce.Config) { c.Audience = "https://example.com" }, nil,
			config, "audience is invalid", "audience"},
		{"a clock that is late", func(o *fakeorg.Config, _ *salesforce.Config) {
			o.Now = func() time.Time { return time.Now().Add(time.Hour) }
		}, nil, config, "expired", "clock"},
		{"deactivated user", func(o *fakeorg.Config, _ *salesforce.Config) { o.Users[0].Inactive = true }, nil,
			config, "inactive_user", "deactivated"},
		{"wrong secret", func(_ *fakeorg.Config, c *salesforce.Config) {
			clientCredentials(c)
			c.ClientSecret = "canary-consumer-secret-of-another"
		}, nil, config, "invalid_client", "client_secret_file"},
		{"no user to run as", func(o *fakeorg.Config, c *salesforce.Config) {
			clientCredentials(c)
			o.Apps[0].RunAs = ""
		}, nil, config, "no client credentials user enabled", "runs as"},
		{"an error with words of its own", nil, &fakeorg.Fault{Status: 400,
			Body: `{"error":"invalid_grant","error_description":"Jane ` + clientSecret + `"}`}, config, "invalid_grant", "login history"},
		{"503", nil, &fakeorg.Fault{Status: 503, Body: "<html>"}, busy, "HTTP 503", "status.salesforce.com"},
		{"too many logins", nil, &fakeorg.Fault{Status: 429}, busy, "HTTP 429", "status"},
		{"no answer", nil, &fakeorg.Fault{Reset: true}, busy, "closed before the answer", "network"},
		{"not an org", nil, &fakeorg.Fault{Status: 404, Body: "<html>Jane</html>"},
			config, "HTTP 404 without an OAuth error", "login_url"},
		{"maintenance", nil, &fakeorg.Fault{Status: 200, Body: "<html>Jane</html>"}, busy, "not with JSON", "login_url"},
		{"no token", nil, token("", "https://a.example", "00D000000000062EAA"), config, "access_token", "login_url"},
		{"a token that breaks the header", nil, token(`a\r\nX: y`, "https://a.example", "00D000000000062EAA"),
			config, "access_token", ""},
		{"an instance without encryption", nil, token("t", "http://a.example", "00D000000000062EAA"),
			config, "instance_url", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.edit)
			if c.fault != nil {
				c.fault.Path, c.fault.Times = tokenPath, -1
				w.org.Inject(*c.fault)
			}
			_, err := w.sink.Preflight(t.Context())
			if pipeline.ClassOf(err) != c.class || !strings.Contains(err.Error(), c.err) ||
				!strings.Contains(pipeline.HintOf(err), c.hint) {
				t.Errorf("error %v (class %d), hint %q", err, pipeline.ClassOf(err), pipeline.HintOf(err))
			}
			fmt.Fprintln(w.logged, err, pipeline.HintOf(err))
			if n := w.requests("", tokenPath); n != 1 {
				t.Errorf("%d requests for a token, want 1", n)
			}
			if n := w.sink.Calls(); n != 0 {
				t.Errorf("%d API calls without a session", n)
			}
		})
	}
}

func token(token, instance, org string) *fakeorg.Fault {
	return &fakeorg.Fault{Status: 200, Body: fmt.Sprintf(
		`{"access_token":"%s","instance_url":"%s","id":"https://login.salesforce.com/id/%s/005000000000001AAA","token_type":"Bearer"}`,
		token, instance, org)}
}

func TestNoRedirectIsFollowed(t *testing.T) {
	followed := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed = true }))
	defer other.Close()
	elsewhere := http.Header{"Location": {other.URL}}

	w := newWorld(t, nil)
	w.org.Inject(fakeorg.Fault{Path: tokenPath, Status: 307, Header: elsewhere})
	if _, err := w.sink.Preflight(t.Context()); pipeline.ClassOf(err) != pipeline.Configuration {
		t.Errorf("login: %v", err)
	}
	w.org.Inject(fakeorg.Fault{Path: composite, Status: 307, Header: elsewhere})
	d := w.deliver(t.Context(), w.sink, w.insert(3, false), nil)
	d.want(t, map[pipeline.Status]int{pipeline.Unknown: 3}, true, pipeline.Configuration)
	if followed {
		t.Error("a redirect was followed: credentials and scores went to another host")
	}
}

func TestAnExpiredSessionIsRenewedOnce(t *testing.T) {
	w := newWorld(t, nil)
	changes := w.insert(1000, false)
	d := w.deliver(t.Context(), w.sink, changes, func(confirms int) {
		if confirms == 2 {
			w.org.ExpireSessions()
		}
	})
	d.want(t, map[pipeline.Status]int{pipeline.Accepted: 1000}, false, 0)
	if logins, writes := w.requests("", tokenPath), w.requests("PATCH", composite); logins != 2 || writes != 6 {
		t.Errorf("%d logins and %d writes, want 2 and 6", logins, writes)
	}
}

func TestASessionThatEndsAgainIsAnError(t *testing.T) {
	w := newWorld(t, nil)
	w.org.Inject(fakeorg.Fault{Path: composite, Skip: 1, Times: -1,
		Status: 401, Body: fakeorg.Errors("INVALID_SESSION_ID", "Session expired")})
	d := w.deliver(t.Context(), w.sink, w.insert(600, false), nil)
	d.want(t, map[pipeline.Status]int{pipeline.Accepted: 200}, true, pipeline.Expired)
	if logins, writes := w.requests("", tokenPath), w.requests("PATCH", composite); logins != 2 || writes != 3 {
		t.Errorf("%d logins and %d writes, want 2 and 3", logins, writes)
	}
	if !strings.Contains(d.err.Error(), "INVALID_SESSION_ID") || pipeline.HintOf(d.err) == "" {
		t.Errorf("error %v, hint %q", d.err, pipeline.HintOf(d.err))
	}
}

func TestARenewalThatFailsLeavesTheRowsUnsent(t *testing.T) {
	w := newWorld(t, nil)
	changes := w.insert(600, false)
	d := w.deliver(t.Context(), w.sink, changes, func(confirms int) {
		w.org.ExpireSessions()
		w.org.Inject(fakeorg.Fault{Path: tokenPath, Status: 503})
	})
	d.want(t, map[pipeline.Status]int{pipeline.Accepted: 200}, true, pipeline.TryAgain)
}

func TestConcurrentRequestsShareOneRenewal(t *testing.T) {
	w := newWorld(t, nil)
	if _, err := w.sink.Preflight(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.org.ExpireSessions()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := w.sink.Query(context.Background(), "SELECT Id FROM Lead"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := w.requests("", tokenPath); n != 2 {
		t.Errorf("%d logins, want 2", n)
	}
}

func TestALoginThatLeadsToAnotherOrgStopsTheDelivery(t *testing.T) {
	w := newWorld(t, nil)
	changes := w.insert(400, false)
	d := w.deliver(t.Context(), w.sink, changes, func(int) {
		w.org.ExpireSessions()
		w.org.Inject(*at(tokenPath, token("t", w.server.URL, "00D000000000062EAA")))
	})
	d.want(t, map[pipeline.Status]int{pipeline.Accepted: 200}, true, pipeline.Configuration)
	if !strings.Contains(d.err.Error(), "00D000000000062EAA") {
		t.Errorf("error is %v", d.err)
	}
}

func at(path string, f *fakeorg.Fault) *fakeorg.Fault {
	f.Path = path
	return f
}
