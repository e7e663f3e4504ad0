package pipeline

import "fmt"

// Delivery counts what became of a run's scores at a target. Changes = Deferred + Sent + NotSent;
// Sent = Accepted + Refused + Stale + Unprocessed + Unknown.
type Delivery struct {
	Unchanged   int `json:"rows_unchanged"`
	Superseded  int `json:"rows_superseded"`  // the target holds, or may hold, a newer version
	Ahead       int `json:"rows_ahead"`       // of those: a version of a time that has not come yet
	Kept        int `json:"rows_kept"`        // an older score that is left alone: see [Decision]
	Quarantined int `json:"rows_quarantined"` // they differ, and wait because the target refused the key lately
	Changes     int `json:"rows_changed"`
	Cleared     int `json:"rows_cleared"`  // of Changes: of leads that left the result
	Deferred    int `json:"rows_deferred"` // of Changes: left for a later run, as the target's daily budget is short
	Sent        int `json:"rows_sent"`
	Accepted    int `json:"rows_accepted"`    // leads that left, with nothing left to clear, among them
	Refused     int `json:"rows_refused"`     // those that may be sent again at once, but failed to the end, among them
	Stale       int `json:"rows_stale"`       // the target holds something newer
	Unprocessed int `json:"rows_unprocessed"` // taken in and given back undone
	Unknown     int `json:"rows_unknown"`
	NotSent     int `json:"rows_not_sent"`
	Created     int `json:"rows_created"` // upserts that inserted a record, an incident; those of earlier runs' resumed work, too
	APICalls    int `json:"api_calls"`
}

func (d *Delivery) add(o Delivery) {
	d.Unchanged += o.Unchanged
	d.Superseded += o.Superseded
	d.Ahead += o.Ahead
	d.Kept += o.Kept
	d.Quarantined += o.Quarantined
	d.Cleared += o.Cleared
	d.Deferred += o.Deferred
	d.Changes += o.Changes
	d.Sent += o.Sent
	d.Accepted += o.Accepted
	d.Refused += o.Refused
	d.Stale += o.Stale
	d.Unprocessed += o.Unprocessed
	d.Unknown += o.Unknown
	d.NotSent += o.NotSent
	d.Created += o.Created
	d.APICalls += o.APICalls
}

// count records one outcome as the target gave it.
func (d *Delivery) count(o Outcome) {
	switch o.Status {
	case Accepted:
		d.Sent++
		d.Accepted++
	case Refused, Retry:
		d.Sent++
		d.Refused++
	case Stale:
		d.Sent++
		d.Stale++
	case Unprocessed:
		d.Sent++
		d.Unprocessed++
	case Unknown:
		d.Sent++
		d.Unknown++
	case NotSent:
		d.NotSent++
	}
	if o.Created {
		d.Created++
	}
}

// plan counts what was decided.
func (d *Delivery) plan(changes []Change) {
	d.Changes = len(changes)
	for i := range changes {
		if changes[i].Clear {
			d.Cleared++
		}
	}
}

// Check says whether every change has exactly one end.
func (d *Delivery) Check() error {
	ends := d.Accepted + d.Refused + d.Stale + d.Unprocessed + d.Unknown
	if d.Sent == ends && d.Changes == d.Deferred+d.Sent+d.NotSent {
		return nil
	}
	err := fmt.Errorf("the counts do not add up: %d changed, %d deferred, %d not sent, %d sent, of which %d have an end",
		d.Changes, d.Deferred, d.NotSent, d.Sent, ends)
	return &Problem{Err: err, Hint: bug}
}
