package router_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// Settlement is end to end: the sender hears what the receiver said, when it said so, and
// the other way round.

var (
	refusedWhy  = wire.RejectedState(&wire.Error{Condition: "test:full", Description: "no room", Info: wire.Map{{Key: wire.Symbol("left"), Value: int64(0)}}})
	modifiedWhy = wire.ModifiedState(true, true, wire.Map{{Key: wire.Symbol("x-opt-try"), Value: int64(7)}})
)

// second attaches both ends so that the receiver waits for its sender to settle.
func second(s *stage) (c *consumer, p *producer) {
	c = s.app("receiver").consumerWith(meshtest.ReceiverOptions{Source: meshtest.From("q"), Snd: wire.SndUnsettled, Rcv: wire.RcvSecond, Credit: 10})
	p = s.app("sender").producerWith(meshtest.SenderOptions{Target: meshtest.To("q"), Snd: wire.SndUnsettled, Rcv: wire.RcvSecond})
	return c, p
}

// say has the receiver say something of its i-th delivery without settling it.
func (c *consumer) say(i int, state wire.DeliveryState) {
	c.app.do(func() { c.got[i].Settle(state, false) })
}

func TestAnExchangeOfThreeSteps(t *testing.T) {
	play(t, nil, func(s *stage) {
		c, p := second(s)
		equal(s, "the sender's mode as answered", p.Answer.SndSettleMode.V, wire.SndUnsettled)
		equal(s, "the receiver's mode as answered to the sender", p.Answer.RcvSettleMode.V, wire.RcvSecond)
		equal(s, "the receiver's mode as answered to the receiver", c.Answer.RcvSettleMode.V, wire.RcvSecond)
		for i, state := range []wire.DeliveryState{accepted, refusedWhy, released, modifiedWhy} {
			o := p.send(text("x"))
			c.say(i, state)
			equal(s, fmt.Sprintf("%v: the sender hears it, with all its data", state.Kind), o.State.Equal(state), true)
			equal(s, fmt.Sprintf("%v: settled before the sender has", state.Kind), o.RemoteSettled || c.got[i].RemoteSettled, false)
			p.app.do(func() { o.Settle(state) })
			equal(s, fmt.Sprintf("%v: settled at the receiver once the sender has", state.Kind), c.got[i].RemoteSettled, true)
		}
		equal(s, "credit", p.credit(), capacity)
	})
}

// uamqp's senders ask for the mode of three steps and never take the third.
func TestWhatItsReceiverHasSettledIsSettledInAnyMode(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("receiver").consumer("q", 10)
		p := s.app("sender").producerWith(meshtest.SenderOptions{Target: meshtest.To("q"), Rcv: wire.RcvSecond})
		o := p.send(text("x"))
		c.acceptAll()
		equal(s, "the outcome", o.State.Kind, wire.StateAccepted)
		equal(s, "settled", o.RemoteSettled, true)
		equal(s, "credit", p.credit(), capacity)
	})
}

func TestWhatIsNotAnOutcomeTravelsToo(t *testing.T) {
	play(t, nil, func(s *stage) {
		c, p := second(s)
		o := p.send(text("x"))
		half := wire.ReceivedState(0, 5)
		c.say(0, half)
		equal(s, "so far received, as the sender hears it", o.State.Equal(half), true)
		c.say(0, accepted)
		equal(s, "then the outcome", o.State.Kind, wire.StateAccepted)
	})
}

func TestAnOutcomeIsToldOnceAndStands(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("receiver").consumerWith(meshtest.ReceiverOptions{Source: meshtest.From("q"), Rcv: wire.RcvSecond, Credit: 10})
		told := 0
		p := s.app("sender").producerWith(meshtest.SenderOptions{Target: meshtest.To("q"), OnState: func(*meshtest.Out) { told++ }})
		o := p.send(text("x"))
		c.say(0, accepted)
		c.say(0, accepted)
		equal(s, "how often the sender was told, when the receiver said it twice", told, 1)
		c.settle(0, released)
		ended(s, "what the receiver changed its mind about", o, wire.StateAccepted)
		equal(s, "credit", p.credit(), capacity)
	})
}

func TestSettledEarlyByItsSender(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("receiver").closed("q")
		p := s.app("sender").producer("q")
		o := p.send(text("waits"))
		p.app.do(func() { o.Settle(wire.DeliveryState{}) })
		c.grant(10)
		equal(s, "what waited comes", c.bodies(), "waits")
		equal(s, "and comes settled", c.got[0].Settled, true)
		o = p.send(text("out"))
		p.app.do(func() { o.Settle(wire.DeliveryState{}) })
		equal(s, "what is out already is settled at its receiver", c.got[1].RemoteSettled, true)
		equal(s, "credit", p.credit(), capacity)
	})
}

