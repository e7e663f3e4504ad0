package warehouse

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"scored/pipeline"
)

// discard counts rows.
type discard struct{ rows int }

func (d *discard) Begin([]pipeline.Column) error { d.rows = 0; return nil }

func (d *discard) Add(b *pipeline.Batch) error { d.rows += b.Rows(); return nil }

// wide makes a table of so many rows with 60 numbers and a text beside the key, and returns the query that reads it.
func wide(t testing.TB, rows int) string {
	t.Helper()
	var columns strings.Builder
	for i := range 60 {
		fmt.Fprintf(&columns, ", sin(i * %d)::float8 AS f%d", i+1, i)
	}
	sql := fmt.Sprintf(`DROP TABLE IF EXISTS wide; CREATE TABLE wide AS SELECT 'L' || i AS lead_key, 'city ' || i %% 50 AS city%s
FROM generate_series(1, %d) AS i`, columns.String(), rows)
	if err := postgres(t).Exec(context.Background(), sql); err != nil {
		t.Fatal(err)
	}
	return "SELECT * FROM wide"
}

func TestARowCostsNoAllocation(t *testing.T) {
	const rows = 40_000
	all := wide(t, rows)
	for name, formats := range map[string][]int16{"text": nil, "binary": {binaryFormat}} {
		t.Run(name, func(t *testing.T) {
			allocs := func(sql string) float64 {
				s := direct(t, sql)
				s.formats = formats
				run, rows := testRun(t), &discard{}
				return testing.AllocsPerRun(1, func() {
					if err := s.Read(t.Context(), run, rows); err != nil {
						t.Fatal(err)
					}
				})
			}
			perRow := (allocs(all) - allocs(all+" LIMIT 0")) / rows
			if perRow > 0.01 {
				t.Errorf("%.3f allocations per row", perRow)
			}
		})
	}
}

// BenchmarkRead compares Source with pgx's Scan on the same rows of 60 numbers, past the proxy.
func BenchmarkRead(b *testing.B) {
	const rows = 50_000
	sql := wide(b, rows)
	for name, formats := range map[string][]int16{"text": nil, "binary": {binaryFormat}} {
		b.Run("source/"+name, func(b *testing.B) {
			s := direct(b, sql)
			s.formats = formats
			run, out := testRun(b), &discard{}
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Read(b.Context(), run, out); err != nil {
					b.Fatal(err)
				}
			}
			if out.rows != rows {
				b.Fatalf("%d rows", out.rows)
			}
			b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
	for name, mode := range map[string]pgx.QueryExecMode{"text": pgx.QueryExecModeExec, "binary": pgx.QueryExecModeDescribeExec} {
		b.Run("scan/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if got := scan(b, sql, mode); got != rows {
					b.Fatalf("%d rows", got)
				}
			}
			b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func scan(b *testing.B, sql string, mode pgx.QueryExecMode) int {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), postgres(b).DirectURL())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	result, err := conn.Query(b.Context(), sql, mode)
	if err != nil {
		b.Fatal(err)
	}
	var key, city string
	numbers := make([]*float64, 60)
	targets := []any{&key, &city}
	for i := range numbers {
		targets = append(targets, &numbers[i])
	}
	count := 0
	for result.Next() {
		if err := result.Scan(targets...); err != nil {
			b.Fatal(err)
		}
		count++
	}
	if result.Err() != nil {
		b.Fatal(result.Err())
	}
	return count
}
