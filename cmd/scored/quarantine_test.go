package main

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"scored/sinks/salesforce/fakeorg"
)

// twoKeys returns the keys of two leads that a run would score.
func twoKeys(t *testing.T, config string) (string, string) {
	t.Helper()
	keys := regexp.MustCompile(`L\d{6}`).FindAllString(scored(t, "run", leads, "-c", config, "--dry-run").out, -1)
	slices.Sort(keys)
	if keys = slices.Compact(keys); len(keys) < 2 {
		t.Fatalf("a dry run shows the keys %v", keys)
	}
	return keys[0], keys[1]
}

func TestARefusedRowWaitsInQuarantineUntilItIsRetried(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	scored(t, "quarantine", "list", "-c", c).want(t, exitOK, "no lead is in quarantine")
	ruled, gone := twoKeys(t, c)
	w.Org.Inject(fakeorg.Fault{Method: http.MethodPatch, Times: -1, Rows: map[string]fakeorg.RowError{
		ruled: {Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION", Message: `=HYPERLINK("http://x")`, Fields: []string{"Phone"}},
		gone:  {Code: "ENTITY_IS_DELETED", Message: "entity is deleted"},
	}})
	refused := scored(t, "run", leads, "-c", c).want(t, exitPartial, ruled, "FIELD_CUSTOM_VALIDATION_EXCEPTION", `"err_class":"terminal"`).summary(t)
	if refused.Refused != 2 || refused.Accepted != refused.Scored-2 {
		t.Errorf("%+v", refused)
	}
	list := scored(t, "quarantine", "list", leads, "-c", c).want(t, exitOK, "2 leads: 1 rejected, 1 terminal").out
	for _, row := range []string{
		leads + `\s+salesforce\s+` + ruled + `\s+rejected\s+FIELD_CUSTOM_VALIDATION_EXCEPTION\s+Phone\s+1\s+\S+Z\s+\S+Z\n`,
		leads + `\s+salesforce\s+` + gone + `\s+terminal\s+ENTITY_IS_DELETED\s+1\s+\S+Z\s+by retry only\n`,
	} {
		if !regexp.MustCompile(row).MatchString(list) {
			t.Errorf("it lacks %s:\n%s", row, list)
		}
	}
	scored(t, "check", "-c", c).want(t, exitOK, "ok    quarantine lead_scoring: 2 leads (1 rejected, 1 terminal), 0 of them due")

	w.Org.ClearFaults()
	waits := scored(t, "run", leads, "-c", c).want(t, exitOK, "2 in quarantine").summary(t)
	if waits.Sent != 0 || waits.Quarantined != 2 {
		t.Errorf("a run offered what is in quarantine: %+v", waits)
	}
	scored(t, "runs", "show", "last", "-c", c).want(t, exitOK, "2 in quarantine")
	scored(t, "run", leads, "--dry-run", "-c", c).want(t, exitOK, "0 would change", "2 in quarantine")
	scored(t, "explain", leads, ruled, "-c", c).want(t, exitOK, "in quarantine: the target refused it")
	scored(t, "quarantine", "retry", leads, gone, "L999999", "-c", c).want(t, exitUsage, "not in quarantine: L999999;")
	scored(t, "quarantine", "retry", leads, ruled, "-c", c).want(t, exitOK, "1 leads of lead_scoring are due")
	scored(t, "quarantine", "list", "-c", c).want(t, exitOK, "next run")
	again := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t)
	if again.Sent != 1 || leadScores(w)[ruled] == "" || leadScores(w)[gone] != "" {
		t.Errorf("after a retry %d were sent; the leads hold %q and %q", again.Sent, leadScores(w)[ruled], leadScores(w)[gone])
	}
	scored(t, "quarantine", "retry", leads, "--all", "-c", c).want(t, exitOK, "1 leads of lead_scoring are due")
	scored(t, "pause", leads, "-c", c).want(t, exitOK)
	scored(t, "quarantine", "retry", leads, "--all", "-c", c).want(t, exitOK, "the next run is made when somebody says `scored resume lead_scoring`")
	scored(t, "resume", leads, "-c", c).want(t, exitOK)
	scored(t, "run", leads, "-c", c).want(t, exitOK)
	scored(t, "quarantine", "list", "-c", c).want(t, exitOK, "no lead is in quarantine")
	scored(t, "quarantine", "retry", leads, "--all", "-c", c).want(t, exitOK, "no lead of lead_scoring is in quarantine")
	agrees(t, w, c)
}

