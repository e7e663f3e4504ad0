package feature

import (
	"math"
	"slices"
	"testing"

	"scored/pipeline"
)

func ptr[T any](v T) *T { return &v }

func number1(name string, values ...float64) pipeline.Column {
	return pipeline.Column{Name: name, Kind: pipeline.Number, Type: "float8", Numbers: values}
}

// text1 makes a text column, "" being missing.
func text1(name string, values ...string) pipeline.Column {
	c := pipeline.Column{Name: name, Kind: pipeline.Text, Type: "varchar"}
	for _, v := range values {
		code := pipeline.NoText
		if v != "" {
			if !slices.Contains(c.Dict, v) {
				c.Dict = append(c.Dict, v)
			}
			code = int32(slices.Index(c.Dict, v))
		}
		c.Codes = append(c.Codes, code)
	}
	return c
}

func batch(rows int, columns ...pipeline.Column) *pipeline.Batch {
	b := &pipeline.Batch{Columns: columns}
	for range rows {
		b.Keys = append(b.Keys, "K")
	}
	return b
}

func transformer(t testing.TB, contract Contract, blocks []Block, columns []pipeline.Column) *Transformer {
	t.Helper()
	plan, err := NewPlan(contract, blocks)
	if err != nil {
		t.Fatal(err)
	}
	bound, err := plan.Bind(columns)
	if err != nil {
		t.Fatal(err)
	}
	return bound
}

// Bind returns a transformer behind a gate of its own.
func (p *Plan) Bind(columns []pipeline.Column) (*Transformer, error) {
	gate, err := p.contract.Bind(columns)
	if err != nil {
		return nil, err
	}
	return p.Behind(gate), nil
}

// Transform fills all rows of a batch at once.
func (t *Transformer) Transform(batch *pipeline.Batch, dst []float32) []string {
	reasons := t.gate.Admit(batch)
	t.Begin()
	t.Fill(0, batch.Rows(), dst)
	return reasons
}

// withoutTables lets a transformer look every row's text up, as if there were more blocks than may have tables.
func withoutTables(t *Transformer) { t.gate.tables = maxOutcomes + 1 }

func same(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(a, b float32) bool { return a == b || a != a && b != b })
}

var (
	nan32   = float32(math.NaN())
	refuse  = &Rule{Action: "refuse"}
	missing = &Rule{Action: "missing"}
	zero    = &Rule{Action: "zeros"}
)

func slot(n int) *Rule     { return &Rule{Action: "slot", Slot: &n} }
func code(x float64) *Rule { return &Rule{Action: "code", Code: &x} }

var isMissing = Step{Op: "is_missing"}

func imputeNumber(x float64) Step { return Step{Op: "impute", Number: &x} }
func imputeText(s string) Step    { return Step{Op: "impute", Text: &s} }

func oneHot(width int, categories []Category, missing, unknown *Rule) Step {
	return Step{Op: "one_hot", Width: &width, Categories: categories, Missing: missing, Unknown: unknown}
}

func ordinal(categories []Category, missing, unknown *Rule) Step {
	return Step{Op: "ordinal", Categories: categories, Missing: missing, Unknown: unknown}
}

var regions = []Category{{Text: ptr("north"), Slot: ptr(0)}, {Text: ptr("south"), Slot: ptr(1)},
	{Text: ptr("west"), Slot: ptr(1)}, {Text: ptr("dropped"), Slot: ptr(-1)}}

var flags = []Category{{Number: ptr(0.0), Slot: ptr(0)}, {Number: ptr(1.5), Slot: ptr(1)}}

var fuels = []Category{{Text: ptr("diesel"), Code: ptr(0.0)}, {Text: ptr("petrol"), Code: ptr(7.1)}}

var sizes = []Category{{Number: ptr(-2.0), Code: ptr(0.0)}, {Number: ptr(0.1), Code: ptr(1.0)}}

func arithmetic(op string, x float64) Step { return Step{Op: op, Number: &x} }
func clipTo(low, high float64) Step        { return Step{Op: "clip", Min: &low, Max: &high} }
func bins(edges ...float64) Step           { return Step{Op: "bin", Edges: append([]float64{}, edges...)} }

// number and text are columns of a contract that may be missing, with the exporter's rules.
func number(name string) Column {
	return Column{Name: name, Type: "number", Nullable: true, Abnormal: Refuse}
}

func text(name string) Column {
	return Column{Name: name, Type: "text", Nullable: true, Abnormal: Pass}
}

// mixed is a contract with every kind of block, one column used twice and one never.
func mixed() (Contract, []Block) {
	contract := Contract{number("visits"), text("region"), text("note"), text("fuel")}
	blocks := []Block{
		{Column: "region", Steps: []Step{oneHot(2, regions, zero, zero)}},
		{Column: "visits", Steps: []Step{imputeNumber(3.0)}},
		{Column: "fuel", Steps: []Step{ordinal(fuels, missing, refuse)}},
		{Column: "visits", Steps: []Step{isMissing}},
	}
	return contract, blocks
}

// required is a contract whose columns may not be missing.
func required(columns ...Column) Contract {
	for i := range columns {
		columns[i].Nullable = false
	}
	return columns
}
