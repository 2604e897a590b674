package router_test

import (
	"testing"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// States of extensions and of transactions, on links that the router carries itself.

// foreign is a state of an extension that nobody here knows.
var foreign = wire.DeliveryState{Kind: wire.StateOther, Fields: []byte{0, 0xa3, 1, 'z', 0x45}}

// [3.5.3] What is no outcome is kept back, since the outcome is still to come.
func TestAForeignStateOnTheWayIsKeptFromASenderWhoseSourceListsItsOutcomes(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("receiver").consumer("q", 1)
		p := s.app("sender").producerWith(meshtest.SenderOptions{Target: meshtest.To("q"),
			Source: &wire.Source{Outcomes: []wire.Symbol{"amqp:accepted:list", "amqp:released:list", "amqp:modified:list"}}})
		o := p.send(text("x"))
		for _, state := range []wire.DeliveryState{foreign, wire.TransactionalState([]byte("t"), wire.DeliveryState{})} {
			c.say(0, state)
			equal(s, "what the sender heard of "+state.Kind.String(), o.State.Kind, wire.StateNone)
		}
		c.settle(0, accepted)
		ended(s, "it", o, wire.StateAccepted)
	})
}

// [4.4.2] No transaction reaches further than its coordinator's routed links: what is posted in one
// elsewhere must not be delivered as if it stood alone, since it could not be taken back.
func TestWhatIsPostedInATransactionIsRejectedWhereNoneIs(t *testing.T) {
	for name, size := range map[string]int{"small": 10, "of several frames": 20_000, "long": 200_000} {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(s *stage) {
				c := s.app("receiver").consumer("q", 10)
				for _, target := range []string{"q", ""} {
					p := s.app("sender").producerWith(meshtest.SenderOptions{Target: meshtest.To(target)})
					payload := append(to("q", ""), long(size)...)
					for _, settled := range []bool{false, true} {
						o := &meshtest.Out{Payload: payload, Frame: 15_000, Settled: settled, Saying: wire.TransactionalState([]byte("t"), wire.DeliveryState{})}
						p.app.do(func() { p.Send(o) })
						if !settled {
							ended(s, "what was posted in a transaction", o, wire.StateRejected)
							if why, err := o.State.RejectedError(); err != nil || why == nil || why.Condition != wire.CondTransactionUnknownID {
								s.t.Errorf("the sender heard %v, %v; want %s", why, err, wire.CondTransactionUnknownID)
							}
						}
					}
					equal(s, "deliveries at the receiver", len(c.got), 0)
					o := p.send(to("q", "alone"))
					c.acceptAll()
					ended(s, "the next, outside of it", o, wire.StateAccepted)
					c.got = nil
				}
			})
		})
	}
}
