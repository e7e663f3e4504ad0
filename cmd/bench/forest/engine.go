package main

import (
	"runtime"

	"scored/pipeline/forest"
	"scored/pipeline/model/referee"
)

const (
	scoredEngine  = "scored"
	reasonsEngine = "scored, with reasons"
	leavesEngine  = "leaves"
)

// engine scores rows that it took before.
type engine interface {
	take(x []float32, rows int)
	predict(threads int) error
	answers() []float64
}

// predictor predicts as a run does, in as many goroutines as there are threads.
type predictor struct {
	forest *forest.Forest
	x      []float32
	out    []float64
}

func (p *predictor) take(x []float32, rows int) { p.x, p.out = x, touched(p.out, rows) }
func (p *predictor) answers() []float64         { return p.out }

func (p *predictor) predict(threads int) error {
	features := p.forest.Features()
	return inParts(len(p.out), threads, func(first, end int) error {
		p.forest.Predict(p.x[first*features:end*features], end-first, p.out[first:end])
		return nil
	})
}

// reasoner takes each feature's contribution to each row. Its answers are the bias and a row's contributions together,
// which is the prediction again.
type reasoner struct {
	forest *forest.Forest
	x      []float32
	rows   int
	out    []float64
}

func (r *reasoner) take(x []float32, rows int) {
	r.x, r.rows, r.out = x, rows, touched(r.out, rows*r.forest.Features())
}

func (r *reasoner) predict(threads int) error {
	features := r.forest.Features()
	return inParts(r.rows, threads, func(first, end int) error {
		at, to := first*features, end*features
		r.forest.Contribute(r.x[at:to], end-first, r.out[at:to])
		return nil
	})
}

func (r *reasoner) answers() []float64 {
	features, bias := r.forest.Features(), r.forest.Bias()
	sums := make([]float64, r.rows)
	for row := range sums {
		sums[row] = bias
		for _, contribution := range r.out[row*features : (row+1)*features] {
			sums[row] += contribution
		}
	}
	return sums
}

// leaves divides the rows among threads of its own.
type leaves struct {
	peer *referee.Peer
	x    []float64
	out  []float64
}

func openLeaves(f *forest.Forest) (*leaves, reply, error) {
	text := referee.LightGBM(f)
	l := &leaves{}
	took, err := growth(func() (err error) {
		l.peer, err = referee.ReadPeer(text, f.Features())
		return err
	})
	runtime.KeepAlive(text) // or its end would count as shrinking
	return l, took, err
}

func (l *leaves) take(x []float32, rows int) {
	l.x, l.out = touched(l.x, len(x)), touched(l.out, rows)
	for i, v := range x {
		l.x[i] = float64(v)
	}
}

func (l *leaves) predict(threads int) error { return l.peer.Predict(l.x, len(l.out), l.out, threads) }
func (l *leaves) answers() []float64        { return l.out }

// touched returns n elements that the operating system has handed out, so that the first use costs no more than the
// second.
func touched(have []float64, n int) []float64 {
	if cap(have) < n {
		have = make([]float64, n)
	}
	have = have[:n]
	for i := range have {
		have[i] = -1
	}
	return have
}
