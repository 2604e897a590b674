package router_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// TestLawsHoldForRoutedLinks has clients at three routers and a container at one of them
// attach, grant, send, settle, drain, detach, end and leave at random, by sessions that take
// little at a time, while paths are cut and the container comes and goes. There is another one
// at B, and both refuse what they are asked for at times. In half of the runs the router dials the
// first one, which overruns its credit. Then everything is let through, and:
//
//   - a link is over at both of its ends or at none, and none waits for an answer
//   - what was sent by a link that stands came whole, once, in order, with its tag
//   - a delivery is settled at one end if it is at the other, with the same outcome
//   - the sender has the credit that the receiver has given, no more and no less
//   - what a sender has sent beyond that waits, while its receiver has no credit, and nothing else is held
//   - nothing is left at any router when everybody has left; nobody saw anything against
//     the specification on the way
func TestLawsHoldForRoutedLinks(t *testing.T) {
	total := 0
	seeds := playSeeds(t, 40, func(t *testing.T, seed uint64) { total += simulateRouted(t, seed) })
	if total < 20*seeds {
		t.Errorf("%d deliveries were compared in %d runs: too few to mean anything", total, seeds)
	}
}

// routedWorld is one run.
type routedWorld struct {
	*meshStage
	rand     *rand.Rand
	broker   *broker
	other    *broker
	overruns bool      // the first broker, by a connection that its router has dialled
	all      []*broker // also those that left
	apps     []*app
	links    []*routedPair
	made     int
	waits    int       // deliveries wait for credit, in the end
	enough   bool      // none has to: all clients of the broker have given much
	cut      [2]string // the path that is cut; empty if none is
}

// routedPair is a link as the simulation sees it: the client's end.
type routedPair struct {
	app      *app
	name     string // at the container
	sender   *producer
	receiver *consumer
	said     map[*meshtest.Out]wire.DeliveryState // last, by a sender that overruns its credit
	out      []*meshtest.Out                      // sent by it, or for it by the container
}

func simulateRouted(t *testing.T, seed uint64) (compared int) {
	containers := containersAt(append(both("tx", "broker"), both("tx", "other")...), "C", "B")
	overruns := seed%4 >= 2
	change := func(c *config.Config) {
		containers(c)
		if overruns && c.Router.ID == "C" {
			dialled := toBroker("broker", brokerHost+brokerPort)
			dialled.IdleTimeout = 0 // as at the listener
			c.Connectors = append(c.Connectors, dialled)
		}
	}
	playMesh(t, "A-B B-C A-C:3", change, func(s *meshStage) {
		w := &routedWorld{meshStage: s, rand: rand.New(rand.NewPCG(seed, 7)), overruns: overruns}
		w.connect()
		w.other = w.container("B", "other")
		for range 3 + w.rand.IntN(3) {
			w.join()
		}
		s.advance(time.Second)
		for range 400 {
			w.step(seed%2 == 1)
		}
		w.settleAll()
		compared = w.compare()
	})
	return compared
}

func (w *routedWorld) connect() { w.broker = w.container("C", "broker") }

// container connects one, which gives no credit by itself.
func (w *routedWorld) container(at, name string) *broker {
	o := meshtest.SessionOptions{}
	if w.rand.IntN(2) == 0 {
		o = narrow
	}
	var b *broker
	if w.overruns && name == "broker" {
		b = &broker{first: -w.rand.Uint32N(2) * 20}
		b.app = w.appOver(name, w.acceptDialled(), b.options(o, 255))
	} else {
		b = w.brokerWith(at, name, o)
	}
	b.credit = 0
	w.all = append(w.all, b)
	return b
}

func (w *routedWorld) join() {
	w.made++
	id := string(rune('A' + w.rand.IntN(3)))
	a := w.at(id, fmt.Sprintf("app%d", w.made))
	if w.rand.IntN(2) == 0 {
		a.begin(meshtest.SessionOptions{Window: 3, KeepWindow: true})
	}
	w.apps = append(w.apps, a)
}

