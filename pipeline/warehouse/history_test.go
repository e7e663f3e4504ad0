package warehouse

import (
	"context"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"scored/pipeline"
	"scored/pipeline/warehouse/pgtest"
)

func TestTheHistorysSchemaIsAPlainName(t *testing.T) {
	for _, name := range []string{"", "Scored", "a.b", "a b", `a"b`, "1a", "a;drop", "é", strings.Repeat("a", 64)} {
		_, err := NewHistory(Config{URL: "postgres://u@localhost/d"}, name)
		wantProblem(t, err, pipeline.Configuration, "warehouse.history_schema")
	}
	for _, name := range []string{"scored", "_s1", strings.Repeat("a", 63)} {
		if _, err := NewHistory(Config{URL: "postgres://u@localhost/d"}, name); err != nil {
			t.Error(err)
		}
	}
	_, err := NewHistory(Config{URL: "mysql://x"}, "scored")
	wantProblem(t, err, pipeline.Configuration, "warehouse.url")
}

func TestThePreflightCostsNothing(t *testing.T) {
	h, err := NewHistory(Config{URL: "postgres://u@127.0.0.1:1/dev"}, "scored") // where nobody listens
	if err != nil {
		t.Fatal(err)
	}
	ready, err := h.Preflight(t.Context())
	if err != nil || ready.Identity != "history" || h.Name() != "history" {
		t.Errorf("%+v, %v", ready, err)
	}
	if got, want := h.Shape(), "127.0.0.1:1/dev scored"; got != want {
		t.Errorf("shape %q, want %q", got, want)
	}
}

