package ledger_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
)

func ids(records []pipeline.Record) (list []string) {
	for _, r := range records {
		list = append(list, r.ID)
	}
	return list
}

func TestARunIsFoundByItsID(t *testing.T) {
	l := fresh(t)
	run := begin(t, l, 0)
	begin(t, l, 1)
	finish(t, l, run)
	r, ok, err := l.Run(t.Context(), run.ID)
	if err != nil || !ok || r.ID != run.ID || r.End != pipeline.OK || r.Summary == nil {
		t.Errorf("got %+v, %v, %v", r, ok, err)
	}
	if r, ok, err := l.Run(t.Context(), "unheard of"); err != nil || ok {
		t.Errorf("got %+v, %v, %v; want none", r, ok, err)
	}
}

func TestRunsAreFoundByTheBeginningOfTheirID(t *testing.T) {
	l := fresh(t)
	made := map[string]string{} // by the name that the table uses
	for _, begun := range []struct{ name, job string }{{"a", "a"}, {"a again", "a"}, {"a-b", "a-b"}, {"a_b", "a_b"}, {"ü", "ü"}} {
		if begun.name == begun.job {
			enter(t, l, begun.job)
		}
		run, err := l.Begin(t.Context(), begun.job, manual())
		check(t, err)
		made[begun.name] = run.ID
	}
	for _, tt := range []struct {
		prefix string
		limit  int
		want   []string // newest first
	}{
		{"a", 10, []string{"a_b", "a-b", "a again", "a"}},
		{"a", 2, []string{"a_b", "a-b"}},
		{"a-", 10, []string{"a-b", "a again", "a"}},
		{"a-2026", 10, []string{"a again", "a"}},
		{made["a"], 10, []string{"a"}},
		{made["a"] + "0", 10, nil},
		{"A", 10, nil},
		{"ü", 10, []string{"ü"}},
		{"", 2, []string{"ü", "a_b"}},
		{"_", 10, nil}, {"a_", 10, []string{"a_b"}}, {"%", 10, nil}, {"a%b", 10, nil}, {"a*", 10, nil}, {"a?b", 10, nil}, {"' OR ''='", 10, nil},
	} {
		found, err := l.Find(t.Context(), tt.prefix, tt.limit)
		check(t, err)
		var want []string
		for _, name := range tt.want {
			want = append(want, made[name])
		}
		if got := ids(found); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", tt.prefix, got, want)
		}
	}
}

func TestRunsAreUnpublishedFromTheirEndUntilTheyArePublished(t *testing.T) {
	l, path := crashed(t)
	check(t, l.Close())
	l = opened(t, path) // its second run is an orphan now
	third, open := begin(t, l, 2), begin(t, l, 3)
	finish(t, l, third)
	enter(t, l, "other")
	other, err := l.Begin(t.Context(), "other", pipeline.Request{Trigger: pipeline.Manual, AsOf: asOf})
	check(t, err)
	finish(t, l, other)
	unpublished := func(limit int) []pipeline.Record {
		t.Helper()
		records, err := l.Unpublished(t.Context(), job, limit)
		check(t, err)
		return records
	}
	first := unpublished(10)
	if len(first) != 3 || first[1].End != pipeline.Interrupted || first[2].ID != third.ID || first[2].Summary == nil {
		t.Fatalf("got %+v, want the runs that ended, the orphan among them, oldest first", first)
	}
	if got := unpublished(2); !slices.Equal(ids(got), ids(first[:2])) {
		t.Errorf("got %q, want the two oldest", ids(got))
	}
	check(t, l.Published(t.Context(), ids(first[:2])))
	if got := unpublished(10); !slices.Equal(ids(got), ids(first[2:])) {
		t.Errorf("got %q, want what was not published", ids(got))
	}
	check(t, l.Published(t.Context(), ids(first))) // again does no harm
	if got := unpublished(10); len(got) > 0 {
		t.Errorf("got %q, want none", ids(got))
	}
	finish(t, l, open)
	for _, id := range []string{"unheard of", begin(t, l, 4).ID} {
		if err := l.Published(t.Context(), []string{open.ID, id}); err == nil || !strings.Contains(err.Error(), id) {
			t.Errorf("got %v, want an error that names %s", err, id)
		}
	}
	if got := unpublished(10); !slices.Equal(ids(got), []string{open.ID}) {
		t.Errorf("got %q: what failed noted something", ids(got))
	}
}

func TestEndsBetweenAreThoseOfTheWindows(t *testing.T) {
	l := fresh(t)
	at := func(minutes int) time.Time { return asOf.Add(time.Duration(minutes) * time.Minute) }
	for _, minute := range []int{30, 0, 15, 15, 45} {
		run := request(t, l, pipeline.Request{Trigger: pipeline.Fill, AsOf: at(minute)})
		if minute != 30 {
			finish(t, l, run)
		}
	}
	enter(t, l, "other")
	_, err := l.Begin(t.Context(), "other", pipeline.Request{Trigger: pipeline.Fill, AsOf: at(15)})
	check(t, err)
	records, err := l.EndsBetween(t.Context(), job, at(0), at(30))
	check(t, err)
	var got []string
	for _, r := range records {
		if r.Summary != nil || r.Trigger != pipeline.Fill {
			t.Errorf("got %+v", r)
		}
		got = append(got, fmt.Sprintf("%d/%d %s", int(r.AsOf.Sub(asOf).Minutes()), r.Attempt, r.End))
	}
	if want := []string{"15/0 ok", "15/1 ok", "30/0 "}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q: after the first instant, up to the second", got, want)
	}
}
