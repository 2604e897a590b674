package router_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// closed makes a consumer that takes nothing, of an address whose senders have
// credit for a while yet.
func (a *app) closed(address string) *consumer {
	c := a.consumer(address, 1)
	c.grant(0)
	return c
}

// series is n messages, named after who sent them.
func series(who string, n int) (list [][]byte) {
	for i := range n {
		list = append(list, text(fmt.Sprintf("%s%d", who, i)))
	}
	return list
}

func TestWaitingDeliveriesOfSeveralLinksTakeTurns(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("receiver").closed("q")
		a := s.app("sender")
		for _, who := range []string{"a", "b", "c"} {
			a.producer("q").post(series(who, 200)...)
		}
		c.grant(300)
		turns := map[byte]int{}
		for _, d := range c.got {
			turns[textOf(d.bytes)[0]]++
		}
		for _, who := range "abc" {
			if n := turns[byte(who)]; n < 60 {
				s.t.Errorf("of the first 300 deliveries, %d were from %c", n, who)
			}
		}
		c.grant(300)
		next := map[byte]int{}
		for _, d := range c.got {
			who := textOf(d.bytes)[0]
			equal(s, "order on one link", textOf(d.bytes), fmt.Sprintf("%c%d", who, next[who]))
			next[who]++
		}
		equal(s, "delivered", len(c.got), 600)
	})
}

func TestWaitingDeliveriesLeaveByPriority(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("receiver").closed("q")
		a := s.app("sender")
		p, late := a.producer("q"), a.producer("q")
		p.post(urgent(0, "last"), text("plain"), urgent(9, "first"), urgent(4, "plain2"), urgent(9, "second"))
		late.post(urgent(9, "third"), urgent(5, "better"))
		c.grant(10)
		equal(s, "order", c.bodies(), "first second third better plain plain2 last")
	})
}

func TestAHeaderThatCannotBeReadHasNoPriority(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("receiver").closed("q")
		named := append([]byte{0, 0x53, 0x70, 0xc0, 5, 2, 0x42, 0xa1, 1, '9'}, text("a priority that is a name")...)
		broken := append([]byte{0, 0x53, 0x70, 0xa1, 1, '9'}, text("no list")...)
		s.app("sender").producer("q").post(urgent(3, "last"), urgent(5, "first"), named, broken, urgent(4, "plain"))
		c.grant(10)
		var got []string
		for _, d := range c.got {
			got = append(got, string(d.bytes))
		}
		equal(s, "in this order", fmt.Sprintf("%q", got), fmt.Sprintf("%q", [][]byte{urgent(5, "first"), named, broken, urgent(4, "plain"), urgent(3, "last")}))
	})
}

func TestThePriorityOfAnAddressGoesBeforeTheMessages(t *testing.T) {
	four := uint8(4)
	play(t, func(c *config.Config) {
		c.Addresses = append(c.Addresses, config.Address{Prefix: "flat", Distribution: config.Balanced, Priority: &four})
	}, func(s *stage) {
		c := s.app("receiver").closed("flat")
		s.app("sender").producer("flat").post(urgent(0, "a"), text("b"), urgent(9, "c"))
		c.grant(10)
		equal(s, "order", c.bodies(), "a b c")
	})
}

func TestWhatWaitsGoesToAConsumerThatComesLater(t *testing.T) {
	play(t, nil, func(s *stage) {
		busy := s.app("busy").closed("q")
		p := s.app("sender").producer("q")
		o := p.send(texts("a", "b")...)
		other := s.app("other").consumer("q", 10)
		equal(s, "the newcomer gets", other.bodies(), "a b")
		other.acceptAll()
		ended(s, "what waited", o, wire.StateAccepted)
		equal(s, "the busy one gets", busy.bodies(), "")
	})
}

