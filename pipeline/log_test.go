package pipeline_test

import (
	"bytes"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"scored/pipeline"
)

// Of the rows of which a target said the same, a few are logged one by one, and of the others how many there were; each record
// that was created is.
func TestALogOfManyRowsIsShort(t *testing.T) {
	const unknown, locked, created, few = 4000, 12, 15, 10
	var log bytes.Buffer
	source := &table{size: 1000}
	for i := range unknown + locked + created + few {
		source.rows = append(source.rows, row{strconv.Itoa(100_000 + i), 1})
	}
	sink := &org{answer: func(key string) pipeline.Outcome {
		switch i, _ := strconv.Atoi(key); {
		case i < 100_000+unknown:
			return pipeline.Outcome{Key: key, Status: pipeline.Unknown}
		case i < 100_000+unknown+locked:
			return pipeline.Outcome{Key: key, Status: pipeline.Retry, Class: pipeline.TryAgain, Code: "UNABLE_TO_LOCK_ROW"}
		case i < 100_000+unknown+locked+created:
			return pipeline.Outcome{Key: key, Status: pipeline.Accepted, Created: true}
		default:
			return pipeline.Outcome{Key: key, Status: pipeline.Refused, Class: pipeline.Rejected, Code: "X"}
		}
	}}
	r := runner(source, newMemory(), sink)
	r.Log = slog.New(slog.NewJSONHandler(&log, nil))
	if _, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); err != nil {
		t.Fatal(err)
	}
	const total = `"msg":"more rows had the same answer than are logged one by one",`
	const name = `"run_id":"lead_scoring-20261122T131500Z-0","job":"lead_scoring","target":"org",`
	for want, times := range map[string]int{
		`"msg":"row not accepted"`: 10 + 10 + few, `"msg":"a record was created`: created, total: 2, "rows_not_logged": 0,
		total + name + `"outcome":"unknown","code":"","rows":4000}`:                                       1,
		total + name + `"outcome":"retry","code":"UNABLE_TO_LOCK_ROW","err_class":"transient","rows":12}`: 1,
	} {
		if got := strings.Count(log.String(), want); got != times {
			t.Errorf("%d times %s, want %d", got, want, times)
		}
	}
}
