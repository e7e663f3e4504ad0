// Package overlay changes lines of the product for go build -overlay, so that a test can have it built without what makes it
// safe, or with what makes it fail. It is for tests: nothing that is shipped imports it.
package overlay

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Edit puts a line into a source file of the product: before the anchor, behind it, or in its place. The anchor is a whole line
// but for the blanks around it, and must be there exactly once. The file's path begins at the module's root.
type Edit struct {
	file, anchor string
	where        place
	line         string
}

type place int

const (
	behind place = iota
	before
	instead
)

// Behind puts the line behind the anchor.
func Behind(file, anchor, line string) Edit { return Edit{file, anchor, behind, line} }

// Before puts the line before the anchor.
func Before(file, anchor, line string) Edit { return Edit{file, anchor, before, line} }

// Instead puts the line in the anchor's place; "" leaves the anchor out.
func Instead(file, anchor, line string) Edit { return Edit{file, anchor, instead, line} }

// Write makes the edits, in their order, on the files of the module whose root is given, adds files that it has not, by path,
// and writes all that into the folder, with the description that go build -overlay reads, whose path it returns.
func Write(dir, root string, edits []Edit, added map[string]string) (description string, err error) {
	if root, err = filepath.Abs(root); err != nil {
		return "", err
	}
	texts := map[string]string{}
	for _, e := range edits {
		text, edited := texts[e.file]
		if !edited {
			original, err := os.ReadFile(filepath.Join(root, e.file))
			if err != nil {
				return "", err
			}
			text = string(original)
		}
		if texts[e.file], err = e.apply(text); err != nil {
			return "", err
		}
	}
	for file, text := range added {
		texts[file] = text
	}
	replace := map[string]string{}
	for file, text := range texts {
		altered := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(altered, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(root, file)] = altered
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	description = filepath.Join(dir, "overlay.json")
	return description, os.WriteFile(description, text, 0o600)
}

// apply makes the edit on the file's text.
func (e Edit) apply(text string) (string, error) {
	lines := strings.Split(text, "\n")
	at, found := 0, 0
	for i, line := range lines {
		if strings.TrimSpace(line) == e.anchor {
			at, found = i, found+1
		}
	}
	if found != 1 {
		return "", fmt.Errorf("%s has the line %q %d times, want once: give %q another anchor", e.file, e.anchor, found, e.line)
	}
	next := append([]string{}, lines[:at]...)
	switch e.where {
	case before:
		next = append(next, e.line, lines[at])
	case behind:
		next = append(next, lines[at], e.line)
	case instead:
		next = append(next, e.line)
	}
	return strings.Join(append(next, lines[at+1:]...), "\n"), nil
}
