package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"scored/configs"
	"scored/pipeline"
	"scored/pipeline/policy"
)

// targets asks the org, and the ledger, about each of the job's targets.
func (c *checker) targets(ctx context.Context, cfg *configs.Config, jc configs.Job) {
	targets, _, err := newTargets(cfg, jc, c.ledger, c.log)
	if err != nil {
		c.result("targets", jc.Name, "", err)
		return
	}
	for i, t := range targets {
		if c.offline {
			c.result("target", t.Sink.Name(), "not asked", nil)
			continue
		}
		ready, err := t.Sink.Preflight(ctx)
		if err == nil && c.ledger != nil {
			err = c.ledger.CheckBound(ctx, jc.Name, t.Sink.Name(), ready.Identity)
		}
		c.result("target", t.Sink.Name(), fmt.Sprintf("org %s, all %d fields of %s can be written", ready.Identity,
			len(jc.Targets[i].Fields), jc.Targets[i].Object), err)
		if err == nil {
			c.guard(cfg, jc.Targets[i], ready)
			c.scores(ctx, jc, t)
			c.budget(ctx, cfg, t)
		}
	}
	c.quarantine(ctx, jc)
}

// guard says whether the org refuses older versions by itself.
func (c *checker) guard(cfg *configs.Config, tc configs.Target, ready pipeline.Ready) {
	if ready.Guarded {
		c.result("guard", tc.Name, fmt.Sprintf("a validation rule of %s refuses older versions", tc.Object), nil)
		return
	}
	c.warn("guard", tc.Name, fmt.Sprintf("no validation rule of %s is known to refuse older versions: after a crash a run waits %s before it sends",
		tc.Object, cfg.Salesforce.Timeout), "the log line above says why; docs/salesforce-admin.md has the rule and how to deploy it")
}

// scores says whether the org holds scores that the job's first run would replace without the ledger knowing them.
func (c *checker) scores(ctx context.Context, jc configs.Job, t pipeline.Target) {
	if c.ledger == nil {
		return
	}
	for known, err := range c.ledger.Confirmed(ctx, jc.Name, t.Sink.Name()) { // the first that may be held says enough
		if err == nil && known.Model == "" && !known.Unsure {
			continue
		}
		c.result("scores", t.Sink.Name(), "the ledger knows what the org confirmed", err)
		return
	}
	held, err := t.Reader.Any(ctx)
	if held {
		c.warn("scores", t.Sink.Name(), "the org holds scores that the ledger does not know: the next run would send every score",
			fmt.Sprintf("`scored ledger rebuild %s` takes them in; after the run, an undo of it could only clear them", jc.Name))
		return
	}
	if err != nil {
		c.warn("scores", t.Sink.Name(), err.Error(), cmp.Or(pipeline.HintOf(err), "the first run asks again"))
		return
	}
	c.result("scores", t.Sink.Name(), "the org holds none yet", nil)
}

// budget says what a run may use of the org's daily API calls.
func (c *checker) budget(ctx context.Context, cfg *configs.Config, t pipeline.Target) {
	if c.ledger == nil {
		return
	}
	b, err := readBudget(ctx, c.config, cfg, c.ledger, t.Meter)
	p := policy.Allowance(b, cfg.Salesforce.APIReserve)
	text := fmt.Sprintf("%d of %d API calls were used in 24 hours, %d of them by scored; a run may use %d now", b.Used, b.Limit, b.Own, p.Run)
	if err == nil && (p.Short() || p.Run == 0) && !p.Unlimited {
		c.warn("budget", t.Sink.Name(), text, "the largest changes go first, and the rest stays due; `scored budget` shows the plan")
		return
	}
	c.result("budget", t.Sink.Name(), text, err)
}

// quarantine says how many leads wait.
func (c *checker) quarantine(ctx context.Context, jc configs.Job) {
	if c.ledger == nil {
		return
	}
	waiting, err := c.ledger.Quarantine(ctx, jc.Name, "")
	text := "empty"
	if len(waiting) > 0 {
		due := 0
		for _, q := range waiting {
			if !q.Next.After(time.Now()) {
				due++
			}
		}
		text = fmt.Sprintf("%d leads (%s), %d of them due; `scored quarantine list %s` has them", len(waiting), classCounts(waiting), due, jc.Name)
	}
	c.result("quarantine", jc.Name, text, err)
}
