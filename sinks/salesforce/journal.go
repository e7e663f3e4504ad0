package salesforce

import (
	"context"

	"scored/pipeline"
)

// Journal remembers Bulk jobs, so that one which outlives its sender is found again. What it was told must survive a crash
// when the call returns. At most one creation of a run is without an id.
type Journal interface {
	// Creating notes that the org is about to be asked for a job.
	Creating(ctx context.Context, run string) error
	// Created adds the id of that job, before anything is uploaded.
	Created(ctx context.Context, run, id string) error
	// Closed forgets a job: what became of its rows is confirmed, or nothing can come of it any more. The id is "" for a
	// creation that brought none.
	Closed(ctx context.Context, run, id string) error
	// Open returns what is not closed, oldest first.
	Open(ctx context.Context) ([]pipeline.RemoteJob, error)
}
