package main

import (
	"context"
	"fmt"
	"math"
	"time"
)

// catchUp is how late an event may be and still be made up for: timers are
// late by parts of a millisecond, which would add up. More is not, or a pause
// would end in a burst.
const catchUp = 10 * time.Millisecond

// pace spreads events evenly: so many a second.
type pace struct {
	interval time.Duration // 0 is as fast as it goes
	next     time.Time
}

// checkRate refuses what is no rate.
func checkRate(perSecond float64) error {
	if perSecond >= 0 && !math.IsInf(perSecond, 0) {
		return nil
	}
	return usageError{fmt.Errorf("--rate %v: it must be a number that is not negative", perSecond)}
}

func newPace(perSecond float64) *pace {
	p := &pace{}
	if perSecond > 0 {
		// Less than one in a century is that.
		p.interval = time.Duration(min(float64(time.Second)/perSecond, float64(100*365*24*time.Hour)))
	}
	return p
}

// due returns how long to wait at now for the next event.
func (p *pace) due(now time.Time) time.Duration {
	if p.interval == 0 {
		return 0
	}
	at := p.next
	if oldest := now.Add(-catchUp); at.Before(oldest) {
		at = now
	}
	p.next = at.Add(p.interval)
	return at.Sub(now)
}

// wait waits for the next event, or returns the error of ctx.
func (p *pace) wait(ctx context.Context) error {
	d := p.due(time.Now())
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
