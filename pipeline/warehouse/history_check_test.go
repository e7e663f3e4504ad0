package warehouse

import (
	"strings"
	"testing"

	"scored/pipeline"
)

// What Check says is what a run meets.
func TestTheCheckOfTheHistoryAgreesWithTheRun(t *testing.T) {
	h := newTestHistory(t)
	other := historyAt(t, asRole(t, "clerk"))
	for _, tt := range []struct {
		name, setUp, found string // found is "" where the rights are missing
	}{
		{"no right on the database", "", ""},
		{"the database", "DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO clerk', current_database()); END $$", "its schema and tables will be made"},
		{"a schema of somebody else's", "DROP SCHEMA IF EXISTS scored CASCADE; CREATE SCHEMA scored", ""},
		{"the schema", "GRANT USAGE, CREATE ON SCHEMA scored TO clerk", "its tables will be made"},
		{"tables of somebody else's", "", ""},
		{"the tables", "GRANT SELECT, INSERT, DELETE ON ALL TABLES IN SCHEMA scored TO clerk", "its tables can be written"},
	} {
		execute(t, cluster, tt.setUp)
		if strings.HasPrefix(tt.name, "tables of") {
			execute(t, cluster, "DROP TABLE IF EXISTS scored.scores; DROP TABLE IF EXISTS scored.runs")
			ready(t, h)
		}
		found, err := other.Check(t.Context())
		if tt.found == "" {
			wantProblem(t, err, pipeline.Configuration, "may not write the history in schema scored")
			if !strings.Contains(pipeline.HintOf(err), "GRANT") {
				t.Errorf("%s: the hint is %q", tt.name, pipeline.HintOf(err))
			}
		} else if err != nil || found != tt.found {
			t.Errorf("%s: got %q, %v", tt.name, found, err)
		}
		if werr := other.Write(t.Context(), testRun(t), "m@1", changes("a"), ignore); (werr == nil) != (tt.found != "") {
			t.Errorf("%s: the check says %v, and a write %v", tt.name, err, werr)
		}
	}
}
