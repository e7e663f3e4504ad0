package model

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"scored/pipeline"
	"scored/pipeline/forest"
	"scored/pipeline/forest/foresttest"
)

// Bundles whose checksums are right and whose content is wrong: whoever can write a bundle can sign it.

func TestForgedForestIsRefused(t *testing.T) {
	// stump is a right forest for the bundle's three features, but for the golden rows.
	stump := func(change func(f *foresttest.File)) []byte {
		f := foresttest.New(3)
		f.Grow()
		f.AddSplit(0, 0.5, false, 1, 4)
		f.AddSplit(1, 0.5, false, 2, 3)
		f.AddLeaf(0)
		f.AddLeaf(0.5)
		f.AddLeaf(1)
		change(f)
		return f.Bytes()
	}
	tests := []struct {
		name   string
		change func(f *foresttest.File)
		want   string
	}{
		{"a cycle", func(f *foresttest.File) { f.Left[1] = 0 },
			"forest.bin: tree 0, node 1: the left child 0 does not come after"},
		{"an index out of range", func(f *foresttest.File) { f.Right[0] = 1 << 31 },
			"forest.bin: tree 0, node 0: the right child 2147483648 is not"},
		{"a threshold NaN", func(f *foresttest.File) { f.Threshold[1] = math.NaN() },
			"forest.bin: tree 0, node 1: the threshold"},
		{"a leaf of 2", func(f *foresttest.File) { f.Value[4] = 2 }, "forest.bin: tree 0, node 4: the value"},
		{"a feature too many", func(f *foresttest.File) { f.Feature[1] = 3 }, "forest.bin: tree 0, node 1: feature 3"},
		{"another number of features", func(f *foresttest.File) { f.Features = 4 },
			"forest.bin: has 4 features, manifest.json has 3"},
		{"huge counts", func(f *foresttest.File) { f.Trees, f.Nodes = 1<<16, 1<<26 },
			"forest.bin: has 221 bytes; 65536 trees"},
		{"other trees", func(*foresttest.File) {}, "golden.csv: line 2, row 1: the probability differs by"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := takeApart(t, "bare_forest")
			k.forests[0] = stump(tt.change)
			files := k.files(t)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Load(files)
			runtime.ReadMemStats(&after)
			wantRefusal(t, err, tt.want)
			if got := after.TotalAlloc - before.TotalAlloc; got > 4<<20 {
				t.Errorf("allocated %d bytes", got)
			}
		})
	}
}

