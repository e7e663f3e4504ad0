package fakeorg

import (
	"bytes"
	"errors"
	"io"
)

// csvError is how a file of a Bulk job can be wrong, in the org's words.
type csvError string

func (e csvError) Error() string { return string(e) }

// The last two spoil the job, the first its row alone.
const (
	errBareQuote  csvError = "Failed to parse CSV. Found unescaped quote. A value with quote should be within a quote"
	errLineEnding csvError = "LineEnding is invalid on user data"
	errOpenQuote  csvError = "Failed to parse CSV. EOF reached before closing an opened quote"
)

// csvReader reads a file of a Bulk job row by row, in place: what it returns is good until the next read.
type csvReader struct {
	data      []byte
	delimiter byte
	crlf      bool // rows end with a carriage return and a line feed, or else with a line feed alone

	at      int // where the next row starts
	fields  [][]byte
	scratch []byte // quoted fields without their doubled quotes
}

// read returns the next row's fields; io.EOF after the last one. Empty lines are passed over. After errBareQuote the
// next row can be read.
func (c *csvReader) read() ([][]byte, error) {
	if !c.skipEmpty() {
		return nil, io.EOF
	}
	c.fields, c.scratch = c.fields[:0], c.scratch[:0]
	for {
		last, err := c.field()
		if errors.Is(err, errBareQuote) {
			return nil, c.skipRow()
		}
		if err != nil || last {
			return c.fields, err
		}
	}
}

// skipEmpty passes over line ends, and tells whether there is a row.
func (c *csvReader) skipEmpty() bool {
	for c.at < len(c.data) {
		switch {
		case c.data[c.at] == '\n':
			c.at++
		case c.data[c.at] == '\r' && c.at+1 < len(c.data) && c.data[c.at+1] == '\n':
			c.at += 2
		default:
			return true
		}
	}
	return false
}

// skipRow leaves a row that can't be read behind.
func (c *csvReader) skipRow() error {
	if end := bytes.IndexByte(c.data[c.at:], '\n'); end >= 0 {
		c.at += end + 1
	} else {
		c.at = len(c.data)
	}
	return errBareQuote
}

// field reads one field and what ends it, and tells whether it was the row's last.
func (c *csvReader) field() (last bool, err error) {
	if c.at < len(c.data) && c.data[c.at] == '"' {
		return c.quoted()
	}
	start := c.at
	for ; c.at < len(c.data); c.at++ {
		switch b := c.data[c.at]; {
		case b == c.delimiter:
			c.fields = append(c.fields, c.data[start:c.at])
			c.at++
			return false, nil
		case b == '\n':
			return true, c.endLine(start)
		case b == '"':
			return false, errBareQuote
		}
	}
	c.fields = append(c.fields, c.data[start:])
	return true, nil
}

// endLine takes the row's last field, without quotes, and the line end that follows it.
func (c *csvReader) endLine(start int) error {
	end := c.at
	c.at++
	if bytes.HasSuffix(c.data[start:end], []byte("\r")) != c.crlf {
		return errLineEnding
	}
	if c.crlf {
		end--
	}
	c.fields = append(c.fields, c.data[start:end])
	return nil
}

// quoted reads a field in quotes. Quotes in it are doubled.
func (c *csvReader) quoted() (last bool, err error) {
	c.at++
	start, kept := c.at, len(c.scratch)
	doubled := false
	for {
		n := bytes.IndexByte(c.data[c.at:], '"')
		if n < 0 {
			return false, errOpenQuote
		}
		end := c.at + n
		c.at = end + 1
		if c.at < len(c.data) && c.data[c.at] == '"' {
			c.at++
			c.scratch = append(c.scratch, c.data[start:end+1]...)
			start, doubled = c.at, true
			continue
		}
		field := c.data[start:end]
		if doubled {
			c.scratch = append(c.scratch, field...)
			field = c.scratch[kept:len(c.scratch):len(c.scratch)]
		}
		c.fields = append(c.fields, field)
		return c.afterQuote()
	}
}

// afterQuote reads what may follow a closing quote: a delimiter, a line end or the end of the file.
func (c *csvReader) afterQuote() (last bool, err error) {
	rest := c.data[c.at:]
	switch {
	case len(rest) == 0:
		return true, nil
	case rest[0] == c.delimiter:
		c.at++
		return false, nil
	case rest[0] == '\n':
		if c.crlf {
			return false, errLineEnding
		}
		c.at++
		return true, nil
	case bytes.HasPrefix(rest, []byte("\r\n")):
		if !c.crlf {
			return false, errLineEnding
		}
		c.at += 2
		return true, nil
	}
	return false, errBareQuote
}
