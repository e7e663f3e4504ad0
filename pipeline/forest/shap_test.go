package forest

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"testing"

	"scored/pipeline/forest/foresttest"
)

// average is what a tree answers where only the features in known, a bit set, are known: at a split on another one, the
// training rows that went left and right say how much each side counts.
func average(f *foresttest.File, first, at int, x []float32, known uint) float64 {
	feature := f.Feature[at]
	if feature < 0 {
		return f.Value[at]
	}
	left, right := first+int(f.Left[at]), first+int(f.Right[at])
	if known>>feature&1 == 1 {
		v := x[feature]
		if float64(v) <= f.Threshold[at] || v != v && f.MissingLeft[at] == 1 {
			return average(f, first, left, x, known)
		}
		return average(f, first, right, x, known)
	}
	l, r := f.Cover[left], f.Cover[right]
	if l+r == 0 {
		l, r = 1, 1
	}
	return (l*average(f, first, left, x, known) + r*average(f, first, right, x, known)) / (l + r)
}

// bruteForce is the definition of Shapley values: a sum over all subsets of the other features.
func bruteForce(f *foresttest.File, x []float32) (values []float64, bias float64) {
	k := int(f.Features)
	answers := make([]float64, 1<<k)
	for known := range answers {
		first := 0
		for _, count := range f.PerTree {
			answers[known] += average(f, first, first, x, uint(known)) / float64(len(f.PerTree))
			first += int(count)
		}
	}
	values = make([]float64, k)
	for feature := range values {
		for others, without := range answers {
			if others>>feature&1 == 1 {
				continue
			}
			s := bits.OnesCount(uint(others))
			weight := math.Gamma(float64(s+1)) * math.Gamma(float64(k-s)) / math.Gamma(float64(k+1))
			values[feature] += weight * (answers[others|1<<feature] - without)
		}
	}
	return values, answers[0]
}

// checkShap compares a row's values with those wanted, and their sum with the prediction.
func checkShap(t *testing.T, f *Forest, x []float32, want []float64, wantBias, tolerance float64) {
	t.Helper()
	out, predicted := make([]float64, f.Features()), make([]float64, 1)
	for i := range out {
		out[i] = 9 // to be overwritten
	}
	bias := shapOf(t, f, x, out)
	f.Predict(x, 1, predicted)
	sum := bias
	for i, v := range out {
		sum += v
		if !(math.Abs(v-want[i]) <= tolerance) {
			t.Fatalf("row %v, feature %d: got %v, want %v", x, i, v, want[i])
		}
	}
	if !(math.Abs(bias-wantBias) <= tolerance) {
		t.Fatalf("row %v: bias %v, want %v", x, bias, wantBias)
	}
	if !(math.Abs(sum-predicted[0]) <= tolerance) {
		t.Fatalf("row %v: bias + sum is %v, the prediction %v", x, sum, predicted[0])
	}
}

// shapOf is Shap of a forest that it takes.
func shapOf(t testing.TB, f *Forest, x []float32, out []float64) (bias float64) {
	t.Helper()
	bias, err := f.Shap(x, out)
	if err != nil {
		t.Fatal(err)
	}
	return bias
}

