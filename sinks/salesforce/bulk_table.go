package salesforce

import (
	"bytes"
	"errors"
	"io"
)

const (
	tableMemory = 256 << 10 // at first
	maxRow      = 4 << 20   // bytes of a result file
)

// How a result file can be wrong.
var (
	errCSV    = errors.New("no CSV")
	errCut    = errors.New("a row that is cut off")
	errWidth  = errors.New("a row with another number of columns than the header")
	errLength = errors.New("a row longer than 4 MB")
	errEmpty  = errors.New("nothing, not even a header")
	errColumn = errors.New("a header without the columns that belong there")
)

// table reads a result file row by row, and of each row the wanted columns alone. encoding/csv would make a string of
// every field.
type table struct {
	in     io.Reader
	memory []byte
	text   []byte // of memory: read, and not given out
	ended  bool   // in has no more

	slots   []int    // per column of the file: its place in fields, or -1
	fields  [][]byte // the wanted columns of a row, good until the next one
	doubled []bool   // per field: its quotes are doubled
}

// newTable reads the header, where the wanted columns may stand in any order and case. A file with nothing in it is errEmpty.
func newTable(in io.Reader, wanted ...string) (*table, error) {
	t := &table{in: in, memory: make([]byte, tableMemory), fields: make([][]byte, len(wanted)), doubled: make([]bool, len(wanted))}
	const mark = "\uFEFF"
	for len(t.text) < len(mark) && !t.ended {
		if err := t.fill(); err != nil {
			return nil, err
		}
	}
	t.text = bytes.TrimPrefix(t.text, []byte(mark))
	var names [][]byte
	err := t.row(func(column int, name []byte, _ bool) { names = append(names[:column], name) })
	if errors.Is(err, io.EOF) {
		return nil, errEmpty
	}
	if err != nil {
		return nil, err
	}
	t.slots = make([]int, len(names))
	for i := range t.slots {
		t.slots[i] = -1
	}
	for slot, name := range wanted {
		if !t.place(slot, name, names) {
			return nil, errColumn
		}
	}
	return t, nil
}

// place finds the one column of that name.
func (t *table) place(slot int, name string, names [][]byte) bool {
	found := 0
	for i, n := range names {
		if bytes.EqualFold(n, []byte(name)) {
			t.slots[i] = slot
			found++
		}
	}
	return found == 1
}

// next returns the next row's wanted columns, in the order of newTable's; io.EOF after the last row.
func (t *table) next() ([][]byte, error) {
	columns := 0
	err := t.row(func(column int, text []byte, doubled bool) {
		columns = column + 1
		if column < len(t.slots) && t.slots[column] >= 0 {
			t.fields[t.slots[column]], t.doubled[t.slots[column]] = text, doubled
		}
	})
	switch {
	case err != nil:
		return nil, err
	case columns != len(t.slots):
		return nil, errWidth
	}
	for i, doubled := range t.doubled {
		if doubled {
			t.fields[i] = undouble(t.fields[i])
		}
	}
	return t.fields, nil
}

// row hands the next row's fields to field, without their quotes. It begins again where the row turns out not to be in
// memory as a whole.
func (t *table) row(field func(column int, text []byte, doubled bool)) error {
	for {
		t.text = bytes.TrimLeft(t.text, "\r\n") // empty lines are no rows
		length, err := 0, errCut
		if len(t.text) > 0 {
			length, err = split(t.text, t.ended, field)
		} else if t.ended {
			return io.EOF
		}
		if err == nil {
			t.text = t.text[length:]
			return nil
		}
		if !errors.Is(err, errCut) || t.ended {
			return err
		}
		if err := t.fill(); err != nil {
			return err
		}
	}
}

// fill reads more behind text.
func (t *table) fill() error {
	if len(t.text) == len(t.memory) {
		if len(t.memory) >= maxRow {
			return errLength
		}
		t.memory = make([]byte, 2*len(t.memory))
	}
	kept := copy(t.memory, t.text)
	n, err := t.in.Read(t.memory[kept:])
	t.text = t.memory[:kept+n]
	t.ended = errors.Is(err, io.EOF)
	if t.ended {
		return nil
	}
	return err
}

// split hands the fields of text's first row to field, and returns the row's length with its line end. last says that
// nothing follows text; otherwise errCut says that more of it is needed.
func split(text []byte, last bool, field func(column int, text []byte, doubled bool)) (length int, err error) {
	for column, at := 0, 0; ; column++ {
		var end int
		var doubled bool
		start := at
		if at < len(text) && text[at] == '"' {
			start++
			if end, doubled, err = closing(text, start); err != nil {
				return 0, err
			}
			at = end + 1
		} else {
			for at < len(text) && text[at] != ',' && text[at] != '\n' && text[at] != '"' {
				at++
			}
			end = at
			if at < len(text) && text[at] == '\n' && at > start && text[at-1] == '\r' {
				end--
			}
		}
		rest := text[at:]
		switch {
		case len(rest) == 0 && !last, len(rest) == 1 && rest[0] == '\r' && !last:
			return 0, errCut
		case len(rest) > 0 && rest[0] == ',':
			field(column, text[start:end], doubled)
			at++
			continue
		case len(rest) == 0:
		case rest[0] == '\n':
			at++
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			at += 2
		default:
			return 0, errCSV
		}
		field(column, text[start:end], doubled)
		return at, nil
	}
}

// closing finds the quote that ends the field which begins at start, behind its first quote.
func closing(text []byte, start int) (at int, doubled bool, err error) {
	for at = start; ; at += 2 {
		n := bytes.IndexByte(text[at:], '"')
		if n < 0 {
			return 0, false, errCut
		}
		at += n
		if at+1 == len(text) || text[at+1] != '"' {
			return at, doubled, nil
		}
		doubled = true
	}
}

// undouble writes single quotes for doubled ones, in place.
func undouble(text []byte) []byte {
	kept := text[:0]
	for {
		at := bytes.IndexByte(text, '"')
		if at < 0 {
			return append(kept, text...)
		}
		kept = append(kept, text[:at+1]...)
		text = text[at+2:]
	}
}
