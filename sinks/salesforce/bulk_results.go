package salesforce

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"scored/pipeline"
)

// taker takes in what the org says of single rows. A key is good until take returns.
type taker interface {
	take(key []byte, o pipeline.Outcome) error
	flush() error // confirms what it holds back
}

// resultFile is one of the three files that hold the rows of a job that is over.
type resultFile struct {
	name   string
	column string // beside the key; "" for none
	// due is how many rows the job says are in it, as far as that can be told.
	due func(*job) int
	// outcome is a row's, given that column.
	outcome func(c *Config, text []byte) pipeline.Outcome
}

// resultFiles are in the order in which they are read: as a rule, the first has every row.
var resultFiles = []resultFile{
	{"successfulResults", "sf__Created", (*job).successes, func(_ *Config, text []byte) pipeline.Outcome {
		return pipeline.Outcome{Status: pipeline.Accepted, Created: strings.EqualFold(string(text), "true")}
	}},
	{"failedResults", "sf__Error", (*job).failures, func(c *Config, text []byte) pipeline.Outcome {
		return c.verdict(parseError(string(text)))
	}},
	{"unprocessedrecords", "", func(*job) int { return 0 }, func(*Config, []byte) pipeline.Outcome {
		return pipeline.Outcome{Status: pipeline.Unprocessed, Class: pipeline.TryAgain}
	}},
}

// errUnreadable marks a result file that is not what the API promises.
var errUnreadable = errors.New("can't be read")

// readResults hands the rows of a job that is over to take, file by file while more says so.
func (s *Sink) readResults(ctx context.Context, j *job, more func() bool, take func([]byte, pipeline.Outcome) error) error {
	key := s.cfg.keyColumn()
	if j.Operation != "" {
		key = j.keyColumn() // the job may be older than the config
	}
	for _, f := range resultFiles {
		if !more() {
			return nil
		}
		err := s.fetch(ctx, s.jobsPath()+"/"+j.ID+"/"+f.name, func(in io.Reader) error {
			err := f.read(&s.cfg, in, key, take)
			if errors.Is(err, errEmpty) && f.due(j) <= 0 {
				return nil // whether a file without rows has a header is not for us to say
			}
			return err
		})
		if err = ofKnown(err); err != nil {
			return fmt.Errorf("%s of job %s: %w", f.name, j.ID, err)
		}
	}
	return nil
}

// read hands the rows of the file to take, whose error ends it.
func (f *resultFile) read(c *Config, in io.Reader, key string, take func([]byte, pipeline.Outcome) error) error {
	columns := []string{key}
	if f.column != "" {
		columns = append(columns, f.column)
	}
	t, err := newTable(in, columns...)
	for err == nil {
		var fields [][]byte
		if fields, err = t.next(); err != nil {
			break
		}
		var text []byte
		if f.column != "" {
			text = fields[1]
		}
		if err := take(fields[0], f.outcome(c, text)); err != nil {
			return err
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return &failure{uncertain: true, error: &pipeline.Problem{Class: pipeline.TryAgain,
		Err:  fmt.Errorf("%w: %w", errUnreadable, err),
		Hint: "a proxy in between, or maintenance, may have answered in the org's place"}}
}
