package salesforce

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"scored/pipeline"
)

// spacing is how many changes share a signpost.
const spacing = 16

// signposts shorten the search for a key among a million: the heads of every 16th, close together in memory, where the keys
// themselves are scattered.
type signposts struct {
	prefix string   // that all keys share
	heads  []uint64 // of every 16th key: the first eight bytes behind the prefix
}

func newSignposts(changes []pipeline.Change) (s signposts) {
	if len(changes) == 0 {
		return s
	}
	first, last := changes[0].Key, changes[len(changes)-1].Key
	n := 0
	for n < min(len(first), len(last)) && first[n] == last[n] {
		n++
	}
	s.prefix = first[:n]
	s.heads = make([]uint64, 0, len(changes)/spacing+1)
	for i := 0; i < len(changes); i += spacing {
		s.heads = append(s.heads, head([]byte(changes[i].Key[n:])))
	}
	return s
}

// head is a number that orders as its text does, as far as eight bytes tell.
func head(text []byte) uint64 {
	var b [8]byte
	copy(b[:], text)
	return binary.BigEndian.Uint64(b[:])
}

// around returns bounds between which the key is, if it is there: from the first to before the second.
func (s *signposts) around(key []byte) (from, to int) {
	if !strings.HasPrefix(string(key), s.prefix) {
		return 0, 0
	}
	h := head(key[len(s.prefix):])
	at, _ := slices.BinarySearch(s.heads, h)
	after := len(s.heads)
	if h < math.MaxUint64 {
		after, _ = slices.BinarySearch(s.heads, h+1)
	}
	return max(at-1, 0) * spacing, after * spacing
}
