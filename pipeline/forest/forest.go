// Package forest holds a trained random forest, validated and immutable, predicts with it, and says why.
//
// Predictions are bit for bit those of scikit-learn's predict_proba with one job: features are compared as float32 with
// the float64 threshold, leaves are summed in tree order in float64, and the sum is divided once. [Forest.Contribute] gives
// path contributions, for many rows; [Forest.Shap] exact Shapley values, for a few.
//
// # Layout
//
// A float32 that is at most a float64 threshold is at most that threshold rounded down to float32, and the bits of a
// float32, rearranged, order as an integer does (as in FLInt: Hakert, Chen, Chen, 2022). So thresholds become 32-bit keys
// at load, rows become keys once per block, and a step down is a subtraction whose sign picks the child: no branch to
// mispredict. A feature whose splits send missing values both ways has two slots among a row's keys, one where missing is
// the least key and one where it is the greatest, and a split picks its slot: missing values cost nothing on the way down.
//
// A node is 8 bytes: key, slot, and the pair of its children, which are neighbours, as nodes are numbered breadth first. A
// leaf leads to itself, so that rows may take more steps than they need. Eight rows walk at once, as the processor has time
// for others while one waits for its next node; this is the walk interleaving of Treebeard (Prasad, Rajendra, Rajan,
// Govindarajan, Bondhugula, 2022). A block of rows goes through one tree before the next, so that the tree stays in the
// first-level cache. All rows take as many steps as the training covers say most need; those that have not arrived are
// gathered and walked on, eight at a time, so that few deep rows do not hold up many. A tree all of whose rows go about
// equally deep is walked to its end instead. One to four rows go through eight trees at once.
//
// Slots and pairs have 16 bits each. A tree that is too large for that, or uses a slot beyond, has wider nodes and every
// index checked: the general layout, which is slower. The layout is chosen tree by tree. QuickScorer's bit vectors were not
// used: at the depths of random forests they do many times the work.
//
// Values, covers and thresholds as trained lie beside the nodes in the same order; a node of the fast layout takes at most 32
// bytes with them, and 37 in the file.
package forest

// Features returns the number of features of a row.
func (f *Forest) Features() int { return f.features }

// Trees returns the number of trees.
func (f *Forest) Trees() int { return len(f.trees) }

// Nodes returns the number of nodes of all trees, leaves included.
func (f *Forest) Nodes() int { return len(f.values) - 1 }

// Bias returns the mean of the roots' values: what the forest would answer without looking at the row.
func (f *Forest) Bias() float64 {
	sum := 0.0
	for i := range f.trees {
		sum += f.values[f.trees[i].values+1]
	}
	return sum / float64(len(f.trees))
}

// Fast returns how many of the trees have the fast layout; the others are too large for it and have the general one.
func (f *Forest) Fast() int {
	fast := 0
	for i := range f.trees {
		if !f.trees[i].isWide {
			fast++
		}
	}
	return fast
}