func must(t testing.TB, f *foresttest.File) *Forest {
	t.Helper()
	forest, err := read(f.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return forest
}

func stump(threshold float64, missingLeft bool, coverLeft, coverRight float64) *foresttest.File {
	f := foresttest.New(2)
	f.Grow()
	f.AddSplit(0, threshold, missingLeft, 1, 2)
	f.AddCoveredLeaf(0.25, coverLeft)
	f.AddCoveredLeaf(0.75, coverRight)
	return f
}

func TestShapByHand(t *testing.T) {
	single := foresttest.New(2)
	single.Grow()
	single.AddLeaf(0.5)

	// 1 if both features are above 0.5: of four rows, two stop at the root, one at the second split.
	both := foresttest.New(2)
	both.Grow()
	both.AddSplit(0, 0.5, false, 1, 2)
	both.AddCoveredLeaf(0, 2)
	both.AddSplit(1, 0.5, false, 3, 4)
	both.AddCoveredLeaf(0, 1)
	both.AddCoveredLeaf(1, 1)

	twice := foresttest.New(2) // the same feature twice: leaves at 0.5 and 0.8
	twice.Grow()
	twice.AddSplit(0, 0.5, false, 1, 2)
	twice.AddCoveredLeaf(0, 2)
	twice.AddSplit(0, 0.75, false, 3, 4)
	twice.AddCoveredLeaf(0.5, 1)
	twice.AddCoveredLeaf(1, 1)

	unseen := foresttest.New(2) // a split that no training row reached
	unseen.Grow()
	unseen.AddSplit(0, 0.5, false, 1, 4)
	unseen.AddSplit(1, 0.5, false, 2, 3)
	unseen.AddCoveredLeaf(0, 0)
	unseen.AddCoveredLeaf(1, 0)
	unseen.AddCoveredLeaf(0.25, 4)

	both.Settle()
	twice.Settle()

	nan := float32(math.NaN())
	tests := []struct {
		name string
		file *foresttest.File
		x    []float32
		bias float64
		want []float64
	}{
		{"a single leaf", single, []float32{1, 1}, 0.5, []float64{0, 0}},
		{"a stump, left", stump(0.5, false, 3, 1), []float32{0.5, 1}, 0.375, []float64{-0.125, 0}},
		{"a stump, right", stump(0.5, false, 3, 1), []float32{0.6, 1}, 0.375, []float64{0.375, 0}},
		{"missing goes left", stump(0.5, true, 3, 1), []float32{nan, 1}, 0.375, []float64{-0.125, 0}},
		{"missing goes right", stump(0.5, false, 3, 1), []float32{nan, 1}, 0.375, []float64{0.375, 0}},
		{"the float32 of 0.1 lies above 0.1", stump(0.1, false, 1, 1), []float32{0.1, 0}, 0.5, []float64{0.25, 0}},
		{"no training row went left, the row does", stump(0.5, false, 0, 4), []float32{0, 0}, 0.75, []float64{-0.5, 0}},
		{"no training row went left, nor does the row", stump(0.5, false, 0, 4), []float32{1, 0}, 0.75, []float64{0, 0}},
		{"no training row at all: each side counts half", stump(0.5, false, 0, 0), []float32{0, 0}, 0.5, []float64{-0.25, 0}},
		{"covers whose sum overflows", stump(0.5, false, math.MaxFloat64, math.MaxFloat64), []float32{0, 0}, 0.5, []float64{-0.25, 0}},
		// Known features: none 1/4, either 1/2, both 1.
		{"both, and the row has both", both, []float32{1, 1}, 0.25, []float64{0.375, 0.375}},
		// None 1/4, the first 1/2, the second 0, both 0.
		{"both, and the row has the first", both, []float32{1, 0}, 0.25, []float64{0.125, -0.375}},
		// None 1/4, the first 0, the second 1/2, both 0.
		{"both, and the row has the second", both, []float32{0, 1}, 0.25, []float64{-0.375, 0.125}},
		{"one feature twice, middle", twice, []float32{0.6, 0}, 0.375, []float64{0.125, 0}},
		{"one feature twice, high", twice, []float32{0.9, 0}, 0.375, []float64{0.625, 0}},
		// None 1/4, the first 1/2, the second 1/4, both 1.
		{"where no training row went", unseen, []float32{0, 1}, 0.25, []float64{0.5, 0.25}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkShap(t, must(t, tt.file), tt.x, tt.want, tt.bias, 1e-15)
		})
	}
}

func TestShapIsTheSumOverAllSubsets(t *testing.T) {
	for seed := range uint64(60) {
		features := 1 + int(seed%8)
		file := foresttest.Random(seed, features, 3, 1+int(seed%7))
		for at := range file.Cover {
			if at%17 == int(seed%17) { // zero covers, and inner ones that are not their children's sum
				file.Cover[at] = 0
			}
		}
		forest := must(t, file)
		for row := range uint64(4) {
			x := foresttest.Matrix(seed*10+row, 1, features, 0.2)
			nearThresholds(file, x)
			want, bias := bruteForce(file, x)
			checkShap(t, forest, x, want, bias, 1e-13)
		}
	}
}

