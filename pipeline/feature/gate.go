package feature

import "scored/pipeline"

// Gate applies a contract to batches that have the columns it was bound to, once for all transformers behind it. It keeps
// scratch memory: one goroutine at a time.
type Gate struct {
	rules   []rules            // per column of the contract
	seen    []*pipeline.Column // per column of the contract: this batch's, as the rules let it through
	reasons []string           // per row of the batch
	tables  int                // how many blocks behind the gate are of a text column
}

// maxOutcomes bounds the tables of all blocks behind a gate, together 32 MiB. A step behind a one-hot may make a block of
// each of its categories, and a column may have as many texts as a batch has rows.
const maxOutcomes = 1 << 20

// missingKey is the reason of a row that nobody could be told about.
const missingKey = "missing key"

// Admit applies the contract to a batch, which must not change while the transformers behind the gate make features of its
// rows. It returns a reason per row, "" for a row that can be scored, to which [Transformer.Fill] adds. A reason names the
// column and the rule, never the value. The result is valid until the next Admit.
func (g *Gate) Admit(batch *pipeline.Batch) []string {
	g.reasons = g.reasons[:0]
	for _, key := range batch.Keys {
		reason := ""
		if key == "" {
			reason = missingKey
		}
		g.reasons = append(g.reasons, reason)
	}
	for i := range g.rules {
		g.seen[i] = g.rules[i].apply(g.column(batch, i), g.reasons)
	}
	return g.reasons
}

// column returns the batch's own values of a column of the contract, as they came.
func (g *Gate) column(batch *pipeline.Batch, i int) *pipeline.Column {
	return &batch.Columns[g.rules[i].at]
}

// maxTexts returns of how many texts, the missing one among them, a block may have a table.
func (g *Gate) maxTexts() int { return maxOutcomes / max(g.tables, 1) }
