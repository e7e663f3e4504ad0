package pipeline

import "math"

// sizes sums up how large numbers are. It adds whole numbers, so that the order of rows makes no difference.
type sizes struct {
	sum int64 // of their logarithms
	all int
}

// fraction is how many bits of a float64's mantissa a logarithm has behind its point.
const fraction = 20

// logarithm is about that of v to the base 2, in parts of 1 << fraction: the bits of a float64 are exponent and mantissa, and
// between two powers of 2 taken for straight it is less than 0.09 off.
func logarithm(v float64) int64 {
	const bias = 1023 << fraction
	return int64(math.Float64bits(math.Abs(v))>>(52-fraction)) - bias //nolint:gosec // 31 bits
}

// take counts v unless it has no size: 0 and what is infinite.
func (s *sizes) take(v float64) {
	if v != 0 && !math.IsInf(v, 0) {
		s.sum += logarithm(v)
		s.all++
	}
}

func (s *sizes) add(other sizes) {
	s.sum += other.sum
	s.all += other.all
}

// typical is the number whose logarithm is their mean; 0 if there are none.
func (s *sizes) typical() float64 {
	if s.all == 0 {
		return 0
	}
	mean := float64(s.sum) / float64(s.all) / (1 << fraction)
	whole := math.Floor(mean)
	return math.Ldexp(1+mean-whole, int(whole))
}

// Sizes sums up how large values are of which each was counted so many times, as [ColumnProfile] has it.
func Sizes(counts map[float64]int) (typical float64, sized int) {
	var s sizes
	for v, n := range counts {
		one := sizes{}
		one.take(v)
		s.add(sizes{one.sum * int64(n), one.all * n})
	}
	return s.typical(), s.all
}
