package model

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// original returns a bundle's files as they are.
func original(t testing.TB, name string) fstest.MapFS {
	t.Helper()
	fsys, files := bundleFS(name), fstest.MapFS{}
	names, err := fs.Glob(fsys, "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range names {
		data, err := fs.ReadFile(fsys, file)
		if err != nil {
			t.Fatal(err)
		}
		files[file] = &fstest.MapFile{Data: data}
	}
	return files
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
	_, err := Load(with(with(ours, forestName, ours[goldenName].Data), goldenName, ours[forestName].Data))
	wantRefusal(t, err, "forest.bin: has ")
	_, err = Load(with(ours, manifestName, theirs[manifestName].Data))
	wantRefusal(t, err, "manifest.json: its SHA-256 is not the one in manifest.sha256")
	_, err = Load(sign(with(ours, manifestName, nil), theirs[manifestName].Data))
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

// Thousands of bundles with wrong bytes and right checksums: each is refused with a file's name, a class and a hint, or
// is a bundle that reproduces its golden rows.
func TestRandomCorruption(t *testing.T) {
	random := rand.New(rand.NewPCG(2026, 11))
	refused, taken := 0, 0
	for _, bundle := range []struct {
		name   string
		rounds int
	}{{"single_leaves", 1500}, {"calibrated_prefit", 500}} {
		whole := original(t, bundle.name)
		for range bundle.rounds {
			file := []string{manifestName, forestName, goldenName}[random.IntN(3)]
			b, err := Load(resigned(t, whole, file, corrupt(random, whole[file].Data)))
			if err == nil {
				taken++
				if _, rows := b.GoldenFeatures(0); rows == 0 || b.MaxDifference() > maxTolerance {
					t.Errorf("%s: taken with %d golden rows and a difference of %g", bundle.name, rows, b.MaxDifference())
				}
				continue
			}
			refused++
			wantRefusal(t, err)
			if text := err.Error(); !strings.Contains(text, file) && !strings.Contains(text, goldenName+": line ") {
				t.Errorf("%s is hurt, and the error is %q", file, text)
			}
		}
	}
	if refused < 1000 || taken < 10 {
		t.Errorf("%d bundles refused, %d taken", refused, taken)
	}
}

// resigned returns the bundle with one file's bytes replaced, and right checksums.
func resigned(t *testing.T, whole fstest.MapFS, file string, data []byte) fstest.MapFS {
	if file == manifestName {
		return sign(with(whole, digestName, nil), data)
	}
	changed := with(whole, file, data)
	entry := func(data []byte) string {
		return fmt.Sprintf("\"bytes\": %d,\n   \"sha256\": \"%x\"", len(data), sha256.Sum256(data))
	}
	manifest, old := string(whole[manifestName].Data), entry(whole[file].Data)
	if !strings.Contains(manifest, old) {
		t.Fatalf("the manifest has no %s", old)
	}
	manifest = strings.Replace(manifest, old, entry(data), 1)
	return sign(changed, []byte(manifest))
}

// corrupt hurts a file in one of the ways that files are hurt.
func corrupt(random *rand.Rand, data []byte) []byte {
	hurt := append([]byte(nil), data...)
	at := random.IntN(len(hurt))
	end := min(at+1+random.IntN(16), len(hurt))
	switch random.IntN(6) {
	case 0:
		hurt[at] ^= 1 << random.IntN(8)
	case 1:
		hurt[at] = byte(random.Uint32())
	case 2:
		hurt = hurt[:at]
	case 3: // a piece is lost
		hurt = append(hurt[:at], hurt[end:]...)
	case 4: // a piece comes twice
		hurt = append(hurt[:end:end], data[at:]...)
	case 5: // a piece of zeros
		clear(hurt[at:end])
	}
	return hurt
}
