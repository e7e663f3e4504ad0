package forest

import (
	"fmt"
	"math"
)

// maxPathFeatures is how many features a path may ask. The points of the quadrature grow with them, and the work of finding
// the points with their square; the paths of trained forests are far shorter.
const maxPathFeatures = 1024

// Shap writes the Shapley value of each feature of one row x into out, and returns the bias: bias + sum of out is the
// row's prediction, up to rounding. It panics if x or out is shorter than Features(). Its error is that of a forest with a
// path that asks more than 1,024 features; what out holds then means nothing.
//
// It is path-dependent TreeSHAP (Lundberg, Erion, Lee: Consistent Individualized Feature Attribution for Tree Ensembles,
// 2018): the value of a set of features is what the forest answers on average where only they are known; at a split on
// any other feature the training rows, by their covers, say how many go left. Algorithm 2 of that paper divides
// polynomials, which loses all digits on deep trees. Here the weights of the subsets are written as an integral,
//
//	|S|! (k-1-|S|)! / k!  =  integral over t from 0 to 1 of  t^|S| (1-t)^(k-1-|S|),
//
// so that a leaf's sum over all subsets becomes an integral over a product of one factor per feature on its path,
// between 0 and 1 each, and that is a polynomial which Gauss-Legendre quadrature integrates exactly (as in Wettenstein,
// Mitchell, Yu: Quadrature-TreeSHAP, 2026, but with as many points as the longest path asks for). Every term has one
// sign: nothing cancels and nothing overflows, at any depth. It takes O(nodes x depth) per tree.
//
// Where a split was reached by no training rows (both covers are 0), each side counts half. The bias is the mean of the
// leaves by cover. It is Bias() wherever the inner values are the means of their children's, as in trained forests; not
// where training bent them, as scikit-learn does for monotonic constraints.
func (f *Forest) Shap(x []float32, out []float64) (bias float64, err error) {
	x, out = x[:f.features], out[:f.features]
	clear(out)
	s := &shap{x: x, out: out, path: make([]part, f.features), seen: make([]int, f.features)}
	for feature := range s.path {
		s.path[feature] = untouched
	}
	rules := map[int][]points{}
	for i := range f.trees {
		t := f.Tree(i)
		if len(t.Splits) == 0 {
			bias += t.Leaves[0].Value
			continue
		}
		asked := s.longest(&t)
		if asked > maxPathFeatures {
			return 0, fmt.Errorf("tree %d: a path asks %d features, more than %d", i, asked, maxPathFeatures)
		}
		n := (asked + 1) / 2
		if rules[n] == nil {
			rules[n] = gaussLegendre(n)
		}
		expected := 0.0
		for _, rule := range rules[n] {
			expected = s.walk(&t, &rule)
		}
		bias += expected
	}
	trees := float64(len(f.trees))
	for feature := range out {
		out[feature] /= trees
	}
	return bias / trees, nil
}

// lanes is how many points of the quadrature go through a tree at once.
const lanes = 8

type lane [lanes]float64

// points are some of a rule's points t; those that only fill the lanes have weight 0.
type points struct{ t, rest, weight lane } // rest is 1 - t

// shap explains one row.
type shap struct {
	x     []float32
	out   []float64 // sums over the trees
	path  []part    // per feature: what the path from the root to the current child says of it
	seen  []int     // per feature: how often it is on the path
	stack []visit
}

// part is what the splits on one feature that lie on a path come down to.
type part struct {
	share   float64 // of the training rows, how many take the path at these splits
	follows bool    // whether the row to explain does
}

var untouched = part{share: 1, follows: true}

// factor is the probability of taking the path at these splits where the feature is known with probability t.
func (p part) factor(t, rest float64) float64 {
	if p.follows {
		return t + p.share*rest
	}
	return p.share * rest
}

// visit is a split on the current path.
type visit struct {
	split   int
	side    int     // the next child: 0 left, 1 right, 2 none
	before  part    // of the split's feature, on the path down to the split
	reach   float64 // the part of the training rows that takes the path down to the split
	product lane    // of the factors of all features on that path
	sum     lane    // over the leaves seen below: value x product
}

// longest returns the largest number of features on a path from the root to a leaf: a feature counts once.
func (s *shap) longest(t *Tree) int {
	type step struct{ split, side int }
	count, most := 0, 0
	stack := []step{{}}
	for len(stack) > 0 {
		at := &stack[len(stack)-1]
		split := &t.Splits[at.split]
		switch at.side++; at.side {
		case 1:
			if s.seen[split.Feature]++; s.seen[split.Feature] == 1 {
				count++
				most = max(most, count)
			}
			if split.Left >= 0 {
				stack = append(stack, step{split: split.Left})
			}
		case 2:
			if split.Right >= 0 {
				stack = append(stack, step{split: split.Right})
			}
		default:
			if s.seen[split.Feature]--; s.seen[split.Feature] == 0 {
				count--
			}
			stack = stack[:len(stack)-1]
		}
	}
	return most
}

