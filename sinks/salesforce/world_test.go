package salesforce_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log"
	"log/slog"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"scored/pipeline"
	"scored/sinks/salesforce"
	"scored/sinks/salesforce/fakeorg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	username     = "integration.canary@acme.example"
	clientID     = "3MVG9canary-consumer-key"
	clientSecret = "canary-consumer-secret"
	composite    = "/composite/sobjects"
)

// world is an org with an integration user, the sink that writes to it, and all that the sink logged.
type world struct {
	*testing.T
	org    *fakeorg.Org
	server *httptest.Server
	config salesforce.Config
	sink   *salesforce.Sink
	logged *buffer
	runs   int
}

// newWorld starts an org and makes a sink. edit may change both configs; it may be nil.
func newWorld(t *testing.T, edit func(*fakeorg.Config, *salesforce.Config)) *world {
	t.Helper()
	w := &world{T: t, logged: &buffer{}}
	oc := fakeorg.Config{
		Apps: []fakeorg.App{{ClientID: clientID, ClientSecret: clientSecret, RunAs: username,
			PublicKey: &testKey().PublicKey, Preauthorized: []string{username}}},
		Users: []fakeorg.User{{Username: username, Name: "Scoring"}, {Username: "rep@acme.example", Name: "Rep"},
			{Username: "router@acme.example", Name: "Router"}},
		Objects: []fakeorg.Object{fakeorg.LeadObject()},
	}
	w.config = salesforce.Config{
		Name: "org", Flow: salesforce.JWTBearer, ClientID: clientID, Username: username, PrivateKey: keyPEM(t, "PKCS1"),
		Object: "Lead", Operation: salesforce.Upsert, ExternalID: "Lead_Key__c", Fields: mapping(),
		Log: slog.New(slog.NewJSONHandler(w.logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if edit != nil {
		edit(&oc, &w.config)
	}
	var err error
	if w.org, err = fakeorg.New(oc); err != nil {
		t.Fatal(err)
	}
	w.server = httptest.NewServer(w.org)
	w.server.Config.ErrorLog = log.New(w.logged, "", 0)
	t.Cleanup(w.server.Close)
	w.config.LoginURL = w.server.URL
	w.sink = w.newSink(w.config)
	t.Cleanup(w.checkForLeaks)
	return w
}

func (w *world) newSink(c salesforce.Config) *salesforce.Sink {
	w.Helper()
	sink, err := salesforce.New(c)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(sink.Close)
	return sink
}

// checkForLeaks looks for secrets, tokens and personal data in everything that was logged, errors included.
func (w *world) checkForLeaks() {
	text := w.logged.String()
	token := w.org.ID()[:15] + "!"
	for _, canary := range []string{clientSecret, username, "acme.example", "PRIVATE KEY", "eyJ", token, "Jane"} {
		if strings.Contains(text, canary) {
			w.Errorf("%q leaked: %s", canary, text)
		}
	}
}

// insert makes n leads and returns the changes that score them, with their ids as keys if byID.
func (w *world) insert(n int, byID bool) []pipeline.Change {
	w.Helper()
	changes := make([]pipeline.Change, n)
	for i := range changes {
		key := fmt.Sprintf("L%06d", i+1)
		id, err := w.org.Insert("Lead", map[string]any{"LastName": "Jane", "Company": "Acme", "Lead_Key__c": key})
		if err != nil {
			w.Fatal(err)
		}
		if byID {
			key = id
		}
		changes[i].Score = pipeline.Score{Key: key, Score: i % 101, Grade: string(rune('A' + i%4)),
			Probability: float64(i%97) / 97, Reasons: fmt.Sprintf("Up: Jane visited %d times this week.", i)}
	}
	return changes
}

const model = "lead@0123abcd"

// delivery is what became of a call of Write.
type delivery struct {
	outcomes map[string]pipeline.Outcome
	confirms int
	err      error
}

// deliver sends the changes as a new run and checks what holds of every delivery: a change is reported at most once; an
// accepted one is in the org, value for value; a refused one, a locked one and one that is not reported are not.
// onConfirm is called after each confirmation; it may be nil.
func (w *world) deliver(ctx context.Context, sink pipeline.Sink, changes []pipeline.Change,
	onConfirm func(confirms int)) *delivery {
	w.Helper()
	w.runs++
	asOf := time.Date(2026, 11, 22, 13, 15, 0, 0, time.UTC).Add(time.Duration(w.runs) * 15 * time.Minute)
	run, err := pipeline.NewRun("leads", pipeline.Request{Trigger: pipeline.Scheduled, Slot: asOf, AsOf: asOf}, 0, asOf.Add(7*time.Second))
	if err != nil {
		w.Fatal(err)
	}
	d := &delivery{outcomes: map[string]pipeline.Outcome{}}
	d.err = sink.Write(ctx, run, model, changes, func(outcomes []pipeline.Outcome) error {
		for _, o := range outcomes {
			if _, twice := d.outcomes[o.Key]; twice {
				w.Errorf("%s was reported twice", o.Key)
			}
			d.outcomes[o.Key] = o
		}
		if d.confirms++; onConfirm != nil {
			onConfirm(d.confirms)
		}
		return nil
	})
	if d.err != nil {
		fmt.Fprintln(w.logged, d.err, pipeline.HintOf(d.err))
	}
	w.checkOutcomes(run, changes, d)
	return d
}

func (w *world) checkOutcomes(run *pipeline.Run, changes []pipeline.Change, d *delivery) {
	w.Helper()
	records := w.records()
	known := map[string]bool{}
	for _, c := range changes {
		known[c.Key] = true
		o, reported := d.outcomes[c.Key]
		got := records[c.Key]
		applied := got["Lead_Score_Version__c"] == float64(run.Version)
		switch {
		case reported && o.Status == pipeline.Unknown:
		case reported && o.Status == pipeline.Accepted && !w.holds(got, run, c):
			w.Errorf("%s is accepted, and the org holds %v", c.Key, got)
		case (!reported || o.Status != pipeline.Accepted) && applied:
			w.Errorf("%s is in the org, and was reported as %+v (reported: %t)", c.Key, o, reported)
		}
	}
	for key := range d.outcomes {
		if !known[key] {
			w.Errorf("%s was reported and not sent", key)
		}
	}
}

func (w *world) holds(got map[string]any, run *pipeline.Run, c pipeline.Change) bool {
	at, _ := got["Lead_Scored_At__c"].(time.Time)
	probability, _ := got["Lead_Score_Probability__c"].(float64)
	var reasons any // nothing where there are none
	if c.Reasons != "" {
		reasons = c.Reasons
	}
	return got["Lead_Score__c"] == float64(c.Score.Score) && got["Lead_Grade__c"] == c.Grade &&
		got["Lead_Score_Version__c"] == float64(run.Version) && got["Lead_Score_Model__c"] == model &&
		at.Equal(run.Started) && got["Lead_Score_Reasons__c"] == reasons && probability-c.Probability < 1e-6 && c.Probability-probability < 1e-6
}

// records returns the fields of the leads by both of their keys.
func (w *world) records() map[string]map[string]any {
	records := map[string]map[string]any{}
	for _, r := range w.org.Records(w.config.Object) {
		key, _ := r.Fields["Lead_Key__c"].(string)
		records[r.ID], records[r.ID[:15]], records[key] = r.Fields, r.Fields, r.Fields
	}
	return records
}

// requests counts the requests to a part of a path, by method ("" for all).
func (w *world) requests(method, path string) int {
	n := 0
	for _, r := range w.org.Requests() {
		if (method == "" || r.Method == method) && strings.Contains(r.Path, path) {
			n++
		}
	}
	return n
}

// want checks the number of outcomes of each status that occurred, and the error's class (0 for an error without one).
func (d *delivery) want(t *testing.T, counts map[pipeline.Status]int, failed bool, class pipeline.Class) {
	t.Helper()
	got := map[pipeline.Status]int{}
	for _, o := range d.outcomes {
		got[o.Status]++
	}
	if !maps.Equal(got, counts) {
		t.Errorf("outcomes are %v, want %v", got, counts)
	}
	if (d.err != nil) != failed || pipeline.ClassOf(d.err) != class {
		t.Errorf("error is %v of class %d, want class %d, failed %t", d.err, pipeline.ClassOf(d.err), class, failed)
	}
}

func mapping() []salesforce.Field {
	return []salesforce.Field{
		{Field: "Lead_Score__c", Value: salesforce.Score},
		{Field: "Lead_Grade__c", Value: salesforce.Grade},
		{Field: "Lead_Score_Probability__c", Value: salesforce.Probability},
		{Field: "Lead_Score_Model__c", Value: salesforce.Model},
		{Field: "Lead_Score_Version__c", Value: salesforce.Version},
		{Field: "Lead_Scored_At__c", Value: salesforce.ScoredAt},
		{Field: "Lead_Score_Reasons__c", Value: salesforce.Reasons},
	}
}

func updateByID(_ *fakeorg.Config, c *salesforce.Config) {
	c.Operation, c.ExternalID = salesforce.Update, ""
}

// field returns the Lead's field to be changed.
func field(c *fakeorg.Config, name string) *fakeorg.Field {
	fields := c.Objects[0].Fields
	return &fields[slices.IndexFunc(fields, func(f fakeorg.Field) bool { return f.Name == name })]
}

var testKey = sync.OnceValue(newKey)

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

// keyPEM returns the app's private key as PKCS1 or PKCS8.
func keyPEM(t *testing.T, form string) pipeline.Secret {
	t.Helper()
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(testKey())}
	if form == "PKCS8" {
		der, err := x509.MarshalPKCS8PrivateKey(testKey())
		if err != nil {
			t.Fatal(err)
		}
		block = &pem.Block{Type: "PRIVATE KEY", Bytes: der}
	}
	return pipeline.Secret(pem.EncodeToMemory(block))
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
