package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
)

// readRows reads little-endian float32s.
func readRows(path string) ([]float32, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(data)%4 != 0 {
		return nil, fmt.Errorf("%s ends within a number", path)
	}
	x := make([]float32, len(data)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return x, nil
}

// writeAnswers writes little-endian float64s.
func writeAnswers(path string, answers []float64) error {
	data := make([]byte, 0, 8*len(answers))
	for _, v := range answers {
		data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
	}
	return os.WriteFile(path, data, 0o600)
}
