package router_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// Who gets a message when its consumers are at several routers.

// count is how many deliveries came whole.
func (c *consumer) count() (n int) {
	for _, d := range c.got {
		if d.Complete {
			n++
		}
	}
	return n
}

// counted are texts "1" to "n".
func counted(n int) (list [][]byte) {
	for i := range n {
		list = append(list, text(fmt.Sprint(i+1)))
	}
	return list
}

// known lets the mesh learn what has changed.
func (s *meshStage) known() { s.advance(time.Second) }

func TestMeshClosestPrefersTheLowerCost(t *testing.T) {
	playMesh(t, "A-B:2 A-C:5 B-C:9", nil, func(s *meshStage) {
		near, far := s.at("B", "near").consumer("closest.q", 100), s.at("C", "far").consumer("closest.q", 100)
		s.known()
		p := s.at("A", "sender").producer("closest.q")
		p.send(counted(20)...)
		equal(s.stage, "at cost 2", near.count(), 20)
		equal(s.stage, "at cost 5", far.count(), 0)
		here := s.at("A", "here").consumer("closest.q", 100)
		p.send(counted(5)...)
		equal(s.stage, "here", here.count(), 5)
		equal(s.stage, "at cost 2", near.count(), 20)
		near.acceptAll()
		here.acceptAll()
		equal(s.stage, "unsettled", p.Unsettled(), 0)
	})
}

func TestMeshClosestTakesTurnsAmongEqualCosts(t *testing.T) {
	playMesh(t, "A-B A-C", nil, func(s *meshStage) {
		b, c := s.at("B", "b").consumer("closest.q", 100), s.at("C", "c").consumer("closest.q", 100)
		s.known()
		s.at("A", "sender").producer("closest.q").send(counted(20)...)
		equal(s.stage, "at B", b.count(), 10)
		equal(s.stage, "at C", c.count(), 10)
	})
}

func TestMeshClosestPassesOverTheNearestWithoutRoomAfterAMoment(t *testing.T) {
	playMesh(t, "A-B:1 B-C:1", nil, func(s *meshStage) {
		here, far := s.at("A", "here").consumer("closest.q", 1), s.at("C", "far").consumer("closest.q", 100)
		s.known()
		p := s.at("A", "sender").producer("closest.q")
		p.send(texts("1", "2", "3")...)
		equal(s.stage, "here", here.bodies(), "1")
		equal(s.stage, "far, before patience ends", far.count(), 0)
		s.advance(11 * time.Millisecond)
		equal(s.stage, "far", far.bodies(), "2 3")
		p.send(text("4"))
		equal(s.stage, "far, without waiting again", far.bodies(), "2 3 4")
		here.grant(10)
		p.send(text("5"))
		equal(s.stage, "here again", here.bodies(), "1 5")
	})
}

func TestMeshBalancedSharesAcrossRouters(t *testing.T) {
	playMesh(t, "A-B A-C", nil, func(s *meshStage) {
		a, b, c := s.at("A", "a").consumer("q", 100), s.at("B", "b").consumer("q", 100), s.at("C", "c").consumer("q", 100)
		s.known()
		p := s.at("A", "sender").producer("q")
		p.send(counted(60)...)
		for name, n := range map[string]int{"A": a.count(), "B": b.count(), "C": c.count()} {
			if n < 15 || n > 25 {
				t.Errorf("%s got %d of 60", name, n)
			}
		}
		b.acceptAll() // it has the least unsettled now
		p.send(counted(10)...)
		equal(s.stage, "A and C together", a.count()+c.count()+b.count(), 70)
		if b.count() < 27 {
			t.Errorf("B, which had settled all, got %d", b.count())
		}
	})
}

// sameOnce checks that each consumer has each text once, in order.
func sameOnce(s *meshStage, want string, list map[string]*consumer) {
	s.t.Helper()
	for name, c := range list {
		equal(s.stage, name, c.bodies(), want)
	}
}

