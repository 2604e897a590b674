package router_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/wire"
)

// playBrokers runs a story in the line A-B-C, where some of the routers are connected to
// a broker and have auto-links to its queue "way", which is in the middle of that address.
func playBrokers(t *testing.T, connected string, story func(s *meshStage, k *scriptedBroker)) {
	t.Helper()
	playMesh(t, "A-B B-C", func(c *config.Config) {
		c.Addresses = append(c.Addresses, config.Address{Prefix: "way", Waypoint: true, Distribution: config.Balanced, EgressPhase: 1})
		if !strings.Contains(connected, c.Router.ID) {
			return
		}
		c.Connectors = append(c.Connectors, toBroker("broker", brokerHost+brokerPort))
		for _, l := range []config.AutoLink{out("way"), in("way")} {
			l.Name, l.Connection = string(l.Direction), "broker"
			c.AutoLinks = append(c.AutoLinks, l)
		}
	}, func(s *meshStage) {
		k := s.newBroker(brokerHost)
		s.advance(30 * time.Second)
		story(s, k)
		k.die()
	})
}

func TestAQueueIsAnAddressOfTheWholeMeshWhileItIsAttached(t *testing.T) {
	playBrokers(t, "C", func(s *meshStage, k *scriptedBroker) {
		p, c := s.at("A", "sender").producer("way"), s.at("B", "receiver").consumer("way", 10)
		s.advance(time.Second)
		ended(s.stage, "from two routers away", p.send(text("in")), wire.StateAccepted)
		equal(s.stage, "in the queue", k.into("way").has(), "in")
		k.outOf("way").put(text("back"))
		equal(s.stage, "out of it", c.bodies(), "back")
		c.acceptAll()
		equal(s.stage, "the broker hears", k.outOf("way").heard(), "accepted")

		k.do(func() { k.refuse["way"] = &wire.Error{Condition: wire.CondNotFound} })
		k.into("way").act(func(b *amqp.Batch) { k.into("way").detach(b, nil) })
		s.advance(5 * time.Second)
		equal(s.stage, "credit two routers away from a queue that is gone", p.credit(), 0)
		k.do(func() { clear(k.refuse) })
		s.advance(time.Minute)
		ended(s.stage, "when it is back", p.send(text("again")), wire.StateAccepted)
	})
}

// A queue that takes nothing now is there all the same: what is for it waits, and is not given back
// as if there were nobody.
func TestAQueueWithoutCreditIsKnownToTheWholeMesh(t *testing.T) {
	playBrokers(t, "C", func(s *meshStage, k *scriptedBroker) {
		k.do(func() { k.credit = 0 })
		k.restart()
		s.advance(5 * time.Second)
		o := s.at("A", "sender").producer("").send(addressed("way", "x"))
		s.advance(time.Second)
		equal(s.stage, "settled before the queue takes anything", o.Settled, false)
		k.into("way").act(func(b *amqp.Batch) { k.into("way").recv.SetWindow(b, 10) })
		s.advance(time.Second)
		ended(s.stage, "when it does", o, wire.StateAccepted)
	})
}

// A queue at C keeps what is sent at A while there is no consumer, until there is one at A.
func TestWhatAFallbackHasKeptComesBackAcrossTheMesh(t *testing.T) {
	playMesh(t, "A-B B-C", func(c *config.Config) {
		c.Addresses = append(c.Addresses, config.Address{Prefix: "fb", Distribution: config.Balanced, EnableFallback: true})
		if c.Router.ID != "C" {
			return
		}
		c.Connectors = append(c.Connectors, toBroker("broker", brokerHost+brokerPort))
		for _, d := range []config.Direction{config.DirectionOut, config.DirectionIn} {
			c.AutoLinks = append(c.AutoLinks, config.AutoLink{Name: string(d), Address: "fb", Direction: d, Connection: "broker", Fallback: true})
		}
	}, func(s *meshStage) {
		k := s.newBroker(brokerHost)
		s.advance(30 * time.Second)
		ended(s.stage, "while nobody is there", s.at("A", "sender").producer("fb").send(text("a")), wire.StateAccepted)
		equal(s.stage, "what the queue may send", k.outOf("fb").put(text("a")), 0)
		c := s.at("A", "receiver").consumer("fb", 10)
		s.advance(time.Second)
		equal(s.stage, "what it may send to somebody", k.outOf("fb").put(text("a")), 1)
		equal(s.stage, "who gets it", c.bodies(), "a")
		c.acceptAll()
		equal(s.stage, "the queue hears", k.outOf("fb").heard(), "accepted")
		c.detach()
		s.advance(5 * time.Second)
		equal(s.stage, "what it may send when nobody is there any more", k.outOf("fb").put(text("b")), 0)
		equal(s.stage, "all that was put into it", k.into("fb").has(), "a")
		k.die()
	})
}

func TestRoutersShareWhatGoesIntoAQueueAndTheBrokerSeesOneConnectionOfEach(t *testing.T) {
	playBrokers(t, "AC", func(s *meshStage, k *scriptedBroker) {
		var devices []*producer
		for _, at := range []string{"A", "B", "C"} {
			for i := range 20 {
				devices = append(devices, s.at(at, "device-"+at+string(rune('a'+i))).producer("way"))
			}
		}
		s.advance(time.Second)
		for _, p := range devices {
			ended(s.stage, "accepted", p.send(text("x")), wire.StateAccepted)
		}
		k.do(func() { equal(s.stage, "connections of the broker", len(k.conns), 2) })
	})
}

func TestShutdownLetsTheBrokerSettle(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		k.do(func() { k.outcome = nil })
		c := s.app("receiver").consumer("way", 10)
		o := s.app("sender").producer("way").send(text("x"))
		from := k.outOf("way")
		from.put(text("y"))
		done := s.shutDown(10 * time.Second)
		equal(s, "credit for the broker while the router waits", from.put(text("z")), 0)
		s.advance(2 * time.Second)
		into := k.into("way")
		into.act(func(b *amqp.Batch) { into.recv.Update(b, into.ids, true, accepted) })
		ended(s, "what was on its way to the broker", o, wire.StateAccepted)
		c.acceptAll()
		equal(s, "what came from it", from.heard(), "accepted")
		s.advance(time.Second)
		if err := <-done; err != nil {
			t.Errorf("shutdown: %v", err)
		}
		k.forget()
		s.advance(time.Minute)
		equal(s, "attached since", k.count("attached"), 0)
		synctest.Wait()
	}, out("way"), in("way"))
}
