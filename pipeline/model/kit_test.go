package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"scored/pipeline"
	"scored/pipeline/feature"
	"scored/pipeline/forest/foresttest"
)

// cases lists the bundles in testdata: real scikit-learn pipelines, exported by scored-export.
func cases(t testing.TB) []string {
	t.Helper()
	folders, err := fs.Glob(os.DirFS("testdata"), "*/manifest.json")
	if err != nil || len(folders) < 8 {
		t.Fatalf("testdata has %d bundles, error %v", len(folders), err)
	}
	for i := range folders {
		folders[i] = strings.TrimSuffix(folders[i], "/manifest.json")
	}
	return folders
}

func bundleFS(name string) fs.FS { return os.DirFS("testdata/" + name) }

func load(t testing.TB, name string) *Bundle {
	t.Helper()
	b, err := Load(bundleFS(name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b
}

// kit is a bundle taken apart, to be changed and put together again with right checksums.
type kit struct {
	manifest map[string]any
	forests  [][]byte // of the members, in order
	golden   []byte
}

func takeApart(t testing.TB, name string) *kit {
	t.Helper()
	fsys := bundleFS(name)
	read := func(file string) []byte {
		data, err := fs.ReadFile(fsys, file)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	k := &kit{golden: read(goldenName)}
	decoder := json.NewDecoder(bytes.NewReader(read(manifestName)))
	decoder.UseNumber()
	if err := decoder.Decode(&k.manifest); err != nil {
		t.Fatal(err)
	}
	for i := range k.at("members").([]any) {
		k.forests = append(k.forests, read(k.at("members", i, "forest").(string)))
	}
	return k
}

// at returns the object or list at a path of keys and indices.
func (k *kit) at(path ...any) any {
	var here any = k.manifest
	for _, step := range path {
		switch step := step.(type) {
		case string:
			here = here.(map[string]any)[step]
		case int:
			here = here.([]any)[step]
		}
	}
	return here
}

func (k *kit) object(path ...any) map[string]any { return k.at(path...).(map[string]any) }

// files puts the bundle together.
func (k *kit) files(t testing.TB) fstest.MapFS {
	t.Helper()
	entry := func(name string, data []byte) map[string]any {
		sum := sha256.Sum256(data)
		return map[string]any{"name": name, "bytes": len(data), "sha256": hex.EncodeToString(sum[:])}
	}
	signed := maps.Clone(k.manifest)
	files := fstest.MapFS{goldenName: {Data: k.golden}}
	entries := []any{entry(goldenName, k.golden)}
	for i, forest := range k.forests {
		name := forestName
		if len(k.forests) > 1 {
			name = fmt.Sprintf(forestsName, i+1)
		}
		files[name] = &fstest.MapFile{Data: forest}
		entries = append(entries, entry(name, forest))
	}
	signed["files"] = entries
	manifest, err := json.Marshal(signed)
	if err != nil {
		t.Fatal(err)
	}
	return sign(files, manifest)
}

// digestLine is what sha256sum prints of a manifest.
func digestLine(manifest []byte) []byte {
	return fmt.Appendf(nil, "%x  %s\n", sha256.Sum256(manifest), manifestName)
}

// sign adds a manifest, with its digest, to files.
func sign(files fstest.MapFS, manifest []byte) fstest.MapFS {
	files[manifestName] = &fstest.MapFile{Data: manifest}
	files[digestName] = &fstest.MapFile{Data: digestLine(manifest)}
	return files
}

// wantRefusal checks that an error says what is wrong, whose it is to mend, and how.
func wantRefusal(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("accepted, want a refusal with %q", want)
		return
	}
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
	if pipeline.ClassOf(err) != pipeline.Configuration || pipeline.HintOf(err) == "" {
		t.Errorf("class %v, hint %q: %v", pipeline.ClassOf(err), pipeline.HintOf(err), err)
	}
}

// assemble makes a bundle of one member, without golden rows.
func assemble(t testing.TB, contract feature.Contract, blocks []feature.Block, file *foresttest.File) *Bundle {
	t.Helper()
	b := &Bundle{manifest: load(t, "bare_forest").manifest, digest: strings.Repeat("0", 64)}
	b.manifest.Contract = contract
	b.manifest.Members = []MemberEntry{{Transform: blocks, Features: make([]string, file.Features)}}
	if err := b.addPlans(); err != nil {
		t.Fatal(err)
	}
	data := file.Bytes()
	if err := b.members[0].readForest(bytes.NewReader(data), int64(len(data))); err != nil {
		t.Fatal(err)
	}
	var err error
	if b.phrases, err = newPhrases(contract, Reasons{}); err != nil {
		t.Fatal(err)
	}
	return b
}

// block returns a member's i-th block.
func (k *kit) block(member, i int) map[string]any { return k.object("members", member, "transform", i) }

// rows reads a file in the format of golden.csv as one batch whose keys are the lines' numbers.
func rows(t testing.TB, b *Bundle, data []byte) (*pipeline.Batch, []float64) {
	t.Helper()
	in, err := newGoldenReader(bytes.NewReader(data), b.manifest.Contract)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.next(); err == nil || err.Error() != "EOF" {
		t.Fatalf("rows: %v", err)
	}
	for i := range in.batch.Keys {
		in.batch.Keys[i] = string(rune('0'+i/100)) + string(rune('0'+i/10%10)) + string(rune('0'+i%10))
	}
	return &in.batch, in.want
}

func secondOpinion(t testing.TB, b *Bundle, name string) (*pipeline.Batch, []float64) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name + ".rows.csv")
	if err != nil {
		t.Fatal(err)
	}
	return rows(t, b, data)
}

// rotated returns the batch with its columns in another order.
func rotated(b *pipeline.Batch, by int) *pipeline.Batch {
	return &pipeline.Batch{Keys: b.Keys, Columns: slices.Concat(b.Columns[by:], b.Columns[:by])}
}
