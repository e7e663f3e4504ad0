package faults

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"scored/pipeline/ledger"
	"scored/sinks/salesforce/fakeorg"
)

const job = "lead_scoring"

// setup is what a world is like; the zero value sends by sObject Collections, straight, and has one job.
type setup struct {
	bulk    bool   // runs send through the Bulk API
	wires   bool   // warehouse and org are reached through proxies that can be told to fail
	halves  bool   // two jobs have one half of the leads each
	status  string // address of the pages, "" for none
	cron    string // every second if ""
	retries int    // of a slot's run
	disk    *disk  // where the ledger is; nil for a folder
}

// world is what the binary runs in: a warehouse in a process of its own, an org in this one, and a folder for the state.
type world struct {
	*crm
	setup     setup
	dir       string // the config's
	state     string // the ledger's
	org       *fakeorg.Org
	rng       *rand.Rand
	warehouse *wire // nil without wires
	crmWire   *wire // the same, to the org
}

func newWorld(t *testing.T, s setup) *world {
	t.Helper()
	rng := draws(t.Name())
	w := &world{setup: s, dir: t.TempDir(), state: t.TempDir(), rng: rng}
	if s.disk != nil {
		w.state = s.disk.folder
	}
	w.crm = newCRM(t, rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64())))
	w.newOrg(t)
	server := httptest.NewServer(w.org)
	t.Cleanup(server.Close)
	warehouse, org := w.cluster.URL(), server.URL
	if s.wires {
		w.warehouse = newWire(t, "warehouse", w.cluster.Addr())
		w.crmWire = newWire(t, "org", strings.TrimPrefix(server.URL, "http://"))
		warehouse = strings.Replace(warehouse, w.cluster.Addr(), w.warehouse.address(), 1)
		org = "http://" + w.crmWire.address()
	}
	if _, err := url.Parse(warehouse); err != nil {
		t.Fatal(err)
	}
	w.configure(t, warehouse, org)
	return w
}

// newOrg makes an org with the leads, whose rule keeps an older score from replacing a newer one.
func (w *world) newOrg(t *testing.T) {
	t.Helper()
	lead := fakeorg.LeadObject()
	lead.Rules = []fakeorg.Rule{fakeorg.NeverDecreases("Lead_Score_Version__c")}
	var err error
	w.org, err = fakeorg.New(fakeorg.Config{
		Apps:          []fakeorg.App{{ClientID: "app", ClientSecret: "secret", RunAs: "scoring@faults.example"}},
		Users:         []fakeorg.User{{Username: "scoring@faults.example", Name: "Scoring", ViewSetup: true}},
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
}

const config = `
state_dir: %[1]s
schedule: {cron: "%[2]s", jitter: 1ms, retries: %[8]d, run_deadline: 20s}
status: {listen: "%[3]s"}
warehouse:
  url: %[4]s
  connect_timeout: %[7]s
  connect_patience: %[7]s
  statement_timeout: %[7]s
salesforce:
  login_url: %[5]s
  flow: client_credentials
  client_id: app
  client_secret_file: secret
  timeout: %[7]s
  bulk_threshold: %[6]d
jobs:
`

const jobConfig = `
  - name: %[1]s
    dataprep: %[1]s.sql
    key: lead_key
    bundle: %[2]s
    guard: {max_flat: 1, min_overlap: 0.01, max_shift: 10, max_changed: 1, max_jumped: 1, max_new: 1}
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

// jobs are the world's jobs, each with the script of its leads.
func (w *world) jobs() map[string]string {
	if !w.setup.halves {
		return map[string]string{job: dataprep}
	}
	half := func(which string) string {
		return strings.Replace(dataprep, ";", fmt.Sprintf(" WHERE lead_key %s '%s';", which, keyOf(leads/2)), 1)
	}
	return map[string]string{"first": half("<"), "second": half(">=")}
}

func (w *world) configure(t *testing.T, warehouse, org string) {
	t.Helper()
	model, err := filepath.Abs(root + "/" + bundle)
	if err != nil {
		t.Fatal(err)
	}
	threshold, cron := leads, w.setup.cron
	if w.setup.bulk {
		threshold = 1
	}
	if cron == "" {
		cron = "* * * * * *"
	}
	patience := "30s"
	if w.setup.wires {
		patience = "1s"
	}
	text := fmt.Sprintf(config, w.state, cron, w.setup.status, warehouse, org, threshold, patience, w.setup.retries)
	for name, script := range w.jobs() {
		text += fmt.Sprintf(jobConfig, name, model)
		w.file(t, name+".sql", script)
	}
	w.file(t, "secret", "secret")
	w.file(t, "scored.yaml", text)
}

func (w *world) file(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ledger is the ledger's file.
func (w *world) ledger(t *testing.T) string {
	t.Helper()
	if w.setup.disk != nil {
		return w.setup.disk.copied(t)
	}
	return filepath.Join(w.state, "ledger.db")
}

// holds is what the org holds.
func (w *world) holds() map[string]value {
	values := map[string]value{}
	for _, r := range w.org.Records("Lead") {
		score, ok := r.Fields["Lead_Score__c"].(float64)
		if !ok {
			continue
		}
		key, _ := r.Fields["Lead_Key__c"].(string)
		grade, _ := r.Fields["Lead_Grade__c"].(string)
		model, _ := r.Fields["Lead_Score_Model__c"].(string)
		values[key] = value{int(score), grade, model}
	}
	return values
}

// known is what the ledger is certain of.
func (w *world) known(t *testing.T) map[string]value {
	t.Helper()
	l, err := ledger.OpenReadOnly(w.ledger(t))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	values := map[string]value{}
	for name := range w.jobs() {
		for c, err := range l.Confirmed(t.Context(), name, "salesforce") {
			if err != nil {
				t.Fatal(err)
			}
			if c.Model != "" && !c.Unsure && c.Until.IsZero() && !c.Cleared {
				values[c.Key] = value{c.Score, c.Grade, c.Model}
			}
		}
	}
	return values
}

// differ counts the keys of which two say something else.
func differ(a, b map[string]value) (n int) {
	for key := range maps.Keys(b) {
		if a[key] != b[key] {
			n++
		}
	}
	for key := range maps.Keys(a) {
		if _, both := b[key]; !both {
			n++
		}
	}
	return n
}

// agree wants org, ledger and a fresh computation to say the same of every lead, and no lead to have been made.
func (w *world) agree(t *testing.T) {
	t.Helper()
	fresh, holds := w.scores(t), w.holds()
	if n := differ(holds, fresh); n > 0 {
		t.Errorf("the org holds something else than a fresh computation gives for %d leads", n)
	}
	if n := differ(w.known(t), holds); n > 0 {
		t.Errorf("ledger and org differ in %d leads", n)
	}
	if n := len(w.org.Records("Lead")); n != leads {
		t.Errorf("the org has %d leads, it had %d", n, leads)
	}
}
