package warehouse

import (
	"bytes"

	"scored/pipeline"
)

// keyReader gathers a batch's keys in one piece of memory, which becomes their strings at once.
type keyReader struct {
	index  int
	append func(dst, raw []byte) ([]byte, error)
	arena  []byte
	ends   []int
}

func (k *keyReader) rows() int { return len(k.ends) }

// read adds a key; NULL is the empty key.
func (k *keyReader) read(raw []byte) (err error) {
	if raw != nil {
		if k.arena, err = k.append(k.arena, raw); err != nil {
			return err
		}
	}
	k.ends = append(k.ends, len(k.arena))
	return nil
}

// take returns the keys in the memory of dst and forgets them.
func (k *keyReader) take(dst []string) []string {
	all, start := string(k.arena), 0
	for _, end := range k.ends {
		dst = append(dst, all[start:end])
		start = end
	}
	k.arena, k.ends = k.arena[:0], k.ends[:0]
	return dst
}

// maxKnown bounds the strings that a dictionary keeps from batch to batch.
const maxKnown = 1 << 16

// dictionary numbers the distinct texts of a batch. It keeps the strings, so that one that comes in every batch is
// allocated once.
type dictionary struct {
	padding string // what values are filled up with at their end
	codes   map[string]int32
	known   map[string]string
}

func newDictionary(padding string) *dictionary {
	return &dictionary{padding: padding, codes: make(map[string]int32), known: make(map[string]string)}
}

// code returns the number of a text in the column's Dict, where it puts it if it is new. NULL and empty text are missing.
func (d *dictionary) code(raw []byte, column *pipeline.Column) int32 {
	if raw = bytes.TrimRight(raw, d.padding); len(raw) == 0 {
		return pipeline.NoText
	}
	if code, ok := d.codes[string(raw)]; ok {
		return code
	}
	text, ok := d.known[string(raw)]
	if !ok {
		if len(d.known) == maxKnown {
			clear(d.known)
		}
		text = string(raw)
		d.known[text] = text
	}
	code := int32(len(column.Dict))
	column.Dict = append(column.Dict, text)
	d.codes[text] = code
	return code
}

func (d *dictionary) reset() { clear(d.codes) }
