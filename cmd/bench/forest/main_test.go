package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"scored/pipeline/forest/foresttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The child, as the parent drives it: every engine gives the forest's own answers, for any number of threads.
func TestEveryEngineAnswers(t *testing.T) {
	const rows, features = 200, 6
	folder := t.TempDir()
	path, rowsPath := filepath.Join(folder, "forest.bin"), filepath.Join(folder, "rows.f32")
	write(t, path, foresttest.Random(1, features, 20, 6).Bytes())
	x := foresttest.Matrix(2, rows, features, 0)
	var data bytes.Buffer
	for _, v := range x {
		bits := math.Float32bits(v)
		data.Write([]byte{byte(bits), byte(bits >> 8), byte(bits >> 16), byte(bits >> 24)})
	}
	write(t, rowsPath, data.Bytes())
	forest, err := read(path)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float64, rows)
	forest.Predict(x, rows, want)

	var requests, replies bytes.Buffer
	ask := json.NewEncoder(&requests)
	answers := func(engine string, threads int) string {
		return filepath.Join(folder, strings.ReplaceAll(engine, " ", "")+string(rune('0'+threads)))
	}
	engines := []string{scoredEngine, reasonsEngine, leavesEngine}
	for _, engine := range engines {
		ask.Encode(request{Do: "load", Engine: engine})
		for _, threads := range []int{1, 2, 3} {
			ask.Encode(request{Do: "predict", Engine: engine, Rows: rowsPath, Count: rows - 1, Threads: threads, Answers: answers(engine, threads)})
		}
	}
	if err := serve(&bench{path: path}, &requests, &replies); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(replies.String(), "\n"); got != 4*len(engines) {
		t.Errorf("%d replies: %s", got, &replies)
	}
	for _, engine := range engines {
		for _, threads := range []int{1, 2, 3} {
			got := readAnswers(t, answers(engine, threads))
			if len(got) != rows-1 {
				t.Fatalf("%s: %d answers", engine, len(got))
			}
			for row, answer := range got {
				if math.Abs(answer-want[row]) > 1e-12 {
					t.Errorf("%s, %d threads, row %d: %v, want %v", engine, threads, row, answer, want[row])
				}
			}
		}
	}
}

func TestWhatCantBeDoneIsTold(t *testing.T) {
	folder := t.TempDir()
	path, odd := filepath.Join(folder, "forest.bin"), filepath.Join(folder, "odd.f32")
	write(t, path, foresttest.Random(1, 2, 3, 3).Bytes())
	write(t, odd, []byte{1, 2, 3})
	tests := []struct{ name, requests, want string }{
		{"no request", `{"do":"sing"}`, "no such request"},
		{"no engine", `{"do":"load","engine":"scored"}{"do":"load","engine":"oracle"}`, "load oracle: no such engine"},
		{"leaves first", `{"do":"load","engine":"leaves"}`, "scored is loaded first"},
		{"not loaded", `{"do":"predict","engine":"scored"}`, "is not loaded"},
		{"half a row", `{"do":"load","engine":"scored"}{"do":"predict","engine":"scored","rows":"` + odd + `"}`, "ends within a number"},
		{"no JSON", `load`, "read request"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := serve(&bench{path: path}, strings.NewReader(tt.requests), &bytes.Buffer{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func readAnswers(t *testing.T, path string) []float64 {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	answers := make([]float64, len(data)/8)
	for i := range answers {
		bits := uint64(0)
		for b := range 8 {
			bits |= uint64(data[8*i+b]) << (8 * b)
		}
		answers[i] = math.Float64frombits(bits)
	}
	return answers
}
