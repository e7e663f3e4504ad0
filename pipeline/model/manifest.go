package model

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"scored/pipeline/feature"
	"scored/pipeline/forest"
)

// The names and limits of a bundle, see docs/bundle.md.
const (
	manifestName = "manifest.json"
	digestName   = "manifest.sha256" // what sha256sum prints of the manifest
	forestName   = "forest.bin"      // of a model of one forest
	forestsName  = "forest-%d.bin"   // of a model of several
	goldenName   = "golden.csv"

	bundleFormat = "scored-bundle/2"

	maxManifestBytes = 8 << 20
	maxDigestBytes   = 256
	maxMembers       = 64
	maxGoldenBytes   = 256 << 20
	maxGoldenRows    = 100_000
	maxTolerance     = 1e-9
)

const hintRename = "rename the column in the dataprep script, train on it under the new name, and export again"

// Manifest says what a bundle is.
type Manifest struct {
	Format    string            `json:"format"`
	Name      string            `json:"name"`
	Created   time.Time         `json:"created"`
	Trained   *time.Time        `json:"trained,omitempty"`
	Source    string            `json:"source"` // the revision of the training code; may be empty
	Kind      string            `json:"kind"`
	Versions  map[string]string `json:"versions"`
	Training  map[string]any    `json:"training"`
	Files     []File            `json:"files"`
	Contract  feature.Contract  `json:"contract"`
	Members   []MemberEntry     `json:"members"`
	Positive  string            `json:"positive"`
	Reference Reference         `json:"reference"`
	Reasons   Reasons           `json:"reasons"`
	Grades    Grades            `json:"grades"`
	Golden    Golden            `json:"golden"`
}

// File is one of the bundle's other files.
type File struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // lower-case hex
}

// MemberEntry is one of the forests whose mean the model is.
type MemberEntry struct {
	Forest      string          `json:"forest"` // the file's name
	Transform   []feature.Block `json:"transform"`
	Features    []string        `json:"features"`
	Calibration *Calibration    `json:"calibration,omitempty"`
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
		if format := formatOf(data); format != "" && format != bundleFormat {
			return nil, unknownFormat(format) // whose keys are others
		}
		return nil, err
	}
	for _, check := range []func() error{
		m.checkIdentity, m.checkContract, m.checkMembers, m.checkFiles, m.checkReference, m.Grades.validate, m.checkGolden,
	} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// formatOf returns what a manifest of any format says of itself, or "".
func formatOf(data []byte) string {
	var keys map[string]json.RawMessage
	var format string
	if json.Unmarshal(data, &keys) != nil || json.Unmarshal(keys["format"], &format) != nil {
		return ""
	}
	return format
}

func unknownFormat(format string) error {
	return refuse(hintFormat, "format: %.60q is not known, only %q is", format, bundleFormat)
}

var modelName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

func (m *Manifest) checkIdentity() error {
	for _, at := range []struct {
		key  string
		time *time.Time
	}{{"created", &m.Created}, {"trained", m.Trained}} {
		if at.time == nil {
			continue
		}
		if _, offset := at.time.Zone(); offset != 0 {
			return fmt.Errorf("%s: is not in UTC", at.key)
		}
	}
	switch {
	case m.Format != bundleFormat:
		return unknownFormat(m.Format)
	case m.Kind != "random_forest_classifier" && m.Kind != "extra_trees_classifier":
		return fmt.Errorf("kind: %.60q is neither random_forest_classifier nor extra_trees_classifier", m.Kind)
	case !modelName.MatchString(m.Name):
		return errors.New("name: wants a lower-case letter, then up to 39 letters, digits and underscores")
	}
	return nil
}

func (m *Manifest) checkContract() error {
	if err := m.Contract.Validate(); err != nil {
		return fmt.Errorf("contract: %w", err)
	}
	// Rows to verify name their columns, and that one holds the expected answers.
	if slices.ContainsFunc(m.Contract, func(c feature.Column) bool { return c.Name == probabilityName }) {
		return refuse(hintRename, "contract: column %q: the name is taken by what the fitted pipeline gave", probabilityName)
	}
	return nil
}

func (m *Manifest) checkMembers() error {
	if n := len(m.Members); n < 1 || n > maxMembers {
		return fmt.Errorf("members: has %d, outside 1 to %d", n, maxMembers)
	}
	for i, member := range m.Members {
		want := forestName
		if len(m.Members) > 1 {
			want = fmt.Sprintf(forestsName, i+1)
		}
		if member.Forest != want {
			return fmt.Errorf("members[%d].forest: wants %s", i, want)
		}
		if c := member.Calibration; c != nil {
			if err := c.validate(); err != nil {
				return fmt.Errorf("members[%d].calibration: %w", i, err)
			}
		}
	}
	return nil
}

func (m *Manifest) checkFiles() error {
	var names []string
	for i, f := range m.Files {
		names = append(names, f.Name)
		if f.Bytes < 0 || len(f.SHA256) != 2*sha256.Size || strings.Trim(f.SHA256, "0123456789abcdef") != "" {
			return fmt.Errorf("files[%d]: wants the bytes' number and the 64 lower-case hex digits of their SHA-256", i)
		}
	}
	want := []string{goldenName}
	for _, member := range m.Members {
		want = append(want, member.Forest)
	}
	slices.Sort(names)
	slices.Sort(want)
	if !slices.Equal(names, want) {
		return fmt.Errorf("files: wants %s, each once, and no other", strings.Join(want, ", "))
	}
	for i, f := range m.Files {
		limit := forest.MaxBytes
		if f.Name == goldenName {
			limit = maxGoldenBytes
		}
		if f.Bytes > limit {
			return fmt.Errorf("files[%d]: %s has more than %d bytes", i, f.Name, limit)
		}
	}
	return nil
}

func (m *Manifest) checkReference() error { return m.Reference.validate(m.Contract) }

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
