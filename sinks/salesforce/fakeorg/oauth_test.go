package fakeorg_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"testing"
	"time"
)

const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// claims are a good assertion's, with changes.
func (s *site) claims(pairs ...any) map[string]any {
	c := map[string]any{"iss": "scored", "sub": scorer, "aud": s.url, "exp": time.Now().Add(3 * time.Minute).Unix()}
	for i := 0; i < len(pairs); i += 2 {
		c[pairs[i].(string)] = pairs[i+1]
	}
	return c
}

func sign(t *testing.T, k *rsa.PrivateKey, alg string, claims map[string]any) string {
	t.Helper()
	encode := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	signed := encode(map[string]string{"alg": alg, "typ": "JWT"}) + "." + encode(claims)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func TestJWTBearer(t *testing.T) {
	s := start(t, config())
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for name, c := range map[string]struct {
		assertion string
		code      string // "" for a session
		words     string
	}{
		"the org's own host":     {sign(t, key(), "RS256", s.claims()), "", ""},
		"its URL with a slash":   {sign(t, key(), "RS256", s.claims("aud", s.url+"/")), "", ""},
		"the login host":         {sign(t, key(), "RS256", s.claims("aud", "https://login.salesforce.com")), "", ""},
		"the sandbox login host": {sign(t, key(), "RS256", s.claims("aud", []string{"https://test.salesforce.com"})), "", ""},
		"the draft's prn":        {sign(t, key(), "RS256", s.claims("sub", "", "prn", scorer)), "", ""},
		"user in other case":     {sign(t, key(), "RS256", s.claims("sub", "Scoring@Example.com")), "", ""},
		"expiry in milliseconds": {sign(t, key(), "RS256", s.claims("exp", now.UnixMilli()+300)), "", ""},
		"no assertion":           {"", "invalid_grant", "invalid assertion"},
		"two parts":              {"e30.e30", "invalid_grant", "invalid assertion"},
		"not base64":             {"?.?.?", "invalid_grant", "invalid assertion"},
		"HS256":                  {sign(t, key(), "HS256", s.claims()), "invalid_grant", "invalid assertion"},
		"none":                   {sign(t, key(), "none", s.claims()), "invalid_grant", "invalid assertion"},
		"another key":            {sign(t, stranger, "RS256", s.claims()), "invalid_grant", "invalid assertion"},
		"app without a key":      {sign(t, key(), "RS256", s.claims("iss", "admin-app")), "invalid_grant", "invalid assertion"},
		"unknown app":            {sign(t, key(), "RS256", s.claims("iss", "nobody")), "invalid_client_id", "client identifier invalid"},
		"no expiry":              {sign(t, key(), "RS256", s.claims("exp", nil)), "invalid_grant", "invalid assertion"},
		"expired":                {sign(t, key(), "RS256", s.claims("exp", now.Unix()-1)), "invalid_grant", "expired authorization code"},
		"expires too late":       {sign(t, key(), "RS256", s.claims("exp", now.Unix()+900)), "invalid_grant", "invalid assertion"},
		"another audience":       {sign(t, key(), "RS256", s.claims("aud", "https://example.com")), "invalid_grant", "audience is invalid"},
		"no audience":            {sign(t, key(), "RS256", s.claims("aud", nil)), "invalid_grant", "audience is invalid"},
		"unknown user":           {sign(t, key(), "RS256", s.claims("sub", "x@example.com")), "invalid_grant", "user hasn't approved this consumer"},
		"user not approved":      {sign(t, key(), "RS256", s.claims("sub", rep)), "invalid_grant", "user hasn't approved this consumer"},
		"inactive user":          {sign(t, key(), "RS256", s.claims("sub", "gone@example.com")), "inactive_user", "user is inactive"},
	} {
		t.Run(name, func(t *testing.T) {
			expectGrant(t, s.grant("grant_type", jwtBearer, "assertion", c.assertion), c.code, c.words)
		})
	}
}

func expectGrant(t *testing.T, got reply, code, words string) {
	t.Helper()
	object, _ := got.json.(map[string]any)
	if code == "" {
		if got.status != http.StatusOK || !regexp.MustCompile(`^00D\w{12}!.{90,}$`).MatchString(fmt.Sprint(object["access_token"])) {
			t.Fatalf("no session: %d %s", got.status, got.text)
		}
		return
	}
	if got.status != http.StatusBadRequest || object["error"] != code || object["error_description"] != words {
		t.Errorf("got %d %s, want 400 %s: %s", got.status, got.text, code, words)
	}
}

func TestClientCredentials(t *testing.T) {
	s := start(t, config())
	for name, c := range map[string]struct{ id, secret, code, words string }{
		"good":               {"scored", "s3cret", "", ""},
		"unknown app":        {"nobody", "s3cret", "invalid_client_id", "client identifier invalid"},
		"wrong secret":       {"scored", "secret", "invalid_client", "invalid client credentials"},
		"no secret":          {"scored", "", "invalid_client", "invalid client credentials"},
		"app without secret": {"no-flows", "", "invalid_client", "invalid client credentials"},
		"nobody to run as":   {"nobody-app", "x", "invalid_grant", "no client credentials user enabled"},
	} {
		t.Run(name, func(t *testing.T) {
			form := s.grant("grant_type", "client_credentials", "client_id", c.id, "client_secret", c.secret)
			expectGrant(t, form, c.code, c.words)
			basic := base64.StdEncoding.EncodeToString([]byte(c.id + ":" + c.secret))
			expectGrant(t, s.do("", "POST", "/services/oauth2/token", "grant_type=client_credentials",
				"Content-Type: application/x-www-form-urlencoded", "Authorization: Basic "+basic), c.code, c.words)
		})
	}
}

func TestTokenAnswer(t *testing.T) {
	s := start(t, config())
	out := s.grant("grant_type", "client_credentials", "client_id", "scored", "client_secret", "s3cret")
	got := out.json.(map[string]any)
	if got["instance_url"] != s.url || got["token_type"] != "Bearer" || got["signature"] == "" || got["issued_at"] == "" ||
		got["id"] != s.url+"/id/"+s.ID()+"/"+s.UserID(scorer) {
		t.Errorf("got %s", out.text)
	}
	if out.header.Get("Cache-Control") != "no-store" {
		t.Error("a token may be cached")
	}
}

func TestGrantsThatAreNotOffered(t *testing.T) {
	s := start(t, config())
	expectGrant(t, s.grant("grant_type", "password", "username", scorer, "password", "x"), "invalid_grant", "authentication failure")
	expectGrant(t, s.grant("grant_type", "refresh_token"), "unsupported_grant_type", "grant type not supported")
	expectGrant(t, s.grant(), "unsupported_grant_type", "grant type not supported")
	expectGrant(t, s.do("", "GET", "/services/oauth2/token", ""), "invalid_request", "must use HTTP POST")
	expectGrant(t, s.do("", "POST", "/services/oauth2/token", "%zz", "Content-Type: application/x-www-form-urlencoded"),
		"invalid_request", "the form could not be read")
}

func TestIdentity(t *testing.T) {
	s := start(t, config())
	token := s.login()
	own := "/id/" + s.ID() + "/" + s.UserID(scorer)
	for name, c := range map[string]struct {
		token, path string
		status      int
		text        string
	}{
		"userinfo":              {token, "/services/oauth2/userinfo", 200, s.UserID(scorer)},
		"identity":              {token, own, 200, scorer},
		"userinfo, no token":    {"", "/services/oauth2/userinfo", 403, "Missing_OAuth_Token"},
		"userinfo, bad token":   {"x", "/services/oauth2/userinfo", 403, "Bad_OAuth_Token"},
		"identity, bad token":   {"x", own, 403, "Bad_OAuth_Token"},
		"another user":          {token, "/id/" + s.ID() + "/" + s.UserID(admin), 403, "Wrong_Org"},
		"another org":           {token, "/id/00D000000000001EAA/" + s.UserID(scorer), 403, "Wrong_Org"},
		"not even an id":        {token, "/id/x/y", 403, "Wrong_Org"},
		"SOAP login is not on":  {"", "/services/Soap/u/60.0", 500, "SOAP API login() is disabled"},
		"no page of that name":  {"", "/lightning/x", 404, "not found"},
		"no service either":     {"", "/services/apexrest/x", 404, "not found"},
		"and no such file root": {"", "/id/", 404, "not found"},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.do(c.token, "GET", c.path, "")
			if got.status != c.status || !regexp.MustCompile(regexp.QuoteMeta(c.text)).MatchString(got.text) {
				t.Errorf("got %d %s, want %d %s", got.status, got.text, c.status, c.text)
			}
		})
	}
}

