package fakeorg

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// jwtBearer is the grant type of RFC 7523.
const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"

func refuseGrant(code, description string) *answer {
	return &answer{status: http.StatusBadRequest, body: oauthError{code, description}}
}

// serveToken is the token endpoint.
func (o *Org) serveToken(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodPost {
		refuseGrant("invalid_request", "must use HTTP POST").send(w)
		return
	}
	if err := r.ParseForm(); err != nil {
		refuseGrant("invalid_request", "the form could not be read").send(w)
		return
	}
	switch r.PostForm.Get("grant_type") {
	case jwtBearer:
		o.grantAssertion(r).send(w)
	case "client_credentials":
		o.grantClient(r).send(w)
	case "password":
		// Off by default in orgs since Summer '23.
		refuseGrant("invalid_grant", "authentication failure").send(w)
	default:
		refuseGrant("unsupported_grant_type", "grant type not supported").send(w)
	}
}

func (o *Org) grantAssertion(r *http.Request) *answer {
	a, err := parseAssertion(r.PostForm.Get("assertion"))
	if err != nil {
		return refuseGrant("invalid_grant", "invalid assertion")
	}
	app, known := o.apps[a.Issuer]
	if !known {
		return refuseGrant("invalid_client_id", "client identifier invalid")
	}
	now := o.now().Unix()
	switch {
	case app.PublicKey == nil || !a.signedBy(app.PublicKey):
		return refuseGrant("invalid_grant", "invalid assertion")
	case a.Expires <= now:
		return refuseGrant("invalid_grant", "expired authorization code")
	case a.Expires > now+assertionLife && a.Expires < milliseconds:
		return refuseGrant("invalid_grant", "invalid assertion")
	case !audience(r, a.Audience):
		return refuseGrant("invalid_grant", "audience is invalid")
	}
	u := o.user(a.Subject)
	approved := slices.ContainsFunc(app.Preauthorized, func(name string) bool {
		return strings.EqualFold(name, a.Subject)
	})
	if u == nil || !approved {
		return refuseGrant("invalid_grant", "user hasn't approved this consumer")
	}
	return o.grant(r, u, nil)
}

func (o *Org) grantClient(r *http.Request) *answer {
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if user, password, basic := r.BasicAuth(); basic {
		id, secret = unescaped(user), unescaped(password)
	}
	app, known := o.apps[id]
	switch {
	case !known:
		return refuseGrant("invalid_client_id", "client identifier invalid")
	case app.ClientSecret == "" || subtle.ConstantTimeCompare([]byte(secret), []byte(app.ClientSecret)) != 1:
		return refuseGrant("invalid_client", "invalid client credentials")
	case app.RunAs == "":
		return refuseGrant("invalid_grant", "no client credentials user enabled")
	}
	return o.grant(r, o.user(app.RunAs), &app)
}

// grant opens a session. The client credentials flow gets a signature, over the identity and the time of issue.
func (o *Org) grant(r *http.Request, u *user, signer *App) *answer {
	if u.Inactive {
		return refuseGrant("inactive_user", "user is inactive")
	}
	identity := origin(r) + "/id/" + o.id + "/" + u.id
	granted := map[string]string{
		"access_token": o.login(u),
		"scope":        "api id",
		"instance_url": origin(r),
		"id":           identity,
		"token_type":   "Bearer",
	}
	if signer != nil {
		issued := strconv.FormatInt(o.now().UnixMilli(), 10)
		mac := hmac.New(sha256.New, []byte(signer.ClientSecret))
		mac.Write([]byte(identity + issued))
		granted["issued_at"], granted["signature"] = issued, base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return ok(granted)
}

// serveRevoke ends the session of a token. Its errors are form-encoded, unlike the token endpoint's.
func (o *Org) serveRevoke(w http.ResponseWriter, r *http.Request) {
	token := r.FormValue("token")
	o.mu.Lock()
	_, known := o.sessions[token]
	delete(o.sessions, token)
	o.mu.Unlock()
	if !known {
		form := url.Values{"error": {"invalid_token"}, "error_description": {"invalid token"}}
		respond(w, http.StatusBadRequest, "application/x-www-form-urlencoded", []byte(form.Encode()))
		return
	}
	w.WriteHeader(http.StatusOK)
}

// unescaped undoes the form encoding that RFC 6749 asks of the two parts of Basic authentication; many clients leave it
// out, and their text stays as it is.
func unescaped(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil && url.QueryEscape(plain) == s {
		return plain
	}
	return s
}

// origin is the scheme and host that the request was sent to.
func origin(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return fmt.Sprintf("%s://%s", scheme, r.Host)
}
