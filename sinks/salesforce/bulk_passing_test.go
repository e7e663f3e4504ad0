package salesforce_test

import (
	"strings"
	"testing"

	"scored/pipeline"
	"scored/sinks"
	"scored/sinks/salesforce/fakeorg"
)

// An org that does not let a job be closed has not begun it: its rows are not reported, and another job takes them.
func TestAJobThatCannotBeClosed(t *testing.T) {
	inState := fakeorg.Fault{Method: "PATCH", Path: ingest, Status: 400, Body: fakeorg.Errors("INVALIDJOBSTATE", "x")}

	w, j := newBulkWorld(t, nil)
	w.org.Inject(inState)
	w.deliver(t.Context(), w.sink, w.insert(5, false), nil).want(t, counts{}, true, pipeline.TryAgain)
	w.wantTidy(j)

	w, j = newBulkWorld(t, nil)
	w.org.Inject(inState)
	w.deliver(t.Context(), sinks.Retry(w.sink, fast, w.config.Log), w.insert(5, false), nil).want(t, counts{accepted: 5}, false, 0)
	w.wantTidy(j)

	// Nor aborted: the journal has it until it can be.
	w, j = newBulkWorld(t, nil)
	inState.Times = -1
	w.org.Inject(inState)
	changes := w.insert(5, false)
	d := w.deliver(t.Context(), sinks.Retry(w.sink, fast, w.config.Log), changes, nil)
	d.want(t, counts{}, true, pipeline.TryAgain)
	if len(j.jobs()) != 1 {
		t.Errorf("the journal has %q", j.jobs())
	}
	w.org.ClearFaults()
	if got, err := w.resume(t.Context(), w.sink); err != nil || len(got) > 0 {
		t.Errorf("%v, %v", got, err)
	}
	w.wantTidy(j)
	w.deliver(t.Context(), w.sink, changes, nil).want(t, counts{accepted: 5}, false, 0)
}

var notFound = fakeorg.Errors("NOT_FOUND", "The requested resource does not exist")

// An org that does not find a job which it made is asked again, and then by another try; the config is not at fault.
func TestAJobThatIsNotFoundForAMoment(t *testing.T) {
	for _, body := range []string{notFound, "<html>404</html>"} {
		w, j := newBulkWorld(t, nil)
		fault := fakeorg.Fault{Method: "GET", Path: ingest + "/750", Times: 3, Status: 404, Body: body}
		w.org.Inject(fault)
		w.deliver(t.Context(), w.sink, w.insert(5, false), nil).want(t, counts{accepted: 5}, false, 0)
		w.wantTidy(j)

		w, j = newBulkWorld(t, nil)
		fault.Times = 4
		w.org.Inject(fault)
		w.deliver(t.Context(), w.sink, w.insert(5, false), nil).want(t, counts{unknown: 5}, true, pipeline.TryAgain)
		if got, err := w.resume(t.Context(), w.sink); err != nil || len(got) != 1 {
			t.Errorf("%v, %v", got, err)
		}
		w.wantTidy(j)
	}
}

func TestEveryRequestOfAJobMayNotFindItForAMoment(t *testing.T) {
	for _, step := range jobSteps[1:] {
		w, j := newBulkWorld(t, nil)
		changes := w.insert(5, false)
		convert(t, w, changes[1].Key)
		w.org.Inject(fakeorg.Fault{Method: step.method, Path: step.path, Times: 5, Status: 404, Body: notFound})
		d := w.deliver(t.Context(), sinks.Retry(w.sink, sinks.Backoff{Tries: 9}, w.config.Log), changes, nil)
		d.want(t, counts{accepted: 4, refused: 1}, false, 0)
		w.wantTidy(j)
	}
}

// A result file with nothing in it, not even a header, is no word that no row is in it: what the job counts is asked for again.
func TestResultsThatAreEmptyForAMoment(t *testing.T) {
	for _, file := range []string{"successfulResults", "failedResults"} {
		empty := fakeorg.Fault{Path: file, Status: 200, Header: map[string][]string{"Content-Type": {"text/csv"}}}

		w, j := newBulkWorld(t, nil)
		changes := w.insert(5, false)
		convert(t, w, changes[1].Key)
		w.org.Inject(empty)
		d := w.deliver(t.Context(), sinks.Retry(w.sink, fast, w.config.Log), changes, nil)
		d.want(t, counts{accepted: 4, refused: 1}, false, 0)
		w.wantTidy(j)

		w, j = newBulkWorld(t, nil)
		changes = w.insert(5, false)
		convert(t, w, changes[1].Key)
		leave(t, w, changes, false)
		w.org.Inject(empty)
		if got, err := w.resume(t.Context(), w.sink); pipeline.ClassOf(err) != pipeline.TryAgain || len(j.jobs()) != 1 {
			t.Errorf("%s: %v, %v; the journal has %q", file, got, err, j.jobs())
		}
		got, err := w.resume(t.Context(), w.sink)
		if len(got) != 1 || err != nil {
			t.Errorf("%s: %v, %v", file, got, err)
		}
		for _, outcomes := range got {
			if len(outcomes) != 5 {
				t.Errorf("%s: %v", file, outcomes)
			}
		}
		w.wantTidy(j)
	}
}

// Where no row is due, an empty file is as good as one with a header.
func TestResultsThatAreEmptyForGood(t *testing.T) {
	w, j := newBulkWorld(t, nil)
	changes := w.insert(5, false)
	for _, c := range changes {
		convert(t, w, c.Key)
	}
	w.org.Inject(fakeorg.Fault{Path: "successfulResults", Times: -1, Status: 200})
	w.deliver(t.Context(), w.sink, changes, nil).want(t, counts{refused: 5}, false, 0)
	w.wantTidy(j)
}

// A job whose results have fewer rows than it counts is freed, and left for whoever wants to look at it.
func TestAJobThatWasLeftAndDoesNotAddUp(t *testing.T) {
	w, j := newBulkWorld(t, nil)
	changes := w.insert(5, false)
	leave(t, w, changes, false)
	doctored(t, w, "successfulResults", func(h string, l []string) []string { return append([]string{h}, l[1:]...) })
	got, err := w.resume(t.Context(), w.sink)
	if err != nil || len(got) != 1 || len(w.states()) != 1 || !strings.Contains(w.logged.String(), "don't add up") {
		t.Errorf("%v, %v; the org's jobs are %q", got, err, w.states())
	}
	w.wantTidy(j)
}
