package model

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"
)

// original returns a bundle's files as they are.
func original(t testing.TB, name string) fstest.MapFS {
	t.Helper()
	manifest, err := fs.ReadFile(bundleFS(name), manifestName)
	if err != nil {
		t.Fatal(err)
	}
	k := takeApart(t, name)
	return mapFS(manifest, k.forest, k.golden)
}

// with returns the bundle with one file's bytes replaced.
func with(bundle fstest.MapFS, file string, data []byte) fstest.MapFS {
	changed := fstest.MapFS{}
	for name, f := range bundle {
		changed[name] = f
	}
	changed[file] = &fstest.MapFile{Data: data}
	return changed
}

func TestFlippedByteIsRefused(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"single_leaves", "imputers"} {
		whole := original(t, name)
		for file, holder := range map[string]string{
			forestName: manifestName, goldenName: manifestName, manifestName: digestName, digestName: digestName,
		} {
			data := whole[file].Data
			for at := 0; at < len(data); at += 1 + random.IntN(300) {
				flipped := bytes.Clone(data)
				flipped[at] ^= 1 << random.IntN(8)
				_, err := Load(with(whole, file, flipped))
				wantRefusal(t, err, "its SHA-256 is not the one in "+holder)
			}
		}
	}
}

func TestTruncationIsRefused(t *testing.T) {
	whole := original(t, "single_leaves")
	for file := range whole {
		data := whole[file].Data
		for n := 0; n < len(data); n += 11 {
			_, err := Load(with(whole, file, data[:n]))
			wantRefusal(t, err, file)
		}
	}
}

func TestAppendedBytesAreRefused(t *testing.T) {
	whole := original(t, "single_leaves")
	for file := range whole {
		for _, more := range []string{"\x00", "{}", "1,2,3,0.5\n"} {
			_, err := Load(with(whole, file, slices.Concat(whole[file].Data, []byte(more))))
			wantRefusal(t, err, file)
		}
	}
}

func TestSwappedFilesAreRefused(t *testing.T) {
	ours, theirs := original(t, "imputers"), original(t, "ordinal")
	for _, file := range []string{forestName, goldenName} {
		_, err := Load(with(ours, file, theirs[file].Data))
		wantRefusal(t, err, file+": has ")
	}
	_, err := Load(mapFS(ours[manifestName].Data, ours[goldenName].Data, ours[forestName].Data))
	wantRefusal(t, err, "forest.bin: has ")
	_, err = Load(with(ours, manifestName, theirs[manifestName].Data))
	wantRefusal(t, err, "manifest.json: its SHA-256 is not the one in manifest.sha256")
	_, err = Load(mapFS(theirs[manifestName].Data, ours[forestName].Data, ours[goldenName].Data))
	wantRefusal(t, err, "forest.bin: has ")
}

func TestMissingFilesAreRefused(t *testing.T) {
	whole := original(t, "single_leaves")
	for file := range whole {
		lacking := with(whole, file, nil)
		delete(lacking, file)
		_, err := Load(lacking)
		wantRefusal(t, err, "read bundle: ", file)

		lacking[file+"/inside"] = &fstest.MapFile{}
		_, err = Load(lacking)
		wantRefusal(t, err, file+" is not a file")
	}
}
