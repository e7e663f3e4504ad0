package configs

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// example is a config with one entry in each list, so that its settings are all there are.
func example() *Config {
	return &Config{Jobs: []Job{{Targets: []Target{{Fields: []Field{{}}}}}}}
}

// leaves lists the keys that hold a value, with [] for an entry of a list.
func leaves(c *Config) (list []setting) {
	for _, s := range settings(reflect.ValueOf(c).Elem(), "") {
		if s.value.Kind() == reflect.Slice || s.value.Kind() == reflect.Struct {
			continue
		}
		s.key = regexp.MustCompile(`\[\d+\]`).ReplaceAllString(s.key, "[]")
		list = append(list, s)
	}
	return list
}

// docs/config.md has a row per key, in the order of the code, with its variable and default.
func TestEveryKeyIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| `") {
			cells := strings.Split(line, "|")
			got = append(got, strings.TrimSpace(strings.Join(cells[1:len(cells)-2], "|")))
		}
	}
	var want []string
	for _, s := range leaves(example()) {
		cells := []string{"`" + s.key + "`"}
		if !strings.Contains(s.key, "[]") {
			cells = append(cells, "`"+variable(s.key)+"`")
		}
		initial := "none"
		if text := s.tag.Get("default"); text != "" {
			initial = "`" + text + "`"
		} else if s.has("required") {
			initial = "required"
		}
		want = append(want, strings.Join(append(cells, initial), " | "))
	}
	if !slices.Equal(got, want) {
		t.Errorf("docs/config.md has\n%s\nthe code has\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The reference file holds every key, in the order of the code, and the defaults where there are any.
func TestReferenceFileIsComplete(t *testing.T) {
	text, err := os.ReadFile("scored.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	var got []string
	values := map[string]string{}
	var walk func(node *yaml.Node, key string)
	walk = func(node *yaml.Node, key string) {
		switch node.Kind {
		case yaml.MappingNode:
			for i := 0; i < len(node.Content); i += 2 {
				walk(node.Content[i+1], strings.TrimPrefix(key+"."+node.Content[i].Value, "."))
			}
		case yaml.SequenceNode:
			for _, entry := range node.Content {
				walk(entry, key+"[]")
			}
		default:
			if _, seen := values[key]; !seen {
				got = append(got, key)
			}
			values[key] = node.Value
		}
	}
	walk(root.Content[0], "")
	var want []string
	for _, s := range leaves(example()) {
		want = append(want, s.key)
		if initial, ok := s.tag.Lookup("default"); ok && values[s.key] != initial {
			t.Errorf("%s is %q, and the default %q", s.key, values[s.key], initial)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("scored.yaml has\n%s\nthe code has\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestReferenceFileLoads(t *testing.T) {
	c, err := Load("scored.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if job := c.Jobs[0]; job.Dataprep != "../sql/dataprep/lead_scoring.sql" || job.Bundle != "bundles/lead_scoring" || len(job.Targets[0].Fields) != 7 {
		t.Errorf("got %+v", job)
	}
}
