package crash

import (
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"scored/pipeline/ledger"
	"scored/sinks/salesforce/fakeorg"
)

const job = "lead_scoring"

// batch is how many rows a request to sObject Collections has.
const batch = 200

// kind is what a world is like.
type kind struct {
	name    string
	bulk    bool // runs go through the Bulk API
	rule    bool // the org refuses an older score
	decoy   bool // it has a rule that looks like that one, and refuses nothing
	timeout time.Duration
}

// world is what the binary runs in: a warehouse in a process of its own, an org in this one, and a folder for the state.
type world struct {
	*crm
	kind    kind
	binary  string
	dir     string
	org     *fakeorg.Org
	front   *front
	watch   *watch
	rng     *rand.Rand
	process atomic.Pointer[process] // that the org's requests are of
	kills   int
	runs    int // that ended by themselves
	// excused is how many batches of a version may be sent again: one for the kill, and one for each answer that its process
	// waited for in vain.
	excused map[int64]int
}

func newWorld(t *testing.T, k kind, binary string) *world {
	t.Helper()
	rng := draws(t.Name())
	w := &world{kind: k, binary: binary, dir: t.TempDir(), watch: newWatch(), rng: rng, excused: map[int64]int{}}
	w.crm = newCRM(t, rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64())))
	w.watch.moved(w.scores(t))
	w.newOrg(t)
	w.configure(t)
	w.clean(t) // it makes the ledger and the history's tables, and gives every lead a score
	return w
}

