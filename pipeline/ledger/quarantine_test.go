package ledger_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

func refusal(key string, class pipeline.Class, code string) pipeline.Outcome {
	return pipeline.Outcome{Key: key, Status: pipeline.Refused, Class: class, Code: code, Message: "no " + code}
}

// delivered makes a run whose changes end as given.
func delivered(t *testing.T, l *ledger.Ledger, minute int, outcomes ...pipeline.Outcome) *pipeline.Run {
	t.Helper()
	run := begin(t, l, minute)
	var changes []pipeline.Change
	for _, o := range outcomes {
		changes = append(changes, change(o.Key, minute))
	}
	intend(t, l, run, changes...)
	check(t, l.Confirm(t.Context(), run, target, outcomes))
	finish(t, l, run)
	return run
}

// quarantined is what is in the target's quarantine.
func quarantined(t *testing.T, l *ledger.Ledger) []ledger.Quarantined {
	t.Helper()
	list, err := l.Quarantine(t.Context(), job, target)
	check(t, err)
	return list
}

// waits is for how many minutes from now the key waits; -1 for good, 0 if it is due.
func waits(t *testing.T, l *ledger.Ledger, key string) int {
	t.Helper()
	for _, c := range confirmed(t, l) {
		switch {
		case c.Key != key || c.Until.IsZero():
		case c.Until.Equal(pipeline.Never):
			return -1
		default:
			return int(time.Until(c.Until).Round(time.Minute).Minutes())
		}
	}
	return 0
}

// age moves what is in quarantine into the past.
func age(t *testing.T, l *ledger.Ledger, d time.Duration) {
	t.Helper()
	execute(t, l.Path(), fmt.Sprintf(`UPDATE quarantine SET first = first - %[1]d, last = last - %[1]d, next = next - %[1]d`, d.Milliseconds()))
}

func TestARefusedKeyWaitsTwiceAsLongEachTime(t *testing.T) {
	l := fresh(t)
	start := time.Now().Truncate(time.Millisecond)
	for i, want := range []int{14, 28, 56, 112, 224, 448, 896, 1440, 1440, 1440} {
		delivered(t, l, i, refusal("k", pipeline.Rejected, fmt.Sprint("X", i)))
		if got := waits(t, l, "k"); got != want {
			t.Errorf("after %d refusals it waits for %d min, want %d", i+1, got, want)
		}
		q := quarantined(t, l)
		if len(q) != 1 || q[0].Attempts != i+1 || q[0].Code != fmt.Sprint("X", i) || q[0].Message != "no "+q[0].Code || q[0].First.After(q[0].Last) {
			t.Errorf("got %+v", q)
		}
		if i == 0 && !q[0].First.Equal(q[0].Last) || q[0].First.Before(start) || q[0].First.After(start.Add(time.Minute)) {
			t.Errorf("its first refusal was at %v", q[0].First)
		}
	}
	age(t, l, 1439*time.Minute)
	if got := waits(t, l, "k"); got != 1 {
		t.Errorf("it still waits for %d min, want 1", got)
	}
	age(t, l, time.Minute)
	if got := confirmed(t, l); !slices.Equal(got, []pipeline.Confirmed{{Key: "k"}}) {
		t.Errorf("got %+v: it is due, and all that is known of it is that it was refused", got)
	}
}

// A run is refused when it is on its way for a while, and the next one begins a quarter of an hour after it began.
func TestTheNextRunOffersWhatWasRefusedOnce(t *testing.T) {
	l := fresh(t)
	started := time.Now()
	delivered(t, l, 0, refusal("k", pipeline.Rejected, "X"))
	if q := quarantined(t, l); q[0].Next.After(started.Add(15*time.Minute)) || q[0].Next.Before(started.Add(10*time.Minute)) {
		t.Errorf("it is offered again %v after the run began", q[0].Next.Sub(started))
	}
}

// A permission that is missing is nobody's but the admin's: once it is there, no row waits.
func TestAFaultThatIsNotTheRowsOwnPutsNothingIntoQuarantine(t *testing.T) {
	for _, class := range []pipeline.Class{pipeline.Configuration, pipeline.Exhausted, pipeline.Expired} {
		l := fresh(t)
		run := begin(t, l, 0)
		check(t, l.Intend(t.Context(), run, target, model, []pipeline.Change{change("k", 1)}))
		check(t, l.Confirm(t.Context(), run, target, []pipeline.Outcome{refusal("k", class, "C")}))
		if list := quarantined(t, l); len(list) > 0 {
			t.Errorf("%s: %+v", class, list)
		}
		for c, err := range l.Confirmed(t.Context(), job, target) {
			t.Errorf("%s: %+v, %v", class, c, err)
		}
	}
}