func TestMeshMulticastReachesEachOnceOverASquare(t *testing.T) {
	for _, drawing := range []string{"A-B B-C C-D D-A", "A-B B-C C-D D-E E-F F-A", "A-B A-C A-D B-C B-D C-D"} {
		t.Run(drawing, func(t *testing.T) {
			playMesh(t, drawing, nil, func(s *meshStage) {
				list := map[string]*consumer{}
				for id := range s.routers {
					for i := range 2 {
						name := fmt.Sprint(id, i)
						list[name] = s.at(id, name).consumer("multicast.q", 100)
					}
				}
				s.known()
				p := s.at("A", "sender").producer("multicast.q")
				o := p.send(texts("1", "2", "3")...)
				sameOnce(s, "1 2 3", list)
				equal(s.stage, "settled before anybody said something", o.RemoteSettled, false)
				p.post(text("4"))
				sameOnce(s, "1 2 3 4", list)
				for _, c := range list {
					c.acceptAll()
				}
				ended(s.stage, "the last", o, wire.StateAccepted)
				equal(s.stage, "unsettled", p.Unsettled(), 0)
			})
		})
	}
}

func TestMeshMulticastSaysWhatTheWorstSubscriberSaid(t *testing.T) {
	rejected := wire.RejectedState(&wire.Error{Condition: "test:no", Description: "not this one"})
	rows := map[string]struct {
		states []wire.DeliveryState // at B, C and D
		want   wire.StateKind
	}{
		"all accepted":         {[]wire.DeliveryState{accepted, accepted, accepted}, wire.StateAccepted},
		"one far one rejected": {[]wire.DeliveryState{accepted, accepted, rejected}, wire.StateRejected},
		"one accepted":         {[]wire.DeliveryState{released, accepted, wire.ModifiedState(true, false, nil)}, wire.StateAccepted},
		"one modified":         {[]wire.DeliveryState{released, wire.ModifiedState(true, false, nil), released}, wire.StateModified},
		"all released":         {[]wire.DeliveryState{released, released, released}, wire.StateReleased},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			playMesh(t, "A-B B-C C-D D-A", nil, func(s *meshStage) {
				var list []*consumer
				for _, id := range []string{"B", "C", "D"} {
					list = append(list, s.at(id, "at-"+id).consumer("multicast.q", 10))
				}
				s.known()
				o := s.at("A", "sender").producer("multicast.q").send(text("x"))
				for i, c := range list {
					equal(s.stage, "settled early", o.RemoteSettled, false)
					c.settle(0, row.states[i])
				}
				ended(s.stage, "the delivery", o, row.want)
				if row.want == wire.StateRejected && !o.State.Equal(rejected) {
					t.Errorf("the error got lost: %v", show(o.State))
				}
			})
		})
	}
}

func TestMeshMulticastLongMessagesReachEachOnce(t *testing.T) {
	playMesh(t, "A-B B-C C-D D-A", nil, func(s *meshStage) {
		list := map[string]*consumer{}
		for id := range s.routers {
			list[id] = s.at(id, "at-"+id).consumer("multicast.q", 100)
		}
		s.known()
		p := s.at("A", "sender").producer("multicast.q")
		var o *meshtest.Out
		for range 3 {
			o = p.send(long(300_000))
		}
		for id, c := range list {
			equal(s.stage, "messages at "+id, c.count(), 3)
			for _, d := range c.got {
				equal(s.stage, "bytes at "+id, textOf(d.bytes), textOf(long(300_000)))
			}
			c.acceptAll()
		}
		ended(s.stage, "the last", o, wire.StateAccepted)
	})
}

func TestMeshMulticastToASubscriberThatLeavesBehindOthers(t *testing.T) {
	playMesh(t, "A-B B-C B-D", nil, func(s *meshStage) {
		c, d := s.at("C", "c").consumer("multicast.q", 10), s.at("D", "d").consumer("multicast.q", 10)
		s.known()
		p := s.at("A", "sender").producer("multicast.q")
		o := p.send(text("1"))
		c.detach()
		d.settle(0, released)
		ended(s.stage, "one lost, one released", o, wire.StateModified)
		s.known()
		o = p.send(text("2"))
		equal(s.stage, "C", c.bodies(), "1")
		d.settle(1, accepted)
		ended(s.stage, "the other alone", o, wire.StateAccepted)
	})
}
