package configs

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"scored/pipeline"
)

// problems collects everything that is wrong with one file, so that a person edits it once.
type problems struct {
	file  string
	lines map[string]int // where each key of the file stands
	found []problem
}

type problem struct {
	key  string
	line int // 0: not in the file
	text string
}

// add notes what is wrong with a key, unless something is said of it, or of what it lies in, already.
func (p *problems) add(key string, line int, text string) {
	for _, other := range p.found {
		if key == other.key || strings.HasPrefix(key, other.key+".") || strings.HasPrefix(key, other.key+"[") {
			return
		}
	}
	p.found = append(p.found, problem{key, line, text})
}

// value notes what is wrong with a key's value, wherever that came from.
func (p *problems) value(key, text string) {
	if overridden(key) {
		p.add(key, 0, fmt.Sprintf("%s (%s is set)", text, variable(key)))
		return
	}
	p.add(key, p.lineOf(key), text)
}

// lineOf returns the line of a key or, where it is missing, of what it belongs into.
func (p *problems) lineOf(key string) int {
	for {
		line, ok := p.lines[key]
		end := strings.LastIndexAny(key, ".[")
		if ok || end < 0 {
			return line
		}
		key = key[:end]
	}
}

// err is one problem that lists all, in the order of the file.
func (p *problems) err() error {
	if len(p.found) == 0 {
		return nil
	}
	slices.SortStableFunc(p.found, func(a, b problem) int { return cmp.Compare(a.line, b.line) })
	var lines []string
	for _, f := range p.found {
		where := ""
		if f.line > 0 {
			where = fmt.Sprintf("line %d: ", f.line)
		}
		lines = append(lines, where+f.key+": "+f.text)
	}
	if len(lines) == 1 {
		return broken(p.file, errors.New(lines[0]))
	}
	return broken(p.file, fmt.Errorf("%d problems:\n  %s", len(lines), strings.Join(lines, "\n  ")))
}

func broken(file string, err error) error {
	return &pipeline.Problem{Class: pipeline.Configuration, Err: fmt.Errorf("config %s: %w", file, err),
		Hint: "edit the config file; docs/config.md describes every key"}
}