// walk adds a tree's contributions at the rule's points, and returns the mean of its leaves by cover. It goes depth first
// and credits each edge with all leaves below it at once. Its stack is its own: a file may hold trees that are deeper
// than the goroutine's could get.
func (s *shap) walk(t *Tree, rule *points) (expected float64) {
	root := visit{before: untouched, reach: 1}
	for i := range root.product {
		root.product[i] = 1
	}
	s.stack = append(s.stack[:0], root)
	for {
		v := &s.stack[len(s.stack)-1]
		split := &t.Splits[v.split]
		if v.side == 2 {
			s.path[split.Feature] = v.before
			if len(s.stack) == 1 {
				return expected
			}
			below := v.sum
			s.stack = s.stack[:len(s.stack)-1]
			v = &s.stack[len(s.stack)-1]
			s.credit(v, t.Splits[v.split].Feature, &below, rule)
			continue
		}
		child, share, follows := s.take(t, split, v.side)
		v.side++
		now := part{share: v.before.share * share, follows: v.before.follows && follows}
		if now.share == 0 && !now.follows {
			continue // no subset of the features leads here
		}
		s.path[split.Feature] = now
		product := v.product
		extend(&product, v.before, now, share, rule)
		if child >= 0 {
			s.stack = append(s.stack, visit{
				split: child, before: s.path[t.Splits[child].Feature], reach: v.reach * share, product: product,
			})
			continue
		}
		value := t.Leaves[^child].Value
		expected += value * v.reach * share
		for i := range product {
			product[i] *= value
		}
		s.credit(v, split.Feature, &product, rule)
	}
}

// take returns a split's child on one side, the share of the split's training rows that went there, and whether the row
// does.
func (s *shap) take(t *Tree, split *Split, side int) (child int, share float64, follows bool) {
	value := s.x[split.Feature]
	left := float64(value) <= split.Threshold || value != value && split.MissingLeft
	child, sibling := split.Left, split.Right
	if side == 1 {
		child, sibling = sibling, child
	}
	// The ratio cannot overflow, as the sum of the covers might.
	share = 1 / (1 + t.cover(sibling)/t.cover(child))
	if math.IsNaN(share) {
		share = 0.5
	}
	return child, share, left == (side == 0)
}

func (t *Tree) cover(child int) float64 {
	if child < 0 {
		return t.Leaves[^child].Cover
	}
	return t.Splits[child].Cover
}

// extend replaces a feature's factor in a product. No factor grows on the way down, and one that is divided by is no
// smaller than t, or its rest cancels.
func extend(product *lane, before, now part, share float64, rule *points) {
	if !before.follows { // nor does now
		for i := range product {
			product[i] *= share
		}
		return
	}
	for i := range product {
		t, rest := rule.t[i], rule.rest[i]
		product[i] *= now.factor(t, rest) / before.factor(t, rest)
	}
}

// credit gives a split's feature what the leaves below one of its children are worth to it. A leaf's Shapley value for a
// feature is the integral of value x the product of the other features' factors x (1 if the row follows, else 0, minus
// share). What the path said of the feature before the split is taken back: a split above has been credited with it, as
// with all its leaves.
func (s *shap) credit(v *visit, feature int, below *lane, rule *points) {
	before, now := v.before, s.path[feature]
	sum := 0.0
	for i, leaves := range below {
		v.sum[i] += leaves
		if before.follows || now.follows {
			t, rest := rule.t[i], rule.rest[i]
			sum += rule.weight[i] * leaves * (now.worth(t, rest) - before.worth(t, rest))
		}
	}
	s.out[feature] += sum
}

// worth is (1 if the row follows, else 0, minus share) / factor.
func (p part) worth(t, rest float64) float64 {
	if p.follows {
		return (1 - p.share) / p.factor(t, rest)
	}
	return -1 / rest // share cancels
}

// gaussLegendre returns the rule of n points over 0 to 1. It is exact for polynomials of degree 2n-1.
func gaussLegendre(n int) []points {
	rule := make([]points, (n+lanes-1)/lanes)
	for i := range len(rule) * lanes {
		p, at := &rule[i/lanes], i%lanes
		if i >= n {
			p.t[at], p.rest[at] = 0.5, 0.5
			continue
		}
		root, slope := legendreRoot(n, i)
		p.t[at], p.rest[at] = (1-root)/2, (1+root)/2
		p.weight[at] = 1 / ((1 - root) * (1 + root) * slope * slope)
	}
	return rule
}

// legendreRoot returns the i-th root of the n-th Legendre polynomial, largest first, and the slope there, by Newton's
// method, which converges from this guess in a few steps.
func legendreRoot(n, i int) (root, slope float64) {
	root = math.Cos(math.Pi * (float64(i) + 0.75) / (float64(n) + 0.5))
	for range 10 {
		p, last := 1.0, 0.0
		for j := 1; j <= n; j++ {
			k := float64(j)
			p, last = ((2*k-1)*root*p-(k-1)*last)/k, p
		}
		slope = float64(n) * (root*p - last) / (root*root - 1)
		step := p / slope
		if root -= step; math.Abs(step) < 1e-15 {
			break
		}
	}
	return root, slope
}
