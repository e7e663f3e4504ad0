package warehouse

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"scored/pipeline"
)

func TestEveryTypeArrivesAlikeInTextAndBinary(t *testing.T) {
	const sql = `
SELECT * FROM (
    SELECT 'a'::varchar(10) AS lead_key, 1::int2 AS i2, -70000::int4 AS i4, 9007199254740993::int8 AS i8,
        0.1::float4 AS f4, 0.1::float8 AS f8, 12345678901234567890.0625::numeric AS num, true AS yes,
        'red'::text AS t, 'blue '::char(8) AS padded, 'x'::"char" AS c1, 'n'::name AS nm, 'lit' AS unknown,
        :as_of AS at, DATE '2026-01-01' AS d, '{}'::json AS j, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS u
    UNION ALL
    SELECT 'b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    UNION ALL
    SELECT 'c', 2::int2, 3, 4, 'NaN', 'Infinity', 'NaN', false, '', '', '', '', '', NULL, NULL, NULL, NULL
    UNION ALL
    SELECT 'd', 0::int2, 0, 0, '-Infinity', '-Infinity', -0.00000000012345, false, 'red', 'blue', 'y', 'm', 'lit', NULL, NULL, NULL, NULL
) AS x ORDER BY lead_key`
	nan, inf := math.NaN(), math.Inf(1)
	wantNumbers := map[string][]float64{
		"i2": {1, nan, 2, 0}, "i4": {-70000, nan, 3, 0}, "i8": {9007199254740992, nan, 4, 0},
		"f4": {float64(float32(0.1)), nan, nan, -inf}, "f8": {0.1, nan, inf, -inf},
		"num": {12345678901234567890.0625, nan, nan, -0.00000000012345}, "yes": {1, nan, 0, 0},
	}
	wantTexts := map[string][]string{
		"t": {"red", "", "", "red"}, "padded": {"blue", "", "", "blue"}, "c1": {"x", "", "", "y"},
		"nm": {"n", "", "", "m"}, "unknown": {"lit", "", "", "lit"},
	}
	wantTypes := map[string]string{
		"i2": "number int2", "i4": "number int4", "i8": "number int8", "f4": "number float4", "f8": "number float8",
		"num": "number numeric", "yes": "number bool", "t": "text text", "padded": "text bpchar", "c1": "text char",
		"nm": "text name", "unknown": "text text", "at": "unsupported timestamp", "d": "unsupported date",
		"j": "unsupported json", "u": "unsupported uuid",
	}
	bothFormats(t, sql, func(t *testing.T, s *Source) {
		got := read(t, s)
		if want := []string{"a", "b", "c", "d"}; !slices.Equal(got.keys, want) {
			t.Errorf("keys %q, want %q", got.keys, want)
		}
		for name, want := range wantNumbers {
			if !slices.EqualFunc(got.numbers[name], want, sameBits) {
				t.Errorf("%s: %v, want %v", name, got.numbers[name], want)
			}
		}
		for name, want := range wantTexts {
			if !slices.Equal(got.texts[name], want) {
				t.Errorf("%s: %q, want %q", name, got.texts[name], want)
			}
		}
		if len(got.columns) != len(wantTypes) {
			t.Errorf("%d columns, want %d", len(got.columns), len(wantTypes))
		}
		for _, c := range got.columns {
			if is := c.Kind.String() + " " + c.Type; is != wantTypes[c.Name] {
				t.Errorf("%s is %s, want %s", c.Name, is, wantTypes[c.Name])
			}
		}
	})
}