func TestSessionsEnd(t *testing.T) {
	clock := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	c := config()
	c.Now = func() time.Time { return clock }
	c.SessionLife = time.Hour
	s := start(t, c)
	alive := func(token string) bool {
		got := s.do(token, "GET", "/limits", "")
		if got.status == 401 && got.text != `[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]` {
			t.Errorf("got %s", got.text)
		}
		return got.status == 200
	}
	token := s.login()
	clock = clock.Add(59 * time.Minute)
	if !alive(token) {
		t.Error("ended before its time")
	}
	clock = clock.Add(59 * time.Minute)
	if !alive(token) {
		t.Error("a session lives on from its last use")
	}
	clock = clock.Add(time.Hour)
	if alive(token) {
		t.Error("lives longer than it may")
	}
	token = s.login()
	s.ExpireSessions()
	if alive(token) {
		t.Error("survived ExpireSessions")
	}
	token = s.login()
	revoke := func() reply {
		return s.do("", "POST", "/services/oauth2/revoke", "token="+token, "Content-Type: application/x-www-form-urlencoded")
	}
	if got := revoke(); got.status != 200 || alive(token) {
		t.Errorf("survived revoke: %d", got.status)
	}
	if got := revoke(); got.status != 400 || got.text != "error=invalid_token&error_description=invalid+token" {
		t.Errorf("revoked twice: %d %s", got.status, got.text)
	}
	if alive("") || alive("rubbish") {
		t.Error("no token is a session too")
	}
}
