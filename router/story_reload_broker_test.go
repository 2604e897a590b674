package router_test

import (
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/wire"
)

// linkAt gives an auto-link its name and its connection.
func linkAt(l config.AutoLink, connection string) config.AutoLink {
	l.Name, l.Connection = string(l.Direction)+":"+l.Address+"@"+connection, connection
	return l
}

func TestAutoLinksComeAndGoByReload(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		stays := s.app("sender").producer("stays")
		ended(s, "to the one that stays", stays.send(text("1")), wire.StateAccepted)
		k.forget()
		s.reload(func(c *config.Config) {
			c.AutoLinks = append([]config.AutoLink{linkAt(out("new"), "broker"), linkAt(in("new"), "broker")}, c.AutoLinks...)
		})
		s.advance(time.Second)
		p := s.app("other").producer("new")
		ended(s, "to the new one", p.send(text("2")), wire.StateAccepted)
		equal(s, "in the new one", k.into("new").has(), "2")
		s.reload(func(c *config.Config) { c.AutoLinks = c.AutoLinks[2:] })
		s.advance(3 * time.Second)
		equal(s, "the router still has a link to the removed one", k.link("new", wire.RoleSender) != nil, false)
		equal(s, "the router still has a link from the removed one", k.link("new", wire.RoleReceiver) != nil, false)
		equal(s, "credit for the removed one", p.credit(), 0)
		s.advance(10 * time.Minute)
		equal(s, "times the removed one was attached", k.count("attached new"), 2)
		ended(s, "to the one that stays, afterwards", stays.send(text("3")), wire.StateAccepted)
		equal(s, "times the one that stays was attached again", k.count("attached stays"), 0)
	}, out("stays"))
}

// Neither is one that waits for the next try, nor one that the broker does not answer.
func TestAnAutoLinkThatIsNotAttachedIsRemovedToo(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		k.do(func() { k.refuse["bad"] = &wire.Error{Condition: wire.CondNotFound} })
		k.do(func() { k.mute["silent"] = true })
		k.restart()
		s.advance(time.Second)
		s.reload(func(c *config.Config) { c.AutoLinks = nil })
		k.forget()
		s.advance(10 * time.Minute)
		equal(s, "times the refused one was tried", k.count("refused bad"), 0)
		k.do(func() { clear(k.refuse); clear(k.mute) })
		s.advance(10 * time.Minute)
		equal(s, "times one was attached", k.count("attached"), 0)
	}, out("bad"), out("silent"))
}

func TestBrokersComeAndGoByReload(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		second := s.newBroker("second")
		defer second.die()
		k.forget()
		s.reload(func(c *config.Config) {
			c.Connectors = append(c.Connectors, toBroker("second", "second"+brokerPort))
			c.AutoLinks = append(c.AutoLinks, linkAt(out("new"), "second"))
		})
		s.advance(time.Second)
		p := s.app("sender").producer("new")
		ended(s, "to the new broker", p.send(text("1")), wire.StateAccepted)
		s.reload(func(c *config.Config) { c.Connectors[1].MaxInFlight = 7 })
		s.advance(time.Second)
		ended(s, "to the new broker on another connection", p.send(text("2")), wire.StateAccepted)
		equal(s, "times it was attached", second.count("attached new"), 2)
		s.reload(func(c *config.Config) { c.Connectors, c.AutoLinks = c.Connectors[:1], c.AutoLinks[:1] })
		second.forget()
		s.advance(10 * time.Minute)
		equal(s, "times the removed broker was attached to", second.count("attached"), 0)
		equal(s, "credit for what it had", p.credit(), 0)
		ended(s, "to the broker that stays", s.app("other").producer("stays").send(text("3")), wire.StateAccepted)
		equal(s, "times the broker that stays was attached to again", k.count("attached"), 0)
	}, out("stays"))
}

// Also where the connection came after the router was started.
func TestAShardIsAttachedOnAConnectionThatCameByReload(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		second := s.newBroker("second")
		defer second.die()
		s.reload(func(c *config.Config) {
			c.Connectors = append(c.Connectors, toBroker("second", "second"+brokerPort))
			c.Addresses = append(c.Addresses, config.Address{
				Prefix: "spread", Waypoint: true, Distribution: config.Balanced, EgressPhase: 1,
				Shards: &config.Shards{Connections: []string{"broker", "second"}},
			})
		})
		s.advance(time.Second)
		for _, b := range []*scriptedBroker{k, second} {
			equal(s, "the router has a link into the shard at "+b.host, b.link("spread", wire.RoleSender) != nil, true)
		}
	})
}
