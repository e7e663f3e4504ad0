package referee_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"scored/pipeline/forest/foresttest"
	"scored/pipeline/model/referee"
)

// stump is one split at 0.5 between 0 and 1.
func stump(t *testing.T, missingLeft bool) string {
	file := foresttest.New(1)
	file.Grow()
	file.AddSplit(0, 0.5, missingLeft, 1, 2)
	file.AddLeaf(0)
	file.AddLeaf(1)
	file.Settle()
	return string(referee.LightGBM(read(t, file)))
}

func score(t *testing.T, text string, x float64) float64 {
	peer, err := referee.ReadPeer([]byte(text), 1)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float64, 1)
	if err := peer.Predict([]float64{x}, 1, out, 1); err != nil {
		t.Fatal(err)
	}
	return out[0]
}

// Where leaves would decide otherwise than we do, unless the text said how: without a missing type, it takes a missing
// value for 0.
func TestWithoutItsMissingTypeLeavesTakesMissingForZero(t *testing.T) {
	right := stump(t, false)
	if got := score(t, right, math.NaN()); got != 1 {
		t.Errorf("missing right: %v", got)
	}
	if got := score(t, stump(t, true), math.NaN()); got != 0 {
		t.Errorf("missing left: %v", got)
	}
	untyped := strings.Replace(right, "decision_type=8", "decision_type=0", 1)
	if got := score(t, untyped, math.NaN()); got != 0 {
		t.Errorf("without a missing type: %v, and 0 is at most 0.5", got)
	}
}

// What leaves compares is a float64: a row that is not cast to float32 before can go another way than in training.
func TestLeavesIsHandedFloat32s(t *testing.T) {
	file := foresttest.New(1)
	file.Grow()
	file.AddSplit(0, 0.1, false, 1, 2)
	file.AddLeaf(0)
	file.AddLeaf(1)
	file.Settle()
	text := string(referee.LightGBM(read(t, file)))
	if got := score(t, text, 0.1); got != 0 {
		t.Errorf("0.1 as float64: %v", got)
	}
	if got := score(t, text, float64(float32(0.1))); got != 1 {
		t.Errorf("0.1 as float32, which is more: %v", got)
	}
}

func TestLeavesRefusesTheVersionAfter(t *testing.T) {
	text := strings.Replace(stump(t, false), "version=v3", "version=v4", 1)
	if _, err := referee.ReadPeer([]byte(text), 1); err == nil || !strings.Contains(err.Error(), "hand forest to leaves") {
		t.Errorf("error %v", err)
	}
}

func TestTheTextHoldsWhatWasTrained(t *testing.T) {
	text := []byte(stump(t, true))
	for _, want := range []string{"average_output", "split_feature=0", "threshold=0.5", "decision_type=10", "left_child=-1", "right_child=-2", "leaf_value=0 1"} {
		if !bytes.Contains(text, []byte(want+"\n")) {
			t.Errorf("no line %s in\n%s", want, text)
		}
	}
}
