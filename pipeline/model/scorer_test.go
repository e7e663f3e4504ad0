package model

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"scored/pipeline"
	"scored/pipeline/feature"
	"scored/pipeline/forest/foresttest"
)

// inPieces scores the batch, with reasons for every seventh score, in pieces of so many rows; 0 for the scorer's own.
func inPieces(t *testing.T, b *Bundle, batch *pipeline.Batch, rows int) ([]pipeline.Score, []pipeline.Rejection) {
	t.Helper()
	s, err := b.bind(batch.Columns)
	if err != nil {
		t.Fatal(err)
	}
	if rows > 0 {
		s.pieceRows = rows
	}
	s.Score(batch, nil, nil, nil) // whose memory the next batch gets
	n := 0
	return s.Score(batch, func(pipeline.Score) bool { n++; return n%7 == 0 }, nil, nil)
}

func wantSameScores(t *testing.T, b *Bundle, batch *pipeline.Batch, rows ...int) {
	t.Helper()
	scores, rejected := inPieces(t, b, batch, batch.Rows()+1)
	if len(scores)+len(rejected) != batch.Rows() {
		t.Fatalf("%d scores and %d rejections of %d rows", len(scores), len(rejected), batch.Rows())
	}
	for _, rows := range rows {
		gotScores, gotRejected := inPieces(t, b, batch, rows)
		if !slices.Equal(gotScores, scores) || !slices.Equal(gotRejected, rejected) {
			t.Errorf("%s: pieces of %d rows give other scores than the %d rows at once", b.Name(), rows, batch.Rows())
		}
	}
}

// A row's score, reasons and rejection are the same wherever the piece ends.
func TestPiecesGiveWhatTheBatchGives(t *testing.T) {
	for _, name := range cases(t) {
		b := load(t, name)
		batch, _ := secondOpinion(t, b, name)
		n := batch.Rows()
		batch.Keys[n/2] = ""
		wantSameScores(t, b, batch, 1, 7, n/2, n-1, n)
	}
}

// What compares with the fitted pipeline goes through pieces, too, and finds the same.
func TestGoldenRowsInPieces(t *testing.T) {
	for _, name := range cases(t) {
		b := load(t, name)
		batch, want := secondOpinion(t, b, name)
		in := &rowReader{batch: *batch, want: want}
		golden := func(pieceRows int) goldenRows {
			s, err := b.bind(batch.Columns)
			if err != nil {
				t.Fatal(err)
			}
			s.pieceRows = pieceRows
			g := goldenRows{features: make([][]float32, len(b.plans))}
			s.compare(in, 0, func(row int, c compared) {
				c.problem = nil
				g.add(in, s, row, c)
			})
			return g
		}
		whole, pieces := golden(batch.Rows()), golden(7)
		if pieces.rows != len(want) || pieces.scored != whole.scored || pieces.maxDifference != whole.maxDifference {
			t.Errorf("%s: got %+v, at once %+v", name, pieces, whole)
		}
		for i := range whole.features {
			if !slices.EqualFunc(pieces.features[i], whole.features[i], sameBits) {
				t.Errorf("%s: the features of plan %d are others", name, i)
			}
		}
	}
}

func sameBits(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }

// wideBundle has one text with so many categories, each a feature, and a batch for it.
func wideBundle(t *testing.T, categories, rows int) (*Bundle, *pipeline.Batch) {
	t.Helper()
	dict := make([]string, categories)
	for i := range dict {
		dict[i] = fmt.Sprint("category ", i)
	}
	b := assemble(t,
		feature.Contract{
			{Name: "n", Type: "number", Nullable: true, Abnormal: feature.Refuse},
			{Name: "t", Type: "text", Nullable: true, Abnormal: feature.Pass},
		},
		[]feature.Block{{Column: "n"}, {Column: "t", Steps: []feature.Step{oneHotOf(dict)}}},
		foresttest.Random(1, 1+categories, 50, 8))
	numbers := pipeline.Column{Name: "n", Kind: pipeline.Number}
	texts := pipeline.Column{Name: "t", Kind: pipeline.Text, Dict: dict}
	batch := &pipeline.Batch{}
	for row := range rows {
		batch.Keys = append(batch.Keys, fmt.Sprint(row))
		numbers.Numbers = append(numbers.Numbers, float64(row%10)/10)
		texts.Codes = append(texts.Codes, int32(row*7%(categories+1))-1)
		if row%50 == 49 {
			numbers.Numbers[row] = math.Inf(1)
		}
	}
	batch.Columns = []pipeline.Column{numbers, texts}
	return b, batch
}

// A scorer holds the features of some rows, not of all that a batch may have: here 10,001 for each of 1,024.
func TestScorerOfAWideBundleHoldsLittleMemory(t *testing.T) {
	b, batch := wideBundle(t, 10_000, 1024)
	s, err := b.bind(batch.Columns)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	scores, rejected := s.Score(batch, func(pipeline.Score) bool { n++; return n <= dueBlock }, nil, nil)
	if len(scores)+len(rejected) != batch.Rows() || scores[0].Reasons == "" {
		t.Fatalf("%d scores, the first %+v, and %d rejections", len(scores), scores[0], len(rejected))
	}
	held := 4*(cap(s.features[0])+cap(s.due.features)) + 8*(cap(s.due.byFeature)+cap(s.due.byColumn)+cap(s.probabilities))
	if held > 20<<20 {
		t.Errorf("the scorer holds %d bytes of features, contributions and probabilities", held)
	}
}

// However many features all plans have together: here 400,040 for each of 256 rows.
func TestScorerOfManyWidePlansHoldsLittleMemory(t *testing.T) {
	b, batch := wideBundle(t, 10_000, 256)
	b.plans = slices.Repeat(b.plans, 40)
	s, err := b.bind(batch.Columns)
	if err != nil {
		t.Fatal(err)
	}
	if scores, rejected := s.Score(batch, nil, nil, nil); len(scores)+len(rejected) != batch.Rows() {
		t.Fatalf("%d scores and %d rejections", len(scores), len(rejected))
	}
	held := 0
	for _, features := range s.features {
		held += 4 * cap(features)
	}
	if held > 32<<20 {
		t.Errorf("the scorer holds %d bytes of features", held)
	}
}

// Batches that end around the end of a piece have the scores that they have at once.
func TestBatchesAroundAPiece(t *testing.T) {
	const categories = 10_000
	const pieceRows = maxPieceCells / (1 + categories)
	b, batch := wideBundle(t, categories, pieceRows+1)
	for _, rows := range []int{pieceRows, pieceRows + 1} {
		numbers, texts := batch.Columns[0], batch.Columns[1]
		numbers.Numbers, texts.Codes = numbers.Numbers[:rows], texts.Codes[:rows]
		wantSameScores(t, b, &pipeline.Batch{Keys: batch.Keys[:rows], Columns: []pipeline.Column{numbers, texts}}, 0)
	}
}

func TestPiecesAllocateNothing(t *testing.T) {
	b := load(t, "calibrated_isotonic") // whose members have transforms of their own
	batch, _ := secondOpinion(t, b, "calibrated_isotonic")
	s, err := b.bind(batch.Columns)
	if err != nil {
		t.Fatal(err)
	}
	s.pieceRows = 7
	scores, rejected := s.Score(batch, nil, nil, nil)
	if n := testing.AllocsPerRun(10, func() { scores, rejected = s.Score(batch, nil, scores[:0], rejected[:0]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
