package model

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"scored/pipeline/forest"
	"scored/pipeline/forest/foresttest"
)

// unread is a bundle with a file that is as long as it says, and fails the test when it is read.
type unread struct {
	fs.FS
	t    *testing.T
	name string
	size int64
}

func (u unread) Stat(name string) (fs.FileInfo, error) {
	info, err := fs.Stat(u.FS, name)
	if name == u.name {
		info = sized{info, u.size}
	}
	return info, err
}

func (u unread) Open(name string) (fs.File, error) {
	f, err := u.FS.Open(name)
	if name == u.name {
		f = untouched{f, u}
	}
	return f, err
}

type sized struct {
	fs.FileInfo
	size int64
}

func (s sized) Size() int64 { return s.size }

type untouched struct {
	fs.File
	unread
}

func (u untouched) Stat() (fs.FileInfo, error) { return u.unread.Stat(u.name) }

func (u untouched) Read([]byte) (int, error) {
	u.t.Errorf("%s is read, though it is too long", u.name)
	return 0, errors.New("read")
}

// A file is measured before it is read, and refused by the limit that it is beyond.
func TestAFileJustBeyondItsLimitIsNotRead(t *testing.T) {
	whole := original(t, "bare_forest")
	declared := func(name string, before, size int64) fs.FS {
		text := strings.Replace(string(whole[manifestName].Data), fmt.Sprintf(`"bytes": %d`, before), fmt.Sprintf(`"bytes": %d`, size), 1)
		return unread{sign(with(whole, name, whole[name].Data), []byte(text)), t, name, size}
	}
	for _, tt := range []struct {
		name   string
		bundle fs.FS
		want   string
	}{
		{"manifest", unread{whole, t, manifestName, maxManifestBytes + 1}, "manifest.json: has 8388609 bytes, more than 8388608"},
		{"digest", unread{whole, t, digestName, maxDigestBytes + 1}, "manifest.sha256: has 257 bytes, more than 256"},
		{"forest", declared(forestName, 9857, forest.MaxBytes+1), "forest.bin has more than 2483290144 bytes"},
		{"golden rows", declared(goldenName, 5109, maxGoldenBytes+1), "golden.csv has more than 268435456 bytes"},
		{"longer than it was", unread{whole, t, forestName, 9858}, "forest.bin: has 9858 bytes, manifest.json says 9857"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(tt.bundle)
			wantRefusal(t, err, tt.want)
		})
	}
	t.Run("at the limit", func(t *testing.T) {
		manifest := bytes.Clone(whole[manifestName].Data)
		manifest = append(manifest, bytes.Repeat([]byte(" "), maxManifestBytes-len(manifest))...)
		if _, err := Load(sign(with(whole, digestName, nil), manifest)); err != nil {
			t.Error(err)
		}
	})
}

func TestABundleJustBeyondALimitIsRefused(t *testing.T) {
	nested := func(levels int) (v any) {
		v = "x"
		for range levels {
			v = []any{v}
		}
		return v
	}
	// The manifest and its training are two levels.
	deep := func(levels int) func(k *kit) {
		return func(k *kit) { k.object("training")["x"] = nested(levels - 2) }
	}
	steps := func(n int) func(k *kit) {
		return func(k *kit) {
			block := k.block(0, 0)
			block["steps"] = slices.Repeat([]any{map[string]any{"op": "clip", "min": 0, "max": 1}}, n)
		}
	}
	header := func(features, trees, nodes uint32) func(k *kit) {
		return func(k *kit) {
			f := foresttest.New(3)
			f.Grow()
			f.AddLeaf(0.5)
			f.Features, f.Trees, f.Nodes = features, trees, nodes
			k.forests[0] = f.Bytes()
		}
	}
	members := func(n int) func(k *kit) {
		return func(k *kit) { k.manifest["members"] = slices.Repeat([]any{k.at("members", 0)}, n) }
	}
	for _, tt := range []struct {
		name           string
		at, beyond     func(k *kit)
		limit, refusal string // the limit is what is refused beyond it, and in no word of what is at it
	}{
		{"nesting", deep(10_000), deep(10_001), "nests deeper than 10000 levels", "manifest.json: line 1"},
		{"steps", steps(32), steps(33), "more than 32", "manifest.json: "},
		{"members", members(64), members(65), "outside 1 to 64", "manifest.json: members: has 65"},
		{"golden rows", declaring(100_000), declaring(100_001), "outside 1 to 100000", "manifest.json: golden.rows: 100001"},
		{"features", header(forest.MaxFeatures, 1, 1), header(forest.MaxFeatures+1, 1, 1), "outside 1 to 65536", "forest.bin: has 65537 features"},
		{"trees", header(3, forest.MaxTrees, 1), header(3, forest.MaxTrees+1, 1), "outside 1 to 65536", "forest.bin: has 65537 trees"},
		{"nodes", header(3, 1, forest.MaxNodes), header(3, 1, forest.MaxNodes+1), "outside 1 to 67108864", "forest.bin: has 67108865 nodes"},
		{"a column's name", named(127), named(128), "at most 127", "manifest.json: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := takeApart(t, "bare_forest")
			tt.at(k)
			if _, err := Load(k.files(t)); err != nil && strings.Contains(err.Error(), tt.limit) {
				t.Errorf("at the limit: %v", err)
			}
			k = takeApart(t, "bare_forest")
			tt.beyond(k)
			_, err := Load(k.files(t))
			wantRefusal(t, err, tt.limit, tt.refusal)
		})
	}
}

// declaring says that there are so many golden rows.
func declaring(n int) func(k *kit) {
	return func(k *kit) { k.object("golden")["rows"] = n }
}

func named(length int) func(k *kit) {
	return func(k *kit) { k.object("contract", 0)["name"] = strings.Repeat("c", length) }
}
