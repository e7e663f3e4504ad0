package fakeorg

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"
)

// session is what an access token stands for. It lives for sessionLife after its last use.
type session struct {
	token   string
	user    *user
	expires time.Time
}

// login opens a session and returns its access token: the org's id, an exclamation mark and 96 random characters.
func (o *Org) login(u *user) string {
	const alphabet = base62 + "._"
	random := make([]byte, 96)
	rand.Read(random)
	for i, b := range random {
		random[i] = alphabet[b%64]
	}
	token := o.id[:15] + "!" + string(random)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sessions[token] = &session{token: token, user: u, expires: o.now().Add(o.sessionLife)}
	return token
}

// session returns the living session of a token and prolongs it, or nil.
func (o *Org) session(token string) *session {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.sessions[token]
	if s == nil {
		return nil
	}
	if !o.now().Before(s.expires) || s.user.Inactive {
		delete(o.sessions, token)
		return nil
	}
	s.expires = o.now().Add(o.sessionLife)
	return s
}

// ExpireSessions ends every session, as an administrator can: the next call with its token is answered 401
// INVALID_SESSION_ID.
func (o *Org) ExpireSessions() {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.sessions)
}

// bearer returns the token in a request's Authorization header, "" if there is none.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "OAuth") {
		return strings.TrimSpace(token)
	}
	return ""
}
