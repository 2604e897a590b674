package router_test

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// simApp is one application of the simulation: a connection and what is on it.
// After its connection has ended it does nothing any more.
type simApp struct {
	w      *world
	name   string
	born   int        // the how manieth it is
	steps  int        // that it was asked for
	rng    *rand.Rand // of this step; guarded by the client's lock, as all below
	client *meshtest.Client
	conn   *meshtest.Conn
	at     string // the host of its router
	window int    // linkCapacity of the listener
	plain  bool   // messages come as they were sent, to the byte
	sent   int    // bytes in all; guarded by the ledger

	sessions []*simSession
	sends    []*sendLink
	recvs    []*recvLink
	stalled  bool      // reads nothing
	wasOver  bool      // its end was its own doing
	tired    bool      // is to be killed, once the router has read what it wrote
	doomed   bool      // is killed in its next step
	will     *sendLink // on which it settled many letters last
	gone     bool      // guarded by the ledger
}

// simSession is a session of an application.
type simSession struct {
	*meshtest.Session
	keeps bool // its window grows only by a step
}

// connect starts an application.
func (w *world) connect(slot int) *simApp {
	w.born++
	a := &simApp{w: w, name: fmt.Sprintf("app%d", w.born), born: w.born}
	a.rng = a.chance()
	listener := w.cfg.Listeners[a.rng.IntN(len(w.cfg.Listeners))]
	w.linesOf(a.name, listener.Host, a.rng)
	nc, err := w.net.Dial(context.Background(), a.name, listener.Host+":"+listener.Port)
	if err != nil {
		w.t.Fatal(err)
	}
	a.at = listener.Host
	a.conn, a.window, a.plain = nc, listener.LinkCapacity, listener.StripAnnotations.Out()
	frames := []uint32{512, 1000, 4 << 10, 64 << 10}
	l := &w.ledger
	l.mu.Lock()
	l.note("%s: connects to %s of %s", a.name, listener.Name, listener.Host)
	l.mu.Unlock()
	a.client = meshtest.NewClient(a.name, nc, meshtest.ClientOptions{
		MaxFrame: frames[a.rng.IntN(len(frames))],
		Fault: func(what string) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.violation("protocol: %s", what)
		},
		OnClose: func(err error) { a.closed(err) },
	})
	a.client.Do(func() {
		a.begin()
		for range 1 + a.rng.IntN(3) {
			if a.rng.IntN(2) == 0 {
				a.attachSender()
			} else {
				a.attachReceiver()
			}
		}
	})
	w.slots[slot] = a
	w.all = append(w.all, a)
	return a
}

// linesOf decides how bytes travel between an application and the router: small
// pieces, and a line towards the application that is soon full.
func (w *world) linesOf(name, host string, rng *rand.Rand) {
	var up, down meshtest.Line
	if rng.IntN(3) == 0 {
		up.Piece = 1 + rng.IntN(300)
	}
	if rng.IntN(3) == 0 {
		down.Piece = 1 + rng.IntN(2000)
	}
	if rng.IntN(2) == 0 {
		down.Buffer = 512 << rng.IntN(8)
	}
	down.Waits = rng.IntN(2) == 0
	there, back := up, down
	if name > host {
		there, back = down, up
	}
	w.net.Between(name, host).Set(there, back)
}

// closed is called when the connection is over, after what was on it.
func (a *simApp) closed(err error) {
	l := &a.w.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	a.gone = true
	l.tick()
	l.note("%s: its connection has ended: %v", a.name, err)
}

// chance is what decides about a step. What happened in those before it, in whichever order,
// changes nothing of that: so a seed goes nearly the same way again.
func (a *simApp) chance() *rand.Rand {
	return rand.New(rand.NewPCG(a.w.seed, uint64(a.born)<<32+uint64(a.steps)))
}

// step does something at random. False says that there was nothing to do.
func (a *simApp) step() (did bool) {
	a.client.Do(func() {
		if a.client.Over() {
			return
		}
		a.steps++
		a.rng = a.chance()
		if a.doomed {
			did = a.kill()
			return
		}
		n := a.rng.IntN(totalWeight)
		for _, s := range steps {
			if n -= s.weight; n < 0 {
				did = s.do(a)
				return
			}
		}
	})
	return did
}

// steps are what an application does, and how often.
var steps = []struct {
	weight int
	do     func(*simApp) bool
}{
	{120, (*simApp).sendSome},
	{20, (*simApp).sendMany},
	{4, (*simApp).leaveMany},
	{4, (*simApp).settleMany},
	{4, (*simApp).breakOff},
	{40, (*simApp).goOnWriting},
	{4, (*simApp).abortWriting},
	{60, (*simApp).settleSome},
	{20, (*simApp).settleRange},
	{30, (*simApp).changeCredit},
	{6, (*simApp).drain},
	{8, (*simApp).settleAsSender},
	{12, (*simApp).attachSender},
	{12, (*simApp).attachReceiver},
	{3, (*simApp).detachSender},
	{4, (*simApp).detachReceiver},
	{8, (*simApp).grantWindow},
	{2, (*simApp).beginAnother},
	{1, (*simApp).endSession},
	{3, (*simApp).stall},
	{15, (*simApp).unstall},
	{1, (*simApp).close},
	{1, (*simApp).kill},
}

