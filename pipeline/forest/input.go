package forest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// input reads little-endian values. After an error it gives zeros, and err says what happened.
type input struct {
	r     *bufio.Reader
	zeros [8]byte
	err   error
}

// bytes returns the next n bytes, at most 8, which hold until the next call.
func (in *input) bytes(n int) []byte {
	if in.err != nil {
		return in.zeros[:n]
	}
	b, err := in.r.Peek(n)
	if err != nil {
		in.err = err
		return in.zeros[:n]
	}
	_, in.err = in.r.Discard(n) // of what Peek has shown: no error
	return b
}

func (in *input) text(n int) string { return string(in.bytes(n)) }
func (in *input) byte() byte        { return in.bytes(1)[0] }
func (in *input) uint32() uint32    { return binary.LittleEndian.Uint32(in.bytes(4)) }
func (in *input) float64() float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(in.bytes(8)))
}

func (in *input) atEnd() error {
	if in.err != nil {
		return in.err
	}
	if _, err := in.r.ReadByte(); err == nil {
		return fmt.Errorf("goes on after %s", endMarker)
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}
