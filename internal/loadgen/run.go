package loadgen

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meshway/meshway/internal/amqp"
)

// Run makes the load that o describes and returns what it measured. When ctx
// ends early, what was measured until then is returned. An error says that the
// load could not be made, or broke off: what was measured until then comes with
// it, nil if that had not begun.
func Run(ctx context.Context, o Options) (*Result, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	r := newRun(ctx, o)
	if o.Idle > 0 {
		return r.runIdle()
	}
	return r.runLoad()
}

// run is one run. Its methods belong to the controller, the goroutine of Run,
// unless they say otherwise.
type run struct {
	// Immutable after newRun.
	o         Options
	container string   // id of this run, and of all its connections
	send      endpoint // of senders, and of idle connections
	receive   endpoint
	clock     clock
	user      context.Context // of the caller: its end is an early, but good one
	ctx       context.Context // ends with user, or by the first failure
	cancel    context.CancelCauseFunc
	senders   []*sender
	receivers []*receiver

	began     time.Time     // of the measurement; set before measuring
	measuring atomic.Bool   // latencies count
	closing   atomic.Bool   // ends are no failures any more
	over      chan struct{} // closed by close: nothing is slowed down any more
	ready     countdown     // links that are not attached yet
	finished  signal        // a sender has nothing left to do

	progress progress

	stopPacing func()
}

func newRun(ctx context.Context, o Options) *run {
	r := &run{o: o, clock: newClock(), user: ctx, over: make(chan struct{}), finished: newSignal(), stopPacing: func() {}}
	r.container = fmt.Sprintf("bench-%x", time.Now().UnixNano())
	r.send = newEndpoint(r.container, o.Target, o.Login, o.MaxFrame)
	r.receive = newEndpoint(r.container, o.ReceiveTarget, o.ReceiveLogin, o.MaxFrame)
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	for g := range o.Groups {
		address := o.addressOf(g, o.Groups)
		for range o.Receivers {
			r.receivers = append(r.receivers, newReceiver(r, uint32(len(r.receivers)), address))
		}
		for range o.Senders {
			r.senders = append(r.senders, newSender(r, uint32(len(r.senders)), address))
		}
	}
	return r
}

// errEarly is the cause of a run's end that the caller asked for.
var errEarly = errors.New("stopped early")

// fail ends the run. It may be called from any goroutine; the first one counts,
// and none once the run is over.
func (r *run) fail(err error) {
	if !r.closing.Load() {
		r.cancel(err)
	}
}

func (r *run) linkName(kind string, n uint32) string {
	return fmt.Sprintf("%s-%s-%d", r.container, kind, n)
}

// failure is why the run cannot go on; nil when the caller ended it.
func (r *run) failure() error {
	if r.user.Err() != nil || r.ctx.Err() == nil {
		return nil
	}
	return context.Cause(r.ctx)
}

func (r *run) runLoad() (*Result, error) {
	w := newWatch(r.o.Watch)
	if err := w.begin(); err != nil {
		return nil, err
	}
	defer w.end()
	stopProgress := r.reportProgress()
	defer stopProgress()
	defer r.close()

	if r.fromFirst() {
		r.began = time.Now()
		r.measuring.Store(true)
	}
	if err := r.connect(); err != nil {
		return nil, err
	}
	from, to, err := r.measure(w)
	if from.at.IsZero() {
		return nil, err
	}
	var unsettled uint64
	if err == nil {
		unsettled = r.settle()
	}
	r.close()
	if err == nil {
		err = r.failure()
	}
	res := r.result(from, to)
	res.Unsettled = unsettled
	res.Processes = w.usage(r.o.Receivers > 0, from, to)
	if err != nil {
		res.Broken = err.Error()
	}
	return res, err
}

// fromFirst says whether the measurement begins before the connections: what others send does
// not wait until we are ready.
func (r *run) fromFirst() bool { return len(r.senders) == 0 && r.o.Warmup == 0 }

// connect opens every connection and waits until every link is attached: the
// receivers first, so that nothing is sent to an address without one.
func (r *run) connect() error {
	receivers, senders := r.clients()
	for _, group := range []struct {
		clients []*client
		to      endpoint
	}{{receivers, r.receive}, {senders, r.send}} {
		r.ready.reset(len(group.clients))
		if err := r.open(group.clients, group.to); err != nil {
			return err
		}
		select {
		case <-r.ready.zero:
		case <-r.ctx.Done():
			return r.stopped()
		}
	}
	return nil
}

// stopped is the error of a run that ended before it measured anything.
func (r *run) stopped() error {
	if err := r.failure(); err != nil {
		return err
	}
	return errEarly
}

func (r *run) clients() (receivers, senders []*client) {
	for _, l := range r.receivers {
		receivers = append(receivers, &l.client)
	}
	for _, l := range r.senders {
		senders = append(senders, &l.client)
	}
	return receivers, senders
}

// open dials a few connections at a time.
func (r *run) open(clients []*client, to endpoint) error {
	slots := make(chan struct{}, r.o.Concurrency)
	var all sync.WaitGroup
	for _, c := range clients {
		slots <- struct{}{}
		if r.ctx.Err() != nil {
			break
		}
		all.Go(func() {
			if err := dial(r.ctx, to, c); err != nil {
				r.fail(err)
			}
			<-slots
		})
	}
	all.Wait()
	if r.ctx.Err() != nil {
		return r.stopped()
	}
	return nil
}