func TestTheTablesAreCreatedOnDemand(t *testing.T) {
	t.Run("by scores, then by runs", func(t *testing.T) {
		h := newTestHistory(t)
		if got := newest(t, h, "leads", math.MaxInt64); len(got) != 0 {
			t.Errorf("got %v", got)
		}
		if got := query1(t, "SELECT count(*) FROM pg_namespace WHERE nspname = 'scored'"); got != "0" {
			t.Error("reading created the schema")
		}
		start := len(cluster.Queries())
		for _, key := range []string{"a", "b"} {
			if err := h.Write(t.Context(), testRun(t), "m@1", changes(key), ignore); err != nil {
				t.Fatal(err)
			}
		}
		wantRows(t, "scores", "2")
		if creations := sent(start, "CREATE"); creations != 3 { // the table, the schema, the table
			t.Errorf("%d statements to create the table, want 3", creations)
		}
		start = len(cluster.Queries())
		for range 2 {
			if err := h.AppendRuns(t.Context(), []pipeline.Record{{Run: *testRun(t)}}); err != nil {
				t.Fatal(err)
			}
		}
		wantRows(t, "runs", "1")
		if creations := sent(start, "CREATE"); creations != 1 {
			t.Errorf("%d statements to create the table, want 1", creations)
		}
	})
	t.Run("by who may not create schemas", func(t *testing.T) {
		newTestHistory(t)
		h := historyAt(t, asRole(t, "apprentice"))
		execute(t, cluster, "CREATE SCHEMA scored; GRANT USAGE, CREATE ON SCHEMA scored TO apprentice")
		if err := h.Write(t.Context(), testRun(t), "m@1", changes("a"), ignore); err != nil {
			t.Fatal(err)
		}
		wantRows(t, "scores", "1")
	})
	for _, code := range []string{"23505", "42P06", "42P07", "42710"} {
		t.Run("by another run in between: "+code, func(t *testing.T) {
			h := newTestHistory(t)
			schema := cluster.Inject(pgtest.Fault{Match: "CREATE SCHEMA", Code: code, Message: "it exists"})
			table := cluster.Inject(pgtest.Fault{Match: "CREATE TABLE", Skip: 2, Code: code, Message: "it exists"})
			if err := h.Write(t.Context(), testRun(t), "m@1", changes("a"), ignore); err != nil {
				t.Fatal(err)
			}
			<-schema
			<-table
			wantRows(t, "scores", "1")
		})
	}
	t.Run("by several at once", func(t *testing.T) {
		first := newTestHistory(t)
		var group sync.WaitGroup
		for i := range 4 {
			group.Go(func() {
				h := historyAt(t, cluster.URL())
				if err := h.Write(t.Context(), testRun(t), "m@1", changes(strconv.Itoa(i)), ignore); err != nil {
					t.Error(err)
				}
				run := *testRun(t)
				run.ID += strconv.Itoa(i)
				if err := h.AppendRuns(t.Context(), []pipeline.Record{{Run: run}}); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		wantRows(t, "scores", "4")
		wantRows(t, "runs", "4")
		if got := newest(t, first, "leads", math.MaxInt64); len(got) != 4 {
			t.Errorf("%d keys, want 4", len(got))
		}
	})
}

func TestWithoutPermissionTheHintSaysWhatToGrant(t *testing.T) {
	h := newTestHistory(t)
	ready(t, h)
	stranger := historyAt(t, asRole(t, "stranger"))
	for _, tt := range []struct{ name, setUp string }{
		{"to create a schema", "DROP SCHEMA IF EXISTS scored CASCADE"},
		{"to create tables", "CREATE SCHEMA scored; GRANT USAGE ON SCHEMA scored TO stranger"},
	} {
		execute(t, cluster, tt.setUp)
		var got tally
		check := func(err error) {
			t.Helper()
			wantProblem(t, err, pipeline.Configuration, "permission denied for")
			for _, word := range []string{`ON SCHEMA scored TO "stranger"`, `warehouse.history_schema: ""`} {
				if !strings.Contains(pipeline.HintOf(err), word) {
					t.Errorf("%s: the hint %q lacks %s", tt.name, pipeline.HintOf(err), word)
				}
			}
		}
		check(stranger.Write(t.Context(), testRun(t), "m@1", changes("a"), got.confirm))
		check(stranger.AppendRuns(t.Context(), []pipeline.Record{{Run: *testRun(t)}}))
		got.want(t, 0, 0)
	}
	if err := h.Write(t.Context(), testRun(t), "m@1", changes("a"), ignore); err != nil {
		t.Fatal(err)
	}
	for _, err := range stranger.Newest(t.Context(), "leads", math.MaxInt64) {
		wantProblem(t, err, pipeline.Configuration, "select from scored.scores: permission denied")
	}
}

func TestThirtyThousandScoresArriveBitByBit(t *testing.T) {
	h := newTestHistory(t)
	ready(t, h)
	list := numbered(30_000)
	list[0].Probability, list[1].Probability, list[2].Probability = 0, 1, math.SmallestNonzeroFloat64
	list[3].Key = `L'ö"w\ 😀,{}` + "\t\n "
	start := len(cluster.Queries())
	var got tally
	if err := h.Write(t.Context(), testRun(t), "lead_scoring@1a2b3c4d", list, got.confirm); err != nil {
		t.Fatal(err)
	}
	got.want(t, 30_000, 0)
	if want := []int{8190, 8190, 8190, 5430}; !slices.Equal(got.sizes, want) {
		t.Errorf("confirmed %v, want %v", got.sizes, want)
	}
	if h.Calls() != 4 {
		t.Errorf("%d calls, want 4", h.Calls())
	}
	last := regexp.MustCompile(`\$(\d+)::`)
	for _, q := range cluster.Queries()[start:] {
		if !strings.Contains(q, "INSERT INTO") {
			continue
		}
		if want := "/* scored leads-20261122T120000Z-0 history */ INSERT INTO scored.scores ("; !strings.HasPrefix(q, want) {
			t.Errorf("the statement begins with %.80q, want %q", q, want)
		}
		parameters := last.FindAllStringSubmatch(q, -1)
		if n, _ := strconv.Atoi(parameters[len(parameters)-1][1]); n > maxParameters || len(q) > 4<<20 {
			t.Errorf("%d parameters in %d bytes", n, len(q))
		}
	}
	rows, err := cluster.Query(t.Context(), `SELECT score_key, probability, score, grade, model, version, as_of, run_id, job
FROM scored.scores ORDER BY score_key COLLATE "C"`)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(list, func(a, b pipeline.Change) int { return strings.Compare(a.Key, b.Key) })
	run := testRun(t)
	rest := []string{"B", "lead_scoring@1a2b3c4d", strconv.FormatInt(run.Version, 10), "2026-11-22 12:00:00", run.ID, run.Job}
	for i, row := range rows {
		probability, err := strconv.ParseFloat(row[1], 64)
		if err != nil || row[0] != list[i].Key || math.Float64bits(probability) != math.Float64bits(list[i].Probability) ||
			row[2] != strconv.Itoa(list[i].Score.Score) || !slices.Equal(row[3:], rest) {
			t.Fatalf("row %d: %q, want %+v", i, row, list[i].Score)
		}
	}
	if len(rows) != len(list) {
		t.Errorf("%d rows, want %d", len(rows), len(list))
	}
}

func TestNoStatementHoldsWhatRedshiftLacks(t *testing.T) {
	h := newTestHistory(t)
	start := len(postgres(t).Queries())
	ready(t, h)
	newest(t, h, "leads", 1)
	if _, err := h.ScoresOf(t.Context(), "leads", "a", 1, 1); err != nil {
		t.Fatal(err)
	}
	lint := func(text string) []Finding {
		tokens, err := lex(strings.ReplaceAll(text, "$", "parameter_"))
		if err != nil {
			t.Fatal(err)
		}
		l := linter{script: &Script{lines: []int{0}, src: text}, tokens: tokens}
		for i := range tokens {
			l.match(i, redshiftRules)
		}
		for _, token := range tokens {
			if token.is("returning") {
				l.find(token, "RETURNING is not on Redshift", leaveOut)
			}
		}
		return l.findings
	}
	seen := 0
	for _, q := range cluster.Queries()[start:] {
		if !strings.Contains(q, " history */ ") {
			continue
		}
		seen++
		if found := lint(q); len(found) > 0 {
			t.Errorf("%s in %s", found, q)
		}
	}
	if seen < 13 {
		t.Errorf("%d statements", seen)
	}
	if len(lint("INSERT INTO a VALUES (1) ON CONFLICT DO NOTHING RETURNING b")) != 2 {
		t.Error("the rules find nothing: this test proves nothing")
	}
}

func TestTheColumnsAreTheTables(t *testing.T) {
	h := newTestHistory(t)
	ready(t, h)
	for _, r := range []relation{runLog(), scoreLog()} {
		rows, err := cluster.Query(t.Context(), `SELECT attname, upper(replace(replace(format_type(atttypid, atttypmod), 'character varying', 'varchar'), ' without time zone', ''))
FROM pg_attribute WHERE attrelid = 'scored.`+r.name+`'::regclass AND attnum > 0`)
		if err != nil {
			t.Fatal(err)
		}
		types := map[string]string{}
		for _, row := range rows {
			types[row[0]] = row[1]
		}
		for _, c := range slices.Concat(r.shared, r.columns) {
			if types[c.name] != c.typ {
				t.Errorf("%s.%s is %s, and is cast to %s", r.name, c.name, types[c.name], c.typ)
			}
			delete(types, c.name)
		}
		if len(types) > 0 {
			t.Errorf("%s has columns that nothing fills: %v", r.name, types)
		}
	}
}

func TestNewestIsAsOfAVersionAndInByteOrder(t *testing.T) {
	h := newTestHistory(t)
	keys := []string{"é", "e", "z", "Z", "a b", "a", "a ", "a  ", " a", `q"u'o`, `b\s`, "😀", "Ω", "10", "9", "_", "-", "", "\u00a0", "ﬀ"}
	write := func(job string, attempt int, model string, list []pipeline.Change) int64 {
		t.Helper()
		run, err := pipeline.NewRun(job, pipeline.Request{AsOf: asOfNoon}, attempt, asOfNoon)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Write(t.Context(), run, model, list, ignore); err != nil {
			t.Fatal(err)
		}
		return run.Version
	}
	list := changes(keys...)
	later := changes("e", "new")
	later[0].Score.Score, later[0].Grade = 99, "X"
	ready(t, h)
	execute(t, cluster, `ALTER TABLE scored.scores ALTER COLUMN score_key TYPE VARCHAR(512) COLLATE "und-x-icu"`) // as a dictionary sorts
	third := write("leads", 10, "m@3", later)                                                                     // written first: it is the version that counts, and not the text of the run's id
	first := write("leads", 9, "m@1", list)
	write("others", 9, "o@1", changes("of another job"))

	want := make([]pipeline.Confirmed, len(list))
	for i, c := range list {
		want[i] = pipeline.Confirmed{Key: c.Key, Score: c.Score.Score, Grade: c.Grade, Model: "m@1", Version: first}
	}
	sort := func() {
		slices.SortFunc(want, func(a, b pipeline.Confirmed) int { return strings.Compare(a.Key, b.Key) })
	}
	sort()
	if got := newest(t, h, "leads", third); !slices.Equal(got, want) {
		t.Errorf("below the third version: %v, want %v", got, want)
	}
	e := slices.IndexFunc(want, func(c pipeline.Confirmed) bool { return c.Key == "e" })
	want[e] = pipeline.Confirmed{Key: "e", Score: 99, Grade: "X", Model: "m@3", Version: third}
	want = append(want, pipeline.Confirmed{Key: "new", Score: 1, Grade: "B", Model: "m@3", Version: third})
	sort()
	if got := newest(t, h, "leads", third+1); !slices.Equal(got, want) {
		t.Errorf("with the third version: %v, want %v", got, want)
	}
	if got := newest(t, h, "leads", first); len(got) != 0 {
		t.Errorf("below the first version: %v", got)
	}
	for range h.Newest(t.Context(), "leads", third) {
		break // a consumer may stop
	}
}

func TestAKeyThatDoesNotFitIsRefused(t *testing.T) {
	h := newTestHistory(t)
	ready(t, h)
	unfit := []string{strings.Repeat("x", maxScoreKey+1), "zero\x00", "\xff"}
	longest := strings.Repeat("é", maxScoreKey/2)
	var got tally
	if err := h.Write(t.Context(), testRun(t), "m@1", changes(append(unfit, longest)...), got.confirm); err != nil {
		t.Fatal(err)
	}
	for _, key := range unfit {
		if got.status[key] != pipeline.Refused {
			t.Errorf("%.10q: %v", key, got.status[key])
		}
	}
	if got.status[longest] != pipeline.Accepted || query1(t, "SELECT score_key FROM scored.scores") != longest {
		t.Error("the longest key is not there")
	}
	if err := h.Write(t.Context(), testRun(t), "m@1", changes("\xff"), ignore); err != nil || h.Calls() != 1 {
		t.Errorf("%v, %d calls", err, h.Calls())
	}
}

func TestTheHistorysErrorsHoldNoData(t *testing.T) {
	h := newTestHistory(t)
	ready(t, h)
	for _, tt := range []struct{ column, constraint, want string }{
		{"grade", "ALTER COLUMN grade TYPE VARCHAR(3)", "value too long for type character varying"},
		{"score_key", "ADD CHECK (score_key NOT LIKE 'john%')", "new row for relation"},
		{"score_key", "ALTER COLUMN score_key TYPE INTEGER USING 1", `column "score_key" is of type integer`},
		{"score_key", "RENAME score_key TO lead_key", `column "score_key" of relation "scores" does not exist`},
	} {
		execute(t, cluster, "ALTER TABLE scored.scores "+tt.constraint)
		list := changes("john@example.com")
		list[0].Grade = "splendid"
		var got tally
		err := h.Write(t.Context(), testRun(t), "m@1", list, got.confirm)
		if err == nil || !strings.Contains(err.Error(), "insert into scored.scores: "+tt.want) {
			t.Fatalf("got %v, want %s", err, tt.want)
		}
		for _, data := range []string{"john", "example", "splendid"} {
			if strings.Contains(err.Error(), data) {
				t.Errorf("the error quotes data: %v", err)
			}
		}
		got.want(t, 0, 0)
		execute(t, cluster, "DROP TABLE scored.scores")
		ready(t, h)
	}
	list := changes("a")
	list[0].Grade = "\xffjohn"
	err := h.Write(t.Context(), testRun(t), "m@1", list, ignore)
	if err == nil || !strings.Contains(err.Error(), "invalid byte sequence for encoding") || strings.Contains(err.Error(), "0x") {
		t.Errorf("got %v", err)
	}
}

func TestAConfirmationsErrorEndsTheDelivery(t *testing.T) {
	h := newTestHistory(t)
	ready(t, h)
	h.parameters = tenRows
	err := h.Write(t.Context(), testRun(t), "m@1", numbered(30), func([]pipeline.Outcome) error { return errFull })
	if err == nil || !strings.Contains(err.Error(), errFull.Error()) || h.Calls() != 1 {
		t.Errorf("%v, %d calls", err, h.Calls())
	}
	wantRows(t, "scores", "10")
	wantGone(t)
}

// BenchmarkWrite compares Write, which connects each time, with INSERTs of single rows on one open connection.
func BenchmarkWrite(b *testing.B) {
	const rows = 20_000
	list := numbered(rows)
	b.Run("batches", func(b *testing.B) {
		h := newTestHistory(b)
		for b.Loop() {
			if err := h.Write(b.Context(), testRun(b), "m@1", list, ignore); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("single", func(b *testing.B) {
		h := newTestHistory(b)
		ready(b, h)
		w := &scoreWriter{History: h, run: testRun(b), model: "m@1", table: scoreLog()}
		conn, err := pgconn.Connect(b.Context(), cluster.URL())
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = conn.Close(context.Background()) }()
		for b.Loop() {
			for i := range list {
				st := w.statement(list[i : i+1])
				if _, err := conn.ExecParams(b.Context(), st.text, st.values, nil, nil, nil).Close(); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
	})
}
