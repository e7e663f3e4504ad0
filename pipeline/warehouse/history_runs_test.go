package warehouse

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"scored/pipeline"
	"scored/pipeline/warehouse/pgtest"
)

// record is a run with another number in each of its counts.
func record(t testing.TB) pipeline.Record {
	t.Helper()
	run := *testRun(t)
	run.Trigger, run.Slot, run.Started = pipeline.Scheduled, asOfNoon, asOfNoon.Add(1234567*time.Microsecond)
	return pipeline.Record{
		Run: run, Ended: asOfNoon.Add(time.Minute), End: pipeline.Partial, Reason: "it's \\ 'so' ✓",
		Summary: &pipeline.Summary{
			ID: run.ID, Model: "lead_scoring@1a2b3c4d", ModelDigest: strings.Repeat("a", 64), SQLDigest: strings.Repeat("b", 64),
			Read: 1, Scored: 2, Rejected: 3,
			Delivery: pipeline.Delivery{
				Unchanged: 4, Superseded: 5, Ahead: 6, Kept: 7, Changes: 8, Sent: 9, Accepted: 10, Refused: 11, Unknown: 12, NotSent: 13,
				Created: 14, APICalls: 15,
			},
			Stages: pipeline.Stages{Read: 16, Score: 17, Decide: 18, Deliver: 19, History: 20}, Duration: 21,
		},
	}
}

// runRow is a row of the run log, in the table's order.
func runRow(t *testing.T, id string) []string {
	t.Helper()
	rows, err := cluster.Query(t.Context(), "SELECT * FROM scored.runs WHERE run_id = '"+id+"'")
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1 {
		t.Fatalf("%d rows of %s, want 1", len(rows), id)
	}
	return rows[0]
}

func TestARunsRowHoldsItsSummary(t *testing.T) {
	h := newTestHistory(t)
	r := record(t)
	if err := h.AppendRuns(t.Context(), []pipeline.Record{r}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"leads-20261122T120000Z-0", "leads", "schedule", "2026-11-22 12:00:00", "2026-11-22 12:00:00", "0", "1795348800000000",
		"2026-11-22 12:00:01.234567", "2026-11-22 12:01:00", "partial", `it's \ 'so' ✓`,
		"lead_scoring@1a2b3c4d", strings.Repeat("a", 64), strings.Repeat("b", 64),
	}
	for i := range 21 {
		want = append(want, strconv.Itoa(i+1))
	}
	if got := runRow(t, r.ID); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	columns := query1(t, "SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'scored.runs'::regclass AND attnum > 14")
	if want := "rows_read rows_scored rows_rejected rows_unchanged rows_superseded rows_ahead rows_kept rows_changed rows_sent rows_accepted " +
		"rows_refused rows_unknown rows_not_sent rows_created api_calls read_ms score_ms decide_ms deliver_ms history_ms dur_ms"; columns != want {
		t.Errorf("the counts are of %s", columns)
	}
}

