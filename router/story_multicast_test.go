package router_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

func TestMulticastGoesToEverySubscriberOnce(t *testing.T) {
	play(t, nil, func(s *stage) {
		subscribers := []*consumer{s.app("r1").consumer("multicast/m", 10), s.app("r2").consumer("multicast/m", 10), s.app("r3").consumer("multicast/m", 10)}
		p := s.app("sender").producer("multicast/m")
		o := p.send(texts("a", "b")...)
		for i, c := range subscribers {
			equal(s, "received", c.bodies(), "a b")
			equal(s, fmt.Sprintf("settled before subscriber %d has said anything", i), o.RemoteSettled, false)
			c.acceptAll()
		}
		ended(s, "then", o, wire.StateAccepted)
	})
}

func TestTheWorstOutcomeOfAMulticastIsItsOutcome(t *testing.T) {
	rejected := wire.RejectedState(&wire.Error{Condition: "test:bad", Description: "worst"})
	modified := wire.ModifiedState(false, true, wire.Map{{Key: wire.Symbol("x-opt-why"), Value: "kept"}})
	for name, row := range map[string]struct {
		said []wire.DeliveryState
		want wire.DeliveryState
	}{
		"rejected before all":      {[]wire.DeliveryState{released, modified, accepted, rejected}, rejected},
		"accepted before modified": {[]wire.DeliveryState{released, modified, accepted}, accepted},
		"modified before released": {[]wire.DeliveryState{released, modified, released}, modified},
		"released":                 {[]wire.DeliveryState{released, released}, released},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(s *stage) {
				var list []*consumer
				for i := range row.said {
					list = append(list, s.app(fmt.Sprint("r", i)).consumer("multicast/m", 10))
				}
				o := s.app("sender").producer("multicast/m").send(text("x"))
				for i, c := range list {
					equal(s, "settled early", o.RemoteSettled, false)
					c.settle(0, row.said[i])
				}
				ended(s, "it", o, row.want.Kind)
				equal(s, "with its data", o.State.Equal(row.want), true)
			})
		})
	}
}

func TestASubscriberThatLeavesCostsItsCopyOnly(t *testing.T) {
	for name, lose := range ways {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(s *stage) {
				stays, leaves := s.app("r1").consumer("multicast/m", 10), s.app("r2").consumer("multicast/m", 10)
				p := s.app("sender").producer("multicast/m")
				alone := p.send(text("x"))
				stays.settle(0, released)
				lose(leaves)
				failed(s, "one released, one lost", alone)
				next := p.send(text("y"))
				stays.settle(1, accepted)
				ended(s, "what follows", next, wire.StateAccepted)
			})
		})
	}
}

func TestASlowSubscriberCostsOnlyItself(t *testing.T) {
	play(t, nil, func(s *stage) {
		quick, slow := s.app("quick").consumer("multicast/m", 2000), s.app("slow").consumer("multicast/m", 0)
		p := s.app("sender").producer("multicast/m")
		for range 11 {
			p.post(series("x", 100)...)
		}
		equal(s, "the quick one has", len(quick.got), 1100)
		slow.grant(2000)
		equal(s, "the slow one has as much as may wait", len(slow.got), 1024)
		equal(s, "credit", p.credit(), capacity)
	})
}

func TestCopiesBeyondASlowSubscribersBacklogAreReleased(t *testing.T) {
	play(t, nil, func(s *stage) {
		s.app("slow").consumer("multicast/m", 0)
		quick := s.app("quick").consumer("multicast/m", 2000)
		p := s.app("sender").producer("multicast/m")
		for range 12 {
			p.post(series("x", 100)...)
		}
		o := p.send(text("one too many"))
		quick.acceptAll()
		ended(s, "accepted by one, released for the other", o, wire.StateAccepted)
	})
}

func TestABacklogIsBoundedInBytesToo(t *testing.T) {
	play(t, nil, func(s *stage) {
		quick, slow := s.app("quick").consumer("multicast/m", 2000), s.app("slow").consumer("multicast/m", 0)
		for i := range 4 { // each less than what one connection may have waiting
			p := s.app(fmt.Sprint("sender", i)).producer("multicast/m")
			for range 4 {
				p.post(series(strings.Repeat("x", 20_000), 5)...)
			}
		}
		equal(s, "the quick one has", len(quick.got), 80)
		slow.grant(2000)
		if n := len(slow.got); n < 40 || n > 1<<20/20_000 {
			s.t.Errorf("%d messages of 20,000 bytes have waited for the slow one, want about 1 MiB", n)
		}
	})
}

func TestALongMulticastToSubscribersOfDifferentSpeed(t *testing.T) {
	play(t, nil, func(s *stage) {
		slowApp := s.app("slow")
		slowApp.wire.Set(meshtest.Line{}, meshtest.Line{Buffer: 4 << 10, Piece: 500})
		quick, slow := s.app("quick").consumer("multicast/m", 10), slowApp.consumer("multicast/m", 10)
		p := s.app("sender").producer("multicast/m")
		payload := long(400_000)
		slowApp.stall(true)
		o := p.begin(payload, 100_000)
		p.write(o, 1000)
		p.write(o, 2000)
		p.write(o, 100_000)
		slowApp.stall(false)
		p.write(o, 400_000)
		for _, c := range []*consumer{quick, slow} {
			equal(s, "complete", c.got[0].Complete, true)
			equal(s, "the same bytes", string(c.got[0].bytes) == string(payload), true)
			c.acceptAll()
		}
		ended(s, "it", o, wire.StateAccepted)
	})
}

func TestASlowSubscriberDoesNotHoldALongMessageUp(t *testing.T) {
	for name, credit := range map[string]uint32{"without credit": 0, "that does not read": 10} {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(s *stage) {
				slowApp := s.app("slow")
				slowApp.wire.Set(meshtest.Line{}, meshtest.Line{Buffer: 4 << 10})
				quick, slow := s.app("quick").consumer("multicast/m", 10), slowApp.consumer("multicast/m", credit)
				p := s.app("sender").producer("multicast/m")
				slowApp.stall(credit > 0)
				p.send(long(4 << 20))
				equal(s, "the quick one has it", len(quick.got) == 1 && quick.got[0].Complete, true)
				slowApp.stall(false)
				slow.grant(10)
			})
		})
	}
}

// Whoever sends a subscriber what waited for it leaves just as another copy comes.
func TestACopyThatComesAsTheBacklogRunsDryIsNotForgotten(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("receiver").consumer("multicast/m", 1000)
		senders := []*producer{s.app("one").producer("multicast/m"), s.app("two").producer("multicast/m")}
		sent := 0
		for range 300 {
			c.grant(0)
			for _, p := range senders {
				p.app.Do(func() { p.Send(&meshtest.Out{Payload: text("waits"), Settled: true}) })
			}
			synctest.Wait()
			var all sync.WaitGroup
			all.Go(func() { c.app.Do(func() { c.SetCredit(1000) }) })
			for _, p := range senders {
				all.Go(func() {
					for range 20 {
						p.app.Do(func() { p.Send(&meshtest.Out{Payload: text("comes"), Settled: true}) })
						runtime.Gosched()
					}
				})
			}
			all.Wait()
			synctest.Wait()
			sent += len(senders) * 21
			equal(s, "have come", len(c.got), sent)
			c.acceptAll()
		}
	})
}
