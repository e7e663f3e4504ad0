package salesforce

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/simpleforce/simpleforce"
)

// Record is a record as a query gives it: API names and JSON values (numbers as float64).
type Record map[string]any

// Query runs a SOQL query and returns its records, all pages of them.
func (s *Sink) Query(ctx context.Context, soql string) ([]Record, error) {
	var records []Record
	for next := soql; next != ""; {
		page, err := s.page(ctx, next)
		if err != nil {
			return nil, fmt.Errorf("query Salesforce: %w", err)
		}
		for _, r := range page.Records {
			// Beside the fields simpleforce leaves its client there, with the session's token.
			maps.DeleteFunc(r, func(name string, _ any) bool { return name == "attributes" || strings.HasPrefix(name, "__") })
			records = append(records, Record(r))
		}
		next = page.NextRecordsURL
		if page.Done {
			next = ""
		} else if len(page.Records) == 0 || len(records) >= page.TotalSize || !strings.HasPrefix(next, "/services/data/") {
			return nil, fmt.Errorf("query Salesforce: %w", garbled("a page that is neither the last nor leads on"))
		}
	}
	return records, nil
}

// page asks for one page: soql is a query, or the path of a next page.
func (s *Sink) page(ctx context.Context, soql string) (page *simpleforce.QueryResult, err error) {
	err = s.call(ctx, func(c *simpleforce.Client) (err error) {
		// simpleforce writes into every record, and so panics on one that is null.
		defer func() {
			if recover() != nil {
				err = garbled("a page with a record that is none")
			}
		}()
		if page, err = c.Query(soql); err != nil {
			return garbled("no page of records")
		}
		return nil
	})
	return page, err
}
