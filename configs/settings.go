package configs

import (
	"os"
	"reflect"
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
