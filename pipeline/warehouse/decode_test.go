package warehouse

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"scored/pipeline"
)

var numberTypes = []uint32{pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.Float4OID, pgtype.Float8OID, pgtype.NumericOID, pgtype.BoolOID}

// numeric encodes digits in base 10,000 as the binary format does.
func numeric(weight int16, sign uint16, digits ...uint16) []byte {
	raw := binary.BigEndian.AppendUint16(nil, uint16(len(digits)))
	raw = binary.BigEndian.AppendUint16(raw, uint16(weight))
	raw = binary.BigEndian.AppendUint16(raw, sign)
	raw = binary.BigEndian.AppendUint16(raw, 0)
	for _, d := range digits {
		raw = binary.BigEndian.AppendUint16(raw, d)
	}
	return raw
}

func TestBinaryNumerics(t *testing.T) {
	decode := numberDecoder(pgtype.NumericOID, binaryFormat)
	for _, tt := range []struct {
		raw  []byte
		want float64
	}{
		{numeric(0, numericPositive), 0},
		{numeric(0, numericPositive, 7), 7},
		{numeric(1, numericNegative, 1, 2345, 6780), -12345.678},
		{numeric(-1, numericPositive, 1), 0.0001},
		{numeric(-3, numericPositive, 500), 5e-10},
		{numeric(0, numericNaN), math.NaN()},
		{numeric(100, numericPositive, 1), math.Inf(1)},
		{numeric(math.MaxInt16, numericNegative, 1), math.Inf(-1)},
		{numeric(-101, numericPositive, 1), 0},
		{numeric(0, numericInfinite), math.Inf(1)},
		{numeric(0, numericNegInfinite), math.Inf(-1)},
	} {
		if got, err := decode(tt.raw); err != nil || !sameBits(got, tt.want) {
			t.Errorf("%x: %v, %v; want %v", tt.raw, got, err, tt.want)
		}
	}
	for _, raw := range [][]byte{nil, numeric(0, 0x1234), numeric(0, numericPositive, 10000), numeric(0, numericPositive, 1)[:9]} {
		if got, err := decode(raw); err == nil {
			t.Errorf("%x is read as %v", raw, got)
		}
	}
}

func TestTextBeyondTheLargestFloat(t *testing.T) {
	inf := math.Inf(1)
	for _, tt := range []struct {
		oid  uint32
		raw  string
		want float64
	}{
		{pgtype.NumericOID, "1" + strings.Repeat("0", 400), inf},
		{pgtype.NumericOID, "-1" + strings.Repeat("0", 400), -inf},
		{pgtype.NumericOID, "0." + strings.Repeat("0", 400) + "1", 0},
		{pgtype.Float8OID, "1e400", inf},
		{pgtype.Float8OID, "-1e400", -inf},
		{pgtype.Float8OID, "1e-400", 0},
		{pgtype.Float4OID, "-1e39", -inf},
	} {
		if got, err := numberDecoder(tt.oid, textFormat)([]byte(tt.raw)); err != nil || !sameBits(got, tt.want) {
			t.Errorf("type %d, %.10s...: %v, %v; want %v", tt.oid, tt.raw, got, err, tt.want)
		}
	}
}

// As strconv reads them, which tells what is next to a decimal text.
func TestNumbersInText(t *testing.T) {
	for _, text := range []string{
		"0", "-0", "7", "-7", "007", "999999999999999", "-999999999999999", "1000000000000001", "9007199254740993",
		"123456789012345678901234567890", "16777217", "-16777217", "0.1", "-1.5e30", "", "-", "--1", "1-", "12a", "1 ", "NaN",
	} {
		for oid, bits := range map[uint32]int{pgtype.Int8OID: 64, pgtype.Float8OID: 64, pgtype.NumericOID: 64, pgtype.Float4OID: 32} {
			want, wantErr := strconv.ParseFloat(text, bits)
			got, err := numberDecoder(oid, textFormat)([]byte(text))
			if (err == nil) != (wantErr == nil) || err == nil && !sameBits(got, want) {
				t.Errorf("type %d, %q: %v, %v; want %v, %v", oid, text, got, err, want, wantErr)
			}
		}
	}
}

func TestUnreadableValuesAreNamedByPlaceAndNotQuoted(t *testing.T) {
	l, err := newLayout([]pgconn.FieldDescription{
		{Name: "lead_key", DataTypeOID: pgtype.TextOID}, {Name: "income", DataTypeOID: pgtype.Float8OID},
	}, "lead_key")
	if err != nil {
		t.Fatal(err)
	}
	err = l.read(l.newBatch(), [][]byte{[]byte("K1"), []byte("12x45")})
	if err == nil || !strings.Contains(err.Error(), "column income (float8)") || strings.Contains(err.Error(), "12x45") {
		t.Errorf("got %v", err)
	}
}

func TestATypeWithoutAName(t *testing.T) {
	if got := newTypes().name(4000); got != "type 4000" {
		t.Errorf("got %q", got)
	}
}

// FuzzDecoders checks that no bytes of a server make a decoder panic, and that a dictionary gives back what it got.
func FuzzDecoders(f *testing.F) {
	for _, seed := range []string{"", "1", "-1.5e300", "1e400", "NaN", "Infinity", "t", "\x00\x01", "\x7f\xff\xff\xff\xff\xff\xff\xff", "red ", " "} {
		f.Add([]byte(seed))
	}
	f.Add(numeric(1, numericNegative, 1, 2345, 6780))
	f.Add(numeric(math.MinInt16, numericPositive, 9999, 9999))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, format := range []int16{textFormat, binaryFormat} {
			for _, oid := range numberTypes {
				if _, err := numberDecoder(oid, format)(raw); err != nil && strings.Contains(err.Error(), string(raw)) && len(raw) > 20 {
					t.Errorf("type %d: the error quotes the value", oid)
				}
			}
			for _, oid := range []uint32{pgtype.TextOID, pgtype.BPCharOID, pgtype.Int8OID, pgtype.UUIDOID} {
				k := keyReader{append: keyDecoder(oid, format)}
				if err := k.read(raw); err != nil {
					continue
				}
				if err := k.read(nil); err != nil {
					t.Fatal(err)
				}
				keys := k.take(nil)
				if len(keys) != 2 || keys[1] != "" {
					t.Errorf("keys %q", keys)
				}
				if oid == pgtype.TextOID && keys[0] != string(raw) {
					t.Errorf("key %q of %q", keys[0], raw)
				}
			}
		}
		d, column := newDictionary(""), pipeline.Column{}
		for range 2 {
			switch code := d.code(raw, &column); {
			case len(raw) == 0 && code != pipeline.NoText, len(raw) > 0 && column.Dict[code] != string(raw):
				t.Errorf("code %d of %q", code, raw)
			}
		}
		if len(column.Dict) > 1 {
			t.Errorf("%q stands in the dictionary twice", raw)
		}
	})
}

func TestADictionaryForgetsWhatDoesNotComeBack(t *testing.T) {
	d, column := newDictionary(""), pipeline.Column{}
	var raw [4]byte
	for i := range uint32(3 * maxKnown) {
		binary.BigEndian.PutUint32(raw[:], i+1)
		if got := column.Dict; len(got) == batchRows {
			column.Dict = got[:0]
			d.reset()
		}
		if code := d.code(raw[:], &column); column.Dict[code] != string(raw[:]) {
			t.Fatalf("text %d is lost", i)
		}
	}
	if len(d.known) > maxKnown {
		t.Errorf("%d texts are kept", len(d.known))
	}
}
