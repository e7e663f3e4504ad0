package model

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"

	"scored/pipeline"
)

// What the operator can do about a bundle that is refused.
const (
	hintFolder = "point the job's bundle at a folder that scored-export wrote: manifest.json with its manifest.sha256, forest.bin and golden.csv"
	hintCopy   = "the bundle is not as it was exported: copy the whole folder again from where scored-export wrote it"
	hintExport = "export the bundle again with the scored-export of this release; do not edit a bundle by hand"
	hintFormat = "export the model again with this release's scored-export: it writes " + bundleFormat
	hintGolden = "do not use this bundle: it does not reproduce the model that was trained; export it again, and if " +
		"that does not help, report it with the manifest"
	hintVerify = "give a CSV with a header: the contract's columns, and probability with what predict_proba gave or refused"
)

// refuse makes the error of a bundle that is not loaded.
func refuse(hint, format string, args ...any) error {
	return &pipeline.Problem{Class: pipeline.Configuration, Err: fmt.Errorf(format, args...), Hint: hint}
}

// refuseFile refuses a bundle for what is wrong in one of its files; an error that is a problem already keeps its hint.
func refuseFile(name string, err error) error {
	hint := hintExport
	if pipeline.ClassOf(err) != 0 {
		hint = pipeline.HintOf(err)
	}
	return refuse(hint, "%s: %w", name, err)
}

// open opens a regular file and tells its size. It asks before it opens: opening a pipe would wait for its writer.
func open(fsys fs.FS, name string) (fs.File, int64, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, 0, refuse(hintFolder, "read bundle: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, 0, refuse(hintFolder, "read bundle: %s is not a file", name)
	}
	file, err := fsys.Open(name)
	if err != nil {
		return nil, 0, refuse(hintFolder, "read bundle: %w", err)
	}
	return file, info.Size(), nil
}

// readManifest returns the manifest's bytes and their digest, which is the one that the file beside it holds.
func readManifest(fsys fs.FS) (data []byte, digest string, err error) {
	data, err = readAll(fsys, manifestName, maxManifestBytes)
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(data)
	digest = hex.EncodeToString(sum[:])
	stated, err := readAll(fsys, digestName, maxDigestBytes)
	if err != nil {
		return nil, "", err
	}
	if string(stated) != digest+"  "+manifestName+"\n" {
		return nil, "", refuse(hintCopy, "%s: its SHA-256 is not the one in %s", manifestName, digestName)
	}
	return data, digest, nil
}

func readAll(fsys fs.FS, name string, limit int64) ([]byte, error) {
	file, size, err := open(fsys, name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if size > limit {
		return nil, refuse(hintExport, "%s: has %d bytes, more than %d", name, size, limit)
	}
	data, err := io.ReadAll(io.LimitReader(file, limit))
	if err != nil {
		return nil, refuse(hintFolder, "read bundle: %w", err)
	}
	return data, nil
}

// readFile hands a file to parse while its digest is taken, in one pass. A wrong digest is the finding, whatever parse
// made of the wrong bytes.
func readFile(fsys fs.FS, want File, parse func(r io.Reader, size int64) error) error {
	file, size, err := open(fsys, want.Name)
	if err != nil {
		return err
	}
	defer file.Close()
	if size != want.Bytes {
		return refuse(hintCopy, "%s: has %d bytes, %s says %d", want.Name, size, manifestName, want.Bytes)
	}
	sum := sha256.New()
	r := io.TeeReader(io.LimitReader(file, size+1), sum)
	parseErr := parse(r, size)
	if _, err := io.Copy(io.Discard, r); err != nil {
		return refuse(hintFolder, "read bundle: %w", err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != want.SHA256 {
		return refuse(hintCopy, "%s: its SHA-256 is not the one in %s", want.Name, manifestName)
	}
	if parseErr != nil {
		return refuseFile(want.Name, parseErr)
	}
	return nil
}
