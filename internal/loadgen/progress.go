package loadgen

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// phases of a run, as Progress tells them.
const (
	phaseConnecting = "connecting"
	phaseWarmup     = "warm-up"
	phaseMeasuring  = "measuring"
	phaseSettling   = "settling"
	phaseOpening    = "opening"
	phaseHolding    = "holding"
	phaseClosing    = "closing"
	phaseWatching   = "watching"
)

// progress is what the reporting goroutine reads of a run.
type progress struct {
	phase atomic.Value // string
	open  atomic.Int64 // idle connections
}

// reportProgress calls the caller's function once a second, from a goroutine
// that ends when the returned function is called.
func (r *run) reportProgress() (stop func()) {
	r.progress.phase.Store(phaseConnecting)
	if r.o.Progress == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var reporter sync.WaitGroup
	reporter.Go(func() { r.follow(ctx) })
	return func() { cancel(); reporter.Wait() }
}

func (r *run) follow(ctx context.Context) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	start := time.Now()
	last, lastAt := uint64(0), start
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		now := time.Now()
		p := Progress{
			Phase: r.progress.phase.Load().(string), Elapsed: now.Sub(start),
			Sent: r.sent(), Received: r.received(), Bytes: r.bytes(), Open: int(r.progress.open.Load()),
		}
		done := p.Received
		if len(r.receivers) == 0 {
			done = p.Sent
		}
		p.Rate = float64(done-last) / now.Sub(lastAt).Seconds()
		last, lastAt = done, now
		r.o.Progress(p)
	}
}
