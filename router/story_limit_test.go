package router_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// Consumers that take messages of some size at most, by their max-message-size. That none
// gets more is checked by the consumers of every story.

// limited attaches a consumer that takes so many bytes at most.
func (a *app) limited(address string, credit uint32, largest uint64) *consumer {
	return a.consumerWith(meshtest.ReceiverOptions{Source: meshtest.From(address), Snd: wire.SndMixed, Credit: credit, Largest: largest})
}

// sized is a message of exactly n bytes, at least 300.
func sized(n int) []byte { return wire.AppendData(nil, bytes.Repeat([]byte{'x'}, n-8)) }

// tooLarge fails the story unless the delivery was rejected for its size, with these words.
func tooLarge(s *stage, what string, o *meshtest.Out, words ...string) {
	s.t.Helper()
	ended(s, what, o, wire.StateRejected)
	e, err := o.State.RejectedError()
	if err != nil || e == nil || e.Condition != wire.CondMessageSizeExceeded {
		s.t.Errorf("%s: rejected for %v, %v", what, e, err)
		return
	}
	for _, w := range words {
		if !strings.Contains(e.Description, w) {
			s.t.Errorf("%s: %q says nothing of %q", what, e.Description, w)
		}
	}
}

func sizes(c *consumer) string {
	var list []string
	for _, d := range c.got {
		list = append(list, fmt.Sprint(d.Size))
	}
	return strings.Join(list, " ")
}

func TestAMessageOfTheLargestSizePassesAndALargerOneIsRejected(t *testing.T) {
	for _, address := range []string{"q", "closest.q", "multicast.q"} {
		for _, largest := range []int{1000, 60_000, 65_536, 100_000, 300_000} { // in one frame, in several, as a stream
			t.Run(fmt.Sprint(address, " ", largest), func(t *testing.T) {
				play(t, nil, func(s *stage) {
					c := s.app("receiver").limited(address, 10, uint64(largest))
					p := s.app("sender").producer(address)
					fits := p.send(sized(largest))
					c.acceptAll()
					ended(s, "one of that size", fits, wire.StateAccepted)
					large := p.send(sized(largest + 1))
					tooLarge(s, "one of a byte more", large, fmt.Sprint(largest, " at most"), address)
					next := p.send(text("next"))
					c.acceptAll()
					ended(s, "what comes behind it", next, wire.StateAccepted)
					equal(s, "the link lives", c.end == nil && c.Live(), true)
					equal(s, "credit", p.credit(), capacity)
				})
			})
		}
	}
}

// What counts is the size of the message as it leaves.
func TestTheSizeIsThatWithoutAnnotationsThatAreTakenOff(t *testing.T) {
	marked := func(n int) []byte {
		body := sized(n)
		m := wire.Map{{Key: wire.Symbol("x-opt-qd.to"), Value: strings.Repeat("y", 100)}}
		head, _ := wire.AppendAnnotations(nil, wire.SectionMessageAnnotations, m)
		return append(head, body...)
	}
	for _, strip := range []config.Strip{config.StripBoth, config.StripOut} {
		for _, largest := range []int{1000, 150_000} {
			play(t, func(c *config.Config) { c.Listeners[0].StripAnnotations = strip }, func(s *stage) {
				c := s.app("receiver").limited("q", 10, uint64(largest))
				p := s.app("sender").producer("q")
				o := p.send(marked(largest))
				c.acceptAll()
				ended(s, "it fits without them", o, wire.StateAccepted)
				tooLarge(s, "it does not without them", p.send(marked(largest+1)), fmt.Sprint(largest+1, " bytes"))
				c.grant(0)
				waits, large := p.send(marked(largest)), p.send(marked(largest+1))
				c.grant(5)
				c.acceptAll()
				ended(s, "it fits when it has waited", waits, wire.StateAccepted)
				tooLarge(s, "it does not when it has waited", large)
			})
		}
	}
	// A consumer that wants to know the way of its messages has longer ones.
	play(t, func(c *config.Config) { c.Listeners[0].StripAnnotations = config.StripNone }, func(s *stage) {
		for _, n := range []int{1000, 150_000} {
			free := s.app("free").consumer("q", 10)
			p := s.app("sender").producer("q")
			p.send(sized(n))
			free.acceptAll()
			whole := free.got[0].Size
			free.detach()
			exact := s.app("exact").limited("q", 10, uint64(whole))
			o := p.send(sized(n))
			exact.acceptAll()
			ended(s, "as long as it becomes", o, wire.StateAccepted)
			tooLarge(s, "a byte more", p.send(sized(n+1)), fmt.Sprint(whole+1, " bytes"))
			exact.detach()
			// As long as it has come whole before there is credit.
			exact = s.app("later").limited("q", 0, uint64(whole))
			o = p.send(sized(n))
			large := p.send(sized(n + 1))
			exact.grant(5)
			exact.acceptAll()
			ended(s, "that has waited", o, wire.StateAccepted)
			tooLarge(s, "a byte more that has waited", large)
			exact.detach()
		}
	})
}

