package model

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"scored/pipeline/forest/foresttest"
)

// rowsOf makes golden.csv of the bare forest's bundle: many rows that the pipeline is said to refuse.
func rowsOf(n int) []byte {
	return []byte("stage,days,age,probability\n" + strings.Repeat("1,1,1,refused\n", n))
}

// chain is a forest of one tree, a single way of so many levels down.
func chain(features, levels int) []byte {
	f := foresttest.New(features)
	f.Grow()
	for i := range levels {
		f.AddSplit(i%features, 0.5, false, 2*i+1, 2*i+2)
		f.AddLeaf(0.5)
	}
	f.AddLeaf(0.5)
	f.Settle()
	return f.Bytes()
}

// A bundle whose golden rows would keep a load busy for minutes is refused before the first is scored, whatever the size
// of its files; one just below is not.
func TestGoldenWorkIsBounded(t *testing.T) {
	tests := []struct {
		name   string
		change func(k *kit)
		want   string
	}{
		{"a tree that is a chain", func(k *kit) {
			k.forests[0], k.golden = chain(3, 50_000), rowsOf(100_000)
			k.object("golden")["rows"] = 100_000
		}, "golden.csv: 100000 rows through trees of 50001 levels together are too many"},
		{"few rows through that", func(k *kit) {
			k.forests[0], k.golden = chain(3, 50_000), rowsOf(10)
			k.object("golden")["rows"] = 10
		}, "golden.csv: line 2, row 1: is scored, and the fitted pipeline refused it"},
		{"steps without end", func(k *kit) {
			k.golden = rowsOf(100_000)
			k.object("golden")["rows"] = 100_000
			idle := map[string]any{"column": "age", "steps": []any{map[string]any{"op": "one_hot", "width": 0,
				"missing": map[string]any{"action": "zeros"}, "unknown": map[string]any{"action": "zeros"}}}}
			blocks := k.at("members", 0, "transform").([]any)
			for range 2000 {
				blocks = append(blocks, idle)
			}
			k.object("members", 0)["transform"] = blocks
		}, "golden.csv: 100000 rows through 4003 steps are too many"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := takeApart(t, "bare_forest")
			tt.change(k)
			_, err := Load(k.files(t))
			wantRefusal(t, err, tt.want)
		})
	}
}

// Every plan's features of the golden rows are kept, those of members with the same transform once.
func TestGoldenFeaturesAreBoundedOverAllMembers(t *testing.T) {
	wide := func(t *testing.T, same bool) error {
		k := takeApart(t, "calibrated_isotonic")
		for i := range k.forests {
			zeros := map[string]any{"action": "zeros"}
			width := 20_000
			if !same {
				width += i
			}
			m := k.object("members", i)
			m["transform"] = []any{map[string]any{"column": "region", "steps": []any{map[string]any{
				"op": "one_hot", "width": width, "missing": zeros, "unknown": zeros}}}}
			m["features"] = make([]string, width)
		}
		k.object("golden")["rows"] = 3000
		_, err := Load(k.files(t))
		return err
	}
	wantRefusal(t, wide(t, false), "manifest.json: golden.rows x features is 180009000, more than 67108864")
	wantRefusal(t, wide(t, true), "forest-1.bin: has ", "features, manifest.json has 20000")
}

// Whatever a manifest holds, it takes memory in proportion to its size.
func TestLongManifestTakesMemoryInProportion(t *testing.T) {
	const size = 1 << 18
	whole := original(t, "bare_forest")
	text := string(whole[manifestName].Data)
	for _, tt := range []struct{ name, old, new, item, want string }{
		{"numbers", `"quantiles": [`, `"quantiles": [%s`, "0,", "reference.quantiles: wants 101 numbers"},
		{"objects", `"steps": []`, `"steps": [{"op": "one_hot", "categories": [%s{}]}]`, "{},", "width must be given"},
		{"lists", `"training": {`, `"training": {"x": [%s0]`, "[],", ""},
		{"depth", `"training": {`, `"training": {"x": %s`, "[", "exceeded max depth"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(text, tt.old) {
				t.Fatalf("the manifest has no %s", tt.old)
			}
			long := fmt.Sprintf(tt.new, strings.Repeat(tt.item, size/len(tt.item)))
			files := sign(with(whole, digestName, nil), []byte(strings.Replace(text, tt.old, long, 1)))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Load(files)
			runtime.ReadMemStats(&after)
			if tt.want != "" {
				wantRefusal(t, err, tt.want)
			} else if err != nil {
				t.Error(err)
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > 200*size+1<<20 {
				t.Errorf("allocated %d bytes for %d", got, size)
			}
		})
	}
}