func TestAKeyThatIsRefusedForGoodWaitsForAPerson(t *testing.T) {
	l := fresh(t)
	first := delivered(t, l, 0, pipeline.Outcome{Key: "k", Status: pipeline.Accepted})
	delivered(t, l, 1, refusal("k", pipeline.Rejected, "X"))
	delivered(t, l, 2, refusal("k", pipeline.Terminal, "ENTITY_IS_DELETED"))
	want := []pipeline.Confirmed{{Key: "k", Score: 0, Grade: "B", Model: model, Version: first.Version, Until: pipeline.Never}}
	if got := confirmed(t, l); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v: what was confirmed stays known", got, want)
	}
	age(t, l, 366*24*time.Hour)
	begin(t, l, 3)
	if q := quarantined(t, l); waits(t, l, "k") != -1 || len(q) != 1 || q[0].Class != pipeline.Terminal || !q[0].Next.Equal(pipeline.Never) || q[0].Attempts != 2 {
		t.Errorf("got %+v", q)
	}
	delivered(t, l, 4, refusal("k", pipeline.Rejected, "X"))
	if got := waits(t, l, "k"); got != 56 {
		t.Errorf("it waits for %d min: another class counts from its refusal", got)
	}
}

func TestOnlyAcceptanceEndsAQuarantine(t *testing.T) {
	for status, want := range map[pipeline.Status]int{
		pipeline.Accepted: 0, pipeline.Refused: 28, pipeline.Stale: 14, pipeline.Retry: 14, pipeline.Unprocessed: 14,
		pipeline.NotSent: 14, pipeline.Unknown: 14,
	} {
		l := fresh(t)
		delivered(t, l, 0, refusal("j", pipeline.Rejected, "X"), refusal("k", pipeline.Rejected, "X"))
		delivered(t, l, 1, pipeline.Outcome{Key: "k", Status: status})
		if got := waits(t, l, "k"); got != want || waits(t, l, "j") != 14 {
			t.Errorf("%s: it waits for %d min, want %d; another key for %d", status, got, want, waits(t, l, "j"))
		}
		if q := quarantined(t, l); len(q) != min(want, 1)+1 {
			t.Errorf("%s: got %+v", status, q)
		}
	}
}

func TestWhatIsInQuarantineIsListed(t *testing.T) {
	l := fresh(t)
	enter(t, l, "other")
	run := begin(t, l, 0)
	other, err := l.Begin(t.Context(), "other", pipeline.Request{Trigger: pipeline.Manual, AsOf: asOf})
	check(t, err)
	full := pipeline.Outcome{Key: "é", Status: pipeline.Refused, Class: pipeline.Rejected, Code: "C", Fields: []string{"A__c", "B__c"}, Message: "m"}
	for _, at := range []struct {
		run    *pipeline.Run
		target string
		o      pipeline.Outcome
	}{{run, target, full}, {run, target, refusal("b", 0, "")}, {run, "second", refusal("a", pipeline.Terminal, "T")}, {other, target, refusal("a", pipeline.Rejected, "F")}} {
		check(t, l.Bind(t.Context(), at.run.Job, at.target, org))
		check(t, l.Intend(t.Context(), at.run, at.target, model, []pipeline.Change{change(at.o.Key, 1)}))
		check(t, l.Confirm(t.Context(), at.run, at.target, []pipeline.Outcome{at.o}))
	}
	for _, tt := range []struct {
		job, target string
		want        []string
	}{
		{"", "", []string{job + " " + target + " b ", job + " " + target + " é rejected", job + " second a terminal", "other " + target + " a rejected"}},
		{job, "", []string{job + " " + target + " b ", job + " " + target + " é rejected", job + " second a terminal"}},
		{"", target, []string{job + " " + target + " b ", job + " " + target + " é rejected", "other " + target + " a rejected"}},
		{job, "second", []string{job + " second a terminal"}},
		{"unheard of", "", nil},
	} {
		list, err := l.Quarantine(t.Context(), tt.job, tt.target)
		check(t, err)
		var got []string
		for _, q := range list {
			got = append(got, fmt.Sprint(q.Job, " ", q.Target, " ", q.Key, " ", q.Class))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s, %s: got %q, want %q", tt.job, tt.target, got, tt.want)
		}
	}
	if q := quarantined(t, l)[1]; q.Code != "C" || !slices.Equal(q.Fields, full.Fields) || q.Message != "m" || q.Next.Sub(q.Last) != 14*time.Minute {
		t.Errorf("got %+v", q)
	}
	counts, err := l.Waiting(t.Context(), job)
	want := []ledger.Waiting{{Target: target, Keys: 1}, {Target: target, Class: pipeline.Rejected, Keys: 1},
		{Target: "second", Class: pipeline.Terminal, Keys: 1}}
	if err != nil || !slices.Equal(counts, want) {
		t.Errorf("counted %+v, %v", counts, err)
	}
	ro, err := ledger.OpenReadOnly(l.Path() + ".missing")
	check(t, err)
	if list, err := ro.Quarantine(t.Context(), "", ""); err != nil || len(list) > 0 {
		t.Errorf("without a ledger: %v, %v", list, err)
	}
}

