package crash

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// front stands before the org. Some requests it takes, and has the org do what they ask only later: when their sender was told
// nothing, or is dead.
type front struct {
	org    http.Handler
	watch  *watch
	sender *atomic.Pointer[process]

	// patience is how long after it left a request can be under way: an older one is dropped. At an org that refuses older scores
	// it may arrive at any time, and patience is 0.
	patience time.Duration

	mu    sync.Mutex
	rng   *rand.Rand
	share float64                             // of the requests to the API: are late
	hold  func(*http.Request) <-chan struct{} // of a request that is to be done when the channel is closed; nil for others

	idle *sync.Cond // nothing is underWay
	// underWay are the requests that are not done, whether or not somebody waits for the answer; late is how many came to be late.
	underWay, late int
}

func newFront(org http.Handler, w *watch, sender *atomic.Pointer[process], rng *rand.Rand) *front {
	f := &front{org: org, watch: w, sender: sender, rng: rng}
	f.idle = sync.NewCond(&f.mu)
	return f
}

// fate is what becomes of a request.
type fate int

const (
	answered fate = iota
	unanswered
	posthumous // its sender is killed while it waits for the answer
)

// draw says what becomes of the next request, and how long it takes when it is late.
func (f *front) draw() (fate, time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	what, wait := answered, time.Duration(f.rng.Int64N(int64(300*time.Millisecond)))
	if f.rng.IntN(4) == 0 {
		wait *= 5
	}
	if f.rng.Float64() < f.share {
		what = unanswered + fate(f.rng.IntN(2))
	}
	return what, wait
}

func (f *front) disturb(share float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.share = share
}

// holdNext has the next request of sObject Collections held until release is called; taken is closed when it is there.
func (f *front) holdNext(t *testing.T) (taken chan struct{}, release func()) {
	taken = make(chan struct{})
	released := make(chan struct{})
	release = sync.OnceFunc(func() { close(released) })
	t.Cleanup(release)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hold = func(r *http.Request) <-chan struct{} {
		if r.Method != http.MethodPatch || !strings.Contains(r.URL.Path, "/composite/") {
			return nil
		}
		f.hold = nil
		close(taken)
		return released
	}
	return taken, release
}

func (f *front) held(r *http.Request) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hold == nil {
		return nil
	}
	return f.hold(r)
}

// ServeHTTP does what the request asks, now or later.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	f.begin()
	late := false
	defer func() {
		if !late {
			f.end()
		}
	}()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender is gone
	}
	sender := f.sender.Load()
	sender.asked(r)
	f.watch.arrive(rowsOf(r, body))
	// Nothing but the connection ends with the sender.
	later := r.Clone(context.WithoutCancel(r.Context()))
	later.Body = io.NopCloser(bytes.NewReader(body))
	if release := f.held(r); release != nil {
		<-release
	} else if strings.HasPrefix(r.URL.Path, "/services/data") {
		switch what, wait := f.draw(); what {
		case unanswered:
			sender.unheard.Add(1)
			late = true
			f.doLate(later, at, wait)
			panic(http.ErrAbortHandler)
		case posthumous:
			sender.killIn(wait)
			<-r.Context().Done()
			late = true
			f.doLate(later, at, wait)
			return
		}
	}
	f.org.ServeHTTP(w, later)
	sender.answered(r)
}

// doLate does a request of that time after a wait, unless it could not be under way any more.
func (f *front) doLate(r *http.Request, at time.Time, wait time.Duration) {
	f.mu.Lock()
	f.late++
	f.mu.Unlock()
	time.AfterFunc(wait, func() {
		defer f.end()
		if f.patience == 0 || time.Since(at) < f.patience {
			f.org.ServeHTTP(httptest.NewRecorder(), r)
		}
	})
}

func (f *front) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.underWay++
}

func (f *front) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.underWay--; f.underWay == 0 {
		f.idle.Broadcast()
	}
}

// awaitAll waits until every request that came is done, and returns how many were late.
func (f *front) awaitAll() (late int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.underWay > 0 {
		f.idle.Wait()
	}
	return f.late
}

// rowsOf reads the rows of a request that has any.
func rowsOf(r *http.Request, body []byte) []sentRow {
	switch {
	case r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "/composite/"):
		return rowsOfJSON(body)
	case r.Method == http.MethodPut:
		return rowsOfCSV(body)
	default:
		return nil
	}
}

func rowsOfJSON(body []byte) (rows []sentRow) {
	var in struct{ Records []map[string]any }
	_ = json.Unmarshal(body, &in) // the org says what is wrong with it
	for _, r := range in.Records {
		key, _ := r["Lead_Key__c"].(string)
		get := func(field string) any { return r[field] }
		rows = append(rows, sentRow{key, versionOf(r["Lead_Score_Version__c"]), valueOf(get)})
	}
	return rows
}

func rowsOfCSV(body []byte) (rows []sentRow) {
	lines, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
	if err != nil || len(lines) == 0 {
		return nil
	}
	for _, line := range lines[1:] {
		get := func(field string) any {
			for n, name := range lines[0] {
				if name == field {
					if number, err := strconv.ParseFloat(line[n], 64); err == nil {
						return number
					}
					return line[n]
				}
			}
			return nil
		}
		key, _ := get("Lead_Key__c").(string)
		rows = append(rows, sentRow{key, versionOf(get("Lead_Score_Version__c")), valueOf(get)})
	}
	return rows
}