func (w *world) newOrg(t *testing.T) {
	t.Helper()
	lead := fakeorg.LeadObject()
	switch guard := fakeorg.NeverDecreases("Lead_Score_Version__c"); {
	case w.kind.decoy:
		guard.Broken = func(fakeorg.Values, fakeorg.Values) bool { return false }
		lead.Rules = []fakeorg.Rule{guard, w.watch.rule()}
	case w.kind.rule:
		lead.Rules = []fakeorg.Rule{guard, w.watch.rule()}
	default:
		lead.Rules = []fakeorg.Rule{w.watch.rule()}
	}
	var err error
	w.org, err = fakeorg.New(fakeorg.Config{
		Apps:          []fakeorg.App{{ClientID: "app", ClientSecret: "secret", RunAs: "scoring@crash.example"}},
		Users:         []fakeorg.User{{Username: "scoring@crash.example", Name: "Scoring", ViewSetup: true}},
		Objects:       []fakeorg.Object{lead},
		DailyAPILimit: 100_000_000, DailyBulkBatches: 100_000_000,
		BulkTime: 10 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range leads {
		if _, err := w.org.Insert("Lead", map[string]any{"Lead_Key__c": keyOf(i), "LastName": "Doe", "Company": "None"}); err != nil {
			t.Fatal(err)
		}
	}
	w.front = newFront(w.org, w.watch, &w.process, rand.New(rand.NewPCG(w.rng.Uint64(), w.rng.Uint64())))
	if !w.kind.rule {
		w.front.patience = w.kind.timeout
	}
}

// configure starts the server, and writes the config that leads to it.
func (w *world) configure(t *testing.T) {
	t.Helper()
	server := httptest.NewServer(w.front)
	t.Cleanup(func() {
		w.front.awaitAll()
		server.Close()
	})
	model, err := filepath.Abs(root + "/" + bundle)
	if err != nil {
		t.Fatal(err)
	}
	threshold := leads
	if w.kind.bulk {
		threshold = 1
	}
	for name, text := range map[string]string{
		"secret": "secret", "leads.sql": dataprep,
		"scored.yaml": fmt.Sprintf(config, w.dir, w.cluster.URL(), server.URL, w.kind.timeout, threshold, job, model),
	} {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

const config = `
state_dir: %s
schedule: {cron: "* * * * * *", jitter: 1ms}
status: {listen: ""}
warehouse:
  url: %s
salesforce:
  login_url: %s
  flow: client_credentials
  client_id: app
  client_secret_file: secret
  timeout: %s
  bulk_threshold: %d
jobs:
  - name: %s
    dataprep: leads.sql
    key: lead_key
    bundle: %s
    guard: {max_flat: 1, max_changed: 1, max_jumped: 1, max_new: 1, max_shift: 10, min_overlap: 0.01, new: {max_shift: 10, min_overlap: 0.01}}
    targets:
      - name: salesforce
        object: Lead
        operation: upsert
        external_id: Lead_Key__c
        fields:
          - {field: Lead_Score__c, value: score}
          - {field: Lead_Grade__c, value: grade}
          - {field: Lead_Score_Model__c, value: model}
          - {field: Lead_Score_Version__c, value: version}
          - {field: Lead_Scored_At__c, value: scored_at}
`

// advance moves a share of the data on, which nobody may be reading.
func (w *world) advance(t *testing.T, share float64) {
	t.Helper()
	w.move(t, share)
	w.watch.moved(w.scores(t))
}

// retreat brings the data back to what it was before the last move.
func (w *world) retreat(t *testing.T) {
	t.Helper()
	w.back(t)
	w.watch.moved(w.scores(t))
}

// clean makes a run that nothing disturbs and that ends well, at the latest the third: a busy machine may not answer in time.
func (w *world) clean(t *testing.T) {
	t.Helper()
	w.front.disturb(0)
	p := w.start(t, nil, "run", job)
	for range 2 {
		if code, _ := p.end(t); code != 75 {
			break
		}
		w.end(t, p)
		p = w.start(t, nil, "run", job)
	}
	w.endsWell(t, p)
}

// endsWell waits for the end of a run that nothing may be wrong with, by its own account.
func (w *world) endsWell(t *testing.T, p *process) {
	t.Helper()
	if code, killed := w.end(t, p); code != 0 || killed {
		t.Fatalf("a run that should end well ended with %d:\n%s", code, p.text())
	}
}

// end waits for the process's end, and keeps the books.
func (w *world) end(t *testing.T, p *process) (code int, killed bool) {
	t.Helper()
	code, killed = p.end(t)
	for i, version := range p.versions {
		w.watch.computed(version)
		w.excused[version] += int(p.unheard.Load())
		if killed && i == len(p.versions)-1 {
			w.excused[version]++
		}
	}
	if killed {
		w.kills++
	} else {
		w.runs++
	}
	return code, killed
}

// verdict is what is left of the promise.
type verdict struct {
	lost     int // leads whose score in the org is not that of a fresh computation
	unlike   int // leads of which the ledger knows something else than the org holds, or nothing for certain
	stale    int // writes over something newer
	wrong    int // writes of a value that is not of its version
	twice    int // rows that were sent again with the value that was sent last
	most     int // of them: for one kill, or one answer that a run waited for in vain
	excess   int // of them: beyond a batch for each kill, and for each answer that a run waited for in vain
	batch    int // rows of a batch: of a request, or of a Bulk job's upload
	created  int // records that were not there
	examples []string
}

// judge compares org, ledger and a fresh computation, when nothing is under way any more.
func (w *world) judge(t *testing.T) verdict {
	t.Helper()
	w.front.awaitAll()
	fresh := w.scores(t)
	known := w.known(t)
	v := verdict{batch: batch}
	records := w.org.Records("Lead")
	v.created = len(records) - leads
	for i := range min(leads, len(records)) {
		holds := valueOf(func(field string) any { return records[i].Fields[field] })
		if holds != fresh[i] {
			v.lost++
		}
		if known[keyOf(i)] != holds {
			v.unlike++
		}
	}
	w.watch.mu.Lock()
	defer w.watch.mu.Unlock()
	v.stale, v.wrong, v.examples = w.watch.stale, w.watch.wrong, w.watch.examples
	if w.kind.bulk {
		v.batch = moving // all that changed is one upload
	}
	for version, rows := range w.watch.again {
		v.twice += rows
		v.most = max(v.most, rows/max(1, w.excused[version]))
		v.excess += max(0, rows-v.batch*w.excused[version])
	}
	return v
}

// known is what the ledger is certain of.
func (w *world) known(t *testing.T) map[string]value {
	t.Helper()
	l, err := ledger.OpenReadOnly(filepath.Join(w.dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	values := map[string]value{}
	for c, err := range l.Confirmed(t.Context(), job, "salesforce") {
		if err != nil {
			t.Fatal(err)
		}
		if c.Model != "" && !c.Unsure && c.Until.IsZero() && !c.Cleared {
			values[c.Key] = value{c.Score, c.Grade, c.Model}
		}
	}
	return values
}

// surplus is how the verdict names rows that should not have been sent again.
const surplus = "rows sent twice that no kill explains"

// broken says what of the promise is not kept, and how often.
func (v verdict) broken() map[string]int {
	what := map[string]int{}
	for _, c := range []struct {
		n    int
		text string
	}{
		{v.lost, "leads lost"}, {v.unlike, "leads of which ledger and org differ"}, {v.stale, "stale writes"},
		{v.wrong, "values that are not of their version"}, {v.excess, surplus}, {v.created, "records made"},
	} {
		if c.n != 0 {
			what[c.text] = c.n
		}
	}
	return what
}