func TestTheQuarantineIsWrittenForThoseWhoCanMendIt(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	ruled, gone := twoKeys(t, c)
	const formula = `=HYPERLINK("http://x"),"y"`
	w.Org.Inject(fakeorg.Fault{Method: http.MethodPatch, Times: -1, Rows: map[string]fakeorg.RowError{
		ruled: {Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION", Message: formula, Fields: []string{"Phone", "Email"}},
		gone:  {Code: "ENTITY_IS_DELETED", Message: "deleted"},
	}})
	scored(t, "run", leads, "-c", c).want(t, exitPartial)
	path := filepath.Join(t.TempDir(), "quarantine.csv")
	if err := os.WriteFile(path+".part", []byte("left over"), 0o644); err != nil { //nolint:gosec // as an earlier call may have left it
		t.Fatal(err)
	}
	r := scored(t, "quarantine", "export", leads, "--out", path, "-c", c).want(t, exitOK, "2 leads")
	if strings.Contains(r.out+r.log, "HYPERLINK") {
		t.Error("the org's words were printed")
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	records, err := csv.NewReader(strings.NewReader(read(t, path))).ReadAll()
	if err != nil || len(records) != 3 {
		t.Fatalf("%v, %v", records, err)
	}
	of := map[string][]string{records[1][2]: records[1], records[2][2]: records[2]}
	if got := of[ruled]; got[3] != "rejected" || got[5] != "Phone Email" || got[6] != "'"+formula || got[7] != "1" || got[10] == "" {
		t.Errorf("got %q", got)
	}
	if got := of[gone]; got[3] != "terminal" || got[10] != "" {
		t.Errorf("got %q", got)
	}
	for line := range strings.Lines(scored(t, "quarantine", "list", "--json", "-c", c).want(t, exitOK).out) {
		var row quarantinedRow
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		if row.Key == ruled && row.Message != formula || (row.Next == nil) != (row.Key == gone) || row.Attempts != 1 {
			t.Errorf("got %+v", row)
		}
	}
}

func TestWhatASpreadsheetWouldObeyIsMadeHarmless(t *testing.T) {
	for text, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1",
		"": "", "a=1": "a=1", "L000123": "L000123", "é": "é",
	} {
		if got := harmless(text); got != want {
			t.Errorf("harmless(%q) is %q, want %q", text, got, want)
		}
	}
}

func TestQuarantineUsage(t *testing.T) {
	newLedger(t)
	c := config(t)
	for args, text := range map[string]string{
		"":                              "quarantine wants one of list, retry and export\n",
		"lst":                           `quarantine wants one of list, retry and export, and got "lst": did you mean list?`,
		"mend":                          `, and got "mend"` + "\n",
		"list --rows many":              `invalid argument "many" for "--rows" flag: a whole number is wanted` + "\n",
		"list --json=many":              `invalid argument "many" for "--json" flag: true or false is wanted` + "\n",
		"list nobody":                   `no job "nobody"`,
		"list --target nowhere":         `no target "nowhere"`,
		"list --rows -1":                "--rows -1",
		"list one two":                  "quarantine list wants the name of one job or none",
		"retry":                         "quarantine retry wants the name of one job",
		"retry lead_scoring":            "either the keys of leads or --all",
		"retry lead_scoring L1 --all":   "either the keys of leads or --all",
		"retry nobody --all":            `no job "nobody"`,
		"export lead_scoring":           "--out",
		"export lead_scoring --out /":   "is a folder",
		"export nobody --out /tmp/x.cs": `no job "nobody"`,
	} {
		scored(t, append([]string{"quarantine", "-c", c}, strings.Fields(args)...)...).want(t, exitUsage, text)
	}
}
