package router_test

import (
	"testing"
	"time"

	"github.com/meshway/meshway/internal/wire"
)

// What waits is bounded for the whole process, in three steps: windows, reads, releases.

func TestAClientThatHoldsMuchIsReadSlowlyWhenMemoryIsShort(t *testing.T) {
	play(t, nil, func(s *stage) {
		s.app("receiver").consumer("slow", 1)
		p := s.app("sender").producer("slow")
		payload := long(10_000)
		for range 10 {
			p.send(payload)
		}
		before := s.router.Held()
		s.router.Hold(1 << 30)
		for range 20 {
			p.send(payload)
		}
		soon := s.router.Held() - 1<<30 - before
		if soon > 5*int64(len(payload)) {
			t.Errorf("%d bytes more wait at once though memory is short", soon)
		}
		s.advance(10 * time.Second)
		if late := s.router.Held() - 1<<30 - before; late < 15*int64(len(payload)) {
			t.Errorf("%d bytes more wait some time later: the client is not read any more", late)
		}
		s.router.Hold(-1 << 30)
	})
}

func TestTheNewestAreReleasedWhenMemoryIsUsedUp(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("receiver").consumer("slow", 1)
		p := s.app("sender").producer("slow")
		quick := s.app("another receiver").consumer("quick", 10)
		another := s.app("another sender").producer("quick")
		p.send(text("1"))
		old := p.send(text("2"))
		s.router.Hold(2 << 30)
		fresh := p.send(text("3"))
		ended(s, "the newest", fresh, wire.StateReleased)
		another.send(text("4"))
		equal(s, "what a consumer gets that keeps up", quick.bodies(), "4")
		s.router.Hold(-2 << 30)
		c.acceptAll()
		c.grant(10)
		equal(s, "what the slow consumer gets", c.bodies(), "1 2")
		c.acceptAll()
		ended(s, "the one that waited", old, wire.StateAccepted)
		quick.acceptAll()
	})
}
