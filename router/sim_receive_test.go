package router_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// recvLink is a link by which a simulated application receives.
type recvLink struct {
	*meshtest.Receiver
	app    *simApp
	addr   *simAddress
	plain  bool // messages come as they were sent, to the byte
	second bool // settles after the sender
	mode   wire.SenderSettleMode
	limit  int // bytes of a message that it takes; 0 is any number
	credit creditHabit
	says   settleHabit
	rng    *rand.Rand // for what it does when something comes

	unsettled []*letterCopy // that it has not ended

	// Guarded by the ledger.
	order        map[orderKey]int // number of the letter that began last
	attached     bool
	attachedAt   uint64
	attachedTime time.Time
	leaving      bool // or has left
	leavingAt    uint64
	leavingTime  time.Time
	killed       bool   // what was on the way to it may be lost
	deadAt       uint64 // when everybody had noticed that
	gone         bool
	returned     uint32 // credit that came back by a drain, since the last rest
}

// creditHabit is how a receiver gives credit.
type creditHabit int

const (
	prefetches creditHabit = iota // keeps some
	oneByOne                      // one, when the last is settled
	bySteps                       // only when a step says so
)

// settleHabit is when a receiver says what became of a delivery.
type settleHabit int

const (
	atOnce settleHabit = iota
	later              // by a step
	never              // at the end
)

func (r *recvLink) String() string {
	return fmt.Sprintf("%s receiver %s from %s", r.app.name, r.Name, r.addr.name)
}

// attachReceiver attaches a link by which to receive.
func (a *simApp) attachReceiver() bool {
	session, ok := pick(a.rng, a.usable())
	if !ok || len(a.receivers()) >= 4 {
		return false
	}
	l := &a.w.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &recvLink{
		app: a, plain: a.plain, second: a.rng.IntN(3) == 0, mode: wire.SndMixed, order: make(map[orderKey]int),
		credit: creditHabit(a.rng.IntN(3)), says: settleHabit(a.rng.IntN(3)), rng: rand.New(rand.NewPCG(a.w.seed, a.rng.Uint64())),
	}
	if a.rng.IntN(3) == 0 {
		r.mode = wire.SenderSettleMode(a.rng.IntN(2))
	}
	if a.rng.IntN(8) == 0 {
		r.limit = 200 + a.rng.IntN(4000) // the client looks that no more comes
	}
	o := meshtest.ReceiverOptions{
		Snd: r.mode, Largest: uint64(r.limit),
		OnAttach:   func(p *wire.Attach) { r.answered(p) },
		OnTransfer: func(d *meshtest.In, payload []byte) { r.transfer(d, payload) },
		OnState:    func(d *meshtest.In) { r.heard(d) },
		OnDrained:  func(back uint32) { r.drained(back) },
		OnGone:     func(e *wire.Error) { r.ended(e) },
	}
	if r.second {
		o.Rcv = wire.RcvSecond
	}
	if a.rng.IntN(8) == 0 {
		o.Source = &wire.Source{Dynamic: true}
		r.addr = l.newAddress("", config.Balanced) // its name comes with the answer
	} else {
		for r.addr == nil || !r.addr.canBeFrom(a.at) {
			r.addr = a.w.someAddress(a.rng)
		}
		o.Source = meshtest.From(r.addr.name)
	}
	r.addr.receivers = append(r.addr.receivers, r)
	r.Receiver = session.AttachReceiver(o)
	a.recvs = append(a.recvs, r)
	l.tick()
	l.note("%v: attaches, sender's mode %d, second %v, credit habit %d, settles %d, takes %d bytes", r, r.mode, r.second, r.credit, r.says, r.limit)
	if r.credit == prefetches {
		r.SetCredit(uint32(1 + a.rng.IntN(30)))
	}
	return true
}

func (r *recvLink) answered(p *wire.Attach) {
	l := &r.app.w.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.Source == nil {
		l.violation("%v: the attach was refused", r)
		return
	}
	if r.addr.name == "" {
		r.addr.name = p.Source.Address.V
	}
	if !r.leaving {
		l.attached(r)
	}
	l.note("%v: is attached", r)
}

// receivers are those that can be used.
func (a *simApp) receivers() (list []*recvLink) {
	a.recvs = slices.DeleteFunc(a.recvs, func(r *recvLink) bool { return r.Gone() })
	for _, r := range a.recvs {
		if r.Usable() {
			list = append(list, r)
		}
	}
	return list
}

func (r *recvLink) transfer(d *meshtest.In, payload []byte) {
	r.app.w.ledger.transfer(r, d, payload)
	c, ok := d.Context.(*letterCopy)
	if !ok || !d.Complete {
		return
	}
	if d.Settled {
		r.keepCredit()
		return
	}
	r.unsettled = append(r.unsettled, c)
	if r.says == atOnce {
		r.settle(c, c.outcome())
	}
	r.keepCredit()
}

// keepCredit gives more credit by the receiver's habit.
func (r *recvLink) keepCredit() {
	if r.Draining() {
		return
	}
	switch r.credit {
	case prefetches:
		if n := r.Credit(); n < 5 {
			r.SetCredit(n + uint32(1+r.rng.IntN(30)))
		}
	case oneByOne:
		if r.Credit() == 0 && len(r.unsettled) == 0 {
			r.SetCredit(1)
		}
	}
}

