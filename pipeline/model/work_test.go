package model

import (
	"fmt"
	"io/fs"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"

	"scored/pipeline"
	"scored/pipeline/forest/foresttest"
)

// rowsOf makes golden.csv of the bare forest's bundle: many rows that the pipeline is said to refuse.
func rowsOf(n int) []byte {
	return []byte("stage,days,age,probability\n" + strings.Repeat("1,1,1,refused\n", n))
}

// chain is a forest of one tree, a single way of so many levels down.
func chain(features, levels int) []byte {
	f := foresttest.New(features)
	f.GrowChain(levels)
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
		hint   string
	}{
		{"a tree that is a chain", func(k *kit) {
			k.forests[0], k.golden = chain(3, 50_000), rowsOf(100_000)
			k.object("golden")["rows"] = 100_000
		}, "golden.csv: 100000 rows through trees of 50001 levels together are too many", "golden=5368"},
		{"few rows through that", func(k *kit) {
			k.forests[0], k.golden = chain(3, 50_000), rowsOf(10)
			k.object("golden")["rows"] = 10
		}, "golden.csv: line 2, row 1: is scored, and the fitted pipeline refused it", hintGolden},
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
		}, "golden.csv: 100000 rows through 4003 steps are too many", "golden=67058"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := takeApart(t, "bare_forest")
			tt.change(k)
			_, err := Load(k.files(t))
			wantRefusal(t, err, tt.want)
			if hint := pipeline.HintOf(err); !strings.HasSuffix(hint, tt.hint) {
				t.Errorf("hint %q, want %q", hint, tt.hint)
			}
		})
	}
}

// Every plan's features of the golden rows are kept, those of members with the same transform once.
func TestGoldenFeaturesAreBoundedOverAllMembers(t *testing.T) {
	const rows, width = 300, 20_000
	wide := func(t *testing.T, same bool) error {
		k := takeApart(t, "calibrated_isotonic")
		for i := range k.forests {
			zeros := map[string]any{"action": "zeros"}
			width := width
			if !same {
				width += i
			}
			m := k.object("members", i)
			m["transform"] = []any{map[string]any{"column": "region", "steps": []any{map[string]any{
				"op": "one_hot", "width": width, "missing": zeros, "unknown": zeros}}}}
			m["features"] = make([]string, width)
			k.forests[i] = chain(width, 1)
		}
		k.object("golden")["rows"] = rows
		_, err := Load(k.files(t))
		return err
	}
	wantRefusal(t, wide(t, false), "golden.csv: 300 rows of 60003 features are too many to score at each load")
	wantRefusal(t, wide(t, true), "golden.csv: does not have the 300 rows")
}

// Who asks for the golden rows of the hint gets a bundle that is loaded.
func TestHintedGoldenRowsFit(t *testing.T) {
	b := load(t, "many_one_hot")
	check := func(rows int) error {
		b.manifest.Golden.Rows = rows
		return b.checkWork()
	}
	const fit = maxGoldenCells / 2001 // of its features
	for _, rows := range []int{fit + 1, maxGoldenRows} {
		err := check(rows)
		wantRefusal(t, err, fmt.Sprintf("%d rows of 2001 features are too many", rows))
		if hint, want := pipeline.HintOf(err), fmt.Sprintf("export it with fewer golden rows: golden=%d", fit); hint != want {
			t.Errorf("hint %q, want %q", hint, want)
		}
	}
	if err := check(fit); err != nil {
		t.Error(err)
	}
	b.plans = slices.Repeat(b.plans, fit/leastGolden+1)
	if hint := pipeline.HintOf(check(1000)); hint != hintSmaller {
		t.Errorf("hint %q, and no exporter writes so few golden rows as fit", hint)
	}
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
		{"depth", `"training": {`, `"training": {"x": %s`, "[", "nests deeper than 10000 levels"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(text, tt.old) {
				t.Fatalf("the manifest has no %s", tt.old)
			}
			long := fmt.Sprintf(tt.new, strings.Repeat(tt.item, size/len(tt.item)))
			allocated, err := loadMeasured(sign(with(whole, digestName, nil), []byte(strings.Replace(text, tt.old, long, 1))))
			if tt.want != "" {
				wantRefusal(t, err, tt.want)
			} else if err != nil {
				t.Error(err)
			}
			if allocated > 200*size+1<<20 {
				t.Errorf("allocated %d bytes for %d", allocated, size)
			}
		})
	}
}

// loadMeasured says how many bytes loading a bundle allocates.
func loadMeasured(fsys fs.FS) (bytes uint64, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = Load(fsys)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, err
}

// withText adds a text column of such categories to the bare forest's bundle, and a golden row for each of the texts. The
// pipeline refuses them all.
func withText(t *testing.T, categories, texts int) *kit {
	t.Helper()
	k := takeApart(t, "bare_forest")
	known := make([]any, categories)
	for i := range known {
		known[i] = fmt.Sprint("c", i)
	}
	k.manifest["contract"] = append(k.at("contract").([]any), map[string]any{
		"name": "t", "type": "text", "nullable": true, "abnormal": "refuse", "categories": known})
	reference := k.object("reference")
	reference["histograms"] = append(k.at("reference", "histograms").([]any), map[string]any{
		"column": "t", "missing": 0, "values": []any{}, "other": reference["rows"]})
	rows := []byte("stage,days,age,t,probability\n")
	for i := range texts {
		rows = fmt.Appendf(rows, "inf,1,1,c%d,refused\n", i)
	}
	k.golden, k.object("golden")["rows"] = rows, texts
	return k
}

// What a bundle has once is not held for each block or each member.
func TestManyBlocksAndMembersTakeMemoryInProportion(t *testing.T) {
	tests := []struct {
		name string
		kit  func(t *testing.T) *kit
	}{
		{"blocks of a column of many texts", func(t *testing.T) *kit {
			const blocks = 4000
			k := withText(t, 1, rowBlock)
			mark := map[string]any{"column": "t", "steps": []any{map[string]any{"op": "is_missing"}}}
			m := k.object("members", 0)
			m["transform"], m["features"] = slices.Repeat([]any{mark}, blocks), make([]string, blocks)
			k.forests[0] = chain(blocks, 1)
			return k
		}},
		{"members of a column of many categories", func(t *testing.T) *kit {
			k := withText(t, 20_000, 1)
			forest, whole := k.forests[0], k.object("members", 0)
			k.forests = nil
			var members []any
			for i := range maxMembers {
				m := maps.Clone(whole)
				first := map[string]any{"column": "stage", "steps": []any{map[string]any{"op": "add", "number": i}}}
				m["forest"] = fmt.Sprintf(forestsName, i+1)
				m["transform"] = append([]any{first}, whole["transform"].([]any)[1:]...)
				members, k.forests = append(members, m), append(k.forests, forest)
			}
			k.manifest["members"] = members
			return k
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := tt.kit(t).files(t)
			allocated, err := loadMeasured(files)
			wantRefusal(t, err, "golden.csv: has no row with a probability")
			if size := uint64(len(files[manifestName].Data)); allocated > 200*size+1<<20 {
				t.Errorf("allocated %d bytes for %d", allocated, size)
			}
		})
	}
}
