// Package model loads bundles: it checks a folder that scored-export wrote, by checksums and by scoring its golden rows
// again through the whole path, and makes a [pipeline.Model] of it. A bundle that does not reproduce the model that was
// trained is refused.
package model

import (
	"fmt"
	"io"
	"io/fs"

	"scored/pipeline"
	"scored/pipeline/feature"
	"scored/pipeline/forest"
)

// Bundle is a loaded and checked bundle. It is immutable; any number of goroutines may use it.
type Bundle struct {
	manifest Manifest
	digest   string
	plans    []*feature.Plan // each once
	members  []Member
	phrases  *phrases
	golden   goldenRows
}

// Load reads the bundle in the root of fsys. Its errors are [pipeline.Configuration] problems that name the file within
// the bundle, with the key, line, row, tree or column concerned.
func Load(fsys fs.FS) (*Bundle, error) {
	data, digest, err := readManifest(fsys)
	if err != nil {
		return nil, err
	}
	manifest, err := parseManifest(data)
	if err != nil {
		return nil, refuseFile(manifestName, err)
	}
	b := &Bundle{manifest: *manifest, digest: digest}
	if b.phrases, err = newPhrases(manifest.Contract, manifest.Reasons); err != nil {
		return nil, refuseFile(manifestName, err)
	}
	if err := b.addPlans(); err != nil {
		return nil, refuseFile(manifestName, err)
	}
	for i := range b.members {
		if err := readFile(fsys, manifest.file(manifest.Members[i].Forest), b.members[i].readForest); err != nil {
			return nil, err
		}
	}
	if err := b.checkWork(); err != nil {
		return nil, refuseFile(goldenName, err)
	}
	if err := readFile(fsys, manifest.file(goldenName), b.readGolden); err != nil {
		return nil, err
	}
	return b, nil
}

func (m *Member) readForest(r io.Reader, size int64) (err error) {
	if m.Forest, err = forest.Read(r, size); err != nil {
		return err
	}
	if m.Forest.Features() != m.Plan.Width() {
		return fmt.Errorf("has %d features, %s has %d", m.Forest.Features(), manifestName, m.Plan.Width())
	}
	return nil
}

// Name is the bundle's name, "@" and the first 8 digits of its digest.
func (b *Bundle) Name() string { return b.manifest.Name + "@" + b.digest[:8] }

// Digest is the hex SHA-256 of manifest.json, which holds the digests of the other files.
func (b *Bundle) Digest() string { return b.digest }

// Manifest returns what the bundle says of itself; the caller must not change what it refers to.
func (b *Bundle) Manifest() Manifest { return b.manifest }

// Members returns the forests whose mean the model is, in order; the caller must not change them.
func (b *Bundle) Members() []Member { return b.members }

// GoldenFeatures returns a member's features of the golden rows that are scored: a row-major matrix of rows x
// Plan.Width() that the caller must not change.
func (b *Bundle) GoldenFeatures(member int) (x []float32, rows int) {
	return b.golden.features[b.members[member].plan], b.golden.scored
}

// MaxDifference returns how far, at most, a probability lies from its golden row's.
func (b *Bundle) MaxDifference() float64 { return b.golden.maxDifference }

// Bind matches the columns of a dataprep result with the contract.
func (b *Bundle) Bind(columns []pipeline.Column) (pipeline.Scorer, error) {
	return b.bind(columns)
}