func TestARunIsReplaced(t *testing.T) {
	h := newTestHistory(t)
	r, other := record(t), record(t)
	other.ID = "another"
	for _, reason := range []string{"first", "second"} {
		r.Reason = reason
		if err := h.AppendRuns(t.Context(), []pipeline.Record{other, r}); err != nil {
			t.Fatal(err)
		}
	}
	wantRows(t, "runs", "2")
	if got := runRow(t, r.ID)[10]; got != "second" {
		t.Errorf("the reason is %q", got)
	}
	if err := h.AppendRuns(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

func TestARunWhoseProcessDiedIsWhatIsKnownOfIt(t *testing.T) {
	h := newTestHistory(t)
	r := record(t)
	r.Slot, r.End, r.Reason, r.Summary = time.Time{}, pipeline.Interrupted, "found open", nil
	if err := h.AppendRuns(t.Context(), []pipeline.Record{r}); err != nil {
		t.Fatal(err)
	}
	got := runRow(t, r.ID)
	if got[3] != pgtest.Null || got[9] != "interrupted" || got[10] != "found open" {
		t.Errorf("got %q", got)
	}
	for _, v := range got[11:] {
		if v != pgtest.Null {
			t.Errorf("got %q", got)
		}
	}
}

func TestMoreRunsThanAStatementTakes(t *testing.T) {
	h := newTestHistory(t)
	runs := slices.Repeat([]pipeline.Record{record(t)}, 2000)
	for i := range runs {
		runs[i].ID = fmt.Sprintf("run-%d", i)
		runs[i].Reason = strings.Repeat("é", 4000)
	}
	start := len(cluster.Queries())
	if err := h.AppendRuns(t.Context(), runs); err != nil {
		t.Fatal(err)
	}
	wantRows(t, "runs", "2000")
	if n := sent(start, "INSERT INTO scored.runs"); n != 3 {
		t.Errorf("%d statements, want 3", n)
	}
	if n := sent(start, "BEGIN"); n != 2 { // one found no table
		t.Errorf("%d transactions, want 2", n)
	}
	reason := query1(t, "SELECT DISTINCT reason FROM scored.runs")
	if len(reason) > maxReason || !strings.HasPrefix(reason, "éé") || !strings.HasSuffix(reason, "é…") {
		t.Errorf("%d bytes: %.10s", len(reason), reason)
	}
}

func TestAppendRunsIsAllOrNothing(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault pgtest.Fault
		rows  string // behind AppendRuns
		fails bool
	}{
		{"conflict in the delete", pgtest.Fault{Match: "DELETE FROM", Code: "XX000", Message: "1023"}, "new", false},
		{"conflict in the insert", pgtest.Fault{Match: "INSERT INTO", Code: "40001", Message: "could not serialize access"}, "new", false},
		{"conflict in the commit", pgtest.Fault{Match: "COMMIT", Code: "XX000", Message: "1023"}, "new", false},
		{"reset in the delete", pgtest.Fault{Match: "DELETE FROM", Reset: true}, "new", false},
		{"reset in the insert", pgtest.Fault{Match: "INSERT INTO", Reset: true}, "new", false},
		{"reset in the commit", pgtest.Fault{Match: "COMMIT", Reset: true}, "new", false},
		{"shutdown", pgtest.Fault{Match: "COMMIT", Code: "57P01", Message: "terminating connection"}, "new", false},
		{"no permission to insert", pgtest.Fault{Match: "INSERT INTO", Code: "42501", Message: "permission denied"}, "old", true},
		{"conflicts without end", pgtest.Fault{Match: "COMMIT", Code: "XX000", Message: "1023", Times: 99}, "old", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newTestHistory(t)
			r := record(t)
			r.Reason = "old"
			if err := h.AppendRuns(t.Context(), []pipeline.Record{r}); err != nil {
				t.Fatal(err)
			}
			r.Reason = "new"
			struck := cluster.Inject(tt.fault)
			if err := h.AppendRuns(t.Context(), []pipeline.Record{r}); (err != nil) != tt.fails {
				t.Errorf("got %v", err)
			}
			<-struck
			cluster.Calm()
			if got := runRow(t, r.ID)[10]; got != tt.rows {
				t.Errorf("the row is the %s one, want the %s", got, tt.rows)
			}
			wantGone(t)
		})
	}
}

// The commit of an attempt whose answer was lost may come after the next attempt has looked for its rows.
func TestTheTransactionIsSerializable(t *testing.T) {
	h := newTestHistory(t)
	if err := h.AppendRuns(t.Context(), []pipeline.Record{record(t)}); err != nil {
		t.Fatal(err)
	}
	execute(t, cluster, "DELETE FROM scored.runs")
	release := make(chan struct{})
	struck := cluster.Inject(pgtest.Fault{Match: "INSERT INTO scored.runs", Stall: release})
	done := make(chan error)
	go func() { done <- h.AppendRuns(t.Context(), []pipeline.Record{record(t)}) }()
	<-struck
	earlier := historyAt(t, cluster.DirectURL())
	if err := earlier.AppendRuns(t.Context(), []pipeline.Record{record(t)}); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	wantRows(t, "runs", "1")
}

func TestAppendRunsThatIsToldToStop(t *testing.T) {
	h := newTestHistory(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantCanceled(t, h.AppendRuns(ctx, []pipeline.Record{record(t)}))
	for _, err := range h.Newest(ctx, "leads", 1) {
		wantCanceled(t, err)
	}
}

func FuzzCut(f *testing.F) {
	f.Add("short", 10)
	f.Add("exactly ten", 11)
	f.Add("ééééééé", 8)
	f.Add("😀😀😀", 9)
	f.Add("zero\x00 and \xff\xfe", 8)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		if limit < 3 || limit > 1<<16 {
			return
		}
		got := cut(s, limit)
		if len(got) > limit || !utf8.ValidString(got) || strings.Contains(got, "\x00") {
			t.Errorf("cut(%q, %d) is %q", s, limit, got)
		}
		clean := utf8.ValidString(s) && !strings.Contains(s, "\x00")
		switch {
		case clean && len(s) <= limit && got != s:
			t.Errorf("cut(%q, %d) is %q, and it fits", s, limit, got)
		case clean && len(s) > limit && (!strings.HasSuffix(got, "…") || !strings.HasPrefix(s, strings.TrimSuffix(got, "…")) || len(got) < limit-3):
			t.Errorf("cut(%q, %d) is %q", s, limit, got)
		}
	})
}