func TestADrainIsAnsweredWhenNothingWaits(t *testing.T) {
	play(t, nil, func(s *stage) {
		a := s.app("receiver")
		c := a.consumer("q", 5)
		c.drain(5)
		equal(s, "with nothing to come, drained", c.drained, 1)
		equal(s, "and credit left", c.Credit(), 0)
		s.app("sender").producer("q").post(texts("a", "b", "c")...)
		c.drain(10)
		equal(s, "what waited comes first", c.bodies(), "a b c")
		equal(s, "then drained", c.drained, 2)
		equal(s, "and credit left", c.Credit(), 0)
	})
}

func TestADrainBringsMoreThanABufferFull(t *testing.T) {
	play(t, nil, func(s *stage) {
		a := s.app("receiver")
		a.begin(meshtest.SessionOptions{Window: 7})
		c := a.closed("q")
		s.app("sender").producer("q").post(series(strings.Repeat("x", 2000), 200)...)
		c.drain(250)
		equal(s, "all that waited came", len(c.got), 200)
		equal(s, "drained", c.drained, 1)
	})
}

func TestADrainWaitsForTheWindowOfTheSession(t *testing.T) {
	play(t, nil, func(s *stage) {
		a := s.app("receiver")
		session := a.begin(meshtest.SessionOptions{Window: 2, KeepWindow: true})
		c := a.closed("q")
		s.app("sender").producer("q").post(texts("a", "b", "c")...)
		c.drain(10)
		equal(s, "as much as the window takes", c.bodies(), "a b")
		equal(s, "not drained: one more waits", c.drained, 0)
		a.do(func() { session.Grant(10) })
		equal(s, "the rest", c.bodies(), "a b c")
		equal(s, "now drained", c.drained, 1)
	})
}

func TestADrainOfASubscriberWaitsForItsBacklog(t *testing.T) {
	play(t, nil, func(s *stage) {
		a := s.app("receiver")
		session := a.begin(meshtest.SessionOptions{Window: 2, KeepWindow: true})
		c := a.consumer("multicast/m", 10)
		s.app("sender").producer("multicast/m").post(texts("a", "b", "c")...)
		equal(s, "as much as the window takes", c.bodies(), "a b")
		c.drain(8)
		equal(s, "not drained: one more waits", c.drained, 0)
		a.do(func() { session.Grant(10) })
		equal(s, "the rest", c.bodies(), "a b c")
		equal(s, "now drained", c.drained, 1)
	})
}

func TestADrainWaitsForTheEndOfALongMessage(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("receiver").consumer("q", 5)
		p := s.app("sender").producer("q")
		o := p.begin(long(100_000), 80_000)
		equal(s, "begun", len(c.got), 1)
		c.drain(4)
		equal(s, "drained in the middle of it", c.drained, 0)
		p.write(o, 100_000)
		equal(s, "whole", c.got[0].Complete, true)
		equal(s, "drained behind it", c.drained, 1)
	})
}

func TestWhatWaitsIsReleasedWhenTheLastConsumerLeaves(t *testing.T) {
	play(t, nil, func(s *stage) {
		a := s.app("receiver")
		c, other := a.closed("q"), a.closed("q")
		p := s.app("sender").producer("q")
		o := p.send(texts("a", "b", "c")...)
		c.detach()
		equal(s, "while one is left it waits, settled", o.RemoteSettled, false)
		other.detach()
		ended(s, "then", o, wire.StateReleased)
		equal(s, "unsettled", p.Unsettled(), 0)
	})
}

func TestCreditForgottenByNobodyAfterReleases(t *testing.T) {
	play(t, nil, func(s *stage) {
		a := s.app("receiver")
		p := s.app("sender").producer("q")
		for range 5 {
			c := a.closed("q")
			p.send(series("x", 100)...)
			p.post(series("y", 100)...)
			c.detach()
			s.advance(time.Second)
		}
		a.consumer("q", 1)
		equal(s, "credit", p.credit(), capacity)
	})
}
