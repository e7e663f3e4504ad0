package configs

import (
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// setting is one key of a config, with its tags and its value.
type setting struct {
	key   string // warehouse.url, jobs[0].targets[1].name
	tag   reflect.StructTag
	value reflect.Value
}

func (s setting) has(rule string) bool { return strings.Contains(s.tag.Get("rule"), rule) }

// settings lists the keys of the struct that v is, sections before what they hold and lists before their entries.
func settings(v reflect.Value, prefix string) (list []setting) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		s := setting{key: prefix + field.Tag.Get("mapstructure"), tag: field.Tag, value: v.Field(i)}
		list = append(list, s)
		switch s.value.Kind() {
		case reflect.Struct:
			list = append(list, settings(s.value, s.key+".")...)
		case reflect.Slice:
			for j := range s.value.Len() {
				list = append(list, settings(s.value.Index(j), s.key+"["+strconv.Itoa(j)+"].")...)
			}
		}
	}
	return list
}

// scalars lists the keys outside jobs that hold a value: those that have a variable.
func scalars(c *Config) (list []setting) {
	for _, s := range settings(reflect.ValueOf(c).Elem(), "") {
		if s.value.Kind() != reflect.Struct && s.value.Kind() != reflect.Slice && !strings.Contains(s.key, "[") {
			list = append(list, s)
		}
	}
	return list
}

// variable names the environment variable of a key outside jobs.
func variable(key string) string {
	return "SCORED_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// overridden says whether the environment sets the key.
func overridden(key string) bool {
	if strings.Contains(key, "[") {
		return false
	}
	_, ok := os.LookupEnv(variable(key))
	return ok
}

// fill puts the defaults into the entries of lists, which viper does not know.
func fill(c *Config) {
	for _, s := range settings(reflect.ValueOf(c).Elem(), "") {
		initial := s.tag.Get("default")
		if initial == "" || !strings.Contains(s.key, "[") || !s.value.IsZero() {
			continue
		}
		if s.value.Kind() == reflect.Float64 { // 0 is in no range, and so was not set
			number, _ := strconv.ParseFloat(initial, 64) // a test asks for a number
			s.value.SetFloat(number)
			continue
		}
		s.value.SetString(initial)
	}
}

// strangers notes the variables that begin like ours and name no key: one of them is misspelt, and its value would be lost
// without a word. Those that Kubernetes sets for a service of the name scored are nobody's mistake.
func (p *problems) strangers() {
	known := map[string]bool{"SCORED_CONFIG": true}
	var names []string
	for _, s := range scalars(new(Config)) {
		known[variable(s.key)] = true
		names = append(names, variable(s.key))
	}
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, variable("")) && !known[name] && !kubernetes.MatchString(name) {
			p.add(name, 0, "is set, and is the variable of no key"+nearest(names, name))
		}
	}
}

// kubernetes matches what it sets for a service: its address, and that of each of its ports.
var kubernetes = regexp.MustCompile(`^SCORED_(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)
