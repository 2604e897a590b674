package router_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/wire"
)

// On which sessions auto-links are, and how many are attached at a time.

func TestARefusedAutoLinkIsTriedAgainLessAndLessOften(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		k.do(func() { k.refuse["bad"] = &wire.Error{Condition: wire.CondNotFound} })
		k.restart()
		s.advance(10 * time.Minute)
		n := k.count("refused bad")
		if n < 20 || n > 35 {
			t.Errorf("tried %d times in ten minutes", n)
		}
		equal(s, "attached once, whatever becomes of others", k.count("attached good"), 1)
		equal(s, "sessions", k.sessions(), 1)
		if lines := s.count("not attached"); lines > 4 {
			t.Errorf("logged %d times", lines)
		}
	}, out("bad"), out("good"))
}

func TestManyRefusedAutoLinksDoNotKeepTheOthersFromTheirTurn(t *testing.T) {
	var links []config.AutoLink
	for i := range 70 {
		links = append(links, out(fmt.Sprint("bad", i)))
	}
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		k.do(func() {
			for _, l := range links {
				k.refuse[l.Address] = &wire.Error{Condition: wire.CondNotFound}
			}
		})
		k.restart()
		s.advance(time.Second)
		equal(s, "the last one was attached", k.count("attached good"), 1)
	}, append(links, out("good"))...)
}

func TestABrokerThatEndsTheSessionForARefusedAttachIsUnderstoodAfterOnce(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		k.do(func() { k.refuse["bad"], k.endsSession = &wire.Error{Condition: wire.CondNotFound}, true })
		k.restart()
		p := s.app("sender").producer("good")
		s.advance(5 * time.Second)
		ended(s, "in spite of it", p.send(text("x")), wire.StateAccepted)
		k.forget()
		s.advance(time.Minute)
		equal(s, "attached once more", k.count("attached good"), 0)
		if n := k.count("refused bad"); n < 2 {
			t.Errorf("the bad one was tried %d times", n)
		}
		k.restart()
		equal(s, "on the next connection it is known", k.sessionsOf("good", "fine"), 2)
	}, out("good"), out("bad"), out("fine"))
}

// Only a session that ends while an attach waits for its answer may have ended because of it.
func TestABrokerThatEndsSessionsForOtherReasonsHasTheLinksOnOneSession(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		k.into("a").act(func(b *amqp.Batch) { k.into("a").session.End(b, nil) })
		s.advance(5 * time.Second)
		equal(s, "sessions after one was ended at rest", k.sessionsOf("a", "b", "c"), 1)
		k.do(func() { k.mute["b"] = true })
		k.restart() // an attach waits
		k.do(func() { clear(k.mute) })
		k.restart()
		s.advance(5 * time.Second)
		equal(s, "attached", k.count("attached"), 3)
		equal(s, "sessions after the connection was lost during an attach", k.sessionsOf("a", "b", "c"), 1)
	}, out("a"), out("b"), out("c"))
}

func TestEachLinkHasASessionOfItsOwnAtABrokerKnownToEndThem(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		k.do(func() {
			k.conf.Properties = wire.Map{{Key: wire.Symbol("product"), Value: "RabbitMQ"}}
			k.refuse["bad"], k.endsSession = &wire.Error{Condition: wire.CondNotFound}, true
		})
		k.restart()
		s.advance(time.Minute)
		equal(s, "a good one was attached", k.count("attached good"), 1)
		equal(s, "sessions", k.sessionsOf("good", "fine"), 2)
	}, out("good"), out("fine"), out("bad"))
}

// Whether they are the broker's or those that the connector allows.
func TestWhenChannelsRunOutLinksShareAfterAll(t *testing.T) {
	var links []config.AutoLink
	for i := range 12 {
		links = append(links, out(fmt.Sprint("q", i)))
	}
	for _, most := range []struct{ broker, connector, sessions int }{{4, 256, 5}, {255, 3, 3}} {
		playBroker(t, func(c *config.Config) { c.Connectors[0].MaxSessions = most.connector }, func(s *stage, k *scriptedBroker) {
			k.do(func() {
				k.conf.Properties = wire.Map{{Key: wire.Symbol("product"), Value: "RabbitMQ"}}
				k.conf.ChannelMax = uint16(most.broker)
			})
			k.restart()
			s.advance(time.Second)
			equal(s, "attached", k.count("attached q"), 12)
			equal(s, "sessions", k.sessions(), most.sessions)
		}, links...)
	}
}

func TestAttachesToABrokerThatComesBackArePaced(t *testing.T) {
	var links []config.AutoLink
	for i := range 300 {
		links = append(links, out(fmt.Sprint("q", i)))
	}
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		equal(s, "attached", k.count("attached q"), 300)
		equal(s, "active", s.router.AutoLinks()["active"], 300)
		k.do(func() { k.mute["q7"] = true })
		k.restart()
		equal(s, "attaches under way at a broker that does not answer", s.router.AutoLinks()["attaching"], 64)
		s.advance(15 * time.Second)
		equal(s, "when the first ones have waited for long", s.router.AutoLinks()["attaching"], 128)
		if !s.logged("warn", "not attached", "has not answered the attach for 10s") {
			t.Error("it is not logged")
		}
		k.do(func() { clear(k.mute); close(k.speak); k.speak = make(chan struct{}) })
		s.advance(time.Second)
		equal(s, "active when it answers", s.router.AutoLinks()["active"], 300)
	}, links...)
}
