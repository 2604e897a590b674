package router_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/meshtest"
)

// Stories of addresses at rest: nobody looks at them, and yet nothing is missed.

func TestNobodyLooksAtAddressesAtRest(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		a := s.at("A", "devices")
		a.begin(meshtest.SessionOptions{})
		for i := range 50 {
			a.consumer(fmt.Sprintf("devices/%d", i), 10)
			a.consumer(fmt.Sprintf("closed/%d", i), 0)
			a.producer(fmt.Sprintf("nobody/%d", i))
		}
		s.advance(2 * time.Second)
		equal(s.stage, "addresses that A looks at", s.routers["A"].Attended(), 0)
		p := s.at("B", "sender").producer("devices/7")
		s.advance(2 * time.Second)
		equal(s.stage, "addresses that A looks at when it has granted a window", s.routers["A"].Attended(), 1)
		equal(s.stage, "addresses that B looks at when it sends elsewhere", s.routers["B"].Attended(), 1)
		p.detach()
		s.advance(time.Minute)
		equal(s.stage, "addresses that A looks at when nobody asks any more", s.routers["A"].Attended(), 0)
		equal(s.stage, "addresses that B looks at when nobody sends", s.routers["B"].Attended(), 0)
	})
}

func TestAnAddressAtRestIsClosedHoweverItsLastCreditEnds(t *testing.T) {
	for how, end := range map[string]struct {
		address string
		act     func(p *producer, c *consumer)
	}{
		"used up by a message":      {"q", func(p *producer, c *consumer) { p.send(text("x")) }},
		"used up by a long message": {"q", func(p *producer, c *consumer) { p.send(long(100_000)) }},
		"used up by one that has not ended": {"q", func(p *producer, c *consumer) {
			p.app.stage.app("slow").producer("q").begin(long(100_000), 70_000)
		}},
		"used up by a copy":             {"multicast/q", func(p *producer, c *consumer) { p.send(text("x")) }},
		"used up by a long copy":        {"multicast/q", func(p *producer, c *consumer) { p.send(long(100_000)) }},
		"taken back":                    {"q", func(p *producer, c *consumer) { c.grant(0) }},
		"given back by a drain":         {"q", func(p *producer, c *consumer) { c.drain(1) }},
		"given back by a drain, copies": {"multicast/q", func(p *producer, c *consumer) { c.drain(1) }},
		"gone with its consumer":        {"q", func(p *producer, c *consumer) { c.detach() }},
	} {
		t.Run(how, func(t *testing.T) {
			play(t, nil, func(s *stage) {
				s.app("another").consumer(end.address, 0)
				c := s.app("receiver").consumer(end.address, 1)
				p := s.app("sender").producer(end.address)
				s.advance(2 * time.Second)
				equal(s, "addresses that are looked at", s.router.Attended(), 0)
				equal(s, "the sender's credit at rest", p.credit(), capacity)
				end.act(p, c)
				s.advance(3 * time.Second)
				equal(s, "the sender's credit some time after", p.credit(), 0)
				equal(s, "addresses that are looked at when it is closed", s.router.Attended(), 0)
			})
		})
	}
}

// The last consumer of an address leaves that has long had no credit, and another one comes
// before the tick: what the tick still has to say of the first does not concern it.
func TestAConsumerThatComesRightAfterTheLastIsAnnounced(t *testing.T) {
	for wait := 100 * time.Millisecond; wait < 3*time.Second; wait += 100 * time.Millisecond {
		playMesh(t, "A-B", nil, func(s *meshStage) {
			first := s.at("B", "first").consumer("q", 1)
			p := s.at("A", "sender").producer("q")
			s.advance(3 * time.Second)
			p.send(text("x"))
			first.acceptAll()
			s.advance(wait)
			first.detach()
			s.at("B", "second").consumer("q", 10)
			s.advance(3 * time.Second)
			if got := p.credit(); got == 0 {
				t.Errorf("a consumer that came %v after the credit of the one before was used up is not known", wait)
			}
		})
	}
}
