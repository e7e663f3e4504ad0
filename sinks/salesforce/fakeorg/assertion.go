package fakeorg

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// assertionLife is how far ahead, in seconds, an assertion may expire.
const assertionLife = 300

// milliseconds is where a time in seconds ends and one in milliseconds begins. The Salesforce CLI sends exp in
// milliseconds, and orgs let it in.
const milliseconds = 100_000_000_000

// assertion is a JWT by which an app vouches for a user.
type assertion struct {
	Issuer   string
	Subject  string
	Audience []string
	Expires  int64 // Unix seconds

	signed    string
	signature []byte
}

// parseAssertion takes a JWT apart. It must say RS256; its signature is not looked at yet.
func parseAssertion(token string) (*assertion, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("a JWT has three parts")
	}
	var header struct {
		Alg string `json:"alg"`
	}
	var claims struct {
		Iss string      `json:"iss"`
		Sub string      `json:"sub"`
		Prn string      `json:"prn"` // the draft's name for sub, which Salesforce still takes
		Aud any         `json:"aud"`
		Exp json.Number `json:"exp"`
	}
	if err := errors.Join(decodePart(parts[0], &header), decodePart(parts[1], &claims)); err != nil {
		return nil, err
	}
	signature, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[2], "="))
	if err != nil || header.Alg != "RS256" {
		return nil, errors.New("an RS256 signature is needed")
	}
	expires, err := claims.Exp.Float64()
	if err != nil {
		return nil, fmt.Errorf("exp: %w", err)
	}
	a := &assertion{Issuer: claims.Iss, Subject: claims.Sub, Expires: int64(expires),
		signed: parts[0] + "." + parts[1], signature: signature}
	if a.Subject == "" {
		a.Subject = claims.Prn
	}
	switch aud := claims.Aud.(type) {
	case string:
		a.Audience = []string{aud}
	case []any:
		for _, one := range aud {
			a.Audience = append(a.Audience, fmt.Sprint(one))
		}
	}
	return a, nil
}

func decodePart(part string, into any) error {
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(part, "="))
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

func (a *assertion) signedBy(key *rsa.PublicKey) bool {
	sum := sha256.Sum256([]byte(a.signed))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], a.signature) == nil
}

// audience tells whether an assertion was meant for this org: for one of the login hosts, or for the org's own, which the
// Salesforce CLI writes with a slash at its end.
func audience(r *http.Request, named []string) bool {
	mine := []string{
		"https://login.salesforce.com", "https://test.salesforce.com", origin(r), origin(r) + "/",
		"https://login.salesforce.com/services/oauth2/token", "https://test.salesforce.com/services/oauth2/token",
		origin(r) + "/services/oauth2/token",
	}
	return slices.ContainsFunc(named, func(aud string) bool { return slices.Contains(mine, aud) })
}
