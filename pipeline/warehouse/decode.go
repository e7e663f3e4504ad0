package warehouse

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/jackc/pgx/v5/pgtype"
)

const (
	textFormat   = pgtype.TextFormatCode
	binaryFormat = pgtype.BinaryFormatCode
)

var missing = math.NaN()

// types names SQL types in messages.
type types struct{ known *pgtype.Map }

func newTypes() types { return types{pgtype.NewMap()} }

func (t types) name(oid uint32) string {
	if known, ok := t.known.TypeForOID(oid); ok {
		return known.Name
	}
	return fmt.Sprintf("type %d", oid)
}

func isText(oid uint32) bool {
	switch oid {
	case pgtype.TextOID, pgtype.VarcharOID, pgtype.BPCharOID, pgtype.QCharOID, pgtype.NameOID, pgtype.UnknownOID:
		return true
	default:
		return false
	}
}

// padding returns what fills values of a type up at their end and means nothing: char(n) has blanks, and the binary form
// of an empty "char" is a zero byte.
func padding(oid uint32) string {
	switch oid {
	case pgtype.BPCharOID:
		return " "
	case pgtype.QCharOID:
		return "\x00"
	default:
		return ""
	}
}

// numberDecoder returns how a type that becomes a number is read in a format, or nil for other types. A number is the
// float64 next to the value, beyond the largest an infinity; the text of a float4 is read with 32 bits, so that it
// equals the binary.
func numberDecoder(oid uint32, format int16) func([]byte) (float64, error) {
	inBinary := format == binaryFormat
	switch oid {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
		if inBinary {
			return func(raw []byte) (float64, error) { v, err := wholeNumber(raw); return float64(v), err }
		}
		return parseFloat(64)
	case pgtype.Float4OID:
		if inBinary {
			return binaryFloat4
		}
		return parseFloat(32)
	case pgtype.Float8OID:
		if inBinary {
			return binaryFloat8
		}
		return parseFloat(64)
	case pgtype.NumericOID:
		if inBinary {
			return numericDecoder()
		}
		return parseFloat(64)
	case pgtype.BoolOID:
		return boolean
	default:
		return nil
	}
}

// parseFloat reads decimal text, NaN and Infinity. The conversion to a string stays on the stack for what fits 32 bytes.
func parseFloat(bits int) func([]byte) (float64, error) {
	return func(raw []byte) (float64, error) {
		if bits == 64 {
			if v, ok := shortWhole(raw); ok {
				return v, nil
			}
		}
		v, err := strconv.ParseFloat(string(raw), bits)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return 0, errUnreadable
		}
		return v, nil // out of range v is an infinity: the row's fault, which the contract finds, and not the run's
	}
}

// shortWhole reads whole numbers of up to 15 digits, which are exact, in a third of the time that strconv takes. Most
// features are counts and flags. -0 is not whole.
func shortWhole(raw []byte) (v float64, ok bool) {
	digits := raw
	if len(raw) > 0 && raw[0] == '-' {
		digits = raw[1:]
	}
	if len(digits) == 0 || len(digits) > 15 {
		return 0, false
	}
	n := int64(0)
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return 0, false
		}
		n = 10*n + int64(c)
	}
	if len(digits) == len(raw) {
		return float64(n), true
	}
	return float64(-n), n > 0
}

func binaryFloat4(raw []byte) (float64, error) {
	if len(raw) != 4 {
		return 0, errUnreadable
	}
	return float64(math.Float32frombits(binary.BigEndian.Uint32(raw))), nil
}

func binaryFloat8(raw []byte) (float64, error) {
	if len(raw) != 8 {
		return 0, errUnreadable
	}
	return math.Float64frombits(binary.BigEndian.Uint64(raw)), nil
}

// wholeNumber reads an int2, int4 or int8 in binary.
func wholeNumber(raw []byte) (int64, error) {
	switch len(raw) {
	case 2:
		return int64(int16(binary.BigEndian.Uint16(raw))), nil
	case 4:
		return int64(int32(binary.BigEndian.Uint32(raw))), nil
	case 8:
		return int64(binary.BigEndian.Uint64(raw)), nil
	default:
		return 0, errUnreadable
	}
}

// boolean reads t and f, and their binary forms.
func boolean(raw []byte) (float64, error) {
	if len(raw) != 1 {
		return 0, errUnreadable
	}
	switch raw[0] {
	case 't', 1:
		return 1, nil
	case 'f', 0:
		return 0, nil
	default:
		return 0, errUnreadable
	}
}

// Signs of a numeric in binary, and its special values.
const (
	numericPositive    = 0x0000
	numericNegative    = 0x4000
	numericNaN         = 0xC000
	numericInfinite    = 0xD000
	numericNegInfinite = 0xF000
)

// numericDecoder reads a numeric in binary: the count of its digits in base 10,000, the weight of the first, the sign,
// the scale for display, and the digits, 16 bits each. It goes through text, so that it equals the text format.
func numericDecoder() func([]byte) (float64, error) {
	parse := parseFloat(64)
	var scratch []byte
	return func(raw []byte) (float64, error) {
		if len(raw) < 8 {
			return 0, errUnreadable
		}
		count := int(binary.BigEndian.Uint16(raw))
		weight := int(int16(binary.BigEndian.Uint16(raw[2:])))
		if len(raw) != 8+2*count {
			return 0, errUnreadable
		}
		scratch = scratch[:0]
		switch binary.BigEndian.Uint16(raw[4:]) {
		case numericPositive:
		case numericNegative:
			scratch = append(scratch, '-')
		case numericNaN:
			return math.NaN(), nil
		case numericInfinite:
			return math.Inf(1), nil
		case numericNegInfinite:
			return math.Inf(-1), nil
		default:
			return 0, errUnreadable
		}
		scratch = append(scratch, '0')
		for i := range count {
			digit := binary.BigEndian.Uint16(raw[8+2*i:])
			if digit > 9999 {
				return 0, errUnreadable
			}
			scratch = append(scratch, '0'+byte(digit/1000), '0'+byte(digit/100%10), '0'+byte(digit/10%10), '0'+byte(digit%10))
		}
		scratch = append(scratch, 'e')
		scratch = strconv.AppendInt(scratch, int64(4*(weight-count+1)), 10)
		return parse(scratch)
	}
}

// keyDecoder returns how a type that can be a key is appended as text, or nil for other types.
func keyDecoder(oid uint32, format int16) func(dst, raw []byte) ([]byte, error) {
	asIs := func(dst, raw []byte) ([]byte, error) { return append(dst, raw...), nil }
	switch {
	case isText(oid):
		blanks := padding(oid)
		return func(dst, raw []byte) ([]byte, error) { return append(dst, bytes.TrimRight(raw, blanks)...), nil }
	case oid == pgtype.Int2OID, oid == pgtype.Int4OID, oid == pgtype.Int8OID:
		if format == textFormat {
			return asIs
		}
		return func(dst, raw []byte) ([]byte, error) {
			v, err := wholeNumber(raw)
			return strconv.AppendInt(dst, v, 10), err
		}
	case oid == pgtype.UUIDOID:
		if format == textFormat {
			return asIs
		}
		return appendUUID
	default:
		return nil
	}
}

func appendUUID(dst, raw []byte) ([]byte, error) {
	if len(raw) != 16 {
		return dst, errUnreadable
	}
	for i, part := range [][]byte{raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	return dst, nil
}