func TestForgedManifestIsRefused(t *testing.T) {
	list := func(values ...any) []any { return values }
	tests := []struct {
		name   string
		change func(k *kit)
		want   string
	}{
		{"another format", func(k *kit) { k.manifest["format"] = "scored-bundle/3" },
			`format: "scored-bundle/3" is not known`},
		{"the format before", func(k *kit) {
			k.manifest["format"], k.manifest["transform"] = "scored-bundle/1", k.at("members", 0, "transform")
			delete(k.manifest, "members")
		}, `manifest.json: format: "scored-bundle/1" is not known, only "scored-bundle/2" is`},
		{"no format", func(k *kit) { delete(k.manifest, "format") }, "lacks format"},
		{"training before Greenwich", func(k *kit) { k.manifest["trained"] = "2026-11-01T00:00:00-01:00" }, "trained: is not in UTC"},
		{"two times elsewhere", func(k *kit) {
			k.manifest["created"], k.manifest["trained"] = "2026-11-01T00:00:00+01:00", "2026-11-01T00:00:00-01:00"
		}, "created: is not in UTC"},
		{"a kind without end", func(k *kit) { k.manifest["kind"] = strings.Repeat("k", 1<<20) },
			`kind: "` + strings.Repeat("k", 60) + `" is neither`},
		{"a format without end", func(k *kit) { k.manifest["format"] = strings.Repeat("f", 1<<20) },
			`format: "` + strings.Repeat("f", 60) + `" is not known`},
		{"another kind", func(k *kit) { k.manifest["kind"] = "xgboost" }, `kind: "xgboost" is neither`},
		{"a name with capitals", func(k *kit) { k.manifest["name"] = "Lead" }, "name: wants"},
		{"a name too long", func(k *kit) { k.manifest["name"] = strings.Repeat("a", 41) }, "name: wants"},
		{"a name with a newline", func(k *kit) { k.manifest["name"] = "lead\n" }, "name: wants"},
		{"a time elsewhere", func(k *kit) { k.manifest["created"] = "2026-11-01T00:00:00+01:00" }, "created: is not in UTC"},
		{"no time", func(k *kit) { k.manifest["created"] = "yesterday" }, "created: is not an RFC 3339 time"},
		{"an unknown key", func(k *kit) { k.manifest["formats"] = 1 }, "formats: unknown key"},
		{"a key in capitals", func(k *kit) { delete(k.manifest, "name"); k.manifest["Name"] = "lead" }, "Name: unknown key"},
		{"a missing key", func(k *kit) { delete(k.manifest, "positive") }, "lacks positive"},
		{"null", func(k *kit) { k.manifest["positive"] = nil }, "positive: is not text"},
		{"a version that is a number", func(k *kit) { k.object("versions")["python"] = 3 }, "versions.python: is not text"},
		{"training that is a list", func(k *kit) { k.manifest["training"] = list(1) }, "training: is not an object"},

		{"a column without nullable", func(k *kit) { delete(k.object("contract", 1), "nullable") },
			"contract[1]: lacks nullable"},
		{"a column twice", func(k *kit) { k.object("contract", 1)["name"] = "stage" },
			`contract: column "stage" comes twice`},
		{"a column of dates", func(k *kit) { k.object("contract", 1)["type"] = "date" }, `column "days" has type "date"`},
		{"a column called probability", func(k *kit) { k.object("contract", 1)["name"] = "probability" },
			`contract: column "probability": the name is taken`},
		{"no columns", func(k *kit) { k.manifest["contract"] = []any{} }, "contract: has no columns"},
		{"a rule too few", func(k *kit) { delete(k.object("contract", 1), "abnormal") }, "contract[1]: lacks abnormal"},
		{"a rule for text", func(k *kit) { k.object("contract", 1)["abnormal"] = "pass" },
			`contract: column "days": abnormal "pass" is none of`},
		{"a limit that is text", func(k *kit) { k.object("contract", 1)["min"] = "1" }, "contract[1].min: is not a number"},
		{"a category that is null", func(k *kit) { k.object("contract", 1)["categories"] = list(nil) },
			"contract[1].categories[0]: is not text"},

		{"no members", func(k *kit) { k.manifest["members"] = []any{} }, "members: has 0, outside 1 to 64"},
		{"too many members", func(k *kit) {
			k.manifest["members"] = slices.Repeat(list(k.at("members", 0)), 65)
		}, "members: has 65, outside 1 to 64"},
		{"a forest elsewhere", func(k *kit) { k.object("members", 0)["forest"] = "../forest.bin" },
			"members[0].forest: wants forest.bin"},
		{"a block of no column", func(k *kit) { k.block(0, 0)["column"] = "stages" },
			`transform, block 1: column "stages"`},
		{"a block too few", func(k *kit) { m := k.object("members", 0); m["transform"] = m["transform"].([]any)[:2] },
			"transform gives 2 features, features names 3"},
		{"a step with an unknown key", func(k *kit) {
			k.block(0, 0)["steps"] = list(map[string]any{"op": "impute", "numbers": 1})
		}, "members[0].transform[0].steps[0].numbers: unknown key"},
		{"an operation that a terminal obeys", func(k *kit) {
			k.block(0, 0)["steps"] = list(map[string]any{"op": "\x1b[2J" + strings.Repeat("x", 1<<20)})
		}, `step 1 ("\x1b[2J` + strings.Repeat("x", 56) + `"): the operation is not known`},
		{"a rule that a terminal obeys", func(k *kit) {
			k.block(0, 0)["steps"] = list(map[string]any{"op": "ordinal", "categories": []any{},
				"missing": map[string]any{"action": "\x1b[2J", "slot": 1}, "unknown": map[string]any{"action": "refuse"}})
		}, `missing: "\x1b[2J" takes nothing`},
		{"a rule without end", func(k *kit) {
			k.block(0, 0)["steps"] = list(map[string]any{"op": "ordinal", "categories": []any{},
				"missing": map[string]any{"action": "refuse"}, "unknown": map[string]any{"action": strings.Repeat("x", 1<<20)}})
		}, `unknown: the action "` + strings.Repeat("x", 60) + `" is not one`},
		{"a step without op", func(k *kit) { k.block(0, 0)["steps"] = list(map[string]any{"number": 1}) },
			"members[0].transform[0].steps[0]: lacks op"},
		{"a feature's name too many", func(k *kit) { m := k.object("members", 0); m["features"] = append(m["features"].([]any), "x") },
			"features names 4"},

		{"100 quantiles", func(k *kit) { r := k.object("reference"); r["quantiles"] = r["quantiles"].([]any)[1:] },
			"reference.quantiles: wants 101 numbers, has 100"},
		{"falling quantiles", func(k *kit) { k.at("reference", "quantiles").([]any)[100] = 0 },
			"reference.quantiles[100]: is less than"},
		{"a quantile above 1", func(k *kit) { k.at("reference", "quantiles").([]any)[100] = 1.5 },
			"reference.quantiles[100]: is outside 0 to 1"},
		{"no reference rows", func(k *kit) { k.object("reference")["rows"] = 0 }, "reference.rows: wants at least 1"},
		{"rows in fractions", func(k *kit) { k.object("reference")["rows"] = 1.5 }, "reference.rows: is not a whole number"},
		{"a histogram too few", func(k *kit) { k.object("reference")["histograms"] = k.at("reference", "histograms").([]any)[1:] },
			"reference.histograms: has 2, and the contract has 3 columns"},
		{"histograms in another order", func(k *kit) { k.object("reference", "histograms", 0)["column"] = "days" },
			`reference.histograms[0]: column: wants "stage"`},
		{"a histogram of text", func(k *kit) {
			h := k.object("reference", "histograms", 1)
			delete(h, "edges")
			delete(h, "counts")
			h["values"], h["other"] = []any{}, 0
		}, "reference.histograms[1]: a number's has edges and counts"},
		{"a phrase for nobody", func(k *kit) { k.object("reasons")["banned"] = list("agee") }, `reasons.banned[0]: "agee" is not`},
		{"no grades", func(k *kit) { k.manifest["grades"] = []any{} }, "grades: the last min_score must be 0"},
		{"grades that end above 0", func(k *kit) { k.object("grades", 3)["min_score"] = 1 },
			"grades: the last min_score must be 0"},
		{"grades that rise", func(k *kit) { k.object("grades", 1)["min_score"] = 95 }, "grades[1].min_score: is not less"},
		{"a grade beyond 100", func(k *kit) { k.object("grades", 0)["min_score"] = 101 },
			"grades[0].min_score: is outside 0 to 100"},
		{"a grade twice", func(k *kit) { k.object("grades", 1)["grade"] = "A" }, "grades[1].grade: wants a name"},

		{"a loose tolerance", func(k *kit) { k.object("golden")["tolerance"] = 1e-3 },
			"golden.tolerance: 0.001 is outside 0 to 1e-09"},
		{"no golden rows", func(k *kit) { k.object("golden")["rows"] = 0 }, "golden.rows: 0 is outside 1 to 100000"},
		{"too many golden rows", func(k *kit) { k.object("golden")["rows"] = 100001 }, "golden.rows: 100001 is outside"},
		{"more golden features than memory", func(k *kit) {
			k.object("golden")["rows"] = 100000
			zeros := map[string]any{"action": "zeros"}
			k.block(0, 0)["steps"] = list(map[string]any{
				"op": "one_hot", "width": 1000, "categories": []any{}, "missing": zeros, "unknown": zeros})
			k.object("members", 0)["features"] = make([]string, 1002)
			k.forests[0] = chain(1002, 1)
		}, "golden.csv: 100000 rows of 1002 features are too many"},
		{"one golden row fewer", func(k *kit) { k.object("golden")["rows"] = 1 }, "golden.csv: does not have the 1 rows"},
		{"one golden row more", func(k *kit) { k.object("golden")["rows"] = 1000 },
			"golden.csv: does not have the 1000 rows"},
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

func TestForgedFileListIsRefused(t *testing.T) {
	whole := original(t, "bare_forest")
	tests := []struct{ name, old, new, want string }{
		{"another file", `"forest.bin"`, `"../forest"`, "files: wants forest.bin, golden.csv, each once, and no other"},
		{"one file twice", `"golden.csv"`, `"forest.bin"`, "files: wants forest.bin, golden.csv"},
		{"fewer bytes", `"bytes": 9857`, `"bytes": -1`, "files[0]: wants the bytes' number"},
		{"a digest in capitals", `"sha256": "b`, `"sha256": "B`, "files[0]: wants"},
		{"golden rows without end", `"bytes": 5109`, `"bytes": 999999999`, "golden.csv has more than"},
		{"a key twice", `"positive": "1"`, `"positive": "1", "positive": "0"`, "positive: comes twice"},
		{"a manifest too long", `"positive": "1"`, strings.Repeat(" ", maxManifestBytes) + `"positive": "1"`,
			"more than 8388608"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := string(whole[manifestName].Data)
			if !strings.Contains(text, tt.old) {
				t.Fatalf("the manifest has no %s", tt.old)
			}
			_, err := Load(sign(with(whole, digestName, nil), []byte(strings.Replace(text, tt.old, tt.new, 1))))
			wantRefusal(t, err, "manifest.json: ", tt.want)
		})
	}
}

// sealed is a bundle whose forest reports when it is looked at.
type sealed struct{ fs.FS }

func (s sealed) Open(name string) (fs.File, error) {
	if name == forestName {
		return nil, errors.New("the forest is opened")
	}
	return s.FS.Open(name)
}

// A file that no limit of forest.bin allows is refused before it is opened: hashing it would take as long as it likes.
func TestForestTooLargeIsNotRead(t *testing.T) {
	whole := original(t, "bare_forest")
	for _, tt := range []struct {
		bytes int64
		want  string
	}{
		{forest.MaxBytes, "the forest is opened"},
		{forest.MaxBytes + 1, "manifest.json: files[0]: forest.bin has more than 2483290144 bytes"},
		{1 << 62, "manifest.json: files[0]: forest.bin has more than"},
	} {
		manifest := strings.Replace(string(whole[manifestName].Data), `"bytes": 9857`, fmt.Sprintf(`"bytes": %d`, tt.bytes), 1)
		_, err := Load(sealed{sign(with(whole, digestName, nil), []byte(manifest))})
		wantRefusal(t, err, tt.want)
	}
}

func TestForgedGoldenRowsAreRefused(t *testing.T) {
	replace := func(old, new string) func(k *kit) {
		return func(k *kit) { k.golden = []byte(strings.Replace(string(k.golden), old, new, 1)) }
	}
	// The first line after the header is -1.0,24.546109009556538,38.5,0.012724117987275883.
	first := "-1.0,24.546109009556538,38.5,0.012724117987275883\n"
	tests := []struct {
		name   string
		change func(k *kit)
		want   string
	}{
		{"nothing", func(k *kit) { k.golden = nil }, "is empty"},
		{"another header", replace("stage,days", "days,stage"), "line 1: wants the contract's columns"},
		{"no probability", replace("age,probability", "age,p"), "line 1: wants the contract's columns"},
		{"a field too many", replace(first, "1,"+first), "wrong number of fields"},
		{"an open quote", replace(first, `"`+first), `"`},
		{"not a number", replace("24.546109009556538", "many"), `line 2: column "days": is not a number`},
		{"a number too large", replace("24.546109009556538", "1e999"), `line 2: column "days": is not a number`},
		{"a hexadecimal number", replace("24.546109009556538", "0x1p4"), `line 2: column "days": is not a number`},
		{"NaN spelled out", replace("24.546109009556538", "nan"), `line 2: column "days": is not a number`},
		{"a probability of 2", replace("0.012724117987275883", "2"), "line 2: the probability is neither"},
		{"no probability's value", replace("0.012724117987275883", ""), "line 2: the probability is neither"},
		{"a probability that is not ours", replace("0.012724117987275883", "0.0127241190"),
			"line 2, row 1: the probability differs by 1e-09 from"},
		{"a refused row that is scored", replace(first, "-1.0,24.546109009556538,38.5,refused\n"),
			"line 2, row 1: is scored, and the fitted pipeline refused it"},
		{"a scored row that is refused", replace("-1.0,24.546109009556538", "-1.0,inf"),
			`line 2, row 1: is rejected (column "days": infinite), and the fitted pipeline scored it`},
		{"refused rows only", func(k *kit) {
			k.golden, k.object("golden")["rows"] = []byte("stage,days,age,probability\ninf,1,1,refused\n"), 1
		}, "has no row with a probability"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := takeApart(t, "bare_forest")
			tt.change(k)
			_, err := Load(k.files(t))
			wantRefusal(t, err, "golden.csv: ", tt.want)
		})
	}
}

