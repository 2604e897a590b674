package router_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// What a router that leaves does to messages that only pass it: nothing, whether or not
// there is another way while it does, and however far away its neighbours are.
func TestMeshTransitGoesOnWhileARouterIsShutDown(t *testing.T) {
	for _, delay := range []time.Duration{0, 3 * time.Millisecond, 30 * time.Millisecond} {
		t.Run(fmt.Sprint("a line of ", delay), func(t *testing.T) {
			playMesh(t, square, nil, func(s *meshStage) {
				far := meshtest.Line{Delay: delay}
				s.net.Between("A", "B").Set(far, far)
				c := s.at("C", "receiver").consumer("q", 1000)
				s.known()
				p := s.at("A", "sender").producer("q")
				var all []*meshtest.Out
				send := func() {
					all = append(all, p.send(text("x")))
					c.acceptAll()
					s.advance(time.Millisecond)
				}
				for range 100 {
					send()
				}
				done := make(chan error, 1)
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				defer cancel()
				go func() { done <- s.routers["B"].Shutdown(ctx) }()
				for len(done) == 0 {
					send()
				}
				if err := <-done; err != nil {
					t.Error(err)
				}
				delete(s.routers, "B")
				send()
				s.advance(time.Second)
				c.acceptAll()
				for i, o := range all {
					ended(s.stage, fmt.Sprintf("message %d of %d", i, len(all)), o, wire.StateAccepted)
				}
				equal(s.stage, "came", c.count(), len(all))
			})
		})
	}
}

// A router that has no way round it leaves while messages keep coming that pass it: it does
// not wait for that to end, and takes none of them with it.
func TestMeshARouterWithoutAWayRoundItLeavesUnderSteadyTraffic(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		far := meshtest.Line{Delay: 10 * time.Millisecond}
		s.net.Between("A", "B").Set(far, far)
		s.net.Between("B", "C").Set(far, far)
		c := s.at("C", "receiver").consumer("q", 100_000)
		s.known()
		p := s.at("A", "sender").producer("q")
		var all []*meshtest.Out
		done := make(chan error, 1)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		for len(done) == 0 {
			if len(all) == 200 {
				go func() { done <- s.routers["B"].Shutdown(ctx) }()
			}
			all = append(all, p.send(text("x")))
			c.acceptAll()
			s.advance(time.Millisecond)
			if len(all) > 20_000 {
				t.Error("the router is still there after twenty seconds")
				cancel()
				break
			}
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		delete(s.routers, "B")
		s.advance(15 * time.Second)
		c.acceptAll()
		came, released := 0, 0
		for i, o := range all {
			switch {
			case o.State.Kind == wire.StateAccepted:
				came++
			case o.State.Kind == wire.StateReleased, !o.Begun:
				released++
			default:
				t.Errorf("message %d of %d ended as %v", i, len(all), o.State.Kind)
			}
		}
		equal(s.stage, "came", c.count(), came)
		if released == 0 {
			t.Error("nothing was sent any more when the router had left")
		}
	})
}

// A router that leaves is no place for new messages while it waits for the last ones, and
// tells its clients which others there are.
func TestMeshARouterThatLeavesSendsItsClientsElsewhere(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		c := s.at("A", "receiver").consumer("q", 10)
		s.known()
		o := s.at("B", "sender").producer("q").send(text("x"))
		done := make(chan error, 1)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		go func() { done <- s.routers["A"].Shutdown(ctx) }()
		s.advance(3 * time.Second)
		equal(s.stage, "credit of one that comes while it waits", s.at("B", "late").producer("q").credit(), 0)
		c.acceptAll()
		ended(s.stage, "what was in flight", o, wire.StateAccepted)
		s.advance(10 * time.Second)
		if err := <-done; err != nil {
			t.Error(err)
		}
		delete(s.routers, "A")
		forced(s.stage, c.app)
		e, _ := c.app.Err().(*wire.Error)
		if e == nil {
			return
		}
		if others, _ := e.Info.Get("routers"); fmt.Sprint(others) != "[B]" {
			t.Errorf("the other routers are %v, want B", others)
		}
	})
}
