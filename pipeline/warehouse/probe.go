package warehouse

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// maxProbeValue is how many bytes of a probe's value are worth keeping.
const maxProbeValue = 1024

// Probe reads one value, by which a job tells whether there is new data.
type Probe struct {
	script    *Script
	connector connector
}

// NewProbe checks the config and the query, which is a dataprep script of one statement; it does not connect. The name is
// for messages. Errors are of class Configuration.
func NewProbe(cfg Config, name, sql string) (*Probe, error) {
	cfg = cfg.withDefaults()
	driver, err := cfg.driver()
	if err != nil {
		return nil, err
	}
	script, err := ParseScript(name, []byte(sql))
	if err != nil {
		return nil, err
	}
	if n := len(script.statements); n != 1 {
		return nil, script.problem(script.statements[1].start, fmt.Sprintf("a condition is one statement, this has %d", n),
			"Write one SELECT that gives one value.")
	}
	// Warnings are about features: a condition need not use :as_of.
	if err := script.check(slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	return &Probe{script: script, connector: newConnector(driver, cfg)}, nil
}

// Value returns the query's value as of an instant, as text; NULL is "". It works on a connection of its own, and begins
// again as [Source.Read] does.
func (p *Probe) Value(ctx context.Context, asOf time.Time) (string, error) {
	log := p.connector.config.Log.With("condition", p.script.Name)
	var value string
	err := p.connector.restart(ctx, log, scriptHints, func() (err error) {
		value, err = p.value(ctx, log, asOf)
		return err
	})
	return value, err
}

func (p *Probe) value(ctx context.Context, log *slog.Logger, asOf time.Time) (string, error) {
	session, err := p.connector.open(ctx, log)
	if err != nil {
		return "", err
	}
	defer session.close()
	ctx, cancel := p.connector.statement(ctx)
	defer cancel()
	q := p.script.query(0, "when", asOf)
	reader := session.conn.ExecParams(ctx, q.text, nil, nil, nil, nil)
	rows, value := 0, ""
	for rows < 2 && reader.NextRow() {
		if rows++; len(reader.Values()) == 1 {
			value = string(reader.Values()[0])
		}
	}
	columns := len(reader.FieldDescriptions())
	if rows == 2 {
		cancel() // the others are of no interest
		_, _ = reader.Close()
	} else if _, err := reader.Close(); err != nil {
		return "", q.failed(ctx, err)
	}
	if err := p.check(rows, columns, len(value)); err != nil {
		return "", err
	}
	return value, nil
}

// check refuses a result that is not one value.
func (p *Probe) check(rows, columns, size int) error {
	var what string
	switch {
	case columns != 1:
		what = fmt.Sprintf("the condition gives %d columns", columns)
	case rows == 0:
		what = "the condition gives no row"
	case rows > 1:
		what = "the condition gives more than one row"
	case size > maxProbeValue:
		what = fmt.Sprintf("the condition's value has %d bytes, more than %d", size, maxProbeValue)
	default:
		return nil
	}
	return p.script.problem(p.script.statements[0].start, what, "Select one value in one row: SELECT MAX(loaded_at) FROM ...")
}