// More golden rows than are scored at a time: the rows and lines go on counting.
func TestManyGoldenRows(t *testing.T) {
	for _, name := range []string{"bare_forest", "one_hot"} {
		k, b := takeApart(t, name), load(t, name)
		header, rows, _ := strings.Cut(string(k.golden), "\n")
		times := 2*rowBlock/b.Manifest().Golden.Rows + 1
		k.golden = []byte(header + "\n" + strings.Repeat(rows, times))
		k.object("golden")["rows"] = times * b.Manifest().Golden.Rows
		many, err := Load(k.files(t))
		if err != nil {
			t.Fatal(err)
		}
		_, one := b.GoldenFeatures(0)
		if x, all := many.GoldenFeatures(0); all != times*one || len(x) != all*many.members[0].Forest.Features() {
			t.Errorf("%s: %d golden rows have features, want %d", name, all, times*one)
		}
	}
	k := takeApart(t, "bare_forest")
	header, rows, _ := strings.Cut(string(k.golden), "\n")
	line, _, _ := strings.Cut(rows, "\n")
	k.golden = []byte(header + "\n" + strings.Repeat(line+"\n", 1999) + strings.Replace(line, "-1.0", "inf", 1) + "\n")
	k.object("golden")["rows"] = 2000
	_, err := Load(k.files(t))
	wantRefusal(t, err, "golden.csv: line 2001, row 2000: is rejected", "(1 of 2000 rows are wrong")
}

