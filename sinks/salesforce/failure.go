package salesforce

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"scored/pipeline"
)

// failure is why a request as a whole brought no result.
type failure struct {
	error
	uncertain bool   // the org may have applied it
	expired   bool   // the session is over; nothing was applied
	status    int    // of the answer, 0 without one
	code      string // of the answer, "" without one
}

func (f *failure) Unwrap() error { return f.error }

// missing says that the org has no such resource, or none in this version of the API.
func (f *failure) missing() bool { return f.status == http.StatusNotFound && f.code == "NOT_FOUND" }

// absent says that the org, or what answers in its place, has no such resource.
func (f *failure) absent() bool {
	return f.missing() || f.status == http.StatusNotFound && f.code == ""
}

// passing says that the same request may be answered otherwise a moment later, or tomorrow, without anybody's doing.
func (f *failure) passing() bool {
	class := pipeline.ClassOf(f.error)
	return class == pipeline.TryAgain || class == pipeline.Expired || class == pipeline.Exhausted
}

// unreachable is the problem of a request without an answer; there is none if its own context ended it.
func unreachable(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
		return &pipeline.Problem{Class: pipeline.Configuration, Err: err,
			Hint: "the server could not prove that it is the org: check login_url, this machine's CA certificates and its clock"}
	}
	if oldTLS(err) {
		return &pipeline.Problem{Class: pipeline.Configuration, Err: err,
			Hint: "the server does not speak TLS 1.2 or later, so it is not the org: check login_url, and what stands in between"}
	}
	return &pipeline.Problem{Class: pipeline.TryAgain, Err: err,
		Hint: "check the network, and status.salesforce.com if other machines can't reach the org either"}
}

// oldTLS recognizes a server that knows no version of TLS that is safe, be it that either side says so; the library has no
// type for it.
func oldTLS(err error) bool {
	text := err.Error()
	return strings.Contains(text, "tls: protocol version not supported") || strings.Contains(text, "tls: server selected unsupported protocol version")
}

// lost is the failure of a request that got no answer; left tells whether it went out.
func lost(err error, left bool) *failure {
	return &failure{error: unreachable(err), uncertain: left}
}

// garbled is the failure of a request whose answer says it was dealt with and can't be read.
func garbled(what string) *failure {
	return &failure{uncertain: true, error: &pipeline.Problem{Class: pipeline.TryAgain,
		Err:  errors.New("the answer is not what the API promises: " + what),
		Hint: "a proxy in between, or maintenance, may have answered in the org's place"}}
}

// refusal classifies an answer other than success. Its text has the error's code and never its message, which may echo
// data.
func refusal(a *answer) *failure {
	code, message := errorCode(a.body)
	f := classify(a.status, code, message)
	f.status, f.code = a.status, code
	return f
}

func classify(status int, code, message string) *failure {
	err := fmt.Errorf("%s (HTTP %d)", code, status)
	if code == "" {
		err = fmt.Errorf("HTTP %d without an error code", status)
	}
	problem := func(c pipeline.Class, err error, hint string) error {
		return &pipeline.Problem{Class: c, Err: err, Hint: hint}
	}
	kind := classOf(code, message)
	switch {
	case status == http.StatusUnauthorized, status < 500 && kind == pipeline.Expired:
		return &failure{expired: true, error: problem(pipeline.Expired, err,
			"the org ends sessions at once: check the integration user's session settings and IP ranges")}
	case status >= 500:
		return &failure{uncertain: true, error: problem(pipeline.TryAgain, err,
			"Salesforce could not process the request: see status.salesforce.com")}
	case status < 400:
		return &failure{uncertain: true, error: problem(pipeline.Configuration, err,
			"the org sends requests elsewhere: check login_url")}
	case kind == pipeline.Exhausted:
		return &failure{error: problem(kind, err, exhaustedHint(code))}
	case kind == pipeline.TryAgain, status == http.StatusTooManyRequests:
		return &failure{uncertain: code == "", error: problem(pipeline.TryAgain, err, "Salesforce is busy")}
	case kind == pipeline.Configuration, status == http.StatusGone:
		return &failure{uncertain: code == "", error: problem(pipeline.Configuration, err,
			"run scored check: it lists what the integration user can't see or edit; check object, fields and api_version")}
	case code == "":
		return &failure{uncertain: true, error: problem(0, err, "a proxy in between may have answered in the org's place")}
	default:
		return &failure{error: err}
	}
}

// quotaHint is what an operator can do about the quotas of the Bulk API.
const quotaHint = "Bulk API jobs use up the org's batches, or rows, of 24 hours: see them in Setup"

func exhaustedHint(code string) string {
	switch {
	case strings.HasPrefix(code, "EXCEEDED"):
		return quotaHint
	case code == "REQUEST_LIMIT_EXCEEDED":
		return "nothing is lost: what is due is sent when the org allows calls again; see who spent them: scored budget"
	default:
		return "see API usage in Setup, Company Information; if the API is disabled, give the integration user API Enabled"
	}
}

// errorCode takes the first code from the body of an API error, "" if it is none.
func errorCode(body []byte) (code, message string) {
	var errs []struct {
		Code    string `json:"errorCode"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &errs) != nil || len(errs) == 0 || errs[0].Code == "" {
		return "", ""
	}
	return plainCode(errs[0].Code), errs[0].Message
}