// step does one thing.
func (w *routedWorld) step(faults bool) {
	a := w.apps[w.rand.IntN(len(w.apps))]
	switch n := w.rand.IntN(100); {
	case n < 12:
		w.attach(a)
	case n < 30:
		w.grant()
	case n < 60:
		w.send()
	case n < 77:
		w.settle()
	case n < 80:
		w.detach()
	case n < 94:
		w.widen(4)
	case n < 95:
		a.do(func() { a.sessions[w.rand.IntN(len(a.sessions))].End(nil) })
		a.begin(meshtest.SessionOptions{})
	case n < 96 && len(w.apps) > 2 && faults:
		a.kill()
		w.replace(a)
	case n < 97 && faults && w.rand.IntN(2) == 0:
		b := []*broker{w.broker, w.other}[w.rand.IntN(2)]
		refuse := []*wire.Error{nil, notFound, why}[w.rand.IntN(3)]
		b.app.do(func() { b.refuse, b.endsSession = refuse, w.rand.IntN(2) == 0 })
	case n < 97 && faults && w.rand.IntN(2) == 0:
		w.broker.kill()
		w.connect()
	case n < 98 && faults && w.cut[0] == "":
		w.cut = [][2]string{{"A", "B"}, {"B", "C"}}[w.rand.IntN(2)]
		w.net.Between(w.cut[0], w.cut[1]).Cut()
	case w.cut[0] != "":
		w.heal()
	}
	if w.rand.IntN(3) == 0 {
		w.advance(time.Duration(w.rand.IntN(400)) * time.Millisecond)
	}
}

func (w *routedWorld) heal() {
	if w.cut[0] != "" {
		w.net.Between(w.cut[0], w.cut[1]).Heal()
		w.cut = [2]string{}
	}
}

func (w *routedWorld) replace(a *app) {
	for i, o := range w.apps {
		if o == a {
			w.apps = append(w.apps[:i], w.apps[i+1:]...)
			break
		}
	}
	w.join()
}

func (w *routedWorld) attach(a *app) {
	w.made++
	p := &routedPair{app: a, said: map[*meshtest.Out]wire.DeliveryState{}, name: fmt.Sprintf("%s/n%d", a.Name, w.made)}
	name := fmt.Sprintf("n%d", w.made)
	session := a.sessions[w.rand.IntN(len(a.sessions))]
	a.do(func() {
		if !session.Usable() {
			return
		}
		if w.rand.IntN(2) == 0 {
			p.sender = &producer{app: a}
			p.sender.Sender = session.AttachSender(meshtest.SenderOptions{Name: name, Target: meshtest.To("tx/q"), Snd: wire.SndMixed, Rcv: wire.ReceiverSettleMode(w.rand.IntN(2)), First: w.rand.Uint32N(3) - 1})
		} else {
			p.receiver = &consumer{app: a}
			o := p.receiver.options()
			o.Name, o.Source, o.Credit = name, meshtest.From("tx/q"), w.rand.Uint32N(4)
			p.receiver.Receiver = session.AttachReceiver(o)
		}
		w.links = append(w.links, p)
	})
}

// atContainer is the container's end of a link; nil if there is none.
func (w *routedWorld) atContainer(p *routedPair) (in *consumer, out *producer) {
	for _, b := range w.all {
		for _, c := range b.in {
			if c.Name == p.name {
				return c, nil
			}
		}
		for _, l := range b.out {
			if l.Name == p.name {
				return nil, l
			}
		}
	}
	return nil, nil
}

// sides are the ends of a link by which is sent and received: nil if they are not there yet.
func (w *routedWorld) sides(p *routedPair) (from *producer, to *consumer) {
	in, out := w.atContainer(p)
	if p.sender != nil {
		return p.sender, in
	}
	return out, p.receiver
}

func (w *routedWorld) pick() *routedPair {
	if len(w.links) == 0 {
		return nil
	}
	return w.links[w.rand.IntN(len(w.links))]
}