// chain is a tree with one path that goes depth splits deep, over as many features; every split has a leaf beside it.
func chain(depth int, random *rand.Rand) *foresttest.File {
	f := foresttest.New(depth)
	f.Grow()
	for level := range depth {
		f.AddSplit(level, 0.5, false, 2*level+1, 2*level+2)
		f.AddCoveredLeaf(random.Float64(), float64(1+random.IntN(4)*random.IntN(1000)))
	}
	f.AddCoveredLeaf(random.Float64(), 1)
	f.Settle()
	return f
}

// exactChain sums over the subsets of each leaf's path, by their sizes, in 1,000 bits.
func exactChain(f *foresttest.File, x []float32) []float64 {
	number := func(v float64) *big.Float { return new(big.Float).SetPrec(1000).SetFloat64(v) }
	depth := int(f.Features)
	sums := make([]*big.Float, depth)
	for i := range sums {
		sums[i] = number(0)
	}
	var shares, follows []*big.Float // of the path above
	for level := range depth {
		right := 2*level + 2
		leaf := 2*level + 1
		total := new(big.Float).Add(number(f.Cover[leaf]), number(f.Cover[right]))
		share := func(at int) *big.Float { return new(big.Float).Quo(number(f.Cover[at]), total) }
		goesLeft, goesRight := number(1), number(0)
		if x[level] > 0.5 {
			goesLeft, goesRight = goesRight, goesLeft
		}
		addLeaf(sums, append(shares[:level:level], share(leaf)), append(follows[:level:level], goesLeft), f.Value[leaf], number)
		shares, follows = append(shares, share(right)), append(follows, goesRight)
		if level == depth-1 {
			addLeaf(sums, shares, follows, f.Value[right], number)
		}
	}
	values := make([]float64, depth)
	for i := range values {
		values[i], _ = sums[i].Float64()
	}
	return values
}

// addLeaf adds a leaf's Shapley value for each feature on its path. The product of (share + follows y) over the path has,
// at y^size, the sum over all sets of that size; a feature's own factor is divided out, which takes the many bits.
func addLeaf(sums, shares, follows []*big.Float, value float64, number func(float64) *big.Float) {
	k := len(shares)
	all := []*big.Float{number(1)}
	for i := range k {
		all = append(all, number(0))
		for size := i + 1; size >= 0; size-- {
			all[size].Mul(all[size], shares[i])
			if size > 0 {
				all[size].Add(all[size], new(big.Float).Mul(all[size-1], follows[i]))
			}
		}
	}
	for feature := range k {
		gain := new(big.Float).Sub(follows[feature], shares[feature])
		gain.Mul(gain, number(value))
		weight := new(big.Float).Quo(number(1), number(float64(k))) // size! (k-1-size)! / k!
		others := number(0)
		for size := range k {
			others.Sub(all[size], others.Mul(others, follows[feature]))
			others.Quo(others, shares[feature])
			term := new(big.Float).Mul(gain, others)
			sums[feature].Add(sums[feature], term.Mul(term, weight))
			if size < k-1 {
				weight.Mul(weight, number(float64(size+1)))
				weight.Quo(weight, number(float64(k-1-size)))
			}
		}
	}
}

func TestShapOfDeepChains(t *testing.T) {
	for _, depth := range []int{1, 12, 48} {
		random := rand.New(rand.NewPCG(uint64(depth), 5))
		file := chain(depth, random)
		forest := must(t, file)
		x := make([]float32, depth)
		for kind := range 2 { // half of the features point to the end, and all but one
			for i := range x {
				x[i] = 1
				if kind == 0 && random.IntN(2) == 0 || kind == 1 && i == depth/2 {
					x[i] = 0
				}
			}
			checkShap(t, forest, x, exactChain(file, x), forest.Bias(), 1e-14)
		}
	}
}

// A path of a thousand features asks for as many points, and one on few features for no more than those.
func TestShapOfChainsBeyondAllTraining(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	forest := must(t, chain(1000, random))
	x, out, predicted := make([]float32, 1000), make([]float64, 1000), make([]float64, 1)
	for i := range x {
		x[i] = float32(1 - i%900/899)
	}
	sum := shapOf(t, forest, x, out)
	for _, v := range out {
		sum += v
	}
	if forest.Predict(x, 1, predicted); !(math.Abs(sum-predicted[0]) <= 1e-12) {
		t.Errorf("bias + sum is %v, the prediction %v", sum, predicted[0])
	}

	const splits = 50_000
	long := foresttest.New(2)
	long.Grow()
	for i := range splits {
		long.AddSplit(i%2, float64(splits-i), false, 2*i+2, 2*i+1)
		long.AddLeaf(0.25)
	}
	long.AddLeaf(1)
	long.Settle()
	// Left 50,000 times, past 50,000 training rows: the answer is the last leaf's.
	values := make([]float64, 2)
	bias := shapOf(t, must(t, long), []float32{0, 0}, values)
	if got := bias + values[0] + values[1]; !(math.Abs(got-1) <= 1e-9) {
		t.Errorf("bias + sum is %v, the prediction 1", got)
	}
}