// outcome is what a receiver may say of the letter, whoever of them got it.
func (c *letterCopy) outcome() wire.DeliveryState { return outcome(c.rng()) }

// outcome is what a receiver may say.
func outcome(rng *rand.Rand) wire.DeliveryState {
	switch rng.IntN(8) {
	case 0:
		return wire.RejectedState(&wire.Error{Condition: "test:refused", Description: fmt.Sprintf("reason %d", rng.IntN(1000))})
	case 1:
		return released
	case 2:
		return wire.ModifiedState(rng.IntN(2) == 0, rng.IntN(2) == 0,
			wire.Map{{Key: wire.Symbol("x-opt-try"), Value: int64(rng.IntN(1000))}})
	}
	return accepted
}

// may says whether the receiver may still say that of the delivery.
func (c *letterCopy) may(state wire.DeliveryState, settled bool) bool {
	if c.ended || c.in.LocalSettled || c.in.RemoteSettled || !c.to.Usable() || !c.in.Complete {
		return false
	}
	return len(c.said) == 0 || settled && c.said[0].Equal(state)
}

// settle says what became of a delivery. In second mode the sender is to settle
// first, and it is said unsettled. [2.8.3]
func (r *recvLink) settle(c *letterCopy, state wire.DeliveryState) bool {
	settled := true
	switch {
	case len(c.said) > 0:
		state = c.said[0]
		if r.second && r.rng.IntN(4) > 0 {
			return false // waits for the sender
		}
	case r.second || c.letter.id%10 == 0:
		settled = false
	}
	if !c.may(state, settled) {
		return false
	}
	l := &r.app.w.ledger
	l.mu.Lock()
	l.say(c, state, settled)
	l.mu.Unlock()
	c.in.Settle(state, settled)
	if settled {
		r.forget(c)
	}
	return true
}

// forget takes a delivery out of those that are not ended.
func (r *recvLink) forget(c *letterCopy) {
	for i, o := range r.unsettled {
		if o == c {
			r.unsettled = append(r.unsettled[:i], r.unsettled[i+1:]...)
			return
		}
	}
}

// heard is called when the sender said something of a delivery.
func (r *recvLink) heard(d *meshtest.In) {
	c, ok := d.Context.(*letterCopy)
	if ok && d.RemoteSettled {
		l := &r.app.w.ledger
		l.mu.Lock()
		l.tick()
		l.note("%v: hears that %v is settled", r, c.letter)
		l.mu.Unlock()
		r.forget(c)
		r.keepCredit()
	}
}

// settleSome settles some deliveries of a receiver, in any order.
func (a *simApp) settleSome() bool {
	r, ok := pick(a.rng, a.receivers())
	if !ok || r.says == never {
		return false
	}
	did := false
	for range 1 + a.rng.IntN(6) {
		c, ok := pick(a.rng, r.unsettled)
		if !ok {
			break
		}
		if len(c.said) == 0 && a.rng.IntN(10) == 0 {
			c.in.Settle(wire.ReceivedState(0, uint64(c.in.Size)), false) // not an outcome
			continue
		}
		did = r.settle(c, c.outcome()) || did
	}
	r.keepCredit()
	return did
}

func (a *simApp) changeCredit() bool {
	r, ok := pick(a.rng, a.receivers())
	if !ok || r.Draining() {
		return false
	}
	n := uint32(a.rng.IntN(12))
	switch a.rng.IntN(6) {
	case 0:
		n = 0
	case 1:
		n = 100
	}
	l := &a.w.ledger
	l.mu.Lock()
	l.tick()
	l.note("%v: gives credit for %d", r, n)
	l.mu.Unlock()
	r.SetCredit(n)
	return true
}

func (a *simApp) drain() bool {
	r, ok := pick(a.rng, a.receivers())
	if !ok || r.Draining() {
		return false
	}
	l := &a.w.ledger
	n := uint32(1 + a.rng.IntN(30))
	l.mu.Lock()
	l.tick()
	l.note("%v: drains %d", r, n)
	l.mu.Unlock()
	r.Drain(n)
	return true
}

func (r *recvLink) drained(back uint32) {
	l := &r.app.w.ledger
	l.mu.Lock()
	l.tick()
	l.stats.drained++
	l.note("%v: is drained, %d came back", r, back)
	r.returned += back
	l.mu.Unlock()
}

func (a *simApp) detachReceiver() bool {
	r, ok := pick(a.rng, a.receivers())
	if !ok {
		return false
	}
	l := &a.w.ledger
	l.mu.Lock()
	l.note("%v: detaches", r)
	l.leaving(r, false)
	l.mu.Unlock()
	r.Detach(a.rng.IntN(2) == 0, nil)
	return true
}

// ended is called when the link is over.
func (r *recvLink) ended(e *wire.Error) {
	l := &r.app.w.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	if e != nil && !r.leaving && !(l.halted && e.Condition == wire.CondDetachForced) {
		l.violation("%v: the router ended it: %v", r, e)
	}
	l.leaving(r, false)
	r.gone = true
	l.note("%v: is gone (%v)", r, e)
}
