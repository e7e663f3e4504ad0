package model

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// roundedOnce returns e^x, rounded once, by a series in 300 bits.
func roundedOnce(x float64) float64 {
	const halvings, terms = 16, 40
	at := func(v float64) *big.Float { return new(big.Float).SetPrec(300).SetFloat64(v) }
	r := at(math.Ldexp(x, -halvings))
	sum := at(1)
	for n := terms; n > 0; n-- {
		sum.Mul(sum, r).Quo(sum, at(float64(n))).Add(sum, at(1))
	}
	for range halvings {
		sum.Mul(sum, sum)
	}
	rounded, _ := sum.Float64()
	return rounded
}

func TestExpIsRoundedOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	library := 0
	for i := range 3000 {
		x := random.NormFloat64() * 3
		if i%3 == 0 {
			x = random.Float64()*700 - 30
		}
		want := roundedOnce(x)
		if got := exp(x); got != want {
			t.Errorf("e^%v: got %v, want %v", x, got, want)
		}
		if math.Exp(x) != want {
			library++
		}
	}
	if library == 0 {
		t.Error("math.Exp does as well, and this exp is not needed")
	}
}

func TestExpAtTheEnds(t *testing.T) {
	for x, want := range map[float64]float64{0: 1, 1000: math.Inf(1), -1000: 0, math.Inf(1): math.Inf(1), math.Inf(-1): 0} {
		if got := exp(x); got != want {
			t.Errorf("e^%v: got %v, want %v", x, got, want)
		}
	}
	if !math.IsNaN(exp(math.NaN())) {
		t.Error("e^NaN is a number")
	}
}
