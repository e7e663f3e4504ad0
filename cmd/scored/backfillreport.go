package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"scored/pipeline"
)

// count adds a window's run to the sums.
func (b *backfill) count(s *pipeline.Summary) {
	if s == nil {
		return
	}
	b.ends[s.End]++
	b.total.Read += s.Read
	b.total.Scored += s.Scored
	b.total.Rejected += s.Rejected
	b.total.Sent += s.Sent
	b.total.Accepted += s.Accepted
	b.total.Refused += s.Refused
	b.total.Unknown += s.Unknown
	b.total.Superseded += s.Superseded
	b.total.Kept += s.Kept
	b.total.Stale += s.Stale
	b.total.Unprocessed += s.Unprocessed
	b.total.Deferred += s.Deferred
	b.total.Quarantined += s.Quarantined
	b.total.Created += s.Created
	b.total.APICalls += s.APICalls
	if s.History != nil {
		b.history += s.History.Accepted
	}
}

// show prints a line about a window that is over; a terminal has the bar, and a line only if something is wrong.
func (b *backfill) show(end time.Time, s *pipeline.Summary, err error) {
	console := b.job.console
	if console.live && s != nil && s.End == pipeline.OK {
		return
	}
	fmt.Fprintf(console.out, "%d/%d as of %s: %s", b.begun, len(b.todo), stamp(end), outcome(s, err))
	if left := b.left(b.begun); left != "" && s != nil && s.End != pipeline.Interrupted {
		fmt.Fprintf(console.out, "; %s", left)
	}
	fmt.Fprintln(console.out)
}

// outcome says in half a line what became of a window.
func outcome(s *pipeline.Summary, err error) string {
	if s == nil {
		return "failed: " + printable(err.Error())
	}
	if !ended(s.End) {
		return fmt.Sprintf("%s: %s", s.End, printable(s.Reason))
	}
	text := fmt.Sprintf("%s, %d scored, %d sent, %d superseded", s.End, s.Scored, s.Sent, s.Superseded)
	if s.Kept > 0 {
		text += fmt.Sprintf(", %d kept", s.Kept)
	}
	if s.History != nil {
		text += fmt.Sprintf(", %d to the history", s.History.Accepted)
	}
	if s.Reason != "" {
		text += ": " + printable(s.Reason)
	}
	return text
}

// left estimates how long the rest takes; "" where there is nothing to tell it from.
func (b *backfill) left(done int) string {
	if done == 0 || done == len(b.todo) {
		return ""
	}
	return "about " + roughly(time.Since(b.began)/time.Duration(done)*time.Duration(len(b.todo)-done)) + " left"
}

// roughly writes a length of time as exactly as an estimate deserves.
func roughly(d time.Duration) string {
	switch {
	case d < 90*time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 90*time.Minute:
		return fmt.Sprintf("%.0f min", d.Minutes())
	default:
		return fmt.Sprintf("%.1f h", d.Hours())
	}
}

// report sums up what was done and says how to go on.
func (b *backfill) report(out io.Writer) {
	ok, partial, interrupted := b.ends[pipeline.OK], b.ends[pipeline.Partial], b.ends[pipeline.Interrupted]
	fmt.Fprintf(out, "%d windows: %d ok, %d partial, %d failed, %d interrupted, %d not begun; %d were %s before\n", len(b.todo), ok,
		partial, b.begun-ok-partial-interrupted, interrupted, len(b.todo)-b.begun, len(b.windows.ends)-len(b.todo), b.mode.left())
	t := &b.total
	fmt.Fprintf(out, "  %d rows scored, %d rejected; %d sent: %d accepted, %d refused, %d unknown, with %d API calls\n",
		t.Scored, t.Rejected, t.Sent, t.Accepted, t.Refused, t.Unknown, t.APICalls)
	if more := asides(t.Delivery); len(more) > 0 {
		fmt.Fprintf(out, "  %s\n", strings.Join(more, ", "))
	}
	if b.job.runner.Keep != nil {
		fmt.Fprintf(out, "  %d scores were appended to the history\n", b.history)
	}
	if t.Superseded > 0 {
		fmt.Fprintf(out, "  %d scores were superseded: the target holds newer ones\n", t.Superseded)
	}
	if t.Kept > 0 {
		fmt.Fprintf(out, "  %d times a lead kept an older score: --deliver would replace it\n", t.Kept)
	}
	if t.Created > 0 {
		fmt.Fprintf(out, "  INCIDENT: %d leads were created that were not in the org; the log names their keys\n", t.Created)
	}
	if b.hint != "" {
		fmt.Fprintf(out, "  -> %s\n", b.hint)
	}
	if !b.undone.IsZero() {
		fmt.Fprintf(out, "to go on: %s\n", b.resume())
	}
}

// resume is the command that makes what is not done. It begins at the first such window, or --mode all would make anew what
// has just been made. A window that was begun is not missing any more.
func (b *backfill) resume() string {
	words := []string{"scored", "backfill", b.job.runner.Job}
	if b.config != "" {
		words = append(words, "-c", b.config)
	}
	words = append(words, "--from", stamp(b.undone.Add(-b.windows.step)), "--to", stamp(b.windows.to), "--step", b.step)
	if b.deliver {
		words = append(words, "--deliver")
	}
	mode := b.mode
	if mode == makeMissing && !b.unbegun {
		mode = makeFailed
	}
	if mode != makeFailed {
		words = append(words, "--mode", string(mode))
	}
	if b.concurrency > 1 {
		words = append(words, "--concurrency", strconv.Itoa(b.concurrency))
	}
	if b.duty < 100 {
		words = append(words, "--duty", strconv.Itoa(int(b.duty)))
	}
	return strings.Join(words, " ")
}

// windows shows on a terminal how far a backfill is. It is drawn again while a window is at work, for the log wipes it.
func (c *console) windows(done, total int, left string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.live {
		return
	}
	if c.bar == nil {
		c.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(c.errOut), progressbar.OptionShowCount(),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false))
	}
	c.bar.Describe(strings.TrimSpace("windows " + left))
	_ = c.bar.Set(done) // a bar that can't be drawn is no reason to stop a backfill
}

// aside is where a verb writes to beside a bar, which makes way.
type aside struct {
	console *console
	out     io.Writer
}

func (a aside) Write(text []byte) (int, error) {
	a.console.mu.Lock()
	defer a.console.mu.Unlock()
	a.console.clear()
	return a.out.Write(text)
}
