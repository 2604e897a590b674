package router_test

import (
	"testing"
	"time"
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
		s.advance(3 * time.Second)
		equal(s, "credit some time after", p.credit(), 0)
		c.grant(1)
		equal(s, "credit when it takes one again", p.credit(), capacity)
	})
}
