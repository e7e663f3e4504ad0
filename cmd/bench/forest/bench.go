package main

import (
	"fmt"
	"os"

	"scored/pipeline/forest"
)

// bench holds the forest, the engines that were loaded, and the rows of the last file.
type bench struct {
	path    string
	forest  *forest.Forest
	engines map[string]engine
	rows    map[string][]float32
}

func (b *bench) answer(r request) (reply, error) {
	switch r.Do {
	case "load":
		return b.load(r.Engine)
	case "predict":
		return b.predict(r)
	}
	return reply{}, fmt.Errorf("no such request")
}

func (b *bench) load(name string) (reply, error) {
	if name != scoredEngine && b.forest == nil {
		return reply{}, fmt.Errorf("%s is loaded first", scoredEngine)
	}
	e, took, err := b.open(name)
	if err != nil {
		return reply{}, err
	}
	if b.engines == nil {
		b.engines, b.rows = map[string]engine{}, map[string][]float32{}
	}
	b.engines[name] = e
	return took, nil
}

func (b *bench) open(name string) (engine, reply, error) {
	switch name {
	case scoredEngine:
		took, err := growth(func() (err error) {
			b.forest, err = read(b.path)
			return err
		})
		return &predictor{forest: b.forest}, took, err
	case reasonsEngine:
		return &reasoner{forest: b.forest}, reply{}, nil
	case leavesEngine:
		return openLeaves(b.forest)
	}
	return nil, reply{}, fmt.Errorf("no such engine")
}

func read(path string) (*forest.Forest, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return forest.Read(file, info.Size())
}

func (b *bench) predict(r request) (reply, error) {
	e, ok := b.engines[r.Engine]
	if !ok {
		return reply{}, fmt.Errorf("is not loaded")
	}
	x, ok := b.rows[r.Rows]
	if !ok {
		var err error
		if x, err = readRows(r.Rows); err != nil {
			return reply{}, err
		}
		b.rows[r.Rows] = x
	}
	if r.Threads < 1 || r.Count < 1 || r.Count*b.forest.Features() > len(x) {
		return reply{}, fmt.Errorf("%d rows with %d threads", r.Count, r.Threads)
	}
	e.take(x[:r.Count*b.forest.Features()], r.Count)
	took, err := timed(func() error { return e.predict(r.Threads) })
	if err != nil {
		return reply{}, err
	}
	return took, writeAnswers(r.Answers, e.answers())
}
