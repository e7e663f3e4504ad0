package fakeorg

import (
	"bytes"
	"cmp"
	"io"
	"maps"
	"net/http"
	"strings"
)

// maxBody is how many bytes a request may hold, before and after decompression.
const maxBody = 50 << 20

// bodyLimit is how many bytes a request to a path may hold.
func bodyLimit(path string) int64 {
	if uploads(path) {
		return maxUpload
	}
	return maxBody
}

// exchange is the ResponseWriter that every handler of this package gets: it knows what the log and the faults need.
type exchange struct {
	http.ResponseWriter
	entry *Request
	body  []byte // as sent, not decompressed
	fault *Fault // never nil
	sent  int    // bytes of the answer's body, if the fault cuts it
}

// WriteHeader notes the status.
func (x *exchange) WriteHeader(status int) {
	x.entry.Status = status
	x.ResponseWriter.WriteHeader(status)
}

// Write notes the status that goes without saying.
func (x *exchange) Write(p []byte) (int, error) {
	if x.entry.Status == 0 {
		x.entry.Status = http.StatusOK
	}
	if x.fault.Cut > 0 {
		return x.cut(p)
	}
	return x.ResponseWriter.Write(p)
}

// cut writes until the fault closes the connection.
func (x *exchange) cut(p []byte) (int, error) {
	left := x.fault.Cut - x.sent
	n, err := x.ResponseWriter.Write(p[:min(len(p), left)])
	x.sent += n
	if err == nil && n < len(p) {
		_ = http.NewResponseController(x.ResponseWriter).Flush() // or the reader would miss what it was sent
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// ServeHTTP answers one request.
func (o *Org) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = r.WithContext(r.Context())
	r.URL = tidy(r.URL)
	x := &exchange{ResponseWriter: w, fault: o.meet(r.Method, r.URL.Path), entry: &Request{
		At: o.now(), Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Header: loggedHeader(r.Header),
	}}
	defer func() { o.record(*x.entry) }()
	if x.fault == nil {
		x.fault = &Fault{}
	}
	var err error
	if x.body, err = readAll(r.Body, r.ContentLength, bodyLimit(r.URL.Path)); err != nil {
		return // the sender is gone
	}
	_, _ = io.Copy(io.Discard, r.Body) // a sender of too much reads the refusal after its last byte
	r.Body = io.NopCloser(bytes.NewReader(x.body))
	if x.fault.Before != nil {
		x.fault.Before()
	}
	o.answerTime(*x.entry)
	switch {
	case x.fault.Reset:
		panic(http.ErrAbortHandler)
	case x.fault.Status != 0:
		x.fault.answer(x)
	case x.fault.Drop:
		x.ResponseWriter = discard{}
		o.routes.ServeHTTP(x, r)
		x.entry.Status = 0
		panic(http.ErrAbortHandler)
	default:
		o.routes.ServeHTTP(x, r)
	}
}

func (f *Fault) fits(method, path string) bool {
	return (f.Method == "" || f.Method == method) && strings.Contains(path, f.Path)
}

func (f *Fault) answer(w http.ResponseWriter) {
	maps.Copy(w.Header(), f.Header)
	respond(w, f.Status, cmp.Or(f.Header.Get("Content-Type"), jsonType), []byte(f.Body))
}

// discard is a ResponseWriter to nowhere.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