// mapThresholds changes every threshold of a forest.bin.
func mapThresholds(forest []byte, change func(float64) float64) {
	trees, nodes := binary.LittleEndian.Uint32(forest[16:]), binary.LittleEndian.Uint32(forest[20:])
	at := 24 + 4*trees + 4*nodes
	for range nodes {
		field := forest[at : at+8]
		t := change(math.Float64frombits(binary.LittleEndian.Uint64(field)))
		binary.LittleEndian.PutUint64(field, math.Float64bits(t))
		at += 8
	}
}

func TestBundleOfTheFormatBeforeIsToBeExportedAgain(t *testing.T) {
	k := takeApart(t, "bare_forest")
	k.manifest["format"] = "scored-bundle/1"
	for _, key := range []string{"members", "source", "reasons"} {
		delete(k.manifest, key)
	}
	_, err := Load(k.files(t))
	wantRefusal(t, err, `manifest.json: format: "scored-bundle/1" is not known, only "scored-bundle/2" is`)
	if hint := pipeline.HintOf(err); !strings.Contains(hint, "export the model again with this release's scored-export") {
		t.Errorf("hint %q", hint)
	}
}

// A row that any member's transform refuses is rejected, as the mean of all is refused.
func TestRowThatOneMemberRefusesIsRejected(t *testing.T) {
	k := takeApart(t, "calibrated_isotonic")
	for _, s := range k.block(1, 0)["steps"].([]any) {
		if s := s.(map[string]any); s["op"] == "one_hot" {
			s["unknown"] = map[string]any{"action": "refuse"}
		}
	}
	_, err := Load(k.files(t))
	wantRefusal(t, err, `golden.csv: line `, `is rejected (column "region": unknown category), and the fitted pipeline scored it`)
}
