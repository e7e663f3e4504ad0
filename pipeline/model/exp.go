package model

import "math"

// exp returns e to the x as a C library's exp does nearly always, which is rounded correctly: scikit-learn's sigmoid is
// made of it, and a probability that is off by one bit may lie on the other side of a quantile. [math.Exp] is off in
// one case of eight. It works in pairs of float64.
func exp(x float64) float64 {
	if !(x > -40 && x < 700) { // where the last bit is lost in what follows, or tiny
		return math.Exp(x)
	}
	// ln 2 in two parts; the first is short enough for an exact product with k.
	const ln2high, ln2low = 0x1.62e42fefa38p-01, 0x1.ef35793c7673p-45
	k := math.Round(x / math.Ln2)
	r := pair{high: x - float64(k*ln2high)}.sub(product(k, ln2low))
	// e^(r/64) is a short series, whose last terms are too small to need pairs.
	const halvings, terms, small = 6, 12, 6
	r.high, r.low = r.high/(1<<halvings), r.low/(1<<halvings)
	rest := 1.0
	for n := terms; n > small; n-- {
		rest = 1 + r.high*rest/float64(n)
	}
	sum := pair{high: rest}
	for n := small; n > 0; n-- {
		sum = r.mul(sum).div(float64(n)).plusOne()
	}
	for range halvings {
		sum = sum.mul(sum)
	}
	return math.Ldexp(sum.high, int(k))
}

// pair is the number high+low; low is at most half of what high's last bit is worth.
type pair struct{ high, low float64 }

// product returns a*b exactly.
func product(a, b float64) pair {
	p := a * b
	return pair{high: p, low: math.FMA(a, b, -p)}
}

// settled returns high+low as a pair; low is the smaller one.
func settled(high, low float64) pair {
	sum := high + low
	return pair{high: sum, low: low - float64(sum-high)}
}

func (a pair) mul(b pair) pair {
	p := product(a.high, b.high)
	return settled(p.high, p.low+(a.high*b.low+a.low*b.high))
}

func (a pair) div(n float64) pair {
	q := a.high / n
	return settled(q, (math.FMA(-q, n, a.high)+a.low)/n)
}

// sub takes any a and b: what high's rounding lost is found whichever is larger. Where they nearly cancel, low may lose bits
// that are far too small to count beside the 1 which e^x begins with.
func (a pair) sub(b pair) pair {
	sum := a.high - b.high
	rounded := sum - a.high
	lost := (a.high - float64(sum-rounded)) - (b.high + rounded)
	return settled(sum, lost+(a.low-b.low))
}

// plusOne is for an a below 1.
func (a pair) plusOne() pair {
	one := settled(1, a.high)
	return settled(one.high, one.low+a.low)
}