func TestANumericBeyondFloat64IsItsRowsFault(t *testing.T) {
	const sql = `SELECT * FROM (SELECT 1 AS lead_key, 5::numeric AS budget UNION ALL SELECT 2, 1e400 UNION ALL SELECT 3, -1e400
UNION ALL SELECT 4, 1e-400) AS x ORDER BY lead_key`
	bothFormats(t, sql, func(t *testing.T, s *Source) {
		want := []float64{5, math.Inf(1), math.Inf(-1), 0}
		if got := read(t, s).numbers["budget"]; !slices.EqualFunc(got, want, sameBits) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func sameBits(a, b float64) bool {
	return math.IsNaN(a) && math.IsNaN(b) || math.Float64bits(a) == math.Float64bits(b)
}

func TestKeysOfEveryType(t *testing.T) {
	for _, tt := range []struct{ sql, want string }{
		{"'K1'::text", "K1"},
		{"'K1'::varchar", "K1"},
		{"'K1'::char(10)", "K1"},
		{"'Ü-☃'::varchar", "Ü-☃"},
		{"-7::int2", "-7"},
		{"70000::int4", "70000"},
		{"9223372036854775807::int8", "9223372036854775807"},
		{"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
		{"NULL::text", ""},
		{"NULL::int8", ""},
	} {
		t.Run(tt.sql, func(t *testing.T) {
			bothFormats(t, "SELECT "+tt.sql+" AS lead_key, :as_of AS x", func(t *testing.T, s *Source) {
				if got := read(t, s).keys; len(got) != 1 || got[0] != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			})
		})
	}
}

// keeper keeps batches while others are filled, and gives some of them back to be filled again.
type keeper struct {
	kept []pipeline.Batch
	sum  map[string]float64
	made int
}

func (k *keeper) Begin([]pipeline.Column) error { return nil }

func (k *keeper) Add(b *pipeline.Batch) error {
	k.kept = append(k.kept, *b)
	*b = pipeline.Batch{}
	if len(k.kept) == 3 {
		*b = k.kept[0]
		k.take(k.kept[0])
		k.kept = k.kept[1:]
	} else {
		k.made++
	}
	return nil
}

func (k *keeper) take(b pipeline.Batch) {
	for i, key := range b.Keys {
		k.sum[key] = b.Columns[0].Numbers[i]
		if b.Columns[1].Dict[b.Columns[1].Codes[i]] != "t"+key {
			k.sum[key] = math.NaN()
		}
	}
}

func TestABatchThatIsKeptIsNotFilledAgainUntilItIsGivenBack(t *testing.T) {
	const rows = 50_000
	table := fmt.Sprintf("DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT i AS lead_key, i * 2 AS x, 't' || i AS text FROM generate_series(1, %d) AS i", rows)
	if err := postgres(t).Exec(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	bothFormats(t, "SELECT * FROM kept", func(t *testing.T, s *Source) {
		k := &keeper{sum: map[string]float64{}}
		if err := s.Read(t.Context(), testRun(t), k); err != nil {
			t.Fatal(err)
		}
		for _, b := range k.kept {
			k.take(b)
		}
		for i := 1; i <= rows; i++ {
			if got := k.sum[strconv.Itoa(i)]; got != float64(2*i) {
				t.Fatalf("row %d has %v", i, got)
			}
		}
		if k.made != 2 {
			t.Errorf("%d batches were made beside the first, want 2", k.made)
		}
	})
}

func TestEveryFloatArrivesBitByBit(t *testing.T) {
	const count = 100_000
	random := rand.New(rand.NewPCG(1, 2))
	floats := make([]float64, count)
	var csv strings.Builder
	for i := range floats {
		for floats[i] = math.NaN(); math.IsNaN(floats[i]) || math.IsInf(floats[i], 0); {
			floats[i] = math.Float64frombits(random.Uint64())
		}
		csv.WriteString(strconv.Itoa(i) + "," + strconv.FormatFloat(floats[i], 'g', -1, 64) + "," +
			strconv.FormatFloat(float64(float32(random.NormFloat64())), 'g', -1, 32) + "\n")
	}
	db := postgres(t)
	if err := db.Exec(t.Context(), "DROP TABLE IF EXISTS floats; CREATE TABLE floats (i int, f8 float8, f4 float4)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Copy(t.Context(), "COPY floats FROM STDIN CSV", strings.NewReader(csv.String())); err != nil {
		t.Fatal(err)
	}
	const sql = "SELECT i AS lead_key, f8, f4, f8::numeric AS num FROM floats ORDER BY i"
	text, binary := read(t, viaProxy(t, sql)), read(t, direct(t, sql))
	if !slices.EqualFunc(text.numbers["f8"], floats, sameBits) {
		t.Error("text: float8 differs from what was stored")
	}
	for _, name := range []string{"f8", "f4", "num"} {
		if !slices.EqualFunc(text.numbers[name], binary.numbers[name], sameBits) {
			t.Errorf("%s differs between text and binary", name)
		}
	}
	wantBatches := slices.Repeat([]int{batchRows}, count/batchRows)
	if wantBatches = append(wantBatches, count%batchRows); !slices.Equal(text.batches, wantBatches) {
		t.Errorf("batches of %v rows", text.batches)
	}

	s := viaProxy(t, sql)
	s.connector.driver.RuntimeParams["extra_float_digits"] = "0"
	lost := 0
	for i, v := range read(t, s).numbers["f8"] {
		if v != floats[i] {
			lost++
		}
	}
	if lost < count/2 {
		t.Errorf("Redshift's default of extra_float_digits loses %d floats only: this test proves nothing", lost)
	}
}

func TestTheSessionIsSetUp(t *testing.T) {
	db := postgres(t)
	s := newTestSource(t, Config{URL: db.URL(), QueryGroup: strings.Repeat("leads-", 10), StatementTimeout: 1234e6}, `
SET search_path TO pg_catalog, public;
CREATE TEMP TABLE a AS SELECT 1 AS one;
SELECT 'k' AS lead_key, (SELECT setting FROM pg_settings WHERE name = 'statement_timeout') AS timeout,
    (SELECT setting FROM pg_settings WHERE name = 'TimeZone') AS zone,
    (SELECT setting FROM pg_settings WHERE name = 'application_name') AS app,
    (SELECT setting FROM pg_settings WHERE name = 'extra_float_digits') AS digits,
    current_setting('redshift.query_group') AS query_group, :as_of AS at FROM a`)
	got := read(t, s)
	for name, want := range map[string]string{
		"timeout": "1234", "zone": "UTC", "app": "scored", "digits": "2", "query_group": strings.Repeat("leads-", 5),
	} {
		if got.texts[name][0] != want {
			t.Errorf("%s is %q, want %q", name, got.texts[name][0], want)
		}
	}
	last := db.Queries()[len(db.Queries())-1]
	if want := "/* scored leads-20261122T120000Z-0 test.sql:4 */ SELECT"; !strings.HasPrefix(last, want) {
		t.Errorf("the query begins with %.80q, want %q", last, want)
	}
	if want := "'2026-11-22 12:00:00'::timestamp AS at"; !strings.Contains(last, want) {
		t.Errorf("the query does not hold %q", want)
	}
}

func TestPlainPostgresNeedsNoQueryGroup(t *testing.T) {
	if got := read(t, direct(t, "SELECT 1 AS lead_key")); len(got.keys) != 1 {
		t.Errorf("got %v", got.keys)
	}
}

func TestAnEmptyResultStillHasItsColumns(t *testing.T) {
	bothFormats(t, "SELECT 'a' AS lead_key, 1 AS x WHERE :as_of IS NULL", func(t *testing.T, s *Source) {
		got := read(t, s)
		if got.begins != 1 || len(got.columns) != 1 || got.columns[0].Kind != pipeline.Number || len(got.batches) != 0 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestDictionariesAreABatchsOwn(t *testing.T) {
	const sql = `SELECT i AS lead_key, CASE WHEN i < 8192 THEN 'early' ELSE 'late' END AS t, 'v' || i AS distinct_each
FROM (SELECT row_number() OVER () - 1 AS i FROM pg_class a, pg_class b LIMIT 20000) x ORDER BY i`
	bothFormats(t, sql, func(t *testing.T, s *Source) {
		got := read(t, s)
		if len(got.keys) != 20000 || got.keys[19999] != "19999" || got.keys[0] != "0" {
			t.Fatalf("%d keys", len(got.keys))
		}
		for i, key := range got.keys {
			want := "late"
			if i < 8192 {
				want = "early"
			}
			if got.texts["t"][i] != want || got.texts["distinct_each"][i] != "v"+key {
				t.Fatalf("row %d: %q, %q", i, got.texts["t"][i], got.texts["distinct_each"][i])
			}
		}
	})
}

func TestWhatAResultMustBe(t *testing.T) {
	for _, tt := range []struct{ name, sql, want string }{
		{"no key", "SELECT 1 AS a, 2 AS b", "the key column lead_key is missing; the columns are a, b"},
		{"twins", "SELECT 'x' AS lead_key, 1 AS a, 2 AS b, 3 AS a", "several columns are called a; the columns are lead_key, a, b, a"},
		{"two keys", "SELECT 'x' AS lead_key, 1 AS lead_key", "several columns are called lead_key"},
		{"key of another type", "SELECT 1.5 AS lead_key", "the key column lead_key is numeric"},
		{"a time as key", "SELECT :as_of AS lead_key", "the key column lead_key is timestamp"},
		{"nothing", "SELECT", "the last statement gives no columns"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rows := &table{}
			err := viaProxy(t, tt.sql).Read(t.Context(), testRun(t), rows)
			wantProblem(t, err, pipeline.Configuration, tt.want)
			wantNoPrefix(t, err)
			if _, err = viaProxy(t, tt.sql).Columns(t.Context(), asOfNoon); err == nil || !strings.HasPrefix(err.Error(), "read dataprep columns: ") {
				t.Errorf("Columns says %v", err)
			}
			if rows.begins != 0 {
				t.Error("rows began")
			}
		})
	}
}

func TestColumnsWithoutRows(t *testing.T) {
	s := viaProxy(t, `
CREATE TEMP TABLE a AS SELECT 'k'::text AS lead_key, 1.5::float8 AS x;
WITH b AS (SELECT * FROM a) -- the result:
SELECT lead_key, x, 'é'::text AS t, :as_of AS at FROM b ORDER BY x; -- and no more
/* really */ ;`)
	got, err := s.Columns(t.Context(), asOfNoon)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range got {
		names = append(names, c.Name+" "+c.Kind.String())
	}
	if want := []string{"x number", "t text", "at unsupported"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	if got := read(t, s); got.texts["t"][0] != "é" {
		t.Errorf("got %q", got.texts)
	}
}

// wantNoPrefix checks that the error leaves to the Runner what the Runner says.
func wantNoPrefix(t *testing.T, err error) {
	t.Helper()
	if strings.Contains(err.Error(), "dataprep result") {
		t.Errorf("the Runner would say it twice: %v", err)
	}
}

func wantProblem(t *testing.T, err error, class pipeline.Class, text string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", text)
	}
	if !strings.Contains(err.Error(), text) {
		t.Errorf("error %q does not hold %q", err, text)
	}
	if got := pipeline.ClassOf(err); got != class {
		t.Errorf("class %d, want %d: %v", got, class, err)
	}
	if pipeline.HintOf(err) == "" {
		t.Errorf("no hint: %v", err)
	}
}
