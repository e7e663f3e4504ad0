package model

import (
	"bytes"
	"encoding/json"
)

// cursor goes through a text that is valid JSON, which encoding/json's own tokens would take far longer for.
type cursor struct {
	data []byte
	at   int
}

// peek returns the first byte of what comes next.
func (c *cursor) peek() byte {
	for c.data[c.at] == ' ' || c.data[c.at] == '\n' || c.data[c.at] == '\t' || c.data[c.at] == '\r' {
		c.at++
	}
	return c.data[c.at]
}

// take says whether b comes next, and goes past it then.
func (c *cursor) take(b byte) bool {
	if c.peek() != b {
		return false
	}
	c.at++
	return true
}

// value returns the next value as it is written, and goes past it.
func (c *cursor) value() []byte {
	first := c.peek()
	start := c.at
	switch first {
	case '"':
		c.text()
	case '{', '[':
		c.nested()
	default:
		for c.at < len(c.data) && bytes.IndexByte([]byte(",]} \n\t\r"), c.data[c.at]) < 0 {
			c.at++
		}
	}
	return c.data[start:c.at]
}

// text goes past a text.
func (c *cursor) text() {
	for c.at++; c.data[c.at] != '"'; c.at++ {
		if c.data[c.at] == '\\' {
			c.at++
		}
	}
	c.at++
}

// nested goes past an object or a list.
func (c *cursor) nested() {
	for depth := 0; ; {
		switch c.data[c.at] {
		case '"':
			c.text()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		c.at++
		if depth == 0 {
			return
		}
	}
}

// unquote returns a text without its quotes; ok is false if the value is none.
func unquote(value []byte) (text string, ok bool) {
	switch {
	case value[0] != '"':
		return "", false
	case bytes.IndexByte(value, '\\') < 0:
		return string(value[1 : len(value)-1]), true
	}
	return text, json.Unmarshal(value, &text) == nil
}
