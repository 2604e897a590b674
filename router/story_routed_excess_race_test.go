package router_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// Credit and excess that come at the same time: who has credit gets what waits.
func TestExcessAndCreditThatCross(t *testing.T) {
	dialled(t, func(s *stage, b *broker) {
		c := s.app("app").consumer("q", 1)
		s.settleDown()
		b.overrun(3, "1", "2", "3", "4")
		s.settleDown()
		given := 1
		for n := range 3000 {
			b.app.Do(func() {
				b.out[0].Presume(1)
				b.out[0].Send(&meshtest.Out{Payload: text("m"), Settled: true})
			})
			c.app.Do(func() { c.SetCredit(1) })
			given++
			synctest.Wait()
			s.settleDown()
			if len(c.got) != given {
				t.Errorf("round %d: %d have come with credit for %d", n, len(c.got), given)
				return
			}
		}
	})
}

// What a broker says of what waits does not wait more than once.
func TestWhatABrokerKeepsSayingOfItsExcessIsBounded(t *testing.T) {
	dialled(t, func(s *stage, b *broker) {
		c := s.app("app").consumer("q", 1)
		s.settleDown()
		sent := b.overrun(1, "1", "2")
		s.settleDown()
		before := s.router.Held()
		refused := wire.RejectedState(&wire.Error{Condition: "a:b", Description: "a longer state than the others"})
		for range 100 {
			b.app.do(func() {
				for range 200 {
					sent[1].Say(accepted)
					sent[1].Say(refused)
				}
			})
		}
		s.settleDown()
		if held := s.router.Held(); held > before+64<<10 {
			t.Errorf("%d bytes are held, %d before", held, before)
		}
		c.grant(1)
		s.settleDown()
		equal(s, "with credit", c.bodies(), "1 2")
		equal(s, "bytes that are held", s.router.Held(), 0)
	})
}

// What a broker says between two frames of what waits is heard between them.
func TestWhatABrokerSaysOfAPartOfItsExcess(t *testing.T) {
	dialled(t, func(s *stage, b *broker) {
		a := s.app("app")
		var heard []string
		c := a.consumerWith(meshtest.ReceiverOptions{
			Source: meshtest.From("q"), Snd: wire.SndMixed, Credit: 1,
			OnState: func(d *meshtest.In) { heard = append(heard, fmt.Sprint(d.State.Kind, d.Complete, d.RemoteSettled)) },
		})
		s.settleDown()
		b.overrun(2, "1")
		b.app.do(func() {
			o := b.out[0].Start(&meshtest.Out{Payload: text("2")})
			o.Write(1)
			o.Say(accepted)
			o.Say(released)
			o.Write(len(o.Payload))
			o.Say(released)
			o.Settle(accepted)
		})
		s.settleDown()
		c.grant(1)
		s.settleDown()
		equal(s, "with credit", c.bodies(), "1 2")
		a.do(func() { equal(s, "of the second", fmt.Sprint(heard), "[released false false accepted true true]") })
	})
}

// A client's count of what has come is not ahead of what has: it fails the story if it is.
func TestWhatABrokerSaysOfItsCreditWhileItIsGiven(t *testing.T) {
	dialled(t, func(s *stage, b *broker) {
		c := s.app("app").consumer("q", 1)
		s.settleDown()
		b.overrun(3, "1", "2", "3", "4")
		s.settleDown()
		for range 300 {
			b.app.Do(func() { b.out[0].Presume(1); b.out[0].Send(&meshtest.Out{Payload: text("m"), Settled: true}) })
			s.settleDown()
			c.app.Do(func() { c.SetCredit(1) })
			b.app.Do(func() { b.out[0].Flow(false) })
			s.settleDown()
		}
	})
}

// Credit that was on its way when the broker answered counts for what came with the answer.
func TestExcessThatComesWithTheAnswer(t *testing.T) {
	dialled(t, func(s *stage, b *broker) {
		b.silent = true
		c := s.app("app").consumer("q", 0)
		s.settleDown()
		c.app.do(func() { c.SetCredit(3) })
		b.speak(1)
		b.overrun(2, "1", "2")
		s.settleDown()
		equal(s, "within the credit", c.bodies(), "1 2")
	})
}