func TestAnotherConsumerTakesWhatIsTooLargeForOne(t *testing.T) {
	for _, address := range []string{"q", "closest.q"} {
		play(t, nil, func(s *stage) {
			small := s.app("small").limited(address, 100, 1000)
			one, two := s.app("one").consumer(address, 100), s.app("two").limited(address, 100, 5000)
			p := s.app("sender").producer(address)
			for range 10 {
				p.send(sized(2000))
			}
			equal(s, "too large for the small one", len(small.got), 0)
			if len(one.got) < 3 || len(two.got) < 3 {
				s.t.Errorf("%s: the others have got %d and %d", address, len(one.got), len(two.got))
			}
			for range 12 {
				p.send(sized(500))
			}
			if len(small.got) < 3 {
				s.t.Errorf("%s: the small one has got %d of 12 small ones", address, len(small.got))
			}
		})
	}
}

// The consumer that takes it is in the middle of another message.
func TestWhatFindsItsConsumerBusyGoesToNoSmallerOne(t *testing.T) {
	play(t, nil, func(s *stage) {
		small, large := s.app("small").limited("q", 10, 1000), s.app("large").consumer("q", 10)
		p, other := s.app("sender").producer("q"), s.app("other").producer("q")
		o := p.begin(sized(200_000), 100_000)
		other.send(sized(2000), text("x"), text("y"))
		equal(s, "at the small one", small.bodies(), "x y")
		p.write(o, 100_000)
		equal(s, "behind the long one", sizes(large), "200000 2000")
	})
}

func TestAMessageWaitsForAConsumerThatTakesItAndHoldsNobodyUp(t *testing.T) {
	play(t, nil, func(s *stage) {
		small, large := s.app("small").limited("q", 100, 1000), s.app("large").consumer("q", 0)
		p, other := s.app("sender").producer("q"), s.app("other").producer("q")
		first := p.send(sized(2000))
		p.send(text("behind"))
		other.send(text("others"))
		other.send(sized(3000))
		other.send(text("more"))
		equal(s, "what others may take", small.bodies(), "behind others more")
		equal(s, "settled", first.RemoteSettled, false)
		p.send(sized(4000))
		large.grant(3)
		equal(s, "what has waited", sizes(large), "2000 4000 3000")
		large.acceptAll()
		ended(s, "the first", first, wire.StateAccepted)
		small.acceptAll()
		equal(s, "credit", p.credit(), capacity)
	})
}

// The order of what one sender sends to one receiver stays.
func TestNothingPassesALargerMessageAtTheConsumerThatItWaitsFor(t *testing.T) {
	play(t, nil, func(s *stage) {
		small, large := s.app("small").limited("q", 2, 1000), s.app("large").consumer("q", 0)
		p := s.app("sender").producer("q")
		p.send(sized(2000), text("1"), text("2"), text("3"), sized(2001), text("4"))
		equal(s, "as its credit goes", small.bodies(), "1 2")
		large.grant(1)
		equal(s, "first what was first", sizes(large), "2000")
		large.grant(1)
		equal(s, "then what followed", textOf(large.got[1].bytes), "3")
		large.grant(1)
		equal(s, "and so on", sizes(large), fmt.Sprint("2000 ", len(text("3")), " 2001"))
		large.grant(1)
		equal(s, "to the end", textOf(large.got[3].bytes), "4")
	})
}

