package feature

import (
	"encoding/json"
	"math"
	"testing"

	"scored/pipeline"
)

// FuzzPlan holds that whatever contract and transform are accepted give, for any row, what the words of docs/bundle.md
// give step by step (see oracle_test.go): the same float32s, none infinite, or a rejection.
func FuzzPlan(f *testing.F) {
	contract, blocks := mixed()
	rules, err := json.Marshal(contract)
	if err != nil {
		f.Fatal(err)
	}
	seed, err := json.Marshal(blocks)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(rules), string(seed), 1.0, "north")
	limits := `[{"name":"visits","type":"number","nullable":true,"min":0,"max":10,"abnormal":"clip"},
		{"name":"region","type":"text","nullable":true,"categories":["north","x"],"abnormal":"missing"},
		{"name":"note","type":"text","nullable":false,"categories":["x"],"abnormal":"refuse"},
		{"name":"fuel","type":"text","nullable":true,"abnormal":"pass"}]`
	for _, steps := range []string{
		``,
		`{"op":"one_hot","width":0,"missing":{"action":"zeros"},"unknown":{"action":"refuse"}}`,
		`{"op":"subtract","number":3},{"op":"divide","number":0.7},{"op":"impute","number":1},{"op":"clip","min":-1,"max":1}`,
		`{"op":"multiply","number":1e300},{"op":"add","number":-1e300},{"op":"is_missing"}`,
		`{"op":"bin","edges":[-1,0,0,5]},{"op":"one_hot","width":2,"categories":[{"number":3,"slot":1},{"number":1,"slot":-1}],
			"missing":{"action":"slot","slot":0},"unknown":{"action":"refuse"}}`,
		`{"op":"ordinal","categories":[{"number":8,"code":1.5}],"missing":{"action":"code","code":-1},"unknown":{"action":"missing"}},
			{"op":"impute","number":7}`,
		`{"op":"impute","number":8},{"op":"ordinal","categories":[{"number":8,"code":1.5}],"missing":{"action":"refuse"},"unknown":{"action":"missing"}}`,
	} {
		for _, v := range []float64{0, 1e39, 8, math.NaN(), math.Inf(-1)} {
			f.Add(limits, `[{"column":"visits","steps":[`+steps+`]}]`, v, "x")
		}
	}
	f.Add(limits, `[{"column":"region","steps":[{"op":"impute","text":"x"},{"op":"ordinal","categories":[{"text":"x","code":4}],
		"missing":{"action":"refuse"},"unknown":{"action":"missing"}},{"op":"divide","number":3}]}]`, 1.0, "y")
	f.Fuzz(func(t *testing.T, rules, transform string, v float64, s string) {
		var contract Contract
		var blocks []Block
		if json.Unmarshal([]byte(rules), &contract) != nil || json.Unmarshal([]byte(transform), &blocks) != nil ||
			contract.Validate() != nil {
			return
		}
		plan, err := NewPlan(contract, blocks)
		if err != nil || plan.Width() > 1000 {
			return
		}
		var columns []pipeline.Column
		for _, c := range contract {
			if c.Kind() == pipeline.Number {
				columns = append(columns, number1(c.Name, v, 0.5, math.NaN(), -v))
			} else {
				columns = append(columns, text1(c.Name, s, "x", "", "north"))
			}
		}
		checkPlan(t, plan, blocks, columns, 4)
	})
}

func checkPlan(t *testing.T, plan *Plan, blocks []Block, columns []pipeline.Column, rows int) {
	t.Helper()
	bound, err := plan.Bind(columns)
	if err != nil {
		t.Fatal(err)
	}
	checkBound(t, bound, blocks, columns, rows)
	withoutTables(bound)
	checkBound(t, bound, blocks, columns, rows)
}

func checkBound(t *testing.T, bound *Transformer, blocks []Block, columns []pipeline.Column, rows int) {
	t.Helper()
	plan := bound.plan
	dst := make([]float32, rows*plan.Width())
	reasons := bound.Transform(batch(rows, columns...), dst)
	places := plan.contract.index()
	for row := range rows {
		var want []float32
		scored := true
		for i, c := range plan.contract {
			_, ok := ruled(c, at(columns[i], row))
			scored = scored && ok
		}
		for _, b := range blocks {
			i := places[b.Column]
			v, _ := ruled(plan.contract[i], at(columns[i], row))
			features, ok := walked(b.Steps, v)
			scored = scored && ok
			want = append(want, features...)
		}
		got := dst[row*plan.Width() : (row+1)*plan.Width()]
		switch {
		case scored != (reasons[row] == ""):
			t.Errorf("row %d: reason %q, want it scored: %v", row, reasons[row], scored)
		case scored && !same(got, want):
			t.Errorf("row %d: got %v, want %v", row, got, want)
		}
	}
}
