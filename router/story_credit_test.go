package router_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
)

func TestCreditIsWithheldUntilAConsumerHasCredit(t *testing.T) {
	play(t, nil, func(s *stage) {
		p := s.app("sender").producer("q")
		equal(s, "credit with no consumer", p.credit(), 0)
		c := s.app("receiver").consumer("q", 0)
		equal(s, "credit with a consumer that takes nothing", p.credit(), 0)
		c.grant(1)
		equal(s, "credit once it takes one", p.credit(), capacity)
	})
}

func TestCreditIsRevokedWhenTheLastConsumerLeaves(t *testing.T) {
	play(t, nil, func(s *stage) {
		p := s.app("sender").producer("q")
		a := s.app("receiver")
		first, second := a.consumer("q", 10), a.consumer("q", 10)
		first.detach()
		equal(s, "credit while one is left", p.credit(), capacity)
		second.detach()
		equal(s, "credit when the last has left", p.credit(), 0)
		a.consumer("q", 1)
		equal(s, "credit when another comes", p.credit(), capacity)
	})
}

func TestCreditIsRevokedASecondAfterTheLastConsumerWithCredit(t *testing.T) {
	play(t, nil, func(s *stage) {
		p := s.app("sender").producer("q")
		c := s.app("receiver").consumer("q", 1)
		c.grant(0)
		equal(s, "credit right after", p.credit(), capacity)
		s.advance(1100 * time.Millisecond)
		equal(s, "credit when it has waited for little more than a second", p.credit(), capacity)
		s.advance(3 * time.Second)
		equal(s, "credit some time after", p.credit(), 0)
		c.grant(1)
		equal(s, "credit when it takes one again", p.credit(), capacity)
	})
}

// producers are many senders of one address, in sessions of a hundred.
func (a *app) producers(address string, n int) (list []*producer) {
	for i := range n {
		if i%100 == 99 {
			a.begin(meshtest.SessionOptions{})
		}
		list = append(list, a.producer(address))
	}
	return list
}

func TestManySendersShareTheWindowOfTheirAddress(t *testing.T) {
	play(t, nil, func(s *stage) {
		a := s.app("sender")
		first := a.producer("q")
		c := s.app("receiver").consumer("q", 1000)
		equal(s, "credit of the first", first.credit(), capacity)
		list := a.producers("q", 399)
		s.advance(time.Millisecond) // so many are told in the background
		const share = 65536 / 400
		for _, p := range list[390:] { // when the first of them came, there were a few less
			if n := p.credit(); n < share*4/5 || n > share*4/3 {
				s.t.Errorf("with 400 senders one has credit %d, want about %d", n, share)
			}
		}
		// What was granted before is not taken back, and not granted again.
		first.post(series("x", 150)...)
		equal(s, "received", len(c.got), 150)
		if n := first.credit(); n > share*4/3 {
			s.t.Errorf("the first, which had %d, has credit %d once it has used some, want about %d", capacity, n, share)
		}
	})
}

func TestCreditOfManySendersComesAndGoesWithTheConsumer(t *testing.T) {
	play(t, nil, func(s *stage) {
		list := s.app("sender").producers("q", 150)
		c := s.app("receiver").consumer("q", 1)
		for _, p := range list {
			equal(s, "credit with a consumer", p.credit(), capacity)
		}
		c.detach()
		for _, p := range list {
			equal(s, "credit without", p.credit(), 0)
		}
	})
}

func TestWithoutALinkCapacityEachConsumerAddsToTheWindow(t *testing.T) {
	play(t, func(c *config.Config) { c.Listeners[0].LinkCapacity = 0 }, func(s *stage) {
		p, a := s.app("sender").producer("q"), s.app("receiver")
		for n, want := range []uint32{250, 500, 750} {
			a.consumer("q", 1)
			equal(s, fmt.Sprintf("credit with %d", n+1), p.credit(), want)
		}
		for range 40 {
			a.consumer("q", 1)
		}
		if n := p.credit(); n > 8192 || n < 8192*4/5 {
			s.t.Errorf("with very many the credit is %d, want about 8192 and no more", n)
		}
	})
}
