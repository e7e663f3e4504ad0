package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// decodeStrict decodes one JSON value. Where encoding/json is lenient this is not: an object has every key of the
// struct (but for those tagged omitempty), each once and spelled exactly, and no other; nothing is null; nothing
// follows. Errors name the line and the key.
func decodeStrict(data []byte, into any) error {
	if !utf8.Valid(data) {
		return errors.New("is not UTF-8")
	}
	var syntax *json.SyntaxError
	if err := json.Unmarshal(data, new(json.RawMessage)); errors.As(err, &syntax) {
		return fmt.Errorf("line %d: %w", lineOf(data, syntax.Offset), err)
	} else if err != nil {
		return err
	}
	d := &decoder{data: data, json: json.NewDecoder(bytes.NewReader(data))}
	return d.value("", reflect.ValueOf(into).Elem())
}

// lineOf returns the number of the line that the byte before offset is on.
func lineOf(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:max(0, min(offset-1, int64(len(data))))], []byte("\n"))
}

// decoder fills a Go value from tokens of valid JSON.
type decoder struct {
	data []byte
	json *json.Decoder
}

func (d *decoder) errorf(path, format string, args ...any) error {
	where := fmt.Sprintf("line %d: ", lineOf(d.data, d.json.InputOffset()))
	if path != "" {
		where += path + ": "
	}
	return errors.New(where + fmt.Sprintf(format, args...))
}

func (d *decoder) value(path string, v reflect.Value) error {
	_, decodesItself := v.Addr().Interface().(json.Unmarshaler)
	switch kind := v.Kind(); {
	case decodesItself || kind == reflect.Interface:
		return d.scalar(path, v)
	case kind == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return d.value(path, v.Elem())
	case kind == reflect.Slice:
		return d.list(path, v)
	case kind == reflect.Struct:
		return d.object(path, v)
	case kind == reflect.Map:
		return d.dictionary(path, v)
	}
	return d.scalar(path, v)
}

// scalar leaves the value to encoding/json.
func (d *decoder) scalar(path string, v reflect.Value) error {
	var raw json.RawMessage
	if err := d.json.Decode(&raw); err != nil {
		return d.errorf(path, "%v", err)
	}
	isNull := string(raw) == "null" && v.Kind() != reflect.Interface
	if err := json.Unmarshal(raw, v.Addr().Interface()); err != nil || isNull {
		return d.errorf(path, "is not %s", wanted(v.Type()))
	}
	return nil
}

// wanted names a type as somebody who reads JSON would.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	case reflect.Struct:
		if t.Name() == "Time" {
			return "an RFC 3339 time"
		}
	}
	return "an object"
}

func (d *decoder) list(path string, v reflect.Value) error {
	if err := d.open('[', path, v); err != nil {
		return err
	}
	list := reflect.MakeSlice(v.Type(), 0, 0)
	for d.json.More() {
		item := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(fmt.Sprintf("%s[%d]", path, list.Len()), item); err != nil {
			return err
		}
		list = reflect.Append(list, item)
	}
	v.Set(list)
	_, err := d.json.Token()
	return err
}

func (d *decoder) dictionary(path string, v reflect.Value) error {
	v.Set(reflect.MakeMap(v.Type()))
	return d.members(path, v, func(key, path string) error {
		item := reflect.New(v.Type().Elem()).Elem()
		err := d.value(path, item)
		v.SetMapIndex(reflect.ValueOf(key), item)
		return err
	})
}

func (d *decoder) object(path string, v reflect.Value) error {
	fields := make(map[string]int, v.NumField())
	missing := make([]string, 0, v.NumField())
	for i := range v.NumField() {
		key, option, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		fields[key] = i
		if option != "omitempty" {
			missing = append(missing, key)
		}
	}
	err := d.members(path, v, func(key, path string) error {
		i, ok := fields[key]
		if !ok {
			return d.errorf(path, "unknown key")
		}
		missing = remove(missing, key)
		return d.value(path, v.Field(i))
	})
	if err == nil && len(missing) > 0 {
		err = d.errorf(path, "lacks %s", strings.Join(missing, ", "))
	}
	return err
}

// members calls visit for every key of an object, in order and each once.
func (d *decoder) members(path string, v reflect.Value, visit func(key, path string) error) error {
	if err := d.open('{', path, v); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for d.json.More() {
		token, err := d.json.Token()
		if err != nil {
			return err
		}
		key := token.(string) // an object's members begin with a key
		member := strings.TrimPrefix(path+"."+key, ".")
		if seen[key] {
			return d.errorf(member, "comes twice")
		}
		seen[key] = true
		if err := visit(key, member); err != nil {
			return err
		}
	}
	_, err := d.json.Token()
	return err
}

func (d *decoder) open(bracket json.Delim, path string, v reflect.Value) error {
	if token, err := d.json.Token(); err != nil || token != bracket {
		return d.errorf(path, "is not %s", wanted(v.Type()))
	}
	return nil
}

func remove(keys []string, key string) []string {
	for i := range keys {
		if keys[i] == key {
			return append(keys[:i], keys[i+1:]...)
		}
	}
	return keys
}
