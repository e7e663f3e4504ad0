package model

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"testing"

	"scored/pipeline"
	"scored/pipeline/feature"
)

// FuzzManifest holds that parsing ends in a manifest whose scores and grades are defined, or in an error.
func FuzzManifest(f *testing.F) {
	for _, name := range cases(f) {
		data, err := fs.ReadFile(bundleFS(name), manifestName)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseManifest(data)
		if err != nil {
			return
		}
		for _, p := range []float64{0, 0.5, 1} {
			score := m.Reference.Score(p)
			if score < 0 || score > 100 || m.Grades.Of(score) == "" {
				t.Errorf("probability %v: score %d, grade %q", p, score, m.Grades.Of(score))
			}
		}
		var loose any
		if err := json.Unmarshal(data, &loose); err != nil {
			t.Errorf("accepted what is not JSON: %v", err)
		}
	})
}

// FuzzGolden holds that batches are whole whatever the file.
func FuzzGolden(f *testing.F) {
	contract := feature.Contract{{Name: "n", Type: "number", Nullable: true}, {Name: "t", Type: "text", Nullable: true}}
	f.Add([]byte("n,t,probability\n1.5,a,0.25\n,\"b\"\"\n\",refused\n-inf,,1e-3\n"))
	f.Add([]byte("n,t,probability\n1,a\n"))
	f.Add([]byte("n,t\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		in, err := newGoldenReader(bytes.NewReader(data), contract)
		for err == nil {
			if err = in.next(); err != nil && err != io.EOF {
				return
			}
			n := in.batch.Rows()
			numbers, texts := in.batch.Columns[0], in.batch.Columns[1]
			if len(in.want) != n || len(in.lines) != n || len(numbers.Numbers) != n || len(texts.Codes) != n {
				t.Fatalf("%d rows, %d probabilities, %d lines", n, len(in.want), len(in.lines))
			}
			for _, code := range texts.Codes {
				if code != pipeline.NoText && texts.Dict[code] == "" {
					t.Error("the dictionary has the empty text")
				}
			}
		}
	})
}

// FuzzLoad holds that a bundle with right checksums loads or is refused with a class and a hint, whatever is in it.
func FuzzLoad(f *testing.F) {
	for _, name := range []string{"single_leaves", "one_hot"} {
		k := takeApart(f, name)
		data, err := fs.ReadFile(bundleFS(name), manifestName)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, k.forests[0], k.golden)
	}
	f.Fuzz(func(t *testing.T, manifest, forest, golden []byte) {
		k := &kit{forests: [][]byte{forest}, golden: golden}
		decoder := json.NewDecoder(bytes.NewReader(manifest))
		decoder.UseNumber()
		if decoder.Decode(&k.manifest) != nil || k.manifest == nil {
			return
		}
		b, err := Load(k.files(t))
		if err != nil {
			wantRefusal(t, err)
			return
		}
		if _, rows := b.GoldenFeatures(0); rows == 0 || b.MaxDifference() > maxTolerance {
			t.Errorf("%d golden rows, difference %g", rows, b.MaxDifference())
		}
	})
}

// FuzzVerify holds that the figures of a verification add up, whatever the file.
func FuzzVerify(f *testing.F) {
	f.Add([]byte("days,probability,stage,x,age\n1,0.5,,a,2\n1,refused,,a,inf\n"))
	f.Add([]byte("\ufeffstage,days,age,probability\nTrue,-1.5e3,,1e-3\n"))
	b := load(f, "bare_forest")
	f.Fuzz(func(t *testing.T, data []byte) {
		wrong, last := 0, 1
		v, err := b.Verify(bytes.NewReader(data), func(line int, problem string) {
			if wrong++; line <= last || problem == "" {
				t.Errorf("line %d after line %d: %q", line, last, problem)
			}
			last = line
		})
		if err != nil {
			wantRefusal(t, err)
		}
		if v.Rows != v.Scored+v.Refused || v.Equal > v.Scored || v.Wrong != wrong || v.Equal+v.Wrong > v.Rows {
			t.Errorf("%+v, %d rows are wrong", v, wrong)
		}
	})
}
