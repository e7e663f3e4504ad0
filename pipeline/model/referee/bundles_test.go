package referee_test

import (
	"io/fs"
	"os"
	"testing"

	"scored/pipeline/model"
	"scored/pipeline/model/referee"
)

// Leaves gives the golden rows of real scikit-learn forests the probabilities that ours gives.
func TestLeavesAgreesOnGoldenRows(t *testing.T) {
	folder := os.DirFS("../testdata")
	manifests, err := fs.Glob(folder, "*/manifest.json")
	if err != nil || len(manifests) < 8 {
		t.Fatalf("testdata has %d bundles, error %v", len(manifests), err)
	}
	for _, path := range manifests {
		name := path[:len(path)-len("/manifest.json")]
		t.Run(name, func(t *testing.T) {
			bundle, err := model.Load(os.DirFS("../testdata/" + name))
			if err != nil {
				t.Fatal(err)
			}
			for i, member := range bundle.Members() {
				x, rows := bundle.GoldenFeatures(i)
				difference, err := referee.Compare(member.Forest, x, rows)
				if err != nil || rows == 0 || difference > agreement {
					t.Errorf("member %d: %d rows, difference %g, error %v", i+1, rows, difference, err)
				}
			}
		})
	}
}
