// Package failpoint is put into a package of the product by go build -overlay, under that package's name.
package failpoint

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
)

// passed counts how often the failpoint that is set was passed.
var passed atomic.Int64

// failpoint kills the process if CRASH_AT names the point and it was passed CRASH_SKIP times.
func failpoint(name string) {
	if os.Getenv("CRASH_AT") != name {
		return
	}
	skip, _ := strconv.ParseInt(os.Getenv("CRASH_SKIP"), 10, 64)
	if passed.Add(1) <= skip {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// failpointSent is a context under which a write passes the failpoint when it is written to the connection.
func failpointSent(ctx context.Context, method, name string) context.Context {
	if method != http.MethodPatch {
		return ctx
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { failpoint(name) }})
}

// without says that a negative control wants to do without something.
func without(what string) bool { return os.Getenv("CRASH_WITHOUT") == what }
