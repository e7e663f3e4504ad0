package fakeorg

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// handler answers a REST call of a user with a session.
type handler func(*call) *answer

// methods are the handlers of one resource.
type methods map[string]handler

func (o *Org) newRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/services/oauth2/token", o.serveToken)
	mux.HandleFunc("/services/oauth2/userinfo", o.serveUserInfo)
	mux.HandleFunc("/services/oauth2/revoke", o.serveRevoke)
	mux.HandleFunc("/id/{org}/{user}", o.serveIdentity)
	mux.HandleFunc("/services/Soap/", o.serveSOAP)
	mux.HandleFunc("/services/data", o.serveVersions)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/lightning/o/Lead/list", http.StatusFound)
	})
	mux.HandleFunc("GET /lightning/o/Lead/list", o.serveLeadList)
	for path, m := range resources() {
		mux.Handle("/services/data/{version}"+path, o.rest(m))
	}
	mux.Handle("/services/data/{version}/{path...}", o.rest(nil))
	mux.HandleFunc("/", http.NotFound)
	return mux
}

// resources are the REST API's paths below a version.
func resources() map[string]methods {
	return map[string]methods{
		"":                                      {"GET": (*call).resources},
		"/limits":                               {"GET": (*call).limits},
		"/jobs/ingest":                          {"GET": (*call).listJobs, "POST": (*call).createJob},
		"/jobs/ingest/{job}":                    {"GET": (*call).showJob, "PATCH": (*call).changeJob, "DELETE": (*call).removeJob},
		"/jobs/ingest/{job}/batches":            {"PUT": (*call).upload},
		"/jobs/ingest/{job}/successfulResults":  {"GET": (*call).successfulResults},
		"/jobs/ingest/{job}/failedResults":      {"GET": (*call).failedResults},
		"/jobs/ingest/{job}/unprocessedrecords": {"GET": (*call).unprocessedRecords},
		"/jobs/ingest/{job}/unprocessedRecords": {"GET": (*call).unprocessedRecords}, // as some clients write it
		"/query":                                {"GET": (*call).query},
		"/queryAll":                             {"GET": (*call).query},
		"/query/{locator}":                      {"GET": (*call).queryMore},
		"/queryAll/{locator}":                   {"GET": (*call).queryMore},
		"/sobjects":                             {"GET": (*call).describeGlobal},
		"/sobjects/{object}":                    {"GET": (*call).objectInfo, "POST": (*call).create},
		"/sobjects/{object}/describe":           {"GET": (*call).describe},
		"/sobjects/{object}/{id}":               {"GET": (*call).read, "PATCH": (*call).update, "DELETE": (*call).remove},
		"/sobjects/{object}/{field}/{value}":    {"GET": (*call).read, "PATCH": (*call).upsert, "DELETE": (*call).remove},
		"/tooling/query":                        {"GET": (*call).toolingQuery},
		"/composite/sobjects": {"POST": (*call).createAll, "PATCH": (*call).updateAll,
			"DELETE": (*call).deleteAll},
		"/composite/sobjects/{object}":         {"GET": (*call).retrieveAll, "POST": (*call).retrieveAll},
		"/composite/sobjects/{object}/{field}": {"PATCH": (*call).upsertAll},
	}
}

// pick returns the handler of a request's method. HEAD is GET; a POST may name another method in the query, for clients
// that have no PATCH.
func (m methods) pick(r *http.Request) (handler, *answer) {
	method := r.Method
	if named := r.URL.Query().Get("_HttpMethod"); method == "POST" && named != "" {
		method = strings.ToUpper(named)
	}
	if method == "HEAD" {
		method = "GET"
	}
	if h := m[method]; h != nil {
		return h, nil
	}
	allowed := slices.Sorted(maps.Keys(m))
	return nil, refuse(http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "HTTP Method '%s' not allowed. Allowed are %s",
		method, strings.Join(allowed, ","))
}

// tidy makes doubled slashes one and drops a trailing one, as the org does; clients send both.
func tidy(u *url.URL) *url.URL {
	segments := slices.DeleteFunc(strings.Split(u.EscapedPath(), "/"), func(s string) bool { return s == "" })
	escaped := "/" + strings.Join(segments, "/")
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return u
	}
	clean := *u
	clean.Path, clean.RawPath = path, escaped
	return &clean
}
