package fakeorg

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
)

// answer is what a handler wants to be sent: what write writes or else the body as JSON. A nil body sends none.
type answer struct {
	status int
	body   any
	write  func(http.ResponseWriter)
}

// apiError is one entry of the array that the REST API answers a refused request with.
type apiError struct {
	Message string   `json:"message"`
	Code    string   `json:"errorCode"`
	Fields  []string `json:"fields,omitempty"`
}

// oauthError is the object that the token endpoint answers a refused request with.
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

func refuse(status int, code, format string, args ...any) *answer {
	return &answer{status: status, body: []apiError{{Message: fmt.Sprintf(format, args...), Code: code}}}
}

func ok(body any) *answer { return &answer{status: http.StatusOK, body: body} }

func notFound() *answer {
	return refuse(http.StatusNotFound, "NOT_FOUND", "The requested resource does not exist")
}

// send writes the answer.
func (a *answer) send(w http.ResponseWriter) {
	if a.write != nil {
		a.write(w)
		return
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	respond(w, a.status, jsonType, encode(a.body))
}

const jsonType = "application/json;charset=UTF-8"

// respond writes an answer. Whether its reader is still there is the reader's concern.
func respond(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func encode(body any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		panic(fmt.Sprintf("fakeorg: encode answer: %v", err)) // a bug here: every body is built from plain values
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
