package pipeline

// Kind says how a column's values are held.
type Kind uint8

// A column is either numbers or text; whatever SQL type is neither is Unsupported and no contract accepts it.
const (
	Unsupported Kind = iota
	Number
	Text
)

// String returns the word that contracts and messages use: number, text or unsupported.
func (k Kind) String() string {
	switch k {
	case Number:
		return "number"
	case Text:
		return "text"
	default:
		return "unsupported"
	}
}

// NoText is the code of a missing value in [Column.Codes].
const NoText int32 = -1

// Column is one column of a [Batch]. Only the fields of its Kind are set.
type Column struct {
	Name string
	Kind Kind
	Type string // the warehouse's name of the SQL type, for messages

	Numbers []float64 // Number: a value per row, NaN where missing
	Codes   []int32   // Text: an index into Dict per row, NoText where missing
	Dict    []string  // Text: the distinct values of this batch, never empty strings
}

// Batch is a block of rows held as columns, with the keys beside them. Its slices are filled again, see
// [Rows]; the strings in Keys and Dict may be kept.
type Batch struct {
	Keys    []string // a key per row, "" where it is missing
	Columns []Column
}

// Rows returns the number of rows.
func (b *Batch) Rows() int { return len(b.Keys) }
