package main

import (
	"syscall"
	"testing"
	"time"

	"scored/pipeline"
)

func TestSIGTERMGivesARequestThatIsNotAnsweredUp(t *testing.T) {
	w := newWorld(t)
	c := config(t, `cron: "*/15 * * * *"`, often, "timeout: 30s", "timeout: 100h")
	underway := held(t, w)
	d := startDaemon(t, w, build(t), c)
	d.awaitRequest(underway)
	d.signal(syscall.SIGTERM)
	ended := d.awaitMsg(0, "run ended")
	<-d.ended
	if code := d.cmd.ProcessState.ExitCode(); code != exitOK || ended.End != pipeline.Interrupted {
		t.Errorf("exit code %d, the run ended %s", code, ended.End)
	}
	records := runsOf(t, w)
	if last := records[0]; last.End != pipeline.Interrupted || last.Summary.Unknown != 200 {
		t.Errorf("the ledger has %+v", last.Summary)
	}
	if fates := accounted(t, w); fates[pipeline.Ran] != 0 {
		t.Errorf("an interrupted slot stays due, and the ledger has %v", fates)
	}
}

func TestASecondSIGTERMEndsItAtOnce(t *testing.T) {
	w := newWorld(t)
	c := config(t, `cron: "*/15 * * * *"`, often)
	underway := held(t, w)
	d := startDaemon(t, w, build(t), c)
	d.awaitRequest(underway)
	d.signal(syscall.SIGTERM)
	d.awaitMsg(0, "daemon stopping: what is under way ends at the next request boundary")
	for again := time.NewTicker(100 * time.Millisecond); ; {
		select {
		case <-again.C:
			_ = d.cmd.Process.Signal(syscall.SIGTERM)
			continue
		case <-d.ended:
			again.Stop()
		}
		break
	}
	if status, ok := d.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %s, and not by the second signal", d.cmd.ProcessState)
	}
}

// A daemon is killed in the middle of a delivery. The next one takes the slot up again and accounts for those between, and
// every lead ends with what a run by itself would give it.
func TestAKilledDaemonIsTakenUpByTheNext(t *testing.T) {
	w := newWorld(t)
	binary := build(t)
	c := config(t, `cron: "*/15 * * * *"`, often, "timeout: 30s", "timeout: 2s")
	d := startDaemon(t, w, binary, c)
	d.awaitMsg(0, "slot ended")
	underway := held(t, w)
	someHours(t, w)
	d.awaitRequest(underway)
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-d.ended
	next := startDaemon(t, w, binary, c)
	dead := next.awaitMsg(0, "an earlier run was found dead")
	next.awaitMsg(0, "slot ended")
	next.stop()
	accounted(t, w)
	agrees(t, w, c)
	for _, r := range runsOf(t, w) {
		if r.ID == dead.RunID && r.End != pipeline.Interrupted {
			t.Errorf("the dead run is recorded as %q", r.End)
		}
	}
}