var totalWeight = func() (n int) {
	for _, s := range steps {
		n += s.weight
	}
	return n
}()

// pick chooses among a list; the zero value when it is empty.
func pick[T any](rng *rand.Rand, list []T) (v T, ok bool) {
	if len(list) == 0 {
		return v, false
	}
	return list[rng.IntN(len(list))], true
}

// nearWrap is where a serial number begins: often so that it soon wraps.
func nearWrap(rng *rand.Rand) uint32 {
	if rng.IntN(2) == 0 {
		return 0
	}
	return ^uint32(0) - uint32(rng.IntN(40))
}

func (a *simApp) begin() {
	o := meshtest.SessionOptions{FirstTransfer: nearWrap(a.rng), FirstDelivery: nearWrap(a.rng)}
	switch a.rng.IntN(4) {
	case 0:
		o.Window = uint32(2 + a.rng.IntN(20))
	case 1:
		o.Window, o.KeepWindow = uint32(4+a.rng.IntN(40)), true
	}
	a.sessions = append(a.sessions, &simSession{Session: a.client.Begin(o), keeps: o.KeepWindow})
}

func (a *simApp) beginAnother() bool {
	if len(a.usable()) > 2 {
		return false
	}
	a.begin()
	return true
}

// usable is the sessions that stand.
func (a *simApp) usable() (list []*simSession) {
	for _, s := range a.sessions {
		if s.Usable() {
			list = append(list, s)
		}
	}
	a.sessions = list
	return list
}

func (a *simApp) grantWindow() bool {
	for _, s := range a.usable() {
		if s.keeps {
			s.Grant(uint32(1 + a.rng.IntN(60)))
			return true
		}
	}
	return false
}

func (a *simApp) endSession() bool {
	s, ok := pick(a.rng, a.usable())
	if !ok {
		return false
	}
	a.leave(func(on *meshtest.Session) bool { return on == s.Session }, false, true, "ends a session")
	s.End(nil)
	return true
}

func (a *simApp) close() bool {
	// The router does not wait for one that reads nothing until it has read all.
	a.leave(nil, a.stalled, true, "closes")
	a.wasOver = true
	a.client.Close(nil)
	return true
}

func (a *simApp) kill() bool {
	a.leave(nil, true, false, "is killed")
	a.wasOver = true
	a.w.ledger.mu.Lock()
	a.w.ledger.stats.kills++
	a.w.ledger.bequeath(a)
	a.w.ledger.mu.Unlock()
	a.client.Kill()
	return true
}

// leave notes that the links on some sessions are leaving; nil is all of them. Whoever is killed and
// says so before may have been heard, and then left in peace, or not.
func (a *simApp) leave(on func(*meshtest.Session) bool, killed, says bool, how string) {
	l := &a.w.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tick()
	l.note("%s: %s", a.name, how)
	for _, r := range a.recvs {
		if on == nil || on(r.Session) {
			l.leaving(r, killed)
		}
	}
	for _, s := range a.sends {
		if on == nil || on(s.Session) {
			l.ends(s, s.parted || !s.leaving && says)
			s.laden = s.laden || killed
			s.killed = s.killed || killed && !s.gone
		}
	}
}

// stall stops reading. At most a few do at a time, or nothing would move.
func (a *simApp) stall() bool {
	if a.stalled {
		return false
	}
	a.setStall(true)
	return true
}

func (a *simApp) unstall() bool {
	if !a.stalled {
		return false
	}
	a.setStall(false)
	return true
}

func (a *simApp) setStall(on bool) {
	l := &a.w.ledger
	l.mu.Lock()
	l.tick()
	l.note("%s: reads nothing: %v", a.name, on)
	l.mu.Unlock()
	a.stalled = on
	a.client.Stall(on)
}

// settleRange says the same of several deliveries of a session at once, whichever
// links they are on, and some of them perhaps over already. [2.7.6]
func (a *simApp) settleRange() bool {
	s, ok := pick(a.rng, a.usable())
	if !ok {
		return false
	}
	taken := s.Taken()
	if len(taken) == 0 {
		return false
	}
	from := a.rng.IntN(len(taken))
	to := min(from+a.rng.IntN(8), len(taken)-1)
	state, settled := outcome(a.rng), true
	for _, d := range taken[from : to+1] {
		c, ok := d.Context.(*letterCopy)
		if !ok || !c.may(state, settled) {
			return false
		}
		if c.to.second {
			settled = false
		}
	}
	l := &a.w.ledger
	l.mu.Lock()
	for _, d := range taken[from : to+1] {
		c := d.Context.(*letterCopy)
		l.say(c, state, settled)
		d.Said = state
		if settled {
			c.to.forget(c)
		}
	}
	l.mu.Unlock()
	s.Disposition(wire.RoleReceiver, taken[from].ID, taken[to].ID, settled, state)
	return true
}
