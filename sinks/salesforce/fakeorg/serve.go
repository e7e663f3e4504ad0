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

// exchange is the ResponseWriter that every handler of this package gets: it knows what the log and the faults need.
type exchange struct {
	http.ResponseWriter
	entry *Request
	body  []byte // as sent, not decompressed
	fault *Fault // never nil
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
	return x.ResponseWriter.Write(p)
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
	if x.body, err = io.ReadAll(io.LimitReader(r.Body, maxBody+1)); err != nil {
		return // the sender is gone
	}
	r.Body = io.NopCloser(bytes.NewReader(x.body))
	if x.fault.Before != nil {
		x.fault.Before()
	}
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
