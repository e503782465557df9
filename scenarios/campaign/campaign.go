package campaign

import (
	"context"
	"time"

	"holdfast/reports"
	"holdfast/scenarios/campaign/swarm"
	"holdfast/scenarios/script"
)

// Options say how a campaign runs, beyond its plan.
type Options struct {
	// Jobs is the number of seeds that run side by side, 1 or more.
	Jobs int
	// Budget ends the campaign early after so much real time; 0: never.
	Budget time.Duration
	// Folder is the name of the output folder, for the commands in the list of failures.
	Folder string
	// Now reads the real time.
	Now func() time.Time
	// Failed, if set, is given the script of each failure that is listed, before it is counted.
	Failed func(file string, s *script.Script) error
	// Progress, if set, is told after each seed.
	Progress func(c *reports.Campaign, seed uint64, outcome reports.Outcome)
	// Save, if set, is given the campaign now and then, so that it can be resumed from there.
	Save func(c *reports.Campaign) error
}

// saveEvery is the real time between two saves.
const saveEvery = 5 * time.Second

// Run goes on with a campaign (Empty makes a new one) until every seed of its share ran, the budget is spent,
// or ctx ends. In the last case it returns the error of ctx; c is whole and can be saved. Other errors are
// those of Failed and Save.
func Run(ctx context.Context, c *reports.Campaign, o Options) error {
	began, spent := o.Now(), time.Duration(c.WallNS)
	clock := func() { c.WallNS = int64(spent + o.Now().Sub(began)) }
	defer clock()
	c.Jobs, c.Ended = o.Jobs, ""
	var err error
	if c.Canaries, err = sing(ctx); err != nil {
		return err
	}
	for _, k := range c.Canaries {
		if !k.Alive {
			c.Ended = "the canary " + k.Name + " lives: the checks of this program are dead, and no seed was run"
			c.Conclude()
			return nil
		}
	}
	saved := began
	err = inOrder(ctx, c, o, began, func(t *trial) error {
		if t.failure != nil && len(c.Failures) < reports.MaxFailures && o.Failed != nil {
			if err := o.Failed(ScriptFile(t.seed, c.Plan.Unbounded), t.happen); err != nil {
				return err
			}
		}
		add(c, t, o.Folder)
		if o.Progress != nil {
			o.Progress(c, t.seed, t.outcome)
		}
		if now := o.Now(); o.Save != nil && now.Sub(saved) >= saveEvery {
			saved = now
			clock()
			return o.Save(c)
		}
		return nil
	})
	if c.Done < c.Plan.Share() && err == nil {
		c.Ended = "the time of the campaign was over"
	}
	c.Conclude()
	return err
}

// inOrder runs the seeds that are left on the jobs and hands the trials over in the order of the seeds. Seeds that
// are ahead wait, so their number is bounded by that of the jobs. It leaves no goroutine behind.
func inOrder(ctx context.Context, c *reports.Campaign, o Options, began time.Time, done func(*trial) error) error {
	first, share := c.Done, c.Plan.Share()
	plan := c.Plan
	ctx, cancel := context.WithCancel(ctx)
	jobs := max(o.Jobs, 1)
	slots := make([]chan *trial, 4*jobs)
	work := make(chan int)
	for i := range slots {
		slots[i] = make(chan *trial, 1)
	}
	finished := make(chan struct{}, jobs)
	for range jobs {
		go func() {
			defer func() { finished <- struct{}{} }()
			for i := range work {
				slots[i%len(slots)] <- try(ctx, plan.Seed(i), &plan, o.Now)
			}
		}()
	}
	defer func() {
		cancel()
		close(work)
		for range jobs {
			<-finished
		}
	}()
	next, taken := first, first
	for taken < share {
		over := o.Budget > 0 && o.Now().Sub(began) >= o.Budget
		if over && next == taken {
			return nil
		}
		give := work
		if over || next == share || next-taken == len(slots) {
			give = nil
		}
		select {
		case give <- next:
			next++
		case t := <-slots[taken%len(slots)]:
			taken++
			if t.err != nil {
				return t.err
			}
			if err := done(t); err != nil {
				return err
			}
		}
	}
	return nil
}

// Draw returns the script of a seed of the plan, as drawn.
func Draw(seed uint64, plan *reports.CampaignPlan) *script.Script {
	return swarm.Draw(seed, swarmOptions(plan))
}