func (w *routedWorld) grant() {
	p := w.pick()
	if p == nil {
		return
	}
	_, to := w.sides(p)
	if to == nil {
		return
	}
	to.app.do(func() {
		if !to.Live() || to.Draining() { // a drain is answered before anything else is said
			return
		}
		if w.rand.IntN(4) == 0 {
			to.Drain(to.Credit())
		} else {
			to.SetCredit(w.rand.Uint32N(20))
		}
	})
}

func (w *routedWorld) send() {
	p := w.pick()
	if p == nil {
		return
	}
	from, _ := w.sides(p)
	if from == nil {
		return
	}
	from.app.do(func() {
		if !from.Live() {
			return
		}
		count := w.rand.IntN(8)
		if w.mayOverrun(from) {
			if w.rand.IntN(3) == 0 {
				from.Flow(w.rand.IntN(2) == 0)
			}
			if w.rand.IntN(3) == 0 && !from.Draining() && !from.Writing() {
				count += w.rand.IntN(40)
				from.Presume(uint32(max(count-int(from.Credit()), 0)))
			}
		}
		for range count {
			if from.Credit() == 0 {
				break
			}
			w.made++
			o := &meshtest.Out{Payload: text(fmt.Sprint("m", w.made)), Tag: []byte(fmt.Sprint("t", w.made)), Settled: w.rand.IntN(3) == 0, SettleAtEnd: w.rand.IntN(8) == 0}
			if w.rand.IntN(3) == 0 {
				o.Payload = append(o.Payload, long(w.rand.IntN(80<<10))...)
				o.Frame = 1 + w.rand.IntN(9000)
			}
			p.out = append(p.out, from.Send(o))
			if w.rand.IntN(10) == 0 && (o.Begun || !w.mayOverrun(from)) { // else its credit would be left
				o.Abort()
			}
		}
		if from.Draining() && !from.Writing() && w.rand.IntN(2) == 0 {
			from.Drained() // a container does it when it likes
		}
	})
}

func (w *routedWorld) settle() {
	p := w.pick()
	if p == nil {
		return
	}
	from, to := w.sides(p)
	if from != nil && w.mayOverrun(from) && w.rand.IntN(2) == 0 {
		w.sayAgain(p, from)
	}
	states := []wire.DeliveryState{accepted, released, wire.ModifiedState(true, false, nil), wire.TransactionalState([]byte("t"), accepted), {}}
	state := states[w.rand.IntN(len(states))]
	settled := w.rand.IntN(3) > 0
	if from != nil && w.rand.IntN(4) == 0 {
		from.app.do(func() {
			for _, o := range p.out {
				if o.Complete && w.rand.IntN(3) == 0 {
					o.Settle(state)
					delete(p.said, o)
				}
			}
		})
		return
	}
	if to == nil {
		return
	}
	to.app.do(func() {
		for _, d := range to.got {
			if to.Live() && !d.Settled && !d.LocalSettled && !d.RemoteSettled && w.rand.IntN(2) == 0 {
				d.Settle(state, settled)
			}
		}
	})
}

func (w *routedWorld) detach() {
	p := w.pick()
	if p == nil {
		return
	}
	from, to := w.sides(p)
	closed := w.rand.IntN(2) == 0
	if from != nil && w.rand.IntN(2) == 0 {
		from.app.do(func() { from.Detach(closed, nil) })
	} else if to != nil {
		to.app.do(func() { to.Detach(closed, why) })
	}
}

// widen lets n more frames into every session.
func (w *routedWorld) widen(n uint32) {
	for _, b := range []*broker{w.broker, w.other} {
		b.app.do(func() {
			for _, s := range b.on {
				s.Grant(n)
			}
		})
	}
	for _, a := range w.apps {
		a.do(func() {
			for _, s := range a.sessions {
				s.Grant(n)
			}
		})
	}
}

