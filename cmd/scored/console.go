package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progressEvery is how often progress is shown where there is no terminal: a log of lines, not of frames.
const progressEvery = 5 * time.Second

// console shares a screen between the log and the progress: on a terminal a bar that steps aside for each log line,
// elsewhere now and then a line.
type console struct {
	out io.Writer // for what the verb has to say

	mu     sync.Mutex
	errOut io.Writer
	live   bool
	bar    *progressbar.ProgressBar
	stage  string
	shown  time.Time
}

func newConsole(out, errOut io.Writer) *console {
	f, ok := errOut.(*os.File)
	return &console{out: out, errOut: errOut, live: ok && term.IsTerminal(int(f.Fd()))}
}

// Write takes one log line.
func (c *console) Write(line []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clear()
	n, err := c.errOut.Write(line)
	if c.live && c.bar != nil {
		_ = c.bar.RenderBlank()
	}
	return n, err
}

// progress shows how far a stage is; total is 0 where it isn't known.
func (c *console) progress(stage string, done, total int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live {
		c.draw(stage, done, total)
	} else if done > 0 && (stage != c.stage || done == total || time.Since(c.shown) >= progressEvery) {
		c.line(stage, done, total)
	}
	c.stage = stage
}

func (c *console) draw(stage string, done, total int) {
	if stage != c.stage || c.bar == nil {
		c.clear()
		c.bar = progressbar.NewOptions(max(total, -1), progressbar.OptionSetWriter(c.errOut), progressbar.OptionSetDescription(stage),
			progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
		if total == 0 {
			c.bar.ChangeMax(-1)
		}
	}
	_ = c.bar.Set(done) // a bar that can't be drawn is no reason to stop a run
}

func (c *console) line(stage string, done, total int) {
	c.shown = time.Now()
	if total == 0 {
		fmt.Fprintf(c.out, "%s: %d rows\n", stage, done)
	} else {
		fmt.Fprintf(c.out, "%s: %d of %d\n", stage, done, total)
	}
}

// end takes the bar off the screen.
func (c *console) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clear()
	c.bar = nil
}

func (c *console) clear() {
	if c.live && c.bar != nil {
		_ = c.bar.Clear()
	}
}
