package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	levelType    = reflect.TypeFor[slog.Level]()
)

// document parses the file's text into its root, with the lines that viper doesn't keep.
func document(text []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	err := decoder.Decode(&doc)
	if errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0 {
		return nil, errors.New("it is empty")
	}
	if err != nil {
		return nil, err
	}
	if root := doc.Content[0]; root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: it is not a list of keys with values", max(1, root.Line))
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("it holds more than one document (---)")
	}
	return doc.Content[0], nil
}

// shape compares a node of the file with the type it is meant for: names to the letter, as viper would ignore their
// case, and types without the conversions that make 66 out of 66.0.
func (p *problems) shape(node *yaml.Node, t reflect.Type, tag reflect.StructTag, key string) {
	p.lines[key] = node.Line
	switch {
	case node.Kind == yaml.AliasNode || node.Anchor != "":
		p.add(key, node.Line, "anchors and aliases are not supported: write the value out")
	case node.Kind == yaml.ScalarNode && node.Tag == "!!null": // as if it weren't there
	case t.Kind() == reflect.Struct:
		p.section(node, t, key)
	case t.Kind() == reflect.Slice:
		if node.Kind != yaml.SequenceNode {
			p.add(key, node.Line, "must be a list (- ...)")
			return
		}
		for i, entry := range node.Content {
			p.shape(entry, t.Elem(), tag, fmt.Sprintf("%s[%d]", key, i))
		}
	default:
		p.scalar(node, t, tag, key)
	}
}

func (p *problems) section(node *yaml.Node, t reflect.Type, key string) {
	if node.Kind != yaml.MappingNode {
		p.add(key, node.Line, "must be keys with values (key: value)")
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		full := name.Value
		if key != "" {
			full = key + "." + name.Value
		}
		field, known := fieldNamed(t, name.Value)
		switch line := seen[name.Value]; {
		case !known:
			p.add(full, name.Line, "unknown key"+suggestion(t, name.Value))
		case line > 0:
			p.add(full, name.Line, fmt.Sprintf("is set twice, at line %d first", line))
		default:
			p.shape(value, field.Type, field.Tag, full)
		}
		seen[name.Value] = name.Line
	}
}

func (p *problems) scalar(node *yaml.Node, t reflect.Type, tag reflect.StructTag, key string) {
	switch {
	case node.Kind != yaml.ScalarNode:
		p.add(key, node.Line, "must be a single value")
	case t == durationType || t == levelType || t.Kind() == reflect.Int || t.Kind() == reflect.Float64:
		if fault := misread(node.Value, t, tag); fault != "" {
			p.add(key, node.Line, fault)
		}
	case node.Tag != "!!str":
		p.add(key, node.Line, fmt.Sprintf("must be text: put %s in quotes", node.Value))
	}
}

// misread says what keeps a text from being a value of the type and within the range of the tag, or "".
func misread(text string, t reflect.Type, tag reflect.StructTag) string {
	switch t {
	case reflect.TypeFor[int]():
		least, most := bounds[int](tag)
		if n, err := strconv.Atoi(text); err != nil || n < least || n > most {
			return fmt.Sprintf("%q is not a whole number from %d to %d", text, least, most)
		}
	case reflect.TypeFor[float64]():
		least, most := bounds[float64](tag)
		if n, err := strconv.ParseFloat(text, 64); err != nil || !(n >= least && n <= most) { // nor is it NaN
			return fmt.Sprintf("%q is not a number from %v to %v", text, least, most)
		}
	case durationType:
		d, err := time.ParseDuration(text)
		if err == nil && d <= 0 {
			return fmt.Sprintf("%q is not longer than 0s", text)
		}
		if err != nil {
			return fmt.Sprintf("%q is not a duration with a unit, such as 30s or 10m", text)
		}
	case levelType:
		if !slices.Contains([]string{"debug", "info", "warn", "error"}, text) {
			return fmt.Sprintf("%q is not one of debug, info, warn and error", text)
		}
	}
	return ""
}

// bounds reads the range of a number.
func bounds[T int | float64](tag reflect.StructTag) (least, most T) {
	_, _ = fmt.Sscan(tag.Get("range"), &least, &most) // without one, 0 is all that is taken: a test asks for it
	return least, most
}

func fieldNamed(t reflect.Type, name string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if f := t.Field(i); f.Tag.Get("mapstructure") == name {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// suggestion names the key of t that is most like name, if one is near enough to be meant.
func suggestion(t reflect.Type, name string) string {
	var names []string
	for i := range t.NumField() {
		names = append(names, t.Field(i).Tag.Get("mapstructure"))
	}
	return nearest(names, strings.ToLower(name))
}

func nearest(names []string, name string) string {
	best, least := "", 3+len(name)/6
	for _, known := range names {
		if d := distance(name, known); d < least && d < len(known) {
			best, least = known, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(`, did you mean "%s"?`, best)
}

// distance counts the bytes to insert, delete or replace to get from a to b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
