package forest

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
