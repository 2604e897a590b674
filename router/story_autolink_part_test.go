package router_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/wire"
)

// Auto-links of the parts of an address: the phases of a chain, and a fallback.

// Two queues between senders and receivers, one behind the other.
func TestQueuesMakeAChain(t *testing.T) {
	link := func(d config.Direction, phase uint8, queue string) config.AutoLink {
		return config.AutoLink{Name: fmt.Sprint(d, ":", queue), Address: "chain", Direction: d, Phase: phase, ExternalAddress: queue}
	}
	playBroker(t, func(c *config.Config) {
		c.Addresses = append(c.Addresses, config.Address{Prefix: "chain", Distribution: config.Balanced, EgressPhase: 2})
	}, func(s *stage, k *scriptedBroker) {
		c := s.app("receiver").consumer("chain", 10)
		ended(s, "into the first", s.app("sender").producer("chain").send(text("a")), wire.StateAccepted)
		equal(s, "out of the first", k.outOf("first").put(text("b")), 1)
		equal(s, "in the first", k.into("first").has(), "a")
		equal(s, "in the second", k.into("second").has(), "b")
		equal(s, "before the second is passed", c.bodies(), "")
		k.outOf("second").put(text("c"))
		equal(s, "behind the second", c.bodies(), "c")
		c.acceptAll()
	}, link(config.DirectionOut, 0, "first"), link(config.DirectionIn, 1, "first"), link(config.DirectionOut, 1, "second"), link(config.DirectionIn, 2, "second"))
}

// withFallback gives the address fb a fallback.
func withFallback(c *config.Config) {
	c.Addresses = append(c.Addresses, config.Address{Prefix: "fb", Distribution: config.Balanced, EnableFallback: true})
}

func TestAFallbackDestinationIsAtTheBroker(t *testing.T) {
	playBroker(t, withFallback, func(s *stage, k *scriptedBroker) {
		p := s.app("sender").producer("fb")
		ended(s, "nobody else takes it", p.send(text("a")), wire.StateAccepted)
		equal(s, "the broker has it", k.into("fb").has(), "a")
		c := s.app("receiver").consumer("fb", 10)
		p.send(texts("b", "c", "d", "e", "f")...)
		equal(s, "somebody does", c.bodies(), "b c d e f")
		equal(s, "the broker has", k.into("fb").has(), "a")
		c.acceptAll()
	}, config.AutoLink{Address: "fb", Direction: config.DirectionOut, Fallback: true})
}

// It comes back to consumers, and what they leave goes back to the broker, and not into it again.
func TestWhatABrokerHasKeptAsFallbackComesBackToConsumersOnly(t *testing.T) {
	playBroker(t, withFallback, func(s *stage, k *scriptedBroker) {
		p := s.app("sender").producer("fb")
		ended(s, "while nobody is there", p.send(text("a")), wire.StateAccepted)
		equal(s, "the broker has it", k.into("fb").has(), "a")
		from := k.outOf("fb")
		equal(s, "what the broker may send while nobody is there", from.put(text("a")), 0)
		c := s.app("receiver").consumer("fb", 2)
		equal(s, "what it may send to somebody", from.put(text("a"), text("b"), text("c")), 3)
		equal(s, "who gets it", c.bodies(), "a b")
		c.settle(0, accepted)
		c.detach()
		equal(s, "the broker hears", from.heard(), "accepted released released")
		equal(s, "it has been put in again", k.into("fb").has(), "a")
		s.advance(3 * time.Second)
		equal(s, "what the broker may send when nobody is there any more", from.put(text("c")), 0)
		ended(s, "another one", p.send(text("d")), wire.StateAccepted)
	}, config.AutoLink{Address: "fb", Direction: config.DirectionOut, Fallback: true}, config.AutoLink{Address: "fb", Direction: config.DirectionIn, Fallback: true})
}
