package faults

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"scored/sinks/salesforce/fakeorg"
)

// TestSessionsThatEndInTheMidst ends all sessions when two jobs have a request under way at once. Each job has a session of its own,
// logs in once more, and no run fails for it.
func TestSessionsThatEndInTheMidst(t *testing.T) {
	t.Log(repeat())
	w := newWorld(t, setup{halves: true})
	p := w.start(t, build(t), "daemon")
	p.await(t, "run ended", 4)
	w.org.ForgetRequests()
	var both sync.WaitGroup
	var end sync.Once
	both.Add(2)
	w.org.Inject(fakeorg.Fault{Method: http.MethodPatch, Path: "/composite/", Times: 2,
		Rows: map[string]fakeorg.RowError{"nobody": {}}, // the request is let through
		Before: func() {
			both.Done()
			both.Wait()
			end.Do(w.org.ExpireSessions)
		}})
	w.move(t, 1)
	both.Wait()
	w.awaitQuiet(t, p)
	p.endedWell(t)
	p.stop(t)
	w.agree(t)
	if again, logins := len(p.logged("session expired, logging in again")), w.logins(); again != 2 || logins != 2 {
		t.Errorf("%d sessions expired, and there were %d logins; two jobs should have logged in once more each", again, logins)
	}
}

// logins counts the requests for a session.
func (w *world) logins() (n int) {
	for _, r := range w.org.Requests() {
		if strings.HasSuffix(r.Path, "/oauth2/token") {
			n++
		}
	}
	return n
}
