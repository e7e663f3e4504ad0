package model

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"scored/pipeline/feature"
)

// The names and limits of a bundle, see docs/bundle.md.
const (
	manifestName = "manifest.json"
	digestName   = "manifest.sha256" // what sha256sum prints of the manifest
	forestName   = "forest.bin"
	goldenName   = "golden.csv"

	bundleFormat = "scored-bundle/1"
	forestKind   = "random_forest_classifier"

	maxManifestBytes = 8 << 20
	maxDigestBytes   = 256
	maxGoldenBytes   = 256 << 20
	maxGoldenRows    = 100_000
	maxGoldenCells   = 1 << 26 // golden rows x features, which are kept
	maxTolerance     = 1e-9
)

// Manifest says what a bundle is.
type Manifest struct {
	Format    string            `json:"format"`
	Name      string            `json:"name"`
	Created   time.Time         `json:"created"`
	Kind      string            `json:"kind"`
	Versions  map[string]string `json:"versions"`
	Training  map[string]any    `json:"training"`
	Files     []File            `json:"files"`
	Contract  feature.Contract  `json:"contract"`
	Transform []feature.Block   `json:"transform"`
	Features  []string          `json:"features"`
	Positive  string            `json:"positive"`
	Reference Reference         `json:"reference"`
	Grades    Grades            `json:"grades"`
	Golden    Golden            `json:"golden"`
}

// File is one of the bundle's other files.
type File struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // lower-case hex
}

// Golden says how many golden rows there are and how far a probability may lie from theirs.
type Golden struct {
	Rows      int     `json:"rows"`
	Tolerance float64 `json:"tolerance"`
}

// parseManifest decodes a manifest and checks what can be checked without the other files.
func parseManifest(data []byte) (*Manifest, error) {
	m := &Manifest{}
	if err := decodeStrict(data, m); err != nil {
		return nil, err
	}
	for _, check := range []func() error{
		m.checkIdentity, m.checkFiles, m.Reference.validate, m.Grades.validate, m.checkGolden,
	} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Manifest) checkIdentity() error {
	_, offset := m.Created.Zone()
	switch {
	case m.Format != bundleFormat:
		return fmt.Errorf("format: %q is not known, only %q is", m.Format, bundleFormat)
	case m.Kind != forestKind:
		return fmt.Errorf("kind: %q is not known, only %q is", m.Kind, forestKind)
	case !regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`).MatchString(m.Name):
		return errors.New("name: wants a lower-case letter, then up to 39 letters, digits and underscores")
	case offset != 0:
		return errors.New("created: is not in UTC")
	}
	return nil
}

func (m *Manifest) checkFiles() error {
	names := make([]string, 0, len(m.Files))
	for i, f := range m.Files {
		names = append(names, f.Name)
		if f.Bytes < 0 || len(f.SHA256) != 2*sha256.Size || strings.Trim(f.SHA256, "0123456789abcdef") != "" {
			return fmt.Errorf("files[%d]: wants the bytes' number and the 64 lower-case hex digits of their SHA-256", i)
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{forestName, goldenName}) {
		return fmt.Errorf("files: wants %s and %s and no other", forestName, goldenName)
	}
	if m.file(goldenName).Bytes > maxGoldenBytes {
		return fmt.Errorf("files: %s has more than %d bytes", goldenName, maxGoldenBytes)
	}
	return nil
}

func (m *Manifest) checkGolden() error {
	switch g := m.Golden; {
	case g.Rows < 1 || g.Rows > maxGoldenRows:
		return fmt.Errorf("golden.rows: %d is outside 1 to %d", g.Rows, maxGoldenRows)
	case g.Tolerance < 0 || g.Tolerance > maxTolerance:
		return fmt.Errorf("golden.tolerance: %g is outside 0 to %g", g.Tolerance, maxTolerance)
	}
	return nil
}

// file returns the entry of a file that checkFiles has found.
func (m *Manifest) file(name string) File {
	return m.Files[slices.IndexFunc(m.Files, func(f File) bool { return f.Name == name })]
}
