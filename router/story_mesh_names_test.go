package router_test

import (
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// Addresses that name a router, senders without a target, and annotations.

// dynamic attaches a consumer with an address that the router makes up.
func (a *app) dynamic(credit uint32) (c *consumer, address string) {
	c = a.consumerWith(meshtest.ReceiverOptions{
		Source: &wire.Source{Dynamic: true}, Snd: wire.SndMixed, Credit: credit,
		OnAttach: func(p *wire.Attach) { address = p.Source.Address.V },
	})
	return c, address
}

func TestMeshReplyToADynamicAddressAtAnotherRouter(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		replies, address := s.at("A", "asks").dynamic(10)
		if !strings.Contains(address, "_topo/0/A/temp.") {
			t.Fatalf("the address is %q", address)
		}
		service := s.at("C", "service")
		targeted := service.producer(address)
		s.known()
		if targeted.credit() == 0 {
			t.Error("no credit for a sender to it")
		}
		o := targeted.send(text("by a link of its own"))
		anonymous := service.producer("")
		o2 := anonymous.send(addressed(address, "by an anonymous one"))
		s.known()
		equal(s.stage, "replies", replies.bodies(), "by a link of its own by an anonymous one")
		replies.acceptAll()
		ended(s.stage, "the one", o, wire.StateAccepted)
		ended(s.stage, "the other", o2, wire.StateAccepted)
	})
}

func TestMeshRequestsAndRepliesGoOnForLong(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		asks, service := s.at("A", "asks"), s.at("C", "service")
		replies, address := asks.dynamic(1000)
		requests := service.consumer("service.q", 1000)
		s.known()
		p, back := asks.producer("service.q"), service.producer("")
		for i := range 300 {
			p.send(text("ask"))
			requests.acceptAll()
			back.send(addressed(address, "answer"))
			replies.acceptAll()
			if i%30 == 0 {
				s.advance(700 * time.Millisecond)
			}
		}
		equal(s.stage, "requests", requests.count(), 300)
		equal(s.stage, "replies", replies.count(), 300)
		equal(s.stage, "unsettled answers", back.Unsettled(), 0)
	})
}

func TestMeshReplyToAClientThatHasLeft(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		replies, address := s.at("A", "asks").dynamic(10)
		p := s.at("C", "service").producer("")
		replies.app.kill()
		o := p.send(addressed(address, "too late"))
		s.known()
		ended(s.stage, "the reply", o, wire.StateReleased)
	})
}

func TestMeshReplyToARouterThatDoesNotExist(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		p := s.at("A", "sender").producer("")
		o := p.send(addressed("_topo/0/NOWHERE/temp.x", "lost"))
		s.known()
		ended(s.stage, "the reply", o, wire.StateReleased)
	})
}

func TestMeshAnonymousSenderReachesConsumersElsewhere(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		c, m := s.at("C", "receiver").consumer("q", 1000), s.at("B", "subscriber").consumer("multicast.q", 1000)
		s.known()
		p := s.at("A", "sender").producer("")
		o := p.send(addressed("q", "1"))
		o2 := p.send(addressed("multicast.q", "2"))
		none := p.send(addressed("nobody", "3"))
		equal(s.stage, "q", c.bodies(), "1")
		equal(s.stage, "multicast", m.bodies(), "2")
		ended(s.stage, "to nobody", none, wire.StateReleased)
		c.acceptAll()
		m.acceptAll()
		ended(s.stage, "q", o, wire.StateAccepted)
		ended(s.stage, "multicast", o2, wire.StateAccepted)
		for i := range 400 { // long after, and again and again
			p.send(addressed("q", "x"))
			c.acceptAll()
			if i%100 == 0 {
				s.advance(20 * time.Second)
			}
		}
		equal(s.stage, "q", c.count(), 401)
		equal(s.stage, "unsettled", p.Unsettled(), 0)
	})
}

func TestMeshLocalAddressesStayHere(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		s.at("B", "there").consumer("_local/q", 10)
		s.known()
		p := s.at("A", "sender").producer("_local/q")
		equal(s.stage, "credit", p.credit(), 0)
	})
}

// keepsAnnotations makes applications hear of the way of their messages.
func keepsAnnotations(c *config.Config) { c.Listeners[0].StripAnnotations = config.StripIn }

// trace reads the router annotations of a message.
func traceOf(t *testing.T, b []byte) (ingress string, trace []string) {
	t.Helper()
	for len(b) > 0 {
		sec, rest, err := wire.NextSection(b)
		if err != nil {
			t.Fatal(err)
		}
		if sec.Code == wire.SectionMessageAnnotations {
			m, err := wire.DecodeAnnotations(sec.Value)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range m {
				switch p.Key {
				case wire.Symbol("x-opt-qd.ingress"):
					ingress, _ = p.Value.(string)
				case wire.Symbol("x-opt-qd.trace"):
					for _, r := range p.Value.([]any) {
						trace = append(trace, r.(string))
					}
				}
			}
		}
		b = rest
	}
	return ingress, trace
}

func TestMeshAnnotationsSayTheWay(t *testing.T) {
	for _, address := range []string{"q", "multicast.q"} {
		t.Run(address, func(t *testing.T) {
			playMesh(t, "A-B B-C C-D", keepsAnnotations, func(s *meshStage) {
				c := s.at("D", "receiver").consumer(address, 10)
				s.known()
				p := s.at("A", "sender").producer(address)
				p.send(text("x"))
				p.send(long(200_000))
				s.known()
				equal(s.stage, "came", c.count(), 2)
				for i, d := range c.got {
					if i > 0 {
						break // the annotations of a long message are not rewritten
					}
					ingress, trace := traceOf(t, d.bytes)
					equal(s.stage, "ingress", ingress, "0/A")
					equal(s.stage, "trace", strings.Join(trace, " "), "0/A 0/B 0/C 0/D")
				}
				c.acceptAll()
			})
		})
	}
}

func TestMeshAnnotationsAreForThoseWhoAskedAlone(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		c := s.at("C", "receiver").consumer("q", 10)
		s.known()
		s.at("A", "sender").producer("q").send(text("x"))
		equal(s.stage, "bytes", string(c.got[0].bytes), string(text("x")))
	})
}

// Somebody has replied to a router, which then cannot be reached, and can again. What is sent
// meanwhile comes back, whether the router was ever asked before or not.
func TestMeshReplyToARouterThatWasThereBefore(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		replies, address := s.at("A", "asks").dynamic(10)
		others, other := s.at("A", "asks too").dynamic(10)
		any, named := s.at("B", "service").producer(""), s.at("B", "service with a link").producer(address)
		s.known()
		o := any.send(addressed(address, "before"))
		replies.acceptAll()
		ended(s.stage, "the reply", o, wire.StateAccepted)
		equal(s.stage, "credit", named.credit() > 0, true)

		s.cut("A", "B")
		s.advance(2 * time.Second)
		o = any.send(addressed(address, "too late"))
		s.advance(time.Second)
		ended(s.stage, "the reply", o, wire.StateReleased)
		late := s.at("B", "service that comes later").producer(other)
		equal(s.stage, "credit", named.credit()+late.credit(), 0)

		s.heal("A", "B")
		s.advance(10 * time.Second)
		for _, p := range []*producer{any, named, late} {
			equal(s.stage, "credit", p.credit() > 0, true)
			o := p.send(addressed(address, "again"))
			replies.acceptAll()
			others.acceptAll()
			ended(s.stage, "the reply", o, wire.StateAccepted)
		}
		equal(s.stage, "came", replies.bodies(), "before again again")
		equal(s.stage, "came", others.bodies(), "again")
	})
}
