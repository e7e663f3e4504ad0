package fakeorg

import "net/http"

// serveUserInfo is OpenID Connect's userinfo endpoint.
func (o *Org) serveUserInfo(w http.ResponseWriter, r *http.Request) {
	if s := o.identified(w, r); s != nil {
		info := o.identity(r, s.user)
		info["sub"] = info["id"]
		info["name"] = s.user.Name
		info["preferred_username"] = s.user.Username
		info["zoneinfo"] = "GMT"
		delete(info, "id")
		ok(info).send(w)
	}
}

// serveIdentity is the identity URL that comes with a token.
func (o *Org) serveIdentity(w http.ResponseWriter, r *http.Request) {
	s := o.identified(w, r)
	if s == nil {
		return
	}
	org, err := normalizeID(r.PathValue("org"))
	user, uerr := normalizeID(r.PathValue("user"))
	if err != nil || uerr != nil || org != o.id || user != s.user.id {
		http.Error(w, "Wrong_Org", http.StatusForbidden)
		return
	}
	info := o.identity(r, s.user)
	info["asserted_user"] = true
	info["username"] = s.user.Username
	info["display_name"] = s.user.Name
	info["timezone"] = "GMT"
	ok(info).send(w)
}

// identified returns the session of a request. These endpoints refuse a token with a word in plain text.
func (o *Org) identified(w http.ResponseWriter, r *http.Request) *session {
	token := bearer(r)
	if token == "" {
		token = r.FormValue("access_token")
	}
	s := o.session(token)
	switch {
	case token == "":
		http.Error(w, "Missing_OAuth_Token", http.StatusForbidden)
	case s == nil:
		http.Error(w, "Bad_OAuth_Token", http.StatusForbidden)
	}
	return s
}

func (o *Org) identity(r *http.Request, u *user) map[string]any {
	host := origin(r)
	return map[string]any{
		"id":              host + "/id/" + o.id + "/" + u.id,
		"user_id":         u.id,
		"organization_id": o.id,
		"nick_name":       u.Name,
		"email":           u.Email,
		"email_verified":  true,
		"active":          !u.Inactive,
		"user_type":       "STANDARD",
		"language":        "en_US",
		"locale":          "en_US",
		"utcOffset":       0,
		"urls": map[string]string{
			"rest":     host + "/services/data/v{version}/",
			"sobjects": host + "/services/data/v{version}/sobjects/",
			"query":    host + "/services/data/v{version}/query/",
			"profile":  host + "/" + u.id,
		},
	}
}

// serveSOAP refuses the SOAP API: login() is not there from version 65 on and is off by default before.
func (o *Org) serveSOAP(w http.ResponseWriter, _ *http.Request) {
	const fault = `<?xml version="1.0" encoding="UTF-8"?>` +
		`<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"` +
		` xmlns:sf="urn:fault.partner.soap.sforce.com">` +
		`<soapenv:Body><soapenv:Fault><faultcode>sf:INVALID_OPERATION</faultcode>` +
		`<faultstring>INVALID_OPERATION: SOAP API login() is disabled by default in this org.</faultstring>` +
		`</soapenv:Fault></soapenv:Body></soapenv:Envelope>`
	respond(w, http.StatusInternalServerError, "text/xml;charset=UTF-8", []byte(fault))
}
