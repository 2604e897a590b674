package amqp

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

func inFlight(n uint32) option { return config(func(c *Config) { c.MaxInFlight = n }) }

// send sends n messages by the link as long as it takes them, and returns how many it took.
func (p *peer) sends(l *Sender, n int) (took int) {
	p.do(func(b *Batch) {
		for took < n {
			if _, _, res := l.Send(b, &Outgoing{Payload: []byte("m")}, p.h, 1); res != Sent {
				return
			}
			took++
		}
	})
	p.skip()
	return took
}

func TestCreditBeyondWhatMayBeInFlightIsNotUsed(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.write(grant(0, 0, 1000))
		l := p.sender("q")
		if _, credit := l.Load(); credit != 10 {
			t.Errorf("the link looks as if it took %d", credit)
		}
		if n := p.sends(l, 50); n != 10 {
			t.Errorf("%d of 10 are in flight", n)
		}
		p.h.take()
		p.h.onSendable = func(b *Batch, l *Sender) { l.Send(b, &Outgoing{Payload: []byte("next")}, p.h, 2) }
		p.write(outcome(0, 1, wire.StateAccepted))
		p.skip()
		if unsettled, _ := l.Load(); unsettled != 9 {
			t.Errorf("woken, the link has %d in flight, want the 8 that are left and one more", unsettled)
		}
	}, inFlight(10))
}

// A link to a queue that takes messages and settles none must not use up what the
// connection may have in flight.
func TestALinkThatSettlesNothingLeavesTheOthersTheirPart(t *testing.T) {
	opened(t, func(p *peer) {
		for i, name := range []string{"dead", "other", "alive"} {
			p.attachReceiver(name, uint32(i))
			p.write(grant(uint32(i), 0, 1000))
		}
		p.skip()
		for _, name := range []string{"dead", "other"} {
			p.sends(p.sender(name), 100)
		}
		alive := p.sender("alive")
		if n := p.sends(alive, 100); n != 4 {
			t.Errorf("%d of the third link are in flight, want its share: 24/2/3", n)
		}
		if dead, _ := p.sender("dead").Load(); dead != 16 {
			t.Errorf("%d of the first link are in flight, want its share of 4 and the 12 that are anybody's", dead)
		}
		p.write(&wire.Detach{Handle: 0, Closed: true})
		p.skip()
		if n := p.sends(alive, 100); n != 14 {
			t.Errorf("%d more when the first link is gone, want 24 less 4 of its own and 6 of the second's", n)
		}
	}, inFlight(24))
}

func TestWhoWaitsToSendIsToldWhenAnotherLinkGivesWay(t *testing.T) {
	opened(t, func(p *peer) {
		for i, name := range []string{"a", "b"} {
			p.attachReceiver(name, uint32(i))
			p.write(grant(uint32(i), 0, 1000))
		}
		p.skip()
		p.sends(p.sender("a"), 100)
		p.sends(p.sender("b"), 100)
		p.h.keep(func() { clear(p.h.sendable) })
		p.write(outcome(0, 0, wire.StateAccepted))
		p.skip()
		if p.h.sendable["b"] == 0 {
			t.Error("the other link was not told that there is room")
		}
	}, inFlight(8))
}

// Nobody settles them.
func TestPresettledDeliveriesAreNotInFlight(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.write(grant(0, 0, 1000))
		l := p.sender("q")
		p.do(func(b *Batch) {
			for range 50 {
				if _, _, res := l.Send(b, &Outgoing{Settled: true, Payload: []byte("m")}, p.h, 1); res != Sent {
					t.Errorf("a presettled one is not sent: %v", res)
					return
				}
			}
		})
		p.skip()
		if n := p.sends(l, 50); n != 10 {
			t.Errorf("%d of 10 are in flight behind presettled ones", n)
		}
	}, inFlight(10))
}

// Whatever order things happen in, the sums are those of the links, the bound holds, and
// no link is kept from its share.
func TestTheCountOfDeliveriesInFlightIsExact(t *testing.T) {
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		f := flights{most: 1 + rnd.Uint32N(60)}
		var links []*Sender
		for range 400 {
			switch i := rnd.IntN(max(len(links), 1)); {
			case rnd.IntN(10) == 0:
				l := &Sender{}
				links = append(links, l)
				f.join(l)
			case len(links) == 0:
			case rnd.IntN(20) == 0:
				f.leave(links[i])
				links = append(links[:i], links[i+1:]...)
			case rnd.IntN(3) > 0:
				if f.has(links[i].outstanding) {
					links[i].outstanding++
					f.began(links[i])
				}
			case links[i].outstanding > 0:
				f.ended(links[i])
				links[i].outstanding--
			}
			if what := f.wrong(links); what != "" {
				t.Fatalf("seed %d: %s", seed, what)
			}
		}
	}
}

func (f *flights) wrong(links []*Sender) string {
	total, shared := uint32(0), uint32(0)
	for _, l := range links {
		total += l.outstanding
		shared += f.above(l)
	}
	if total != f.total || shared != f.shared || total > f.most {
		return fmt.Sprintf("total %d, shared %d; counted %d and %d of at most %d", total, shared, f.total, f.shared, f.most)
	}
	if len(links) > 0 && f.share*uint32(len(links)) <= f.most/2 && !f.has(0) && f.total < f.most {
		return "a link is kept from its share"
	}
	return ""
}
