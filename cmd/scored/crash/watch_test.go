package crash

import (
	"fmt"
	"sync"

	"scored/sinks/salesforce/fakeorg"
)

// sentRow is a row of a request, as it arrives at the org.
type sentRow struct {
	key     string
	version int64
	value   value
}

// watch looks at what arrives at the org, and at every write as it is done.
type watch struct {
	mu          sync.Mutex
	generations [][]value          // what every lead's score is, by the generation of the data
	of          map[int64]int      // which generation a version was computed from
	last        map[string]sentRow // what was last sent of a key
	again       map[int64]int      // rows of a version that were sent again with the same value, by whichever version

	sent     int // rows
	returned int // of them: with the value that was sent last, after the data had another
	applied  int // writes
	stale    int // of them: over a newer version
	wrong    int // of them: not the score of their version
	examples []string
}

func newWatch() *watch {
	return &watch{of: map[int64]int{}, last: map[string]sentRow{}, again: map[int64]int{}}
}

// moved begins the next generation.
func (w *watch) moved(scores []value) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.generations = append(w.generations, scores)
}

// computed notes that a run of the version was computed from the newest generation. Of a run that goes on, its rows say so; one
// that is dead may have rows that arrive when the data has moved on.
func (w *watch) computed(version int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.compute(version)
}

func (w *watch) compute(version int64) {
	if _, known := w.of[version]; !known {
		w.of[version] = len(w.generations) - 1
	}
}

// arrive notes rows that a request brings, before anything becomes of them.
func (w *watch) arrive(rows []sentRow) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range rows {
		w.compute(r.version)
		w.sent++
		if last, known := w.last[r.key]; known && last.value == r.value {
			w.repeated(last)
		}
		w.last[r.key] = r
	}
}

// repeated counts a row that is sent again. If the data had gone elsewhere and came back meanwhile, it is no repetition: a run
// that died may have sent what was between.
func (w *watch) repeated(last sentRow) {
	lead := leadOf(last.key)
	for _, scores := range w.generations[w.of[last.version]:] {
		if scores[lead] != last.value {
			w.returned++
			return
		}
	}
	w.again[last.version]++
}

// rule is asked last of all validation rules, and so about every write that is done. It refuses none.
func (w *watch) rule() fakeorg.Rule {
	return fakeorg.Rule{Name: "Watch", Message: "never", Broken: func(before, after fakeorg.Values) bool {
		w.write(before, after)
		return false
	}}
}

func (w *watch) write(before, after fakeorg.Values) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.applied++
	key, _ := after.Get("Lead_Key__c").(string)
	was, now := versionOf(before.Get("Lead_Score_Version__c")), versionOf(after.Get("Lead_Score_Version__c"))
	if now < was {
		w.stale++
		w.example("%s went back from version %d to %d", key, was, now)
	}
	generation, known := w.of[now]
	if !known || valueOf(after.Get) != w.generations[generation][leadOf(key)] {
		w.wrong++
		w.example("%s was given %v under version %d", key, valueOf(after.Get), now)
	}
}

func (w *watch) example(format string, args ...any) {
	if len(w.examples) < 5 {
		w.examples = append(w.examples, fmt.Sprintf(format, args...))
	}
}

func versionOf(v any) int64 {
	number, _ := v.(float64)
	return int64(number)
}

// valueOf reads a score from a record.
func valueOf(get func(field string) any) value {
	score, ok := get("Lead_Score__c").(float64)
	if !ok {
		return value{}
	}
	grade, _ := get("Lead_Grade__c").(string)
	model, _ := get("Lead_Score_Model__c").(string)
	return value{int(score), grade, model}
}
