package salesforce

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"strings"

	"github.com/simpleforce/simpleforce"
)

// Record is a record as a query gives it: API names and JSON values (numbers as float64).
type Record map[string]any

// Query runs a SOQL query and returns its records, all pages of them.
func (s *Sink) Query(ctx context.Context, soql string) ([]Record, error) {
	var records []Record
	for r, err := range s.records(ctx, soql) {
		if err != nil {
			return nil, err
		}
		// Beside the fields simpleforce leaves its client there, with the session's token.
		maps.DeleteFunc(r, func(name string, _ any) bool { return name == "attributes" || strings.HasPrefix(name, "__") })
		records = append(records, r)
	}
	return records, nil
}

// records runs a SOQL query and yields its records, holding one page at a time. They have more in them than fields.
func (s *Sink) records(ctx context.Context, soql string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		seen := 0
		for next := soql; next != ""; {
			page, err := s.page(ctx, nil, next)
			if err != nil {
				yield(nil, fmt.Errorf("query Salesforce: %w", err))
				return
			}
			for _, r := range page.Records {
				if !yield(Record(r), nil) {
					return
				}
			}
			seen += len(page.Records)
			next = page.NextRecordsURL
			if page.Done {
				next = ""
			} else if len(page.Records) == 0 || seen >= page.TotalSize || !strings.HasPrefix(next, "/services/data/") {
				yield(nil, fmt.Errorf("query Salesforce: %w", garbled("a page that is neither the last nor leads on")))
				return
			}
		}
	}
}

// page asks for one page: soql is a query, or the path of a next page. api turns the client to another API than that of
// the org's records; it may be nil.
func (s *Sink) page(ctx context.Context, api func(*simpleforce.Client) *simpleforce.Client,
	soql string) (page *simpleforce.QueryResult, err error) {
	err = s.call(ctx, func(c *simpleforce.Client) (err error) {
		// simpleforce writes into every record, and so panics on one that is null.
		defer func() {
			if recover() != nil {
				err = garbled("a page with a record that is none")
			}
		}()
		if api != nil {
			c = api(c)
		}
		if page, err = c.Query(soql); err != nil {
			return garbled("no page of records")
		}
		return nil
	})
	return page, err
}

// soqlEscapes are the characters that can't stand for themselves between the quotes of SOQL.
var soqlEscapes = strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\b", `\b`, "\f", `\f`)

// quoteSOQL returns the text as a literal of SOQL.
func quoteSOQL(text string) string { return "'" + soqlEscapes.Replace(text) + "'" }
