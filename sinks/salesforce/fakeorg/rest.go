package fakeorg

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// call is one REST call of a user with a session.
type call struct {
	writer
	r       *http.Request
	version string // such as v66.0
	root    string // where below the version its resource is: "" or /tooling
	body    []byte // decompressed
	entry   *Request
	fault   *Fault // never nil
}

// rest serves one resource; nil methods are a resource that doesn't exist. A request is refused for its version, its
// session, its permission and the budget before the org looks at what it asks for.
func (o *Org) rest(m methods) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		x := w.(*exchange)
		c := &call{
			writer: writer{org: o, failing: x.fault.Rows},
			r:      r, version: r.PathValue("version"), entry: x.entry, fault: x.fault,
		}
		a, counted := c.serve(m, x.body)
		if counted {
			o.mu.Lock()
			w.Header().Set("Sforce-Limit-Info", o.limit.String())
			o.mu.Unlock()
		}
		a.send(w)
	}
}

// serve returns the answer, and whether the org counted the call.
func (c *call) serve(m methods, body []byte) (*answer, bool) {
	if refused := checkVersion(c.version); refused != nil {
		return refused, false
	}
	s := c.org.session(bearer(c.r))
	if s == nil {
		return refuse(http.StatusUnauthorized, "INVALID_SESSION_ID", "Session expired or invalid"), false
	}
	c.user, c.entry.Username = s.user, s.user.Username
	if s.user.NoAPI {
		return refuse(http.StatusForbidden, "API_DISABLED_FOR_ORG",
			"API is not enabled for this Organization or Partner"), false
	}
	c.org.mu.Lock()
	room := c.org.limit.take(c.org.now())
	c.org.mu.Unlock()
	if !room {
		return limitExceeded(), true
	}
	if m == nil {
		return notFound(), true
	}
	c.org.runBulk()
	handle, refused := m.pick(c.r)
	if refused == nil {
		refused = c.readBody(body)
	}
	if refused != nil {
		return refused, true
	}
	return handle(c), true
}

// readBody checks the type of a body and decompresses it.
func (c *call) readBody(body []byte) *answer {
	if len(body) == 0 {
		return nil
	}
	sent := c.r.Header.Get("Content-Type")
	if kind, _, err := mime.ParseMediaType(sent); err != nil || !c.takes(kind) {
		return refuse(http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE",
			"Content-Type header specified in HTTP request is not supported: %s", sent)
	}
	limit := bodyLimit(c.r.URL.Path)
	inflated, err := inflate(c.r.Header.Get("Content-Encoding"), body, limit)
	if err != nil {
		return refuse(http.StatusBadRequest, "UNKNOWN_EXCEPTION", "The request body could not be read: %v", err)
	}
	if int64(len(inflated)) > limit {
		return refuse(http.StatusRequestEntityTooLarge, "REQUEST_TOO_LARGE", "The request body is larger than %d bytes", limit)
	}
	c.body = inflated
	return nil
}

// takes tells whether a resource takes bodies of a media type.
func (c *call) takes(kind string) bool {
	switch path := c.r.URL.Path; {
	case uploads(path):
		return kind == "text/csv"
	case strings.HasSuffix(path, "/jobs/ingest"):
		return kind == "application/json" || kind == "multipart/form-data"
	}
	return kind == "application/json"
}

// inflate undoes a body's content encoding, up to one byte more than is allowed.
func inflate(encoding string, body []byte, limit int64) ([]byte, error) {
	switch encoding {
	case "", "identity":
		return body, nil
	case "gzip":
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		return readAll(z, -1, limit)
	default:
		return nil, errors.New("its content encoding is not known")
	}
}

// The oldest version that has not been retired, and the newest: Summer '14 and Winter '27.
const (
	oldestVersion = 31
	newestVersion = 68
)

func checkVersion(version string) *answer {
	number, found := strings.CutPrefix(version, "v")
	whole, minor, _ := strings.Cut(number, ".")
	n, err := strconv.Atoi(whole)
	switch {
	case !found || err != nil || minor != "0" || n < 7 || n > newestVersion:
		return notFound()
	case n < oldestVersion:
		return refuse(http.StatusGone, "UNSUPPORTED_API_VERSION", "The API version %s is no longer available", number)
	}
	return nil
}

// serveVersions lists the versions; it needs no session.
func (o *Org) serveVersions(w http.ResponseWriter, _ *http.Request) {
	type version struct {
		Label   string `json:"label"`
		URL     string `json:"url"`
		Version string `json:"version"`
	}
	var list []version
	for n := oldestVersion; n <= newestVersion; n++ {
		seasons := []string{"Summer", "Winter", "Spring"}
		label := fmt.Sprintf("%s '%d", seasons[(n-oldestVersion)%3], 14+(n-oldestVersion+2)/3)
		list = append(list, version{label, fmt.Sprintf("/services/data/v%d.0", n), fmt.Sprintf("%d.0", n)})
	}
	ok(list).send(w)
}

// resources lists what a version offers.
func (c *call) resources() *answer {
	base := c.base()
	return ok(map[string]string{
		"identity": origin(c.r) + "/id/" + c.org.id + "/" + c.user.id,
		"jobs":     base + "/jobs",
		"limits":   base + "/limits",
		"query":    base + "/query",
		"queryAll": base + "/queryAll",
		"sobjects": base + "/sobjects",
		"tooling":  base + "/tooling",
	})
}

func (c *call) base() string { return "/services/data/" + c.version + c.root }
