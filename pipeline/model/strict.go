package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"scored/pipeline/feature"
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
		if strings.HasSuffix(syntax.Error(), "exceeded max depth") {
			return fmt.Errorf("line %d: nests deeper than 10000 levels", lineOf(data, syntax.Offset)) // encoding/json's limit
		}
		return fmt.Errorf("line %d: %w", lineOf(data, syntax.Offset), err)
	} else if err != nil {
		return err
	}
	d := &decoder{cursor: cursor{data: data}, shapes: make(map[reflect.Type]shape)}
	return d.value(reflect.ValueOf(into).Elem())
}

// lineOf returns the number of the line that the byte before offset is on.
func lineOf(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:max(0, min(offset-1, int64(len(data))))], []byte("\n"))
}

// decoder fills a Go value from valid JSON.
type decoder struct {
	cursor
	path   []segment // to the value that is decoded
	shapes map[reflect.Type]shape
}

// segment leads from an object or a list to what is in it.
type segment struct {
	key   string
	index int // in a list; -1 for a key
}

// shape is what an object of a struct's type looks like.
type shape struct {
	keys     []string // of the fields
	optional []bool   // per field
	fields   map[string]int
}

func (d *decoder) shape(t reflect.Type) shape {
	s, ok := d.shapes[t]
	if ok {
		return s
	}
	s.fields = make(map[string]int, t.NumField())
	for i := range t.NumField() {
		key, option, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		s.keys = append(s.keys, key)
		s.optional = append(s.optional, option == "omitempty")
		s.fields[key] = i
	}
	d.shapes[t] = s
	return s
}

func (d *decoder) enter(key string, index int) { d.path = append(d.path, segment{key, index}) }
func (d *decoder) leave()                      { d.path = d.path[:len(d.path)-1] }

// errorf says where the decoder is.
func (d *decoder) errorf(format string, args ...any) error {
	var where strings.Builder
	fmt.Fprintf(&where, "line %d: ", lineOf(d.data, int64(d.at)))
	for i, s := range d.path {
		switch {
		case s.index >= 0:
			fmt.Fprintf(&where, "[%d]", s.index)
		case i > 0:
			where.WriteString("." + feature.Shown(s.key))
		default:
			where.WriteString(feature.Shown(s.key))
		}
	}
	if len(d.path) > 0 {
		where.WriteString(": ")
	}
	return errors.New(where.String() + fmt.Sprintf(format, args...))
}

func (d *decoder) value(v reflect.Value) error {
	kind := v.Kind()
	if kind == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		return d.value(v.Elem())
	}
	if kind == reflect.Interface {
		return d.foreign(v)
	}
	if _, decodesItself := v.Addr().Interface().(json.Unmarshaler); decodesItself {
		return d.foreign(v)
	}
	switch kind {
	case reflect.Slice:
		return d.list(v)
	case reflect.Struct:
		return d.object(v)
	case reflect.Map:
		return d.dictionary(v)
	}
	return d.scalar(v)
}

// foreign leaves the value to encoding/json.
func (d *decoder) foreign(v reflect.Value) error {
	raw := d.cursor.value()
	isNull := string(raw) == "null" && v.Kind() != reflect.Interface
	if err := json.Unmarshal(raw, v.Addr().Interface()); err != nil || isNull {
		return d.errorf("is not %s", wanted(v.Type()))
	}
	return nil
}

func (d *decoder) scalar(v reflect.Value) error {
	if !set(v, d.cursor.value()) {
		return d.errorf("is not %s", wanted(v.Type()))
	}
	return nil
}

// set says whether the value, as it is written, is one of v's type.
func set(v reflect.Value, written []byte) bool {
	switch v.Kind() {
	case reflect.String:
		text, ok := unquote(written)
		v.SetString(text)
		return ok
	case reflect.Bool:
		v.SetBool(string(written) == "true")
		return v.Bool() || string(written) == "false"
	case reflect.Float64:
		x, err := strconv.ParseFloat(string(written), 64)
		v.SetFloat(x)
		return err == nil
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(string(written), 10, v.Type().Bits())
		v.SetInt(n)
		return err == nil
	}
	return false
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

func (d *decoder) list(v reflect.Value) error {
	if !d.take('[') {
		return d.errorf("is not %s", wanted(v.Type()))
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	for at := 0; !d.take(']'); at++ {
		if at == v.Cap() {
			v.Grow(1)
		}
		v.SetLen(at + 1)
		d.enter("", at)
		if err := d.value(v.Index(at)); err != nil {
			return err
		}
		d.leave()
		d.take(',')
	}
	return nil
}

func (d *decoder) dictionary(v reflect.Value) error {
	v.Set(reflect.MakeMap(v.Type()))
	seen := make(map[string]bool)
	return d.members(v, func(key string) error {
		if seen[key] {
			return d.errorf("comes twice")
		}
		seen[key] = true
		item := reflect.New(v.Type().Elem()).Elem()
		err := d.value(item)
		v.SetMapIndex(reflect.ValueOf(key), item)
		return err
	})
}

func (d *decoder) object(v reflect.Value) error {
	shape := d.shape(v.Type())
	seen := make([]bool, len(shape.keys))
	err := d.members(v, func(key string) error {
		i, ok := shape.fields[key]
		switch {
		case !ok:
			return d.errorf("unknown key")
		case seen[i]:
			return d.errorf("comes twice")
		}
		seen[i] = true
		return d.value(v.Field(i))
	})
	if err != nil {
		return err
	}
	var missing []string
	for i, key := range shape.keys {
		if !seen[i] && !shape.optional[i] {
			missing = append(missing, key)
		}
	}
	if missing != nil {
		return d.errorf("lacks %s", strings.Join(missing, ", "))
	}
	return nil
}

// members calls visit for every key of an object, in order.
func (d *decoder) members(v reflect.Value, visit func(key string) error) error {
	if !d.take('{') {
		return d.errorf("is not %s", wanted(v.Type()))
	}
	for !d.take('}') {
		key, _ := unquote(d.cursor.value()) // an object's members begin with a key
		d.enter(key, -1)
		d.take(':')
		if err := visit(key); err != nil {
			return err
		}
		d.leave()
		d.take(',')
	}
	return nil
}