// Above the bound, finding points alone may take longer than anybody waits.
func TestShapRefusesPathsOfTooManyFeatures(t *testing.T) {
	for _, features := range []int{maxPathFeatures, maxPathFeatures + 1, 30_000} {
		file := foresttest.New(features)
		file.Grow()
		file.AddLeaf(0.5)
		file.GrowChain(features)
		file.Settle()
		_, err := must(t, file).Shap(make([]float32, features), make([]float64, features))
		want := ""
		if features > maxPathFeatures {
			want = fmt.Sprintf("tree 1: a path asks %d features, more than 1024", features)
		}
		if got := fmt.Sprint(err); got != want && (want != "" || err != nil) {
			t.Errorf("%d features: got the error %v, want %q", features, err, want)
		}
	}
}

func TestShapAddsUpOnLargeForests(t *testing.T) {
	file := foresttest.Random(3, 58, 30, 10)
	forest := must(t, file)
	out, predicted := make([]float64, 58), make([]float64, 1)
	for row := range uint64(5) {
		x := foresttest.Matrix(row, 1, 58, 0.1)
		sum := shapOf(t, forest, x, out)
		if !(math.Abs(sum-forest.Bias()) <= 1e-13) {
			t.Errorf("bias %v, and by the inner values %v", sum, forest.Bias())
		}
		for _, v := range out {
			sum += v
		}
		if forest.Predict(x, 1, predicted); !(math.Abs(sum-predicted[0]) <= 1e-13) {
			t.Errorf("row %d: bias + sum is %v, the prediction %v", row, sum, predicted[0])
		}
	}
}

func TestGaussLegendreIsExact(t *testing.T) {
	for _, n := range []int{1, 2, 7, 8, 9, 20, 64, 500} {
		for _, degree := range []int{0, 1, n - 1, 2*n - 2, 2*n - 1} {
			sum := 0.0
			for _, p := range gaussLegendre(n) {
				for i := range p.t {
					sum += p.weight[i] * math.Pow(p.t[i], float64(degree))
				}
			}
			if want := 1 / float64(degree+1); !(math.Abs(sum-want) <= 1e-14) {
				t.Errorf("%d points, t^%d: got %v, want %v", n, degree, sum, want)
			}
		}
	}
}

// FuzzShap holds that whatever is accepted, with whatever covers, is explained to the last bit but rounding.
func FuzzShap(f *testing.F) {
	f.Add(small().Bytes(), float32(0.5), float32(-1))
	f.Add(stump(0.5, true, 5e-324, math.MaxFloat64).Bytes(), float32(math.NaN()), float32(0))
	random := rand.New(rand.NewPCG(9, 9))
	for range 100 {
		file := foresttest.Random(random.Uint64(), 3, 2, 4)
		for at := range file.Cover {
			file.Cover[at] *= math.Pow(10, float64(random.IntN(600)-300))
		}
		f.Add(file.Bytes(), random.Float32(), random.Float32())
	}
	f.Fuzz(func(t *testing.T, data []byte, even, odd float32) {
		forest, err := read(data)
		if err != nil {
			return
		}
		x, out, predicted := make([]float32, forest.Features()), make([]float64, forest.Features()), make([]float64, 1)
		for i := range x {
			if x[i] = even; i%2 == 1 {
				x[i] = odd
			}
		}
		sum, err := forest.Shap(x, out)
		if err != nil {
			return // a path asks too many features
		}
		for _, v := range out {
			sum += v
		}
		if forest.Predict(x, 1, predicted); !(math.Abs(sum-predicted[0]) <= 1e-12) {
			t.Errorf("bias + sum is %v, the prediction %v", sum, predicted[0])
		}
	})
}
