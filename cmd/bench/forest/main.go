// Forest is the benchmark's child process for the engines in Go: the forest of package forest, its reasons, and leaves,
// which gets the same forest as LightGBM v3 text. It is never packaged.
//
// It answers a line of JSON with a line of JSON, as python/bench/worker.py does, until its input ends. Only what an
// engine itself does is timed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: forest FOREST.bin")
		os.Exit(2)
	}
	if err := serve(&bench{path: os.Args[1]}, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "forest:", err)
		os.Exit(1)
	}
}

// request is what the parent asks: to load the engine, or to predict the first rows of a file of float32 and write the
// answers as float64.
type request struct {
	Do      string `json:"do"`
	Engine  string `json:"engine"`
	Rows    string `json:"rows"`
	Count   int    `json:"count"`
	Threads int    `json:"threads"`
	Answers string `json:"answers"`
}

type reply struct {
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu"`
	Bytes   int64   `json:"bytes"`
}

func serve(b *bench, in io.Reader, out io.Writer) error {
	requests, replies := json.NewDecoder(bufio.NewReader(in)), json.NewEncoder(out)
	for {
		var r request
		if err := requests.Decode(&r); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("read request: %w", err)
		}
		answer, err := b.answer(r)
		if err != nil {
			return fmt.Errorf("%s %s: %w", r.Do, r.Engine, err)
		}
		if err := replies.Encode(answer); err != nil {
			return err
		}
	}
}
