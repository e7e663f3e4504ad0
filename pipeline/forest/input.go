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
	r       *bufio.Reader
	scratch [8]byte
	err     error
}

func (in *input) bytes(n int) []byte {
	if in.err == nil {
		_, in.err = io.ReadFull(in.r, in.scratch[:n])
	}
	if in.err != nil {
		in.scratch = [8]byte{}
	}
	return in.scratch[:n]
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