// Also when those behind are looked at first, and may not go yet.
func TestWhatWaitsBehindALargerMessageGoesOnWithIt(t *testing.T) {
	play(t, nil, func(s *stage) {
		small, large := s.app("small").limited("q", 1, 1000), s.app("large").consumer("q", 0)
		s.app("sender").producer("q").send(text("0"), text("1"), sized(2000), text("2"), text("3"))
		small.grant(2)
		equal(s, "as its credit goes", small.bodies(), "0 1 2")
		large.grant(10)
		equal(s, "all that waits", sizes(large), fmt.Sprint("2000 ", len(text("3"))))
	})
}

// Whoever of its sender's is looked at first.
func TestNothingPassesTheSmallestOfSeveralThatWait(t *testing.T) {
	for turns := range 4 {
		play(t, nil, func(s *stage) {
			small, middle := s.app("small").limited("q", 1, 1000), s.app("middle").limited("q", 0, 3000)
			s.app("large").consumer("q", 0)
			p := s.app("sender").producer("q")
			p.send(sized(2000), sized(5000), text("1"), text("2"))
			equal(s, "as its credit goes", small.bodies(), "1")
			for range turns {
				small.grant(0)
			}
			middle.grant(1)
			equal(s, "first what was first", sizes(middle), "2000")
		})
	}
}

// While one waits for a larger consumer, what could go there too waits behind it.
func TestWhatIsBehindALargerMessageGoesToSmallConsumersOnly(t *testing.T) {
	play(t, nil, func(s *stage) {
		small, middle := s.app("small").limited("q", 10, 1000), s.app("middle").limited("q", 0, 2500)
		large := s.app("large").consumer("q", 0)
		p := s.app("sender").producer("q")
		p.send(sized(2000), sized(3000))
		middle.grant(10)
		equal(s, "the first has its consumer", sizes(middle), "2000")
		p.send(text("a"), text("b"), text("c"), text("d"))
		equal(s, "nothing is lost", len(small.got)+len(middle.got), 5)
		p.send(sized(2400))
		large.grant(1)
		equal(s, "what has waited", sizes(large), "3000")
	})
}

func TestWhatWaitsIsRejectedOnceOnlySmallConsumersAreLeft(t *testing.T) {
	play(t, nil, func(s *stage) {
		s.app("small").limited("q", 100, 1000)
		large := s.app("large").consumer("q", 0)
		middle := s.app("middle").limited("q", 0, 1500)
		p := s.app("sender").producer("q")
		o := p.send(sized(2000))
		stream := p.send(sized(200_000))
		equal(s, "it waits", o.RemoteSettled || stream.RemoteSettled, false)
		large.detach()
		tooLarge(s, "then", o, "2000 bytes", "1500 at most", `"q"`)
		tooLarge(s, "and the long one", stream)
		middle.detach()
		equal(s, "credit", p.credit(), capacity)
	})
}

// Also if none of them has credit, and something waits before it.
func TestWhatNobodyTakesDoesNotWait(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("small").limited("q", 1, 1000)
		p := s.app("sender").producer("q")
		p.send(text("1"))
		c.acceptAll()
		waits := p.send(text("2"))
		tooLarge(s, "without credit", p.send(sized(2000)))
		equal(s, "what is before it waits on", waits.RemoteSettled, false)
		c.grant(10)
		equal(s, "and comes", c.bodies(), "1 2")
	})
}

func TestASmallConsumerThatDrainsIsNotHeldUpByWhatItDoesNotTake(t *testing.T) {
	play(t, nil, func(s *stage) {
		small := s.app("small").limited("q", 10, 1000)
		s.app("large").consumer("q", 0)
		s.app("sender").producer("q").send(sized(2000))
		small.drain(5)
		equal(s, "drained", small.drained, 1)
	})
}

func TestWhatWaitsAsideGoesWithItsSender(t *testing.T) {
	for name, lose := range map[string]func(p *producer){
		"killed":   func(p *producer) { p.app.kill() },
		"detached": func(p *producer) { p.app.do(func() { p.Detach(false, nil) }) },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(s *stage) {
				small, large := s.app("small").limited("q", 10, 1000), s.app("large").consumer("q", 0)
				p := s.app("sender").producer("q")
				p.send(sized(2000), text("x"))
				equal(s, "past it", small.bodies(), "x")
				lose(p)
				large.grant(10)
				equal(s, "what is left of it", len(large.got), 0)
			})
		})
	}
}

