package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"scored/pipeline"
)

// assertionLife is how long a signed login is good for: Salesforce takes at most five minutes.
const assertionLife = 3 * time.Minute

// session is a login's result. It is never changed, only replaced.
type session struct {
	token    pipeline.Secret
	instance string // scheme and host that API requests go to
	org      string // the org's Id, 18 characters
	user     string // the Id of whom the session is of, 18 characters; "" where the login does not tell
}

// login asks the token endpoint for a session. Its errors hold nothing of what was sent, nor words that the endpoint
// chose: they name the OAuth error and what we know of it.
func (s *Sink) login(ctx context.Context) (*session, error) {
	form, err := s.grant(time.Now())
	if err != nil {
		return nil, err
	}
	endpoint := s.cfg.LoginURL + "/services/oauth2/token"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, errors.New("login_url makes no valid request")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	a, _, err := s.wire.do(req)
	if err != nil {
		return nil, unreachable(err)
	}
	if a.status != http.StatusOK {
		return nil, s.rejection(a)
	}
	return parseSession(a.body)
}

// grant is the form of the token request.
func (s *Sink) grant(now time.Time) (url.Values, error) {
	if s.cfg.Flow == ClientCredentials {
		return url.Values{
			"grant_type":    {"client_credentials"},
			"client_id":     {s.cfg.ClientID},
			"client_secret": {string(s.cfg.ClientSecret)},
		}, nil
	}
	// MapClaims, because the audience must be a string: RegisteredClaims would write an array.
	assertion, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": s.cfg.ClientID,
		"sub": s.cfg.Username,
		"aud": s.cfg.Audience,
		"exp": now.Add(assertionLife).Unix(),
	}).SignedString(s.key)
	if err != nil {
		return nil, errors.New("the private key can't sign")
	}
	return url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"},
		"assertion":  {assertion},
	}, nil
}

func parseSession(body []byte) (*session, error) {
	var a struct {
		Token    string `json:"access_token"`
		Instance string `json:"instance_url"`
		ID       string `json:"id"` // https://HOST/id/ORG/USER
		Type     string `json:"token_type"`
	}
	strange := func(what string) (*session, error) {
		return nil, &pipeline.Problem{Class: pipeline.Configuration,
			Err:  errors.New("the token endpoint answered, but " + what),
			Hint: "check that login_url is the address of a Salesforce org"}
	}
	switch err := json.Unmarshal(body, &a); {
	case err != nil && json.Valid(body):
		return strange("with JSON of another form")
	case err != nil:
		return nil, &pipeline.Problem{Class: pipeline.TryAgain, Err: errors.New("the token endpoint answered, but not with JSON"),
			Hint: "it may be in maintenance: see status.salesforce.com; if that lasts, check that login_url is the address of a " +
				"Salesforce org and that no proxy answers in its place"}
	}
	a.Instance = strings.TrimSuffix(a.Instance, "/")
	if a.Token == "" || strings.ContainsFunc(a.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return strange("without a usable access_token")
	}
	if a.Type != "" && !strings.EqualFold(a.Type, "Bearer") {
		return strange("with a token_type other than Bearer")
	}
	if err := checkOrigin(a.Instance); err != nil {
		return strange("with an instance_url that is no https origin")
	}
	org, user := identify(a.ID, a.Instance)
	return &session{token: pipeline.Secret(a.Token), instance: a.Instance, org: org, user: user}, nil
}

// identify takes the Ids of org and user from the identity URL. Where the answer has none, the instance's address tells orgs
// apart, and the user is unknown.
func identify(identity, instance string) (org, user string) {
	u, err := url.Parse(identity)
	if err != nil {
		return instance, ""
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(parts) != 3 || parts[0] != "id" || !strings.HasPrefix(parts[1], "00D") {
		return instance, ""
	}
	org, ok := normalID(parts[1])
	if !ok {
		return instance, ""
	}
	user, _ = normalID(parts[2])
	return org, user
}

// rejection turns a refused login into a problem.
func (s *Sink) rejection(a *answer) error {
	var oauth struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	known := json.Unmarshal(a.body, &oauth) == nil && codeForm.MatchString(oauth.Error)
	switch {
	case a.status >= 500, a.status == http.StatusTooManyRequests, known && passing[oauth.Error]:
		return &pipeline.Problem{Class: pipeline.TryAgain, Err: fmt.Errorf("the token endpoint answered HTTP %d", a.status),
			Hint: "Salesforce may be down or busy: see status.salesforce.com"}
	case !known:
		return &pipeline.Problem{Class: pipeline.Configuration,
			Err:  fmt.Errorf("the token endpoint answered HTTP %d without an OAuth error", a.status),
			Hint: "check that login_url is the address of a Salesforce org, and that no proxy or redirect is in between"}
	}
	err := fmt.Errorf("refused: %s", oauth.Error)
	hint := "the user's login history in Setup names the reason"
	for _, r := range refusals {
		if (r.code == "" || r.code == oauth.Error) && strings.Contains(strings.ToLower(oauth.Description), r.words) {
			if hint = r.hint; r.words != "" {
				err = fmt.Errorf("%w: %s", err, r.words)
			}
			break
		}
	}
	return &pipeline.Problem{Class: pipeline.Configuration, Err: err, Hint: hint}
}

// passing are the OAuth errors that need no edit.
var passing = map[string]bool{"server_error": true, "temporarily_unavailable": true, "rate_limit_exceeded": true}

// refusals are the OAuth errors with the words of their descriptions, as Salesforce documents them, and what an
// operator can do; the first that fits, an empty string fitting everything.
var refusals = []struct{ code, words, hint string }{
	{"", "user hasn't approved this consumer", "in the app's policies, let admin-approved users in " +
		"and assign the integration user's profile or permission set"},
	{"", "audience is invalid", "set audience to https://login.salesforce.com (a sandbox: https://test.salesforce.com)"},
	{"", "invalid audience", "set audience to https://login.salesforce.com (a sandbox: https://test.salesforce.com)"},
	{"", "invalid assertion", "check that the certificate uploaded to the app belongs to private_key_file, " +
		"and that username is a user of this org"},
	{"", "expired", "check this machine's clock: a signed login is good for minutes"},
	{"", "no client credentials user enabled", "enable the app's client credentials flow and choose the user it runs as"},
	{"", "request not supported on this domain", "set login_url to the org's own, https://NAME.my.salesforce.com"},
	{"invalid_client_id", "", "check client_id: it is the app's consumer key"},
	{"invalid_client", "", "check client_id and client_secret_file: they are the app's consumer key and secret"},
	{"unauthorized_client", "", "enable the flow in the app's OAuth settings"},
	{"unsupported_grant_type", "", "enable the flow in the app's OAuth settings"},
	{"inactive_user", "", "the integration user is deactivated: activate it"},
	{"inactive_org", "", "the org is locked, closed or suspended: ask its administrator"},
	{"invalid_app_access", "", "the integration user may not use the app: assign it by profile or permission set"},
	{"invalid_grant", "", "check username, audience and this machine's clock, and that the app lets the user in " +
		"without asking; the user's login history in Setup names the reason"},
}
