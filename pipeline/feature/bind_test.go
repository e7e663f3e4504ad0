package feature

import (
	"testing"

	"scored/pipeline"
)

func TestBindListsWhateverIsWrong(t *testing.T) {
	contract, blocks := mixed() // visits number, region, note, fuel text
	plan, err := NewPlan(contract, blocks)
	if err != nil {
		t.Fatal(err)
	}
	_, err = plan.Bind([]pipeline.Column{
		{Name: "zebra", Kind: pipeline.Number, Type: "int8"},
		{Name: "fuel", Kind: pipeline.Unsupported, Type: "super"},
		{Name: "visits", Kind: pipeline.Text, Type: "varchar"},
		{Name: "ape", Kind: pipeline.Text, Type: "varchar"},
		{Name: "note", Kind: pipeline.Text, Type: "varchar"},
		{Name: "note", Kind: pipeline.Text, Type: "varchar"},
		{Name: "Region", Kind: pipeline.Text, Type: "varchar"},
	})
	want := `the dataprep result does not fit the model's contract: column "note" comes twice; ` +
		`column "visits" is text (varchar), the contract says number; column "region" (text) is missing; ` +
		`column "fuel" is unsupported (super), the contract says text; ` +
		`column "zebra" (int8) is surplus; column "ape" (varchar) is surplus; column "Region" (varchar) is surplus`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if pipeline.ClassOf(err) != pipeline.Configuration || pipeline.HintOf(err) == "" {
		t.Errorf("class %v, hint %q", pipeline.ClassOf(err), pipeline.HintOf(err))
	}
}
