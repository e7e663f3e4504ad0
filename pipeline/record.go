package pipeline

import "time"

// Record is a run as the ledger keeps it.
type Record struct {
	Run
	Ended   time.Time // zero while the run is open
	End     End       // "" while the run is open
	Reason  string
	Summary *Summary // nil while the run is open, and if its process died
	Cut     int      // rejected and refused rows that were not kept
	Ruling  Ruling   // of a held run: what a person said of it; "" while nobody did
	Ruled   time.Time
}