func TestALimitThatLeavesLetsWhatWaitsGoOnInOrder(t *testing.T) {
	play(t, nil, func(s *stage) {
		small, large := s.app("small").limited("q", 0, 1000), s.app("large").consumer("q", 0)
		p := s.app("sender").producer("q")
		small.grant(1)
		p.send(sized(2000), text("1"), text("2"), text("3"))
		equal(s, "by the small one", small.bodies(), "1")
		small.acceptAll()
		small.detach()
		large.grant(10)
		equal(s, "and by the other", sizes(large), fmt.Sprintf("2000 %d %[1]d", len(text("2"))))
	})
}

func TestAStreamIsBrokenOffWhenItPassesWhatItsConsumerTakes(t *testing.T) {
	for name, presettled := range map[string]bool{"unsettled": false, "presettled": true} {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(s *stage) {
				c := s.app("receiver").limited("q", 10, 200_000)
				p := s.app("sender").producer("q")
				o := &meshtest.Out{Payload: sized(2_000_000), Settled: presettled}
				p.app.do(func() { p.Start(o).Write(150_000) })
				equal(s, "it has begun", len(c.got), 1)
				p.write(o, 100_000)
				equal(s, "aborted", c.got[0].Aborted, true)
				equal(s, "heard before it has sent all", o.RemoteSettled, false)
				p.write(o, 2_000_000)
				equal(s, "the rest is taken", o.Left(), 0)
				if !presettled {
					tooLarge(s, "the sender hears", o, "more than 2", "200000 at most")
				}
				next := p.send(sized(190_000))
				c.acceptAll()
				ended(s, "what follows", next, wire.StateAccepted)
				equal(s, "the consumer's link lives", c.Live(), true)
				equal(s, "credit", p.credit(), capacity)
			})
		})
	}
}

// However little of it its consumer has read.
func TestAStreamToASlowConsumerIsBrokenOffToo(t *testing.T) {
	play(t, nil, func(s *stage) {
		a := s.app("receiver")
		a.wire.Set(meshtest.Line{}, meshtest.Line{Buffer: 16 << 10})
		c := a.limited("q", 5, 150_000)
		p := s.app("sender").producer("q")
		a.stall(true)
		o := p.send(sized(400_000))
		a.stall(false)
		equal(s, "aborted", c.got[0].Aborted, true)
		tooLarge(s, "it", o)
		equal(s, "all of it was taken", o.Left(), 0)
		p.send(text("next"))
		equal(s, "what follows", textOf(c.got[1].bytes), "next")
	})
}

func TestAStreamThatHasNotBegunGoesToAConsumerThatTakesIt(t *testing.T) {
	play(t, nil, func(s *stage) {
		small, large := s.app("small").limited("q", 10, 80_000), s.app("large").consumer("q", 0)
		p := s.app("sender").producer("q")
		o := p.send(sized(100_000)) // too large for the small one as soon as it is known to be a stream, or a little later
		equal(s, "at the small one", countWhole(small), 0)
		if !o.RemoteSettled {
			large.grant(1)
			equal(s, "at the large one", sizes(large), "100000")
		} else {
			tooLarge(s, "broken off", o)
		}
		p.send(sized(70_000))
		equal(s, "at the small one", countWhole(small), 1)
	})
}

func countWhole(c *consumer) (n int) {
	for _, d := range c.got {
		if d.Complete {
			n++
		}
	}
	return n
}

// [2.7.5] A receiver that wants its messages settled has not heard of their end either.
func TestAStreamToAConsumerThatWantsThemSettledIsRejectedToo(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("receiver").consumerWith(meshtest.ReceiverOptions{Source: meshtest.From("q"), Snd: wire.SndSettled, Credit: 5, Largest: 100_000})
		o := s.app("sender").producer("q").send(sized(200_000))
		equal(s, "aborted", c.got[0].Aborted, true)
		tooLarge(s, "it", o)
	})
}

