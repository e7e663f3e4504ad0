package salesforce

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"scored/pipeline"
)

// uploading is a delivery of changes that is not connected to anything.
func uploading(limit int, changes []pipeline.Change) *bulk {
	s := &Sink{cfg: Config{Object: "Lead", Operation: Upsert, ExternalID: "Lead_Key__c", UploadLimit: limit, Fields: []Field{
		{"Lead_Score__c", Score}, {"Lead_Grade__c", Grade}, {"Lead_Score_Model__c", Model}, {"Lead_Score_Version__c", Version},
		{"Lead_Scored_At__c", ScoredAt}, {"Lead_Score_Reasons__c", Reasons},
	}}}
	run := &pipeline.Run{Version: 1795353300000000, Started: time.Date(2026, 11, 22, 13, 15, 0, 0, time.UTC)}
	return &bulk{Sink: s, run: run, shared: share(run, "lead@0123abcd"), changes: changes, done: newBitset(len(changes)),
		places: pipeline.NewPlaces(changes)}
}

func manyChanges(n int) []pipeline.Change {
	changes := make([]pipeline.Change, n)
	for i := range changes {
		changes[i].Score = pipeline.Score{Key: fmt.Sprintf("L%07d", i), Probability: 0.123456789, Score: 87, Grade: "A",
			Reasons: "Up: visited 5 times this week; asked for a quote. Down: no call in 30 days, and quiet for months now."}
	}
	return changes
}

// However an upload is read, and wherever it is cut, its parts have each change once, in order, but for those that are done
// or can't be sent; none is larger than the limit unless it is a row alone.
func TestUploadsHoldEachChangeOnce(t *testing.T) {
	changes := manyChanges(500)
	changes[3].Probability = math.NaN()
	changes[4].Grade = "#N/A"
	changes[250].Reasons = strings.Repeat("x", 3000)
	var want []string
	for i := range changes {
		if i != 3 && i != 4 && i != 7 {
			want = append(want, changes[i].Key)
		}
	}
	for _, limit := range []int{1, 2000, 20_000, math.MaxInt} {
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"at once": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "by halves": iotest.HalfReader,
		} {
			var got []string
			d := uploading(limit, changes)
			d.done.add(7)
			for from := 0; from < len(changes); {
				u := d.newUpload(from)
				text, err := io.ReadAll(wrap(u))
				if err != nil || !u.complete() || u.size != len(text) {
					t.Fatal(err, u.complete(), u.size, len(text))
				}
				if len(text) != u.bytes || len(text) > limit && u.rows > 1 {
					t.Fatalf("%d bytes of %d rows, counted %d, limit %d", len(text), u.rows, u.bytes, limit)
				}
				records, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
				if err != nil || len(records) != u.rows+1 || records[0][0] != "Lead_Key__c" {
					t.Fatalf("%d records, %d rows: %v", len(records), u.rows, err)
				}
				for _, r := range records[1:] {
					got = append(got, r[0])
				}
				from = u.at
			}
			if !slices.Equal(got, want) {
				t.Fatalf("limit %d, %s: %d changes, want %d", limit, name, len(got), len(want))
			}
		}
	}
}

func TestRenderingAllocatesNothingPerRow(t *testing.T) {
	d := uploading(math.MaxInt, manyChanges(20_000))
	allocs := testing.AllocsPerRun(3, func() {
		if _, err := io.Copy(io.Discard, d.newUpload(0)); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 20 {
		t.Errorf("%.0f allocations", allocs)
	}
}

func FuzzQuoted(f *testing.F) {
	f.Add("a\"b\r\n,")
	f.Fuzz(func(t *testing.T, text string) {
		in := "a,b\n" + string(appendQuoted(nil, text)) + ",x\n"
		rows, err := readTable(strings.NewReader(in))
		if want := strings.ToValidUTF8(text, "\uFFFD"); err != nil || len(rows) != 1 || rows[0][0] != want {
			t.Fatalf("%q comes back as %q, %v", text, rows, err)
		}
	})
}

func TestFind(t *testing.T) {
	changes := manyChanges(1000)
	d := uploading(1, changes)
	for _, step := range []int{1, 7, 333, 999} {
		for i, n := 0, 0; n < len(changes); i, n = (i+step)%len(changes), n+1 {
			if at, ok := d.find([]byte(changes[i].Key), 0, len(changes)); !ok || at != i {
				t.Fatalf("step %d: change %d found at %d, %t", step, i, at, ok)
			}
		}
	}
	for _, key := range []string{"", "L", "L0000010x", "Z", "L0000009", "L0000020"} {
		if at, ok := d.find([]byte(key), 10, 20); ok {
			t.Errorf("%q was found at %d", key, at)
		}
	}
}

// Keys of which the first eight bytes don't tell them apart, and those that are another's beginning, are found like others.
func TestFindAmongKeysThatAreAlike(t *testing.T) {
	var keys []string
	for i := range 300 {
		keys = append(keys, strings.Repeat("a", i), fmt.Sprintf("%s%03d", strings.Repeat("b", i%20), i), strings.Repeat("\xff", i%40+1))
	}
	slices.Sort(keys)
	for _, keys := range [][]string{slices.Compact(keys), {"one"}, {}, {"", "a"}} {
		changes := make([]pipeline.Change, len(keys))
		for i, key := range keys {
			changes[i].Key = key
		}
		d := uploading(1, changes)
		for i, key := range slices.Backward(keys) {
			if at, ok := d.find([]byte(key), 0, len(keys)); !ok || at != i {
				t.Fatalf("%q is at %d, found at %d, %t", key, i, at, ok)
			}
			for _, other := range []string{key + "\x00", key + "x!", "?" + key} {
				if at, ok := d.find([]byte(other), 0, len(keys)); ok {
					t.Fatalf("%q was found at %d", other, at)
				}
			}
		}
	}
}

// BenchmarkUpload renders the changes of an upload; the time is that of a row.
func BenchmarkUpload(b *testing.B) {
	changes := manyChanges(100_000)
	b.ReportAllocs()
	for n := 0; n < b.N; n += len(changes) {
		d := uploading(math.MaxInt, changes[:min(len(changes), b.N-n)])
		if _, err := io.Copy(io.Discard, d.newUpload(0)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkResults joins a result file with the changes, in order and shuffled; the time is that of a row.
func BenchmarkResults(b *testing.B) {
	changes := manyChanges(100_000)
	for name, step := range map[string]int{"in order": 1, "shuffled": 77_777} {
		var text strings.Builder
		text.WriteString(`"sf__Id","sf__Created","Lead_Key__c","Lead_Score__c","Lead_Grade__c","Lead_Score_Reasons__c"` + "\n")
		for i, at := 0, 0; i < len(changes); i, at = i+1, (at+step)%len(changes) {
			fmt.Fprintf(&text, "\"00QDn0000000001MAA\",\"false\",%q,\"87\",\"A\",%q\n", changes[at].Key, changes[at].Reasons)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; n < b.N; n += len(changes) {
				d := uploading(math.MaxInt, changes)
				d.confirm = func([]pipeline.Outcome) error { return nil }
				err := resultFiles[0].read(&d.cfg, strings.NewReader(text.String()), "Lead_Key__c", d.take)
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
