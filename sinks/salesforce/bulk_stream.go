package salesforce

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// watch ends a request of which no byte has moved for a while. How long it takes as a whole is nobody's concern: an upload
// of 100 MB may take minutes.
type watch struct {
	while  atomic.Int64 // of nanoseconds
	timer  *time.Timer
	silent atomic.Bool
}

func newWatch(while time.Duration, end context.CancelFunc) *watch {
	w := &watch{}
	w.while.Store(int64(while))
	w.timer = time.AfterFunc(while, func() {
		w.silent.Store(true)
		end()
	})
	return w
}

func (w *watch) time() time.Duration { return time.Duration(w.while.Load()) }

// uploadAnswer is how long an answer may take when an upload was sent: the org, or a proxy that passes it on only then, has
// it to keep. Salesforce itself gives a request 10 minutes.
const uploadAnswer = 5 * time.Minute

// rest watches for another while from now on.
func (w *watch) rest(while time.Duration) {
	w.while.Store(int64(while))
	w.timer.Reset(while)
}

// sending is a request body whose reads tell the watch that bytes moved.
type sending struct {
	io.ReadCloser
	watch *watch
}

func (b *sending) Read(p []byte) (int, error) {
	b.watch.timer.Reset(b.watch.time())
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.watch.rest(max(b.watch.time(), uploadAnswer))
	}
	return n, err
}

// receiving is an answer's body whose reads are watched; what its reader does between them may take its time. It remembers
// why it broke off.
type receiving struct {
	in    io.Reader
	watch *watch
	err   error
}

func (b *receiving) Read(p []byte) (int, error) {
	b.watch.timer.Reset(b.watch.time())
	n, err := b.in.Read(p)
	b.watch.timer.Stop()
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// errSilent says that a request was ended by the watch.
func (w *watch) errSilent() error { return fmt.Errorf("nothing moved for %s", w.time()) }

// put uploads what body makes, which is called once per request, as the body of a PUT. When it returns, nobody reads the
// last body any more.
func (s *Sink) put(ctx context.Context, path string, body func() *upload) (last *upload, err error) {
	err = s.renewed(ctx, func(current *session) error {
		last = body()
		err := s.stream(ctx, current, http.MethodPut, path, last, int64(last.size), noPage)
		<-last.closed
		if err == nil && !last.complete() {
			return garbled("an upload was taken before it was sent")
		}
		return err
	})
	return last, err
}

// noPage refuses the answer to an upload if it is a page for people. An org answers with nothing.
func noPage(in io.Reader) error {
	start := make([]byte, 512)
	n, _ := io.ReadFull(in, start) // that it breaks off is noted there
	if bytes.HasPrefix(bytes.TrimLeft(start[:n], " \r\n\t\uFEFF"), []byte("<")) {
		return garbled("a page in answer to an upload")
	}
	return nil
}

// fetch hands a result file to read.
func (s *Sink) fetch(ctx context.Context, path string, read func(io.Reader) error) error {
	return s.renewed(ctx, func(current *session) error {
		return s.stream(ctx, current, http.MethodGet, path, http.NoBody, 0, read)
	})
}

// stream makes one request and hands the answer, if it is a success, to read, whose error it returns unless the answer broke
// off. It has ended its request when it returns.
func (s *Sink) stream(parent context.Context, current *session, method, path string, body io.ReadCloser, length int64,
	read func(io.Reader) error) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	watch := newWatch(s.wire.timeout, cancel)
	defer watch.timer.Stop()
	explain := func(err error) error {
		if watch.silent.Load() && parent.Err() == nil {
			return watch.errSilent()
		}
		return s.wire.explain(parent, err)
	}
	if body != http.NoBody {
		body = &sending{body, watch}
	}
	req, err := http.NewRequestWithContext(ctx, method, current.instance+"/"+path, body)
	if err != nil {
		return errors.Join(errors.New("the org's address makes no valid request"), body.Close())
	}
	req.ContentLength = length
	req.Header.Set("Authorization", "Bearer "+string(current.token))
	if method == http.MethodPut {
		req.Header.Set("Content-Type", "text/csv")
	}
	resp, left, err := s.wire.send(ctx, req)
	if left {
		s.calls.Add(1)
	}
	if err != nil {
		return lost(explain(err), left)
	}
	defer resp.Body.Close()
	s.noteUsage(resp.Header)
	in := &receiving{in: resp.Body, watch: watch}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		text, _ := io.ReadAll(io.LimitReader(in, maxAnswer))
		return refusal(&answer{status: resp.StatusCode, header: resp.Header, body: text})
	}
	if err = read(in); in.err != nil {
		return lost(explain(in.err), true)
	}
	return err
}