func TestTooLargeACopyOfAMulticastIsRejectedForItsSubscriberAlone(t *testing.T) {
	for _, n := range []int{2000, 70_000, 400_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			play(t, nil, func(s *stage) {
				small, slow := s.app("small").limited("multicast.q", 10, uint64(n-1000)), s.app("slow").limited("multicast.q", 0, 1000)
				large := s.app("large").limited("multicast.q", 10, uint64(n))
				p := s.app("sender").producer("multicast.q")
				o := p.send(sized(n))
				equal(s, "at the large one", sizes(large), fmt.Sprint(n))
				equal(s, "whole", large.got[0].Complete, true)
				equal(s, "at the small one, whole", countWhole(small), 0)
				equal(s, "settled before all have ended", o.RemoteSettled, false)
				large.acceptAll()
				slow.grant(10)
				tooLarge(s, "rejected by one, accepted by another", o, "multicast.q")
				equal(s, "at the slow one", len(slow.got), 0)
				p.post(sized(n), text("next"))
				equal(s, "what follows", textOf(small.got[len(small.got)-1].bytes), "next")
				equal(s, "at the slow one", slow.bodies(), "next")
				equal(s, "credit", p.credit(), capacity)
			})
		})
	}
}

// A sender whose source does not list rejected hears the nearest outcome that it does.
func TestTooLargeToASenderThatDoesNotKnowRejected(t *testing.T) {
	play(t, nil, func(s *stage) {
		s.app("receiver").limited("q", 10, 100_000)
		p := s.app("sender").producerWith(meshtest.SenderOptions{Snd: wire.SndMixed, Target: meshtest.To("q"), Source: &wire.Source{Outcomes: []wire.Symbol{"amqp:accepted:list", "amqp:released:list"}}})
		ended(s, "a whole one", p.send(sized(100_001)), wire.StateReleased)
		ended(s, "a long one", p.send(sized(300_000)), wire.StateReleased)
	})
}

func TestPresettledMessagesThatAreTooLargeAreCountedAsDropped(t *testing.T) {
	play(t, nil, func(s *stage) {
		m := s.app("manager").manager("$management")
		s.app("receiver").limited("q", 10, 1000)
		s.app("long").limited("long", 10, 100_000)
		p, l := s.app("sender").producer("q"), s.app("sender2").producer("long")
		p.post(sized(2000), sized(3000))
		copies := s.app("copies").limited("multicast.q", 10, 100_000)
		l.post(sized(200_000))
		s.app("sender3").producer("multicast.q").post(sized(200_000), sized(200_000))
		p.send(sized(2000))
		counts(s, "the link", m.only("router.link", "linkName", p.Name), map[string]any{"deliveryCount": uint64(3), "droppedPresettledCount": uint64(2), "rejectedCount": uint64(1)})
		counts(s, "its copies", m.only("router.link", "linkName", copies.Name), map[string]any{"droppedPresettledCount": uint64(2)})
		counts(s, "the other", m.only("router.link", "linkName", l.Name), map[string]any{"deliveryCount": uint64(1), "droppedPresettledCount": uint64(1)})
	})
}

func TestALargeBurstWithoutCreditForItEndsWell(t *testing.T) {
	play(t, nil, func(s *stage) {
		small, large := s.app("small").limited("q", 1000, 1000), s.app("large").consumer("q", 0)
		var list []*producer
		for i := range 20 {
			p := s.app(fmt.Sprint("sender", i)).producer("q")
			list = append(list, p)
			for range 5 {
				p.send(sized(2000), text("x"))
			}
		}
		equal(s, "small ones", len(small.got), 100)
		for range 100 {
			large.grant(1)
		}
		equal(s, "large ones", len(large.got), 100)
		large.acceptAll()
		small.acceptAll()
		for _, p := range list {
			equal(s, "unsettled", p.Unsettled(), 0)
		}
	})
}

// Whoever is too small is not ahead of the others.
func TestASlowSubscriberIsNotLeftBehindOneThatTakesNothing(t *testing.T) {
	play(t, nil, func(s *stage) {
		a := s.app("slow")
		a.wire.Set(meshtest.Line{}, meshtest.Line{Buffer: 16 << 10})
		small, slow := s.app("small").limited("multicast.q", 10, 100_000), a.consumer("multicast.q", 10)
		p := s.app("sender").producer("multicast.q")
		a.stall(true)
		o := p.send(sized(3_000_000))
		equal(s, "at the small one", small.got[0].Aborted, true)
		a.stall(false)
		equal(s, "at the slow one", slow.got[0].Complete, true)
		slow.acceptAll()
		tooLarge(s, "it", o)
	})
}
