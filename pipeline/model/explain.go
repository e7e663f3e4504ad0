package model

import (
	"fmt"
	"math"
	"strconv"

	"scored/pipeline"
	"scored/pipeline/forest"
)

// maxUnexplained is how far the bias and the contributions together may lie from the forests' answer.
const maxUnexplained = 1e-9

// Explanation is what a bundle says of one row, and what each raw column contributed. Bias and the columns' Path
// together are Forest, and so are ShapBias and their Shap, but for NoShap.
type Explanation struct {
	Columns  []ExplainedColumn // the contract's, in order
	Bias     float64           // what the forests answer before they look at a feature
	ShapBias float64           // the same, as the leaves say: Bias, unless training bent the inner values
	NoShap   string            // why there are no SHAP values, and ShapBias and every Shap are 0; "" where there are
	Forest   float64           // the mean of the forests' probabilities, before calibration and in its direction

	pipeline.Score
}

// ExplainedColumn is a raw column of a row that is explained.
type ExplainedColumn struct {
	Name    string
	Value   string // as the warehouse gave it; control characters became spaces
	Missing bool   // Value is "" then
	Path    float64
	Shap    float64
	Banned  bool // never given as a reason
}

// RejectedError is the error of [Bundle.Explain] for a row that is not scored.
type RejectedError struct{ pipeline.Rejection }

func (e *RejectedError) Error() string { return "the row is rejected: " + e.Reason }

// Explain scores one row of a batch and says why: the path contributions that reasons come from, and beside them the
// exact Shapley values, which take far longer. Its error is a [RejectedError] where the row is rejected, and a
// [pipeline.Configuration] problem where the columns do not fit the contract. Path contributions that do not add up are an
// error, too; without SHAP values there is still the rest to know.
func (b *Bundle) Explain(batch *pipeline.Batch, row int) (*Explanation, error) {
	return b.explain(batch, row, (*forest.Forest).Shap)
}

// shapFunc is the method [forest.Forest.Shap]. A test has one that does not add up.
type shapFunc func(f *forest.Forest, x []float32, out []float64) (bias float64, err error)

func (b *Bundle) explain(batch *pipeline.Batch, row int, shap shapFunc) (*Explanation, error) {
	one, err := single(batch, row)
	if err != nil {
		return nil, err
	}
	s, err := b.bind(one.Columns)
	if err != nil {
		return nil, err
	}
	scores, rejected := s.Score(one, func(pipeline.Score) bool { return true }, nil, nil)
	if len(rejected) > 0 {
		return nil, &RejectedError{rejected[0]}
	}
	e := &Explanation{Score: scores[0]}
	for i, column := range b.manifest.Contract {
		value, missing := exact(s.transformers[0].Column(one, i))
		e.Columns = append(e.Columns, ExplainedColumn{
			Name: column.Name, Value: value, Missing: missing, Path: s.due.byColumn[i], Banned: b.phrases.banned[i],
		})
	}
	for i := range b.members {
		m := &b.members[i]
		e.add(m, s.row(m.plan, 0), len(b.members), shap)
	}
	return e, e.check()
}

// single returns a batch of one row of another.
func single(batch *pipeline.Batch, row int) (*pipeline.Batch, error) {
	if row < 0 || row >= batch.Rows() {
		return nil, fmt.Errorf("explain row %d: the batch has %d rows", row, batch.Rows())
	}
	one := &pipeline.Batch{Keys: batch.Keys[row : row+1], Columns: make([]pipeline.Column, len(batch.Columns))}
	for i, column := range batch.Columns {
		switch column.Kind {
		case pipeline.Number:
			column.Numbers = column.Numbers[row : row+1]
		case pipeline.Text:
			column.Codes = column.Codes[row : row+1]
		}
		one.Columns[i] = column
	}
	return one, nil
}

// add adds one of so many members' forest. Where a calibration turns the forest's probability around, the other class's
// is meant, and every contribution has the other sign.
func (e *Explanation) add(m *Member, x []float32, members int, shap shapFunc) {
	values, predicted := make([]float64, m.Forest.Features()), make([]float64, 1)
	shapBias, err := shap(m.Forest, x, values)
	if err != nil {
		e.NoShap = "not computed: " + err.Error()
	}
	m.Forest.Predict(x, 1, predicted)
	sign, share := m.Sign(), 1/float64(members)
	turned := func(p float64) float64 {
		if sign < 0 {
			return 1 - p
		}
		return p
	}
	e.Bias += share * turned(m.Forest.Bias())
	e.ShapBias += share * turned(shapBias)
	e.Forest += share * turned(predicted[0])
	for feature, value := range values {
		e.Columns[m.Plan.Sources()[feature]].Shap += share * sign * value
	}
}

// check holds that the contributions explain the whole of the forests' answer. Path contributions must, as reasons are made
// of them; SHAP values that do not are left out.
func (e *Explanation) check() error {
	path, shap := e.Bias, e.ShapBias
	for _, column := range e.Columns {
		path += column.Path
		shap += column.Shap
	}
	if off := math.Abs(path - e.Forest); !(off <= maxUnexplained) {
		return &pipeline.Problem{
			Err:  fmt.Errorf("the path contributions and their bias do not add up to the forests' answer, by %.2g", off),
			Hint: "this is a bug in scored: report it with the bundle's manifest",
		}
	}
	if off := math.Abs(shap - e.Forest); e.NoShap == "" && !(off <= maxUnexplained) {
		e.NoShap = fmt.Sprintf("left out: the values and their bias do not add up to the forests' answer, by %.2g; "+
			"this is a bug in scored: report it with the bundle's manifest", off)
	}
	if e.NoShap != "" {
		e.ShapBias = 0
		for i := range e.Columns {
			e.Columns[i].Shap = 0
		}
	}
	return nil
}

// exact returns the value of a column of one row, with all its digits.
func exact(column *pipeline.Column) (value string, missing bool) {
	if column.Kind == pipeline.Text {
		code := column.Codes[0]
		if code == pipeline.NoText {
			return "", true
		}
		return clean(column.Dict[code]), false
	}
	v := column.Numbers[0]
	switch size := math.Abs(v); {
	case math.IsNaN(v):
		return "", true
	case v != 0 && (size >= 1e21 || size < 1e-6):
		return strconv.FormatFloat(v, 'g', -1, 64), false
	}
	return strconv.FormatFloat(v, 'f', -1, 64), false
}
