package fakeorg

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// member is one name and value of a JSON object, in the order of the text. The value is nil, string, json.Number, bool,
// []any or []member.
type member struct {
	name  string
	value any
	end   int64 // where in the text the value ends
}

// maxDepth is how deep a request's JSON may nest.
const maxDepth = 32

// decodeBody reads a request's JSON object.
func decodeBody(body []byte) ([]member, *answer) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	v, err := decodeValue(d, 0)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("text after the value")
		}
	}
	if err != nil {
		return nil, parserError(body, d.InputOffset(), "%s", unexpected(body, d.InputOffset(), err))
	}
	members, ok := v.([]member)
	if !ok {
		return nil, parserError(body, d.InputOffset(), "Cannot deserialize instance of object from %v", mismatch(v))
	}
	return members, nil
}

func decodeValue(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("nested too deeply")
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		return decodeMembers(d, depth)
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := decodeValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	default:
		return token, nil
	}
}

func decodeMembers(d *json.Decoder, depth int) (any, error) {
	members := []member{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		text, _ := name.(string)
		value, err := decodeValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		members = append(members, member{text, value, d.InputOffset()})
	}
	_, err := d.Token()
	return members, err
}

func unexpected(body []byte, offset int64, err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "Unexpected end-of-input"
	}
	if offset < int64(len(body)) {
		return fmt.Sprintf("Unexpected character ('%c' (code %d))", body[offset], body[offset])
	}
	return err.Error()
}

// parserError refuses a whole request for its JSON, and says where.
func parserError(body []byte, offset int64, format string, args ...any) *answer {
	offset = min(offset, int64(len(body)))
	line := 1 + bytes.Count(body[:offset], []byte("\n"))
	column := int(offset) - bytes.LastIndexByte(body[:offset], '\n')
	return refuse(http.StatusBadRequest, "JSON_PARSER_ERROR", "%s at [line:%d, column:%d]",
		fmt.Sprintf(format, args...), line, column)
}

// pick returns the value of a member, nil if it isn't there.
func pick(members []member, name string) any {
	for _, m := range members {
		if m.name == name {
			return m.value
		}
	}
	return nil
}
