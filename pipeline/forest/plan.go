package forest

// A block's rows all take the steps that most need from a tree's root, and leaves lead to themselves. Those that are not at
// a leaf then are walked on, some steps at a time, until none is left. In trees that are hardly deeper than usual it is
// quicker to take all rows down to the last level: nobody has to look where they are.
const (
	stepsOn = 4 // an even number

	// What it costs, in steps of one row: to look at all rows, and to look at a row that is walked on and to walk it there.
	lookCost   = 1.2
	walkOnCost = 1.5 + 1.15*stepsOn
)

// plan chooses how many steps each tree's rows take at first, from how deep its training rows went.
func (f *Forest) plan() {
	p := planner{forest: f}
	for i := range f.trees {
		p.plan(&f.trees[i])
	}
}

type planner struct {
	forest *Forest
	depths []int32   // per place
	weight []float64 // of the leaves, per depth
	rounds []float64 // per number of first steps: how often a row is walked on after them, on average
}

func (p *planner) plan(t *tree) {
	total := p.weigh(t)
	t.depth = int32(len(p.weight) - 1)
	least := float64(t.depth + t.depth%2)
	t.steps = int32(least)
	if !(total > 0) {
		return
	}
	p.rounds = append(p.rounds[:0], make([]float64, int(t.depth)+1+stepsOn)...)
	deeper := 0.0
	for steps := t.depth - 1; steps >= 0; steps-- {
		deeper += p.weight[steps+1]
		p.rounds[steps] = deeper/total + p.rounds[steps+stepsOn]
		cost := float64(steps) + lookCost + walkOnCost*p.rounds[steps]
		if steps%2 == 0 && cost < least {
			least, t.steps = cost, steps
		}
	}
}

// weigh sums up the covers of a tree's leaves by depth.
func (p *planner) weigh(t *tree) (total float64) {
	p.depths, p.weight = append(p.depths[:0], make([]int32, t.count+1)...), p.weight[:0]
	for place := 1; place <= int(t.count); place++ {
		n, depth := p.forest.node(t, place), p.depths[place]
		if int(depth) == len(p.weight) { // breadth first: depths come one by one
			p.weight = append(p.weight, 0)
		}
		if n.isLeaf() {
			cover := p.forest.covers[int(t.values)+place]
			p.weight[depth] += cover
			total += cover
		} else {
			p.depths[2*n.pair], p.depths[2*n.pair+1] = depth+1, depth+1
		}
	}
	return total
}
