// Package forest holds a trained random forest, validated and immutable, and predicts with it.
//
// Predictions are bit for bit those of scikit-learn's predict_proba with one job: features are compared as float32 with
// the float64 threshold, leaves are summed in tree order in float64, and the sum is divided once.
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
