package loadgen

import (
	"fmt"
	"sync"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// Idle is what connections that do nothing cost.
type Idle struct {
	Connections int        `json:"connections"`
	OpenSeconds float64    `json:"openSeconds"` // from the first dial to the last attach
	HeldSeconds float64    `json:"heldSeconds"`
	Costs       []IdleCost `json:"costs,omitempty"`
}

// IdleCost is what they cost a process that was watched.
type IdleCost struct {
	PID           int     `json:"pid"`
	CPUPerOpen    float64 `json:"cpuPerOpen"` // microseconds, of connecting, SASL, open, begin and two attaches
	CPUHolding    float64 `json:"cpuHolding"` // share of one core while they were held, 0 to 1
	Before        int64   `json:"residentBefore"`
	Held          int64   `json:"residentHeld"`  // bytes, at the end of the hold
	PerConnection float64 `json:"perConnection"` // bytes, held less before
	After         int64   `json:"residentAfter"` // bytes, the last seen after the close
	AfterShare    float64 `json:"afterShare"`    // of before; at most 1.1 is "given back"
	AfterSeconds  float64 `json:"afterSeconds"`  // when that was, after the last close
}

// givenBack is the share of the memory before at which watching stops.
const givenBack = 1.1

// idleLink is a link that is attached and does nothing.
type idleLink struct{ c *idleConn }

// idleConn is a connection with a sending and a receiving link.
type idleConn struct {
	client  client
	run     *run
	number  uint32
	address string
	waiting int           // links not attached yet; owned by the reader
	up      chan struct{} // closed when both are
}

func newIdleConn(r *run, number int) *idleConn {
	c := &idleConn{run: r, number: uint32(number), address: r.o.Address, waiting: 2, up: make(chan struct{})}
	if !r.o.OneAddress {
		c.address = r.o.addressOf(number, r.o.Idle)
	}
	c.client.begin = c.attach
	c.client.fail = r.fail
	return c
}

func (c *idleConn) attach(b *amqp.Batch, s *amqp.Session) error {
	a := &amqp.Answer{
		Source: &wire.Source{Address: wire.Some(c.address)},
		Target: &wire.Target{Address: wire.Some(c.address)},
	}
	l := idleLink{c}
	if _, err := s.AttachSender(b, c.run.linkName("sender", c.number), idleSender{l}, a); err != nil {
		return err
	}
	r, err := s.AttachReceiver(b, c.run.linkName("receiver", c.number), idleReceiver{l}, a)
	if err != nil {
		return err
	}
	r.SetWindow(b, c.run.o.Credit)
	return nil
}

// OnAttached counts the link, unless a detach is to follow. [2.6.3]
func (l idleLink) OnAttached(_ *amqp.Batch, a *wire.Attach) {
	if a.Role == wire.RoleReceiver && a.Target == nil || a.Role == wire.RoleSender && a.Source == nil {
		return
	}
	if l.c.waiting--; l.c.waiting == 0 {
		l.c.run.progress.open.Add(1)
		close(l.c.up)
	}
}

// OnSendable, OnTransfer and OnSenderState have nothing to do.
func (l idleLink) OnSendable(*amqp.Batch, *amqp.Sender) {}

// OnTransfer has nothing to do.
func (l idleLink) OnTransfer(*amqp.Batch, *amqp.Delivery) {}

// OnSenderState has nothing to do.
func (l idleLink) OnSenderState(*amqp.Batch, amqp.InDelivery, bool, wire.DeliveryState) {}

// idleSender and idleReceiver give the link the OnDetach that its role wants.
type (
	idleSender   struct{ idleLink }
	idleReceiver struct{ idleLink }
)

// OnDetach fails the run, unless it is over.
func (l idleSender) OnDetach(_ *amqp.Batch, e *wire.Error) {
	l.c.client.linkEnded("an idle sender", l.c.address, e)
}

// OnDetach fails the run, unless it is over.
func (l idleReceiver) OnDetach(_ *amqp.Batch, _ []amqp.InDelivery, e *wire.Error) {
	l.c.client.linkEnded("an idle receiver", l.c.address, e)
}

// runIdle opens the connections, holds them and closes them.
func (r *run) runIdle() (*Result, error) {
	w := newWatch(r.o.Watch)
	if err := w.begin(); err != nil {
		return nil, err
	}
	defer w.end()
	stopProgress := r.reportProgress()
	defer stopProgress()

	conns := make([]*client, r.o.Idle)
	defer func() { r.closeIdle(conns) }()
	var marks [3]counts
	marks[0] = r.count(w)
	if err := r.openIdle(conns); err != nil {
		return nil, err
	}
	marks[1] = r.count(w)
	r.progress.phase.Store(phaseHolding)
	sleep(r.ctx, r.o.Hold)
	if err := r.failure(); err != nil {
		return nil, err
	}
	marks[2] = r.count(w)
	held := w.resident()
	r.closeIdle(conns)

	idle := &Idle{
		Connections: r.o.Idle,
		OpenSeconds: marks[1].at.Sub(marks[0].at).Seconds(),
		HeldSeconds: marks[2].at.Sub(marks[1].at).Seconds(),
	}
	r.progress.phase.Store(phaseWatching)
	after, afterAt := r.watchReturn(w)
	for i, pid := range r.o.Watch {
		cost := IdleCost{
			PID: pid, Before: w.before[i], Held: held[i], After: after[i], AfterSeconds: afterAt.Seconds(),
			CPUPerOpen:    micros(marks[1].cpu[i]-marks[0].cpu[i]) / float64(r.o.Idle),
			PerConnection: float64(held[i]-w.before[i]) / float64(r.o.Idle),
			AfterShare:    float64(after[i]) / float64(w.before[i]),
		}
		if idle.HeldSeconds > 0 {
			cost.CPUHolding = (marks[2].cpu[i] - marks[1].cpu[i]).Seconds() / idle.HeldSeconds
		}
		idle.Costs = append(idle.Costs, cost)
	}
	return &Result{Target: r.o.Target, Address: r.o.Address, Idle: idle, Early: r.user.Err() != nil}, nil
}

// openIdle opens a few connections at a time, each until both its links are
// attached.
func (r *run) openIdle(conns []*client) error {
	r.progress.phase.Store(phaseOpening)
	slots := make(chan struct{}, r.o.Concurrency)
	var all sync.WaitGroup
	for i := range conns {
		select {
		case slots <- struct{}{}:
		case <-r.ctx.Done():
		}
		if r.ctx.Err() != nil {
			break
		}
		c := newIdleConn(r, i)
		conns[i] = &c.client
		all.Go(func() {
			c.open()
			<-slots
		})
	}
	all.Wait()
	if r.ctx.Err() != nil {
		return fmt.Errorf("%d of %d connections were open: %w", r.progress.open.Load(), len(conns), r.stopped())
	}
	return nil
}

// open dials, and waits until both links are attached.
func (c *idleConn) open() {
	r := c.run
	if err := dial(r.ctx, r.send, &c.client); err != nil {
		r.fail(err)
		return
	}
	select {
	case <-c.up:
	case <-r.ctx.Done():
	}
}

// closeIdle closes what is open. Calling it again does nothing.
func (r *run) closeIdle(conns []*client) {
	if r.closing.Swap(true) {
		return
	}
	r.progress.phase.Store(phaseClosing)
	var opened []*client
	for _, c := range conns {
		if c != nil {
			opened = append(opened, c)
		}
	}
	closeAll(opened, r.o.Concurrency)
	r.progress.open.Store(0)
}

// watchReturn follows the memory of the watched processes after the close, until
// all have given it back or the time is over, and returns the last figures and
// when they were read.
func (r *run) watchReturn(w *watch) ([]int64, time.Duration) {
	start := time.Now()
	for {
		now := w.resident()
		back := true
		for i := range now {
			back = back && float64(now[i]) <= givenBack*float64(w.before[i])
		}
		if past := time.Since(start); back || past >= r.o.Settle || !sleep(r.ctx, watchTick) {
			return now, past
		}
	}
}
