package warehouse

import (
	"fmt"
	"testing"

	"scored/pipeline/warehouse/pgtest"
	"scored/sinks/sinktest"
)

// conformRows is how many rows an INSERT has in the suite.
const conformRows = 3

func TestTheHistoryConforms(t *testing.T) {
	sinktest.Run(t, sinktest.Harness{Open: openConforming, Block: conformRows, Creates: true, Appends: true})
}

// openConforming returns a history of its own for the suite: the newest row of a key is what it holds.
func openConforming(tb testing.TB, records int) *sinktest.World {
	h := newTestHistory(tb)
	ready(tb, h)
	table := scoreLog()
	h.parameters = len(table.shared) + conformRows*len(table.columns)
	w := &sinktest.World{Sink: h}
	for i := range records {
		w.Keys = append(w.Keys, fmt.Sprintf("K%03d", i))
	}
	w.Keeps = func(v sinktest.Values) sinktest.Values {
		return sinktest.Values{Version: v.Version, Score: v.Score, Grade: v.Grade, Model: v.Model}
	}
	w.Held = func(key string) (v sinktest.Values) {
		rows, err := cluster.Query(tb.Context(), "SELECT version, score, grade, model FROM scored.scores WHERE score_key = '"+key+
			"' ORDER BY version DESC LIMIT 1")
		if err != nil {
			tb.Fatal(err)
		}
		for _, r := range rows {
			if _, err := fmt.Sscan(r[0]+" "+r[1], &v.Version, &v.Score); err != nil {
				tb.Fatal(err)
			}
			v.Grade, v.Model = r[2], r[3]
		}
		return v
	}
	var fired <-chan struct{}
	w.Meet = func(nth int, f sinktest.Fault) {
		fault := pgtest.Fault{Match: insertScores, Skip: nth - 1}
		switch f.Kind {
		case sinktest.TurnedAway:
			fault.Code, fault.Message = "57014", "Query cancelled on user's request"
		case sinktest.Fails:
			fault.Reset = true
		case sinktest.Applied:
			tb.Skip("the proxy can't lose an answer behind a statement that was carried out: TestAnAnswerThatIsLost has a relay for it")
		case sinktest.Passes:
			on := make(chan struct{})
			fault.Stall = on
			fired = cluster.Inject(fault)
			struck := fired
			go func() {
				select {
				case <-struck:
					f.Before()
				case <-tb.Context().Done():
				}
				close(on)
			}()
			return
		}
		fired = cluster.Inject(fault)
	}
	w.Met = func() bool {
		cluster.Calm()
		select {
		case <-fired:
			return true
		default:
			return false
		}
	}
	return w
}