// measure lets the senders send, through warm-up and measurement, and returns
// what was counted at the measurement's start and end; without a time if it did not
// come to that.
func (r *run) measure(w *watch) (from, to counts, err error) {
	if r.o.Rate > 0 && len(r.senders) > 0 {
		ctx, stop := context.WithCancel(r.ctx)
		var pacer sync.WaitGroup
		pacer.Go(func() { pace(ctx, r.senders, r.o.Rate) })
		r.stopPacing = func() { stop(); pacer.Wait() }
	}
	if r.o.Warmup > 0 {
		r.progress.phase.Store(phaseWarmup)
		r.setLimits(func(*sender) uint64 { return math.MaxUint64 })
		if !sleep(r.ctx, r.o.Warmup) {
			return from, to, r.stopped()
		}
	}
	r.progress.phase.Store(phaseMeasuring)
	from = r.count(w)
	if r.fromFirst() {
		from.at, from.received, from.bytes = r.began, 0, 0
	} else {
		r.began = from.at
		r.measuring.Store(true)
	}
	r.setLimits(func(s *sender) uint64 {
		if r.o.Count == 0 {
			return math.MaxUint64
		}
		return s.sent.Load() + r.o.Count
	})
	last := r.await(from)
	to = r.count(w)
	to.at = last
	r.measuring.Store(false)
	if err := r.failure(); err != nil {
		return from, to, err
	}
	return from, to, nil
}

func (r *run) setLimits(limit func(*sender) uint64) {
	var b amqp.Batch
	for _, s := range r.senders {
		s.setLimit(&b, limit(s))
		b.Flush()
	}
}

// await waits for the end of the measurement and returns when that was.
func (r *run) await(from counts) time.Time {
	var timeout <-chan time.Time
	if r.o.Duration > 0 {
		t := time.NewTimer(r.o.Duration)
		defer t.Stop()
		timeout = t.C
	}
	var sent <-chan struct{}
	if r.o.Count > 0 {
		sent = r.finished.c
	}
	if len(r.senders) == 0 && r.o.Count > 0 {
		return r.awaitArrivals(r.ctx, from.received+r.o.Count*uint64(len(r.receivers)), timeout, 0)
	}
	for {
		select {
		case <-r.ctx.Done():
			return time.Now()
		case <-timeout:
			return time.Now()
		case <-sent:
			if r.allFinished() {
				return r.awaitArrivals(r.ctx, r.sentToReceivers(), timeout, r.o.Quiet)
			}
		}
	}
}

func (r *run) allFinished() bool {
	for _, s := range r.senders {
		if !s.finished() {
			return false
		}
	}
	return true
}

// sentToReceivers is how many messages must have arrived when none is lost and
// none came back.
func (r *run) sentToReceivers() uint64 {
	if r.o.Receivers == 0 {
		return 0
	}
	var n uint64
	for _, s := range r.senders {
		n += s.sent.Load() - s.cameBack()
	}
	return n
}

// arrivalTick is how often arrivals are looked at, at the end of a run: nothing
// tells when the last presettled message has come.
const arrivalTick = time.Millisecond

// awaitArrivals waits until so many messages have come, or nothing comes for the
// quiet time (0: however long that takes), and returns when the last one came.
func (r *run) awaitArrivals(ctx context.Context, want uint64, timeout <-chan time.Time, quiet time.Duration) time.Time {
	t := time.NewTicker(arrivalTick)
	defer t.Stop()
	last, lastAt := uint64(0), time.Now()
	for {
		now, got := time.Now(), r.received()
		if got != last {
			last, lastAt = got, now
		}
		if got >= want {
			return lastAt
		}
		if quiet > 0 && now.Sub(lastAt) >= quiet {
			return lastAt
		}
		select {
		case <-t.C:
		case <-timeout:
			return time.Now()
		case <-ctx.Done():
			return time.Now()
		}
	}
}

// settle stops the senders, lets what is in flight end, and returns how many
// messages had not ended in time.
func (r *run) settle() uint64 {
	r.progress.phase.Store(phaseSettling)
	r.stopPacing()
	r.setLimits(func(*sender) uint64 { return 0 })
	patience := time.NewTimer(r.o.Patience)
	defer patience.Stop()
	for !r.allFinished() {
		select {
		case <-r.finished.c:
		case <-patience.C:
			return r.unsettled()
		case <-r.ctx.Done():
			if r.failure() != nil {
				return r.unsettled()
			}
			// Who stopped us wants an end, but not one that loses messages.
			time.Sleep(arrivalTick)
		}
	}
	r.awaitArrivals(context.WithoutCancel(r.user), r.sentToReceivers(), patience.C, r.o.Quiet)
	return r.unsettled()
}

func (r *run) unsettled() uint64 {
	var n uint64
	for _, s := range r.senders {
		if sent, settled := s.sent.Load(), s.settled.Load(); sent > settled {
			n += sent - settled
		}
	}
	return n
}

// close ends every connection. Calling it again does nothing.
func (r *run) close() {
	if r.closing.Swap(true) {
		return
	}
	close(r.over)
	r.stopPacing()
	receivers, senders := r.clients()
	closeAll(senders, r.o.Concurrency)
	closeAll(receivers, r.o.Concurrency)
}
