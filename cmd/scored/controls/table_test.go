package controls

import "scored/cmd/scored/overlay"

// Folders and files of which there are several rows.
const (
	slots  = "pipeline/schedule"
	policy = "pipeline/policy"
	ledger = "pipeline/ledger"
	bundle = "pipeline/model"
	org    = "sinks/salesforce"

	plan  = slots + "/plan.go"
	store = ledger + "/ledger.go"
	wire  = org + "/wire.go"
)

// controls are in the order of: time, backfills, faults, security, stopping, and what all of these rest on.
var controls = []control{
	{name: "a run that overlaps the next slot", pkg: slots,
		without: overlay.Instead(plan, "case !tried && p.overlapped(slot, s, now):", "case false:"),
		test:    "TestARunThatTakesTooLongCostsTheSlotsThatComeDueMeanwhile", says: "skipped: the run before was still going"},
	{name: "the newest slot is caught up", pkg: slots,
		without: overlay.Instead(plan, "case newest:", "case newest && p.watched(slot, s):"),
		test:    "TestAfterDowntimeTheNewestSlotIsCaughtUpOnce", says: "0 runs after the restart, want 1"},
	{name: "only the newest slot is caught up", pkg: slots,
		without: overlay.Instead(plan, "case newest:", "case plan.Run.IsZero():"),
		test:    "TestDowntimeIsCaughtUpOnce", says: "down for 33m0s: run 2026-05-04 12:15:00"},
	{name: "a clock that was set back", pkg: slots,
		without: overlay.Instead(plan, "case c.Accounted.Sub(now) > p.StartDeadline:", "case false:"),
		test:    "TestTheClockIsSetBackFar", says: "the schedule did not go on from the new time"},
	{name: "a pause", pkg: slots,
		without: overlay.Instead(plan, "case !c.Paused.IsZero():", "case false:"),
		test:    "TestPlan", says: "--- FAIL: TestPlan/paused"},
	{name: "the slots of a downtime are accounted for", pkg: slots,
		without: overlay.Instead(plan, `plan.account(slot, pipeline.Missed, reasonMissed, "")`, ""),
		test:    "TestAYearOfSlots", says: "follows a span that ends before"},

	{name: "versions are compared", pkg: "cmd/scored",
		without: overlay.Instead(policy+"/delta.go", "if known.Version < d.run.Version {", "if true {"),
		test:    "TestAnOlderScoreNeverOverwritesANewerOneInAnyOrder", says: "which is newer",
		environment: []string{"SCORED_SEED=1", "SCORED_RUNS=100"}},
	{name: "the backfill's part of the budget", pkg: policy,
		without: overlay.Instead(policy+"/budget.go", "if b.Leftover {", "if false {"),
		test:    "TestABackfillNeverTakesWhatLiveRunsWouldHave", says: "a live run may use"},

	{name: "a session that ended is renewed once", pkg: org,
		without: overlay.Instead(org+"/sink.go", "if s.session != nil && s.session != over {",
			"if s.session != nil && over == nil {"),
		test: "TestConcurrentRequestsShareOneRenewal", says: "logins, want 2"},
	{name: "the retry budget", pkg: "sinks",
		without: overlay.Instead("sinks/budget.go", "if b.spent > most-1 {", "if false {"),
		test:    "TestABudgetBoundsWhatIsTriedAgain", says: "requests for 20 deliveries, want 22"},
	{name: "a damaged log", pkg: ledger,
		without: overlay.Instead(store, "if err := checkLog(l.path); err != nil {", "if err := error(nil); err != nil {"),
		test:    "TestADamagedLogIsRefused", says: "error <nil>"},
	{name: "a damaged table", pkg: ledger,
		without: overlay.Instead(store, "return l.checkTables(context.Background())", "return nil"),
		test:    "TestAPageDamagedLaterIsNamed", says: "want a problem that names the file"},

	{name: "the server's certificate is verified", pkg: org,
		without: overlay.Instead(wire, "TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},",
			"TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true},"),
		test: "TestEveryFaultOfTLSIsNamedAndNothingIsSent", says: "requests reached a server that is not the org"},
	{name: "old TLS", pkg: org,
		without: overlay.Instead(wire, "TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},",
			"TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS10},"),
		test: "TestOldTLSIsRefused", says: "TLS 1.1: error <nil>"},
	{name: "secrets are stars", pkg: "pipeline",
		without: overlay.Instead("pipeline/secret.go", `func (Secret) LogValue() slog.Value { return slog.StringValue("***") }`,
			"func (s Secret) LogValue() slog.Value { return slog.StringValue(string(s)) }"),
		test: "TestSecretsPrintAsStars", says: `"secret":"hunter2"`},
	{name: "forget goes through every table", pkg: ledger,
		without: overlay.Instead(ledger+"/forget.go", `{"details of confirmed scores", "details" + atTargets},`, ""),
		test:    "TestForgetErasesAKeyFromEveryTable", says: "it erased"},
	{name: "what was forgotten is overwritten", pkg: ledger,
		without: overlay.Instead(ledger+"/scrub.go", "_, err := l.write.ExecContext(ctx, `VACUUM`)", "var err error"),
		test:    "TestWhatWasForgottenIsGoneFromTheFiles", says: "the key stands in"},
	{name: "a bundle's members are counted", pkg: bundle,
		without: overlay.Instead(bundle+"/manifest.go", "if n := len(m.Members); n < 1 || n > maxMembers {",
			"if n := len(m.Members); n < 1 {"),
		test: "TestABundleJustBeyondALimitIsRefused", says: `lacks "manifest.json: members: has 65"`},
	{name: "a file is measured before it is read", pkg: bundle,
		without: overlay.Instead(bundle+"/files.go", "if size > limit {", "if false {"),
		test:    "TestAFileJustBeyondItsLimitIsNotRead", says: "is read, though it is too long"},
	{name: "an answer's size", pkg: org,
		without: overlay.Instead(wire, "if err == nil && len(body) > maxAnswer {", "if false {"),
		test:    "TestAnAnswerIsReadUpToALimit", says: "error <nil>"},
	{name: "a secret's file is its owner's", pkg: "configs",
		without: overlay.Instead("configs/secret.go", "case mode.Perm()&0o027 != 0:", "case false:"),
		test:    "TestSecretFilesAreTheirOwners", says: "0644: got error <nil>"},
	{name: "the page stays on loopback", pkg: "pipeline/status",
		without: overlay.Instead("pipeline/status/listen.go", "if err != nil || !loopback(host) {", "if err != nil {"),
		test:    "TestListenStaysOnLoopback", says: `"0.0.0.0:0" is held for valid: <nil>`},

	{name: "what was not sent is withdrawn", pkg: "pipeline",
		without: overlay.Instead("pipeline/write.go",
			"if err := d.Ledger.Withdraw(context.WithoutCancel(ctx), d.run, d.name(), book.unreported()); err != nil {",
			"if err := error(nil); err != nil {"),
		test: "TestASignalStopsAtTheNextRequestAndEverythingIsRecorded", says: "intents 3"},
	{name: "a write in flight has time to come back", pkg: org,
		without: overlay.Instead(org+"/exchange.go", "ctx, cancel := context.WithCancel(context.WithoutCancel(parent))",
			"ctx, cancel := context.WithCancel(parent)"),
		test: "TestAWriteInFlightOutlivesItsContextByTheFarewell", says: "cut off at once"},

	{name: "a commit waits for the disk", pkg: ledger,
		without: overlay.Instead(store,
			`l.write, err = database(l.path, busyTimeout, "mode=rw&_txlock=immediate&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)"+`,
			`l.write, err = database(l.path, busyTimeout, "mode=rw&_txlock=immediate&_pragma=synchronous(OFF)&_pragma=foreign_keys(1)"+`),
		test: "TestCommitsReachTheDisk", says: `synchronous is "0"`},
	{name: "a ledger has one daemon", pkg: ledger,
		without: overlay.Instead(ledger+"/lock.go", "if err == nil && !locked {", "if err == nil && !locked && false {"),
		test:    "TestALedgerHasOneDaemon", says: "want a problem that names process"},
	{name: "the guard", pkg: "pipeline",
		without: overlay.Instead("pipeline/guard.go", "if len(verdict.Findings) == 0 {", "if true {"),
		test:    "TestAHeldRunAsksNoTargetAndRecordsNothingButItself", says: "the target was given 5 changes"},
}