// settleAll lets everything through.
func (w *routedWorld) settleAll() {
	w.heal()
	w.widen(1 << 20)
	w.advance(20 * time.Second)
	for _, b := range []*broker{w.broker, w.other} {
		b.app.do(func() {
			for _, l := range b.out {
				if l.Live() && l.Draining() {
					l.Drained()
				}
			}
		})
	}
	w.advance(time.Second)
	if w.overruns {
		w.grantMore()
	}
}

// compare looks at both ends of every link.
func (w *routedWorld) compare() (n int) {
	for _, p := range w.links {
		in, out := w.atContainer(p)
		alive := in != nil && in.Live() || out != nil && out.Live()
		client := p.sender != nil && p.sender.Live() || p.receiver != nil && p.receiver.Live()
		if alive != client {
			w.t.Errorf("link %s: alive at the client %v, at the container %v", p.name, client, alive)
		}
		if usable := p.sender != nil && p.sender.Usable() || p.receiver != nil && p.receiver.Usable(); usable && !client {
			w.t.Errorf("link %s waits for an answer", p.name)
		}
		if alive && client {
			n += w.compareEnds(p)
		}
	}
	for id, r := range w.routers {
		if held := r.Held(); (held != 0) != (id == "C" && w.waits > 0) {
			w.t.Errorf("router %s holds %d bytes, while %d deliveries wait for credit at C", id, held, w.waits)
		}
	}
	return n
}

func (w *routedWorld) compareEnds(p *routedPair) int {
	from, to := w.sides(p)
	room := from.Room()
	if w.mayOverrun(from) {
		room = from.Credit() // excess may have its session wait, so that not all it means to send is begun
	}
	if room != to.Credit() && !(w.mayOverrun(from) && from.Writing()) || to.Draining() {
		w.t.Errorf("link %s: the sender has credit %d, the receiver gave %d", p.name, room, to.Credit())
	}
	if w.enough && w.mayOverrun(from) && from.Writing() {
		w.t.Errorf("link %s: the sender cannot send what it has credit for", p.name)
	}
	var sent []*meshtest.Out
	for _, o := range p.out {
		if o.Begun {
			sent = append(sent, o)
		}
	}
	if beyond := len(sent) - len(to.got); beyond > 0 && w.mayOverrun(from) && to.Credit() == 0 {
		w.waits += beyond
		sent = sent[:len(to.got)]
	}
	if len(sent) != len(to.got) {
		w.t.Errorf("link %s: %d were sent, %d came", p.name, len(sent), len(to.got))
		return 0
	}
	for i, o := range sent {
		d := to.got[i]
		switch {
		case d.Tag != string(o.Tag) || d.Complete != o.Complete || d.Aborted != o.Aborted:
			w.t.Errorf("link %s: delivery %q (complete %v, aborted %v) came as %q (%v, %v)", p.name, o.Tag, o.Complete, o.Aborted, d.Tag, d.Complete, d.Aborted)
		case o.Complete && string(d.bytes) != string(o.Payload):
			w.t.Errorf("link %s: delivery %q: %d bytes were sent, other %d came", p.name, o.Tag, len(o.Payload), len(d.bytes))
		case o.Aborted || o.Settled:
		case p.said[o].Kind != wire.StateNone && !d.LocalSettled && d.State.Kind != p.said[o].Kind:
			w.t.Errorf("link %s: delivery %q: its sender said %v last, its receiver has heard %v", p.name, o.Tag, p.said[o].Kind, d.State.Kind)
		case d.LocalSettled != o.RemoteSettled && !o.LocalSettled, o.LocalSettled != d.RemoteSettled && !d.LocalSettled:
			w.t.Errorf("link %s: delivery %q is settled by its receiver %v, which the sender has heard: %v; by its sender %v, which the receiver has heard: %v",
				p.name, o.Tag, d.LocalSettled, o.RemoteSettled, o.LocalSettled, d.RemoteSettled)
		case o.RemoteSettled && d.Said.Kind != wire.StateNone && !o.State.Equal(d.Said):
			w.t.Errorf("link %s: delivery %q: its receiver said %v, its sender heard %v", p.name, o.Tag, d.Said.Kind, o.State.Kind)
		}
	}
	return len(sent)
}
