package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"scored/cmd/sandbox/world"
	"scored/configs"
)

// explained is what explain --json prints.
type explained struct {
	Key, Model, Grade, Reasons string
	Score                      int
	Probability, Bias          float64
	ShapBias                   float64 `json:"shap_bias"`
	ForestProbability          float64 `json:"forest_probability"`
	Columns                    []explainedColumn
	Targets                    []struct {
		Target, Grade, Model, Note string
		Score                      *int
		AsOf                       *time.Time `json:"as_of"`
	}
	BeforeNote string `json:"before_note"`
	Before     []struct {
		AsOf     time.Time `json:"as_of"`
		What     string
		Found    bool
		Rejected string
		Score    *int
		Notes    []string
		Changed  []struct {
			Column    string
			Then, Now *string
		}
	}
}

type explainedColumn struct {
	Column     string
	Value      *string
	Path, Shap float64
}

// value is a column's raw value as text.
func (e *explained) value(column string) string {
	for _, c := range e.Columns {
		if c.Column == column && c.Value != nil {
			return *c.Value
		}
	}
	return ""
}

// The story of one lead through its life: nothing sent yet, sent, changed, scored by another model, gone.
func TestExplain(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	before, now := w.Loaded.AddDate(0, 0, -3), w.Loaded
	explain := func(t *testing.T, config, key string, at time.Time, args ...string) result {
		t.Helper()
		return scored(t, append([]string{"explain", leads, key, "-c", config, "--as-of", at.Format(time.RFC3339)}, args...)...)
	}
	story := func(t *testing.T, config, key string, at time.Time, args ...string) (e explained) {
		t.Helper()
		decode(t, explain(t, config, key, at, append(args, "--json")...).want(t, exitOK).out, &e)
		return e
	}

	scored(t, "run", leads, "-c", c, "--as-of", before.Format(time.RFC3339)).want(t, exitOK)
	first := leadFields(w)
	key := changedLead(t, w, c, first, now)
	state := stateOf(t, w.Dir)
	w.Org.ForgetRequests()

	// The first explanation of all is the one that the others are held against.
	sent, current := story(t, c, key, before), story(t, c, key, now)
	t.Run("it explains the score that the org holds", func(t *testing.T) {
		org := first[key]
		if float64(sent.Score) != org["Lead_Score__c"] || sent.Grade != org["Lead_Grade__c"] || sent.Model != org["Lead_Score_Model__c"] {
			t.Errorf("explained %d %s by %s, the org holds %v", sent.Score, sent.Grade, sent.Model, org)
		}
		if reasons, _ := org["Lead_Score_Reasons__c"].(string); sent.Reasons != reasons || reasons == "" {
			t.Errorf("explained %q, the org holds %q", sent.Reasons, reasons)
		}
		path, shap := sent.Bias, sent.ShapBias
		for i, col := range sent.Columns {
			path, shap = path+col.Path, shap+col.Shap
			if i > 0 && math.Abs(col.Path) > math.Abs(sent.Columns[i-1].Path) {
				t.Errorf("%s is not in order", col.Column)
			}
		}
		if len(sent.Columns) != 58 || math.Abs(path-sent.ForestProbability) > 1e-9 || math.Abs(shap-sent.ForestProbability) > 1e-9 {
			t.Errorf("%d columns; the sums are %v and %v, the forest says %v", len(sent.Columns), path, shap, sent.ForestProbability)
		}
		if len(sent.Before) != 0 || len(sent.Targets) != 1 || sent.Targets[0].AsOf == nil || !sent.Targets[0].AsOf.Equal(before) {
			t.Errorf("got %+v and %+v", sent.Targets, sent.Before)
		}
	})
	t.Run("it shows what changed since, and only that", func(t *testing.T) {
		if current.BeforeNote != "" || len(current.Before) != 1 || current.Before[0].What != "the history's newest score" || !current.Before[0].AsOf.Equal(before) || *current.Before[0].Score != sent.Score || len(current.Before[0].Notes) != 0 {
			t.Fatalf("got %+v", current.Before)
		}
		changed := map[string]bool{}
		for _, d := range current.Before[0].Changed {
			changed[d.Column] = true
		}
		for _, col := range current.Columns {
			if differs := current.value(col.Column) != sent.value(col.Column); differs != changed[col.Column] {
				t.Errorf("%s differs: %t, shown: %t", col.Column, differs, changed[col.Column])
			}
		}
		r := explain(t, c, key, now).want(t, exitOK, "COLUMN", "PATH", "SHAP", "bias", "TARGET", "salesforce",
			"since "+before.Format(time.RFC3339), "THEN", "DIFFERENCE", current.Reasons)
		widest(t, strings.ReplaceAll(r.out, current.Reasons, ""), 120)
		// The reasons are personal data, as the values are that they tell of; so is the key, in a log that has it beside nothing.
		if strings.Contains(r.log, key) || strings.Contains(r.log, current.Reasons) {
			t.Errorf("it logged\n%s", r.log)
		}
	})
	t.Run("since an instant of one's own", func(t *testing.T) {
		at := before.AddDate(0, 0, -30)
		e := story(t, c, key, now, "--since", at.Format(time.RFC3339))
		if len(e.Before) != 1 || !e.Before[0].AsOf.Equal(at) {
			t.Errorf("got %+v", e.Before)
		}
		explain(t, c, key, now, "--since", "2020-01-01").want(t, exitOK, "as of 2020-01-01T00:00:00Z the script does not give the key")
		explain(t, c, key, before, "--since", now.Format(time.RFC3339)).want(t, exitUsage, "is not before")
	})
	t.Run("what was confirmed is newer, or by another model", func(t *testing.T) {
		explain(t, c, key, before.AddDate(0, 0, -1)).want(t, exitOK, "newer than this explanation")
		explain(t, config(t, "bundles/lead_scoring", remade(t)), key, now).want(t, exitOK, "the model changed: the history has")
	})
	t.Run("what the script gives of then is not what it gave", func(t *testing.T) {
		script := edited(t, "../../sql/dataprep/lead_scoring.sql", "COALESCE(v.visits_7d, 0) AS visits_7d", "CAST(4711 AS INTEGER) AS visits_7d")
		e := story(t, config(t, "../sql/dataprep/lead_scoring.sql", script), key, now)
		if differs := *e.Before[0].Score != sent.Score; !differs || len(e.Before[0].Notes) != 1 || !strings.Contains(e.Before[0].Notes[0], "is not what it gave") {
			t.Errorf("the score of then differs: %t; the notes are %q", differs, e.Before[0].Notes)
		}
	})
	t.Run("errors", func(t *testing.T) {
		explain(t, c, "L000000", now).want(t, exitFailed, `has the key "L000000"`, "none of the ", "->")
		scored(t, "explain", "lead_scorin", key, "-c", c).want(t, exitUsage, `no job "lead_scorin"`)
		scored(t, "explain", leads, "-c", c).want(t, exitUsage, "wants a job and a key")
		scored(t, "explain", leads, key, "-c", c, "--as-of", "tomorrow").want(t, exitUsage, "--as-of")
		script := edited(t, "../../sql/dataprep/lead_scoring.sql", "COALESCE(p.pages_1d, 0) AS pages_1d", "'Infinity'::float8 AS pages_1d")
		r := explain(t, config(t, "../sql/dataprep/lead_scoring.sql", script), key, now).want(t, exitFailed, "is rejected", "pages_1d", "model contract", "->")
		if r.out != "" {
			t.Errorf("it printed %s", r.out)
		}
	})
	if after := stateOf(t, w.Dir); after != state {
		t.Errorf("the state folder was\n%s\nand is\n%s", state, after)
	}
	for _, r := range w.Org.Requests() {
		if r.Method == http.MethodPatch {
			t.Errorf("explain made the request %s %s", r.Method, r.Path)
		}
	}

	t.Run("through three runs", func(t *testing.T) { explainThroughThreeRuns(t, w, c, before) })

	t.Run("a SELECT list with names that need quotes binds", func(t *testing.T) {
		var list bytes.Buffer
		contract := hostileContract()
		printSelect(&list, "m@12345678", "user", contract)
		path := filepath.Join(t.TempDir(), "hostile.sql")
		text := `CREATE TEMP TABLE f AS SELECT 7 AS "user", 1::smallint AS visits_7d, NULL::numeric AS "order", 'x'::text AS "Region",
			'y'::varchar(3) AS "a ""b"" c", 1.5::float4 AS größe, 2::bigint AS "1st" WHERE :as_of IS NOT NULL;` + "\n" + list.String() + "FROM f;\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := configs.Load(c)
		if err != nil {
			t.Fatal(err)
		}
		source, err := newSource(cfg, path, "user", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		columns, err := source.Columns(t.Context(), now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := contract.Bind(columns); err != nil {
			t.Error(err)
		}
	})
	t.Run("the SELECT list that contract prints can be pasted", func(t *testing.T) {
		list := scored(t, "model", "contract", "--sql", leads, "-c", c).want(t, exitOK, "CAST(lead_key AS VARCHAR) AS lead_key").out
		text := read(t, "../../sql/dataprep/lead_scoring.sql")
		last := strings.LastIndex(text, "SELECT")
		pasted := text[:last] + "CREATE TEMP TABLE prepared AS\n" + text[last:] + "\n" + list + "FROM prepared;\n"
		path := filepath.Join(t.TempDir(), "pasted.sql")
		if err := os.WriteFile(path, []byte(pasted), 0o600); err != nil {
			t.Fatal(err)
		}
		other := config(t, "../sql/dataprep/lead_scoring.sql", path)
		scored(t, "check", leads, "-c", other).want(t, exitOK, "no findings", "its 58 columns fit the contract")
		if e := story(t, other, key, now); e.Probability != current.Probability {
			t.Errorf("the pasted script gives %v, the script %v", e.Probability, current.Probability)
		}
	})
}

// leadFields returns the fields of the scored leads in the org, by key.
func leadFields(w *world.World) map[string]map[string]any {
	fields := map[string]map[string]any{}
	for _, r := range w.Org.Records("Lead") {
		if r.Fields["Lead_Score__c"] != nil {
			fields[r.Fields["Lead_Key__c"].(string)] = r.Fields
		}
	}
	return fields
}

// changedLead finds a lead with reasons whose score is another as of at.
func changedLead(t *testing.T, w *world.World, c string, first map[string]map[string]any, at time.Time) string {
	t.Helper()
	r := scored(t, "run", leads, "-c", c, "--dry-run", "--as-of", at.Format(time.RFC3339))
	for key, fields := range first {
		if fields["Lead_Score_Reasons__c"] != nil && strings.Contains(r.out, "  "+key+" ") {
			return key
		}
	}
	t.Fatalf("no lead of the sample changed:\n%s", r.out)
	return ""
}

// stateOf describes every file of a folder.
func stateOf(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, "-shm") { // what readers of SQLite share
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, path))
		fmt.Fprintf(&b, "%s %x\n", path, sha256.Sum256(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