func TestPresettledForAReceiverThatWantsNone(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("receiver").consumerWith(meshtest.ReceiverOptions{Source: meshtest.From("q"), Snd: wire.SndUnsettled, Credit: 10})
		p := s.app("sender").producer("q")
		p.post(text("x"))
		equal(s, "comes unsettled", c.got[0].Settled, false)
		c.acceptAll()
		equal(s, "credit", p.credit(), capacity)
	})
}

func TestAnAnswerListsTheOutcomesThatAReceiverMaySay(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("receiver").consumer("q", 1)
		want := []wire.Symbol{"amqp:accepted:list", "amqp:rejected:list", "amqp:released:list", "amqp:modified:list"}
		if got := c.Answer.Source.Outcomes; !slices.Equal(got, want) {
			s.t.Errorf("the answer's source lists %v, want %v", got, want)
		}
	})
}

// [3.5.3] A sender is told what its source lists: of other outcomes the nearest one.
func TestASenderIsToldOnlyOutcomesThatItsSourceLists(t *testing.T) {
	const yes, no, back, changed = "amqp:accepted:list", "amqp:rejected:list", "amqp:released:list", "amqp:modified:list"
	for _, row := range []struct {
		lists []wire.Symbol
		said  wire.DeliveryState
		want  wire.StateKind
	}{
		{[]wire.Symbol{yes, back}, modifiedWhy, wire.StateReleased},
		{[]wire.Symbol{yes, back}, refusedWhy, wire.StateReleased},
		{[]wire.Symbol{yes, changed}, released, wire.StateModified},
		{[]wire.Symbol{yes, changed}, refusedWhy, wire.StateModified},
		{[]wire.Symbol{yes, no}, modifiedWhy, wire.StateRejected},
		{[]wire.Symbol{yes, no}, released, wire.StateRejected},
		{[]wire.Symbol{yes, no, back, changed}, modifiedWhy, wire.StateModified},
		{[]wire.Symbol{yes, no, back, changed}, foreign, wire.StateModified},
		{[]wire.Symbol{yes, no, back}, foreign, wire.StateReleased},
		{[]wire.Symbol{yes, no}, foreign, wire.StateRejected},
		{[]wire.Symbol{yes, back}, wire.DeclaredState([]byte("t")), wire.StateReleased},
		{[]wire.Symbol{yes, back}, wire.TransactionalState([]byte("t"), accepted), wire.StateReleased},
		{[]wire.Symbol{yes, back, "some:thing:list"}, foreign, wire.StateOther},
		{nil, foreign, wire.StateOther},
	} {
		t.Run(fmt.Sprint(row.said.Kind, " of ", row.lists), func(t *testing.T) {
			play(t, nil, func(s *stage) {
				c := s.app("receiver").consumer("q", 1)
				p := s.app("sender").producerWith(meshtest.SenderOptions{Target: meshtest.To("q"), Source: &wire.Source{Outcomes: row.lists}})
				o := p.send(text("x"))
				c.settle(0, row.said)
				ended(s, "it", o, row.want)
			})
		})
	}
}

func TestLostAtAMulticastThatSaysReleased(t *testing.T) {
	change := func(c *config.Config) {
		c.Addresses = append(c.Addresses, config.Address{Prefix: "fan", Distribution: config.Multicast, OnLoss: config.OutcomeReleased})
	}
	for name, lose := range ways {
		t.Run(name, func(t *testing.T) {
			play(t, change, func(s *stage) {
				c := s.app("receiver").consumer("fan", 1)
				o := s.app("sender").producer("fan").send(text("x"))
				lose(c)
				ended(s, "the only copy, lost", o, wire.StateReleased)
			})
		})
	}
}

func TestLostHalfSentAtAnAddressThatSaysReleased(t *testing.T) {
	for name, mode := range map[string]wire.SenderSettleMode{"unsettled": wire.SndMixed, "settled": wire.SndSettled} {
		t.Run(name, func(t *testing.T) {
			lostInEachWay(t, func(s *stage, lose func(*consumer)) {
				c := s.app("receiver").consumerWith(meshtest.ReceiverOptions{Source: meshtest.From("released"), Snd: mode, Credit: 5})
				p := s.app("sender").producer("released")
				o := p.begin(long(200_000), 100_000)
				lose(c)
				p.write(o, o.Left())
				ended(s, "what was half sent", o, wire.StateReleased)
			})
		})
	}
}