func TestAPersonLiftsAQuarantine(t *testing.T) {
	for _, tt := range []struct {
		name string
		keys []string
		want []string // those that still wait
	}{
		{"all", nil, nil},
		{"none", []string{}, []string{"a", "b", "c"}},
		{"some, and one that is not there", []string{"c", "z", "a"}, []string{"b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := fresh(t)
			delivered(t, l, 0, refusal("a", pipeline.Rejected, "X"), refusal("b", pipeline.Rejected, "X"), refusal("c", pipeline.Terminal, "T"))
			delivered(t, l, 1, refusal("a", pipeline.Rejected, "X"))
			n, err := l.Lift(t.Context(), job, target, tt.keys)
			if err != nil || n != 3-len(tt.want) {
				t.Errorf("%d were lifted, %v", n, err)
			}
			var got []string
			for _, c := range confirmed(t, l) {
				if !c.Until.IsZero() {
					got = append(got, c.Key)
				}
			}
			if !slices.Equal(got, tt.want) || len(quarantined(t, l)) != 3 {
				t.Errorf("%q still wait, want %q, and %d are listed", got, tt.want, len(quarantined(t, l)))
			}
			if n, err := l.Lift(t.Context(), job, "other", nil); n != 0 || err != nil {
				t.Errorf("%d of another target, %v", n, err)
			}
		})
	}
}

func TestWhatWasLiftedStartsOver(t *testing.T) {
	l := fresh(t)
	for minute := range 5 {
		delivered(t, l, minute, refusal("k", pipeline.Rejected, "X"))
	}
	_, err := l.Lift(t.Context(), job, target, []string{"k"})
	check(t, err)
	if q := quarantined(t, l)[0]; q.Attempts != 0 || q.Next.After(time.Now()) {
		t.Errorf("got %+v", q)
	}
	delivered(t, l, 6, refusal("k", pipeline.Rejected, "X"))
	if got := waits(t, l, "k"); got != 14 {
		t.Errorf("it waits for %d min", got)
	}
}

func TestAMappingThatChangedAndADoubtLiftAllButWhatIsForGood(t *testing.T) {
	for name, lift := range map[string]func(*testing.T, *ledger.Ledger){
		"shape": func(t *testing.T, l *ledger.Ledger) {
			changed, err := l.Shape(t.Context(), job, target, "Lead: grade")
			if err != nil || !changed {
				t.Fatal(changed, err)
			}
		},
		"doubt": func(t *testing.T, l *ledger.Ledger) { check(t, l.Doubt(t.Context(), job, target)) },
	} {
		l := fresh(t)
		_, err := l.Shape(t.Context(), job, target, "Lead: score")
		check(t, err)
		delivered(t, l, 0, refusal("a", pipeline.Rejected, "X"), refusal("c", pipeline.Terminal, "T"))
		if waits(t, l, "a") != 14 || waits(t, l, "c") != -1 {
			t.Error("they don't wait")
		}
		check(t, l.Bind(t.Context(), job, "other", org))
		check(t, l.Doubt(t.Context(), job, "other"))
		if waits(t, l, "a") != 14 {
			t.Errorf("%s: a doubt about another target lifts nothing here", name)
		}
		lift(t, l)
		if waits(t, l, "a") != 0 || waits(t, l, "c") != -1 {
			t.Errorf("%s: they wait for %d and %d min", name, waits(t, l, "a"), waits(t, l, "c"))
		}
	}
}

// A key that was due for long and was not offered is no longer in the result, or the target has what it should.
func TestWhatWasNotOfferedForAMonthLeavesTheQuarantine(t *testing.T) {
	l := fresh(t)
	delivered(t, l, 0, refusal("a", pipeline.Rejected, "X"), refusal("c", pipeline.Terminal, "T"))
	for _, step := range []struct {
		days, left int
	}{{29, 2}, {2, 1}} {
		age(t, l, time.Duration(step.days)*24*time.Hour)
		begin(t, l, 1)
		if q := quarantined(t, l); len(q) != step.left || q[len(q)-1].Key != "c" {
			t.Errorf("after %d days more: got %+v", step.days, q)
		}
	}
}

func TestAClockThatWasAheadKeepsNobodyInQuarantine(t *testing.T) {
	l := fresh(t)
	delivered(t, l, 0, refusal("a", pipeline.Rejected, "X"), refusal("c", pipeline.Terminal, "T"))
	age(t, l, -24*time.Hour)
	if waits(t, l, "a") != 0 || waits(t, l, "c") != -1 {
		t.Errorf("they wait for %d and %d min", waits(t, l, "a"), waits(t, l, "c"))
	}
}
