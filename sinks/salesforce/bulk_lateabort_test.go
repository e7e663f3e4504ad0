package salesforce_test

import (
	"net/http"
	"testing"
	"time"

	"scored/pipeline"
)

// A job without an upload that an abort reached late, or that somebody aborted, has no results with the sink's columns: it did
// nothing, and keeps nobody from delivering.
func TestAnAbortThatLandsLate(t *testing.T) {
	w, j := newBulkWorld(t, nil)
	id := w.openJob(clientID, upsertJob)
	j.open = append(j.open, pipeline.RemoteJob{Run: "leads-first", ID: id, Since: time.Now()})
	w.request(clientID, http.MethodPatch, id, `{"state":"Aborted"}`)
	if got, err := w.resume(t.Context(), w.sink); err != nil || len(got) > 0 {
		t.Errorf("%v, %v", got, err)
	}
	w.wantTidy(j)
}
