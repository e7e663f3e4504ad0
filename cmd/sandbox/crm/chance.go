package crm

import (
	"math"
	"math/rand/v2"
	"time"
)

// chance is a source of random draws. What is drawn from one depends on its seeds alone, so that every lead lives the
// same life whatever else is simulated beside it.
type chance struct{ *rand.Rand }

// What a chance is for; part of its seed.
const (
	forArrivals = iota
	forLead
	forVehicles
	forCustomers
)

func newChance(seed uint64, purpose, day, n int) chance {
	stream := mix(uint64(purpose)<<60 ^ uint64(day)<<30 ^ uint64(n))
	return chance{rand.New(rand.NewPCG(mix(seed), stream))}
}

// mix spreads neighbouring seeds over all 64 bits (the finalizer of SplitMix64, Steele et al. 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// yes is true with probability p.
func (c chance) yes(p float64) bool { return c.Float64() < p }

// normal draws from the normal distribution.
func (c chance) normal(mean, deviation float64) float64 { return mean + deviation*c.NormFloat64() }

// skewed draws from the log-normal distribution.
func (c chance) skewed(median, deviation float64) float64 {
	return median * math.Exp(deviation*c.NormFloat64())
}

// wait draws a duration from the exponential distribution.
func (c chance) wait(mean time.Duration) time.Duration {
	return time.Duration(c.ExpFloat64() * float64(mean)).Truncate(time.Millisecond)
}

// count draws from the Poisson distribution, by multiplication: for means up to some hundreds.
func (c chance) count(mean float64) int {
	n := 0
	for limit, product := math.Exp(-mean), c.Float64(); product > limit; product *= c.Float64() {
		n++
	}
	return n
}

// option is one of several things, and how often it is drawn.
type option struct {
	name   string
	weight float64
}

// of draws an option's name.
func (c chance) of(options []option) string {
	var total float64
	for _, o := range options {
		total += o.weight
	}
	x := c.Float64() * total
	for _, o := range options {
		if x -= o.weight; x < 0 {
			return o.name
		}
	}
	return options[len(options)-1].name
}

// any draws one of the words.
func (c chance) any(words []string) string { return words[c.IntN(len(words))] }

// hour draws a time of day, in the rhythm of the 24 weights.
func (c chance) hour(rhythm *[24]float64) time.Duration {
	var total float64
	for _, weight := range rhythm {
		total += weight
	}
	x, h := c.Float64()*total, 0
	for x -= rhythm[0]; x >= 0 && h < 23; x -= rhythm[h] {
		h++
	}
	return time.Duration(h)*time.Hour + time.Duration(c.IntN(int(time.Hour/time.Millisecond)))*time.Millisecond
}

// logistic is the probability that belongs to log-odds.
func logistic(odds float64) float64 { return 1 / (1 + math.Exp(-odds)) }
