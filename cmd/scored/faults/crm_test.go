package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"scored/pipeline"
	"scored/pipeline/model"
	"scored/pipeline/warehouse/pgtest"
)

const (
	leads = 450 // more than two requests' worth
	// bundle is a small model whose contract has four numbers.
	bundle   = "pipeline/model/testdata/routed_missing"
	dataprep = "SELECT lead_key, age, income, visits, days FROM crm.leads;\n"
)

var columns = []string{"age", "income", "visits", "days"}

func keyOf(lead int) string { return fmt.Sprintf("L%06d", lead) }

// row holds what the model asks of a lead, in the order of columns.
type row [4]float64

// value is a score as it is sent.
type value struct {
	score        int
	grade, model string
}

// crm is the table that is scored.
type crm struct {
	cluster *pgtest.Cluster
	model   *model.Bundle
	rng     *rand.Rand
	rows    []row // by lead
	before  []row // what each lead had before its last move
}

func newCRM(t *testing.T, rng *rand.Rand) *crm {
	t.Helper()
	b, err := model.Load(os.DirFS(root + "/" + bundle))
	if err != nil {
		t.Fatal(err)
	}
	c := &crm{cluster: origin.clone(t), model: b, rng: rng, rows: make([]row, leads)}
	var all []int
	for i := range c.rows {
		c.rows[i] = c.draw()
		all = append(all, i)
	}
	c.before = append(c.before, c.rows...)
	c.exec(t, "CREATE SCHEMA crm; CREATE TABLE crm.leads "+
		"(lead_key varchar(40) PRIMARY KEY, age float8, income float8, visits float8, days float8)")
	c.exec(t, "INSERT INTO crm.leads "+c.values(all))
	return c
}

func (c *crm) exec(t *testing.T, script string) {
	t.Helper()
	if err := c.cluster.Exec(t.Context(), script); err != nil {
		t.Fatal(err)
	}
}

func (c *crm) draw() row {
	return row{18 + float64(c.rng.IntN(620))/10, float64(c.rng.IntN(90_000)), float64(c.rng.IntN(10)), float64(c.rng.IntN(9000)) / 100}
}

// move moves a share of the leads on: half of these to something else, half back to what they had before. What comes back is
// what a ledger that forgot a write takes for unchanged.
func (c *crm) move(t *testing.T, share float64) {
	t.Helper()
	var moved []int
	for i := range c.rows {
		if c.rng.Float64() >= share {
			continue
		}
		next := c.before[i]
		if c.rng.IntN(2) == 0 {
			next = c.draw()
		}
		c.before[i], c.rows[i] = c.rows[i], next
		moved = append(moved, i)
	}
	c.update(t, moved)
}

func (c *crm) update(t *testing.T, moved []int) {
	t.Helper()
	if len(moved) == 0 {
		return
	}
	c.exec(t, "UPDATE crm.leads SET age = v.age, income = v.income, visits = v.visits, days = v.days FROM ("+
		c.values(moved)+") v (lead_key, age, income, visits, days) WHERE leads.lead_key = v.lead_key")
}

func (c *crm) values(of []int) string {
	var b strings.Builder
	for n, i := range of {
		separator := ", "
		if n == 0 {
			separator = "VALUES "
		}
		r := c.rows[i]
		fmt.Fprintf(&b, "%s('%s', %v::float8, %v::float8, %v::float8, %v::float8)", separator, keyOf(i), r[0], r[1], r[2], r[3])
	}
	return b.String()
}

// scores computes every lead's score afresh, in this process.
func (c *crm) scores(t *testing.T) map[string]value {
	t.Helper()
	batch := &pipeline.Batch{}
	for _, name := range columns {
		batch.Columns = append(batch.Columns, pipeline.Column{Name: name, Kind: pipeline.Number, Type: "double precision"})
	}
	for i, r := range c.rows {
		batch.Keys = append(batch.Keys, keyOf(i))
		for n := range columns {
			batch.Columns[n].Numbers = append(batch.Columns[n].Numbers, r[n])
		}
	}
	scorer, err := c.model.Bind(batch.Columns)
	if err != nil {
		t.Fatal(err)
	}
	scores, rejected := scorer.Score(batch, nil, nil, nil)
	if len(scores) != leads || len(rejected) > 0 {
		t.Fatalf("%d scores, %d rejections", len(scores), len(rejected))
	}
	values := map[string]value{}
	for _, s := range scores {
		values[s.Key] = value{s.Score, s.Grade, c.model.Name()}
	}
	return values
}
