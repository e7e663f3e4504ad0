package model

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"scored/pipeline"
)

// The limits of a text of reasons, see docs/reasons.md.
const (
	maxReasonsUnits = 255   // UTF-16 units: what a Salesforce text field of 255 holds
	reasonsPerSide  = 3     // up, and as many down
	leastReason     = 0.001 // a contribution below this, in probability, is no reason
)

// reason is a raw column that moved a probability.
type reason struct {
	column int
	size   float64 // of the contribution
	up     bool
	words  string
}

// text says what moved a row's probability most: "Up: visited 5 times this week; asked for a quote. Down: no call in 30
// days." The contributions, and the columns that column returns, are the contract's. It is "" where nothing is a reason.
func (p *phrases) text(column func(i int) *pipeline.Column, row int, contributions []float64) string {
	reasons := p.strongest(contributions)
	for i := range reasons {
		at := reasons[i].column
		reasons[i].words = p.words(at, column(at), row)
	}
	for {
		text := sentences(reasons)
		switch {
		case units(text) <= maxReasonsUnits:
			return text
		case len(reasons) > 1:
			reasons = reasons[:len(reasons)-1]
		default:
			frame := sentences([]reason{{up: reasons[0].up}})
			reasons[0].words = cut(reasons[0].words, maxReasonsUnits-units(frame))
		}
	}
}

// strongest returns the reasons of both sides, the largest first; equal ones are in the contract's order.
func (p *phrases) strongest(contributions []float64) []reason {
	var up, down ranking
	for i, c := range contributions {
		if p.banned[i] || !(math.Abs(c) >= leastReason) {
			continue
		}
		if c > 0 {
			up.offer(reason{column: i, size: c, up: true})
		} else {
			down.offer(reason{column: i, size: -c})
		}
	}
	reasons := slices.Concat(up.best[:up.n], down.best[:down.n])
	slices.SortFunc(reasons, func(a, b reason) int {
		return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(a.column, b.column))
	})
	return reasons
}

// ranking holds the largest of the reasons it was offered; the first of two equal ones.
type ranking struct {
	best [reasonsPerSide]reason
	n    int
}

func (r *ranking) offer(c reason) {
	at := r.n
	for at > 0 && r.best[at-1].size < c.size {
		at--
	}
	if at == reasonsPerSide {
		return
	}
	r.n = min(r.n+1, reasonsPerSide)
	copy(r.best[at+1:r.n], r.best[at:])
	r.best[at] = c
}

// sentences puts the reasons' words together: a sentence per side that has any. It begins with a letter, so that no
// spreadsheet takes it for a formula.
func sentences(reasons []reason) string {
	var b strings.Builder
	for _, side := range []struct {
		up    bool
		begin string
	}{{true, "Up: "}, {false, "Down: "}} {
		separator := side.begin
		for _, r := range reasons {
			if r.up != side.up {
				continue
			}
			if separator == side.begin && b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(separator)
			b.WriteString(r.words)
			separator = "; "
		}
		if separator != side.begin {
			b.WriteByte('.')
		}
	}
	return b.String()
}
