package router_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

func TestBalancedTakesTheOneWithTheFewestOutstanding(t *testing.T) {
	play(t, nil, func(s *stage) {
		lazy, quick := s.app("lazy").consumer("q", 100), s.app("quick").consumer("q", 100)
		p := s.app("sender").producer("q")
		for range 20 {
			p.send(text("x"))
			quick.acceptAll()
		}
		if n := len(lazy.got); n > 2 {
			s.t.Errorf("the one that settles nothing has %d of 20", n)
		}
	})
}

func TestClosestGoesRoundRobin(t *testing.T) {
	play(t, nil, func(s *stage) {
		lazy, quick := s.app("lazy").consumer("closest/q", 100), s.app("quick").consumer("closest/q", 100)
		p := s.app("sender").producer("closest/q")
		for range 20 {
			p.send(text("x"))
			quick.acceptAll()
		}
		equal(s, "one has", len(lazy.got), 10)
		equal(s, "the other has", len(quick.got), 10)
	})
}

func TestAnAnonymousSenderHasCreditAlways(t *testing.T) {
	play(t, nil, func(s *stage) {
		p := s.app("sender").producer("")
		equal(s, "credit", p.credit(), capacity)
		ended(s, "to nobody", p.send(addressed("nowhere", "x")), wire.StateReleased)
		c := s.app("receiver").consumer("q", 10)
		o := p.send(addressed("q", "a"), addressed("elsewhere", "b"), addressed("q", "c"))
		equal(s, "received", c.bodies(), "a c")
		c.acceptAll()
		ended(s, "the last", o, wire.StateAccepted)
		equal(s, "credit", p.credit(), capacity)
	})
}

func TestHalfAnAnonymousSendersWindowMayWaitForOneAddress(t *testing.T) {
	play(t, nil, func(s *stage) {
		a := s.app("receiver")
		shut, open := a.closed("shut"), a.consumer("open", 1000)
		p := s.app("sender").producer("")
		var outs []*meshtest.Out
		for range capacity/2 + 10 {
			outs = append(outs, p.send(addressed("shut", "x")))
		}
		for i, o := range outs {
			equal(s, fmt.Sprintf("number %d is released", i), o.RemoteSettled, i >= capacity/2)
		}
		p.post(addressed("open", "y"))
		equal(s, "another address", open.bodies(), "y")
		shut.grant(1000)
		equal(s, "what waited", len(shut.got), capacity/2)
	})
}

func TestAMessageWithoutAddressOnAnAnonymousLinkIsRejected(t *testing.T) {
	play(t, nil, func(s *stage) {
		p := s.app("sender").producer("")
		for what, payload := range map[string][]byte{"no properties": text("x"), "garbage": []byte("garbage"), "unavailable": addressed("unavailable/x", "y")} {
			o := p.send(payload)
			ended(s, what, o, wire.StateRejected)
			if e, err := o.State.RejectedError(); err != nil || e == nil || e.Description == "" {
				s.t.Errorf("%s: rejected with %v (%v), want a reason", what, e, err)
			}
		}
		equal(s, "the link lives", p.Live(), true)
	})
}

func TestRequestAndResponseOverADynamicSource(t *testing.T) {
	play(t, nil, func(s *stage) {
		client, server := s.app("client"), s.app("server")
		replies := client.consumerWith(meshtest.ReceiverOptions{Source: &wire.Source{Dynamic: true}, Snd: wire.SndMixed, Credit: 10})
		replyTo := replies.Answer.Source.Address.V
		requests := server.consumer("service", 10)
		answers := server.producer("")
		p := wire.MessageProperties{ReplyTo: wire.Some(replyTo)}
		o := client.producer("service").send(wire.AppendData(p.Append(nil), []byte("question")))
		equal(s, "the server has", requests.bodies(), "question")
		m, err := wire.ParseMessage(requests.got[0].bytes)
		if err != nil {
			s.t.Fatal(err)
		}
		answer := answers.send(addressed(m.Properties.ReplyTo.V, "answer"))
		requests.acceptAll()
		replies.acceptAll()
		equal(s, "the client has", replies.bodies(), "answer")
		ended(s, "the request", o, wire.StateAccepted)
		ended(s, "the answer", answer, wire.StateAccepted)
		other := client.consumerWith(meshtest.ReceiverOptions{Source: &wire.Source{Dynamic: true}})
		if name := other.Answer.Source.Address.V; name == replyTo || name == "" {
			s.t.Errorf("two dynamic sources have the addresses %q and %q", replyTo, name)
		}
	})
}

func TestADynamicTargetCanBeReceivedFrom(t *testing.T) {
	play(t, nil, func(s *stage) {
		p := s.app("sender").producerWith(meshtest.SenderOptions{Target: &wire.Target{Dynamic: true}, Snd: wire.SndMixed})
		c := s.app("receiver").consumer(p.Answer.Target.Address.V, 10)
		p.post(text("x"))
		equal(s, "received", c.bodies(), "x")
	})
}

func TestOneAddressIsWrittenInSeveralWays(t *testing.T) {
	for _, name := range []string{"x", "/x", "amqp:x", "amqp:/x", "amqp://host/x", "amqp://host:5672/x", "amqps://user@host/x"} {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(s *stage) {
				plain, other := s.app("receiver").consumer("x", 10), s.app("sender")
				p := other.producer(name)
				equal(s, "credit", p.credit(), capacity)
				p.post(text("target"))
				other.producer("").post(addressed(name, "to"))
				equal(s, "received", plain.bodies(), "target to")
				plain.detach()
				c := s.app("another").consumer(name, 10)
				s.app("third").producer("x").post(text("source"))
				equal(s, "received by that name", c.bodies(), "source")
			})
		})
	}
}

func TestWhatCannotBeAttachedIsRefusedWithAReason(t *testing.T) {
	type row struct {
		source *wire.Source
		target *wire.Target
		want   wire.Symbol
	}
	for name, r := range map[string]row{
		"sender to unavailable":     {target: meshtest.To("unavailable/x"), want: wire.CondNotFound},
		"receiver from unavailable": {source: meshtest.From("unavailable/x"), want: wire.CondNotFound},
		"coordinator":               {target: &wire.Target{Coordinator: true}, want: wire.CondPreconditionFailed},
		"receiver of requests":      {source: meshtest.From("$management"), want: wire.CondNotAllowed},
		"another router":            {target: meshtest.To("_topo/0/other/x"), want: wire.CondNotFound},
		"source without address":    {source: &wire.Source{}, want: wire.CondInvalidField},
		"an address of 5,000 bytes": {target: meshtest.To(strings.Repeat("x", 5000)), want: wire.CondInvalidField},
		"routers among themselves":  {target: meshtest.To("$meshway.x"), want: wire.CondUnauthorizedAccess},
		"slash alone":               {target: meshtest.To("/"), want: wire.CondInvalidField},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(s *stage) {
				a := s.app("app")
				var end *wire.Error
				if r.target != nil {
					p := a.producerWith(meshtest.SenderOptions{Target: r.target})
					equal(s, "answered without a target", p.Answer.Target == nil, true)
					end = p.end
				} else {
					c := a.consumerWith(meshtest.ReceiverOptions{Source: r.source})
					equal(s, "answered without a source", c.Answer.Source == nil, true)
					end = c.end
				}
				if end == nil || end.Condition != r.want || end.Description == "" {
					s.t.Errorf("refused with %v, want %s and a reason", end, r.want)
				}
				c := a.consumer("q", 10)
				a.producer("q").post(text("x"))
				equal(s, "the session goes on", c.bodies(), "x")
			})
		})
	}
}

func TestLinksWithoutATerminusAreRefused(t *testing.T) {
	play(t, nil, func(s *stage) {
		a := s.app("app")
		p := a.producerWith(meshtest.SenderOptions{NoTarget: true})
		c := a.consumerWith(meshtest.ReceiverOptions{})
		for what, e := range map[string]*wire.Error{"a sender": p.end, "a receiver": c.end} {
			if e == nil || e.Condition != wire.CondInvalidField || !strings.Contains(e.Description, "has no") {
				s.t.Errorf("%s is refused with %v, want %s and what it has not", what, e, wire.CondInvalidField)
			}
		}
	})
}

// [3.5.3] An answer says what is in effect: a router keeps nothing, and filters nothing.
func TestAnAnswerPromisesNothingThatTheRouterDoesNotDo(t *testing.T) {
	play(t, func(c *config.Config) { c.Listeners[0].MaxMessageSize = 5000 }, func(s *stage) {
		a := s.app("app")
		c := a.consumerWith(meshtest.ReceiverOptions{Source: &wire.Source{
			Address: wire.Some("q"), Durable: 2, ExpiryPolicy: wire.Some[wire.Symbol]("never"), Timeout: wire.Some[uint32](60),
			Filter: wire.Raw{0xc1, 6, 2, 0xa3, 1, 0x73, 0xa1, 0},
		}})
		p := a.producerWith(meshtest.SenderOptions{Target: &wire.Target{
			Address: wire.Some("q"), Durable: 2, ExpiryPolicy: wire.Some[wire.Symbol]("never"), Timeout: wire.Some[uint32](60),
		}})
		source, target := c.Answer.Source, p.Answer.Target
		equal(s, "durability of the source", source.Durable, 0)
		equal(s, "durability of the target", target.Durable, 0)
		equal(s, "an expiry of the source", source.ExpiryPolicy.OK || source.Timeout.OK, false)
		equal(s, "an expiry of the target", target.ExpiryPolicy.OK || target.Timeout.OK, false)
		equal(s, "filters", len(source.Filter), 0)
		equal(s, "the largest message", p.Answer.MaxMessageSize.V, 5000)
		equal(s, "an address as it was asked for", source.Address.V+" "+target.Address.V, "q q")
	})
}

// annotations are what stands before the body of a message with an annotation of its own
// and, as if it had passed a router before, with those of a router.
func annotations() []byte {
	m := wire.Map{{Key: wire.Symbol("x-opt-mine"), Value: "kept"}, {Key: wire.Symbol("x-opt-qd.ingress"), Value: "0/before"},
		{Key: wire.Symbol("x-opt-qd.trace"), Value: []any{"0/before"}}}
	b, err := wire.AppendAnnotations(nil, wire.SectionMessageAnnotations, m)
	if err != nil {
		panic(err)
	}
	return b
}

// stripping is what becomes of annotations between listeners with these settings.
var stripping = []struct {
	from, to       config.Strip
	ingress, trace string
}{
	{config.StripBoth, config.StripBoth, "", ""},
	{config.StripNone, config.StripNone, "0/before", "0/before 0/R"},
	{config.StripBoth, config.StripNone, "0/R", "0/R"},
	{config.StripIn, config.StripIn, "0/R", "0/R"},
	{config.StripOut, config.StripNone, "0/before", "0/before 0/R"},
	{config.StripNone, config.StripBoth, "", ""},
	{config.StripNone, config.StripOut, "", ""},
	{config.StripOut, config.StripOut, "", ""},
}

func TestAnnotationsOfRoutersComeAndGoAsTheListenersSay(t *testing.T) {
	send := func(p *producer, body []byte) {
		p.app.do(func() { p.Send(&meshtest.Out{Payload: append(annotations(), body...), Settled: true, Frame: 10_000}) })
	}
	for name, way := range map[string]func(p *producer, c *consumer, session *meshtest.Session) (body []byte){
		"short": func(p *producer, _ *consumer, _ *meshtest.Session) []byte { send(p, text("x")); return text("x") },
		"long": func(p *producer, _ *consumer, _ *meshtest.Session) []byte {
			send(p, long(200_000))
			return long(200_000)
		},
		"of several frames that find no window": func(p *producer, c *consumer, session *meshtest.Session) []byte {
			p.post(text("takes the window"))
			send(p, long(30_000))
			equal(c.app.stage, "deliveries in the window", len(c.got), 1)
			c.app.do(func() { session.Grant(10) })
			c.got = c.got[1:]
			return long(30_000)
		},
	} {
		for _, address := range []string{"q", "multicast/m"} {
			for _, row := range stripping {
				t.Run(fmt.Sprintf("%s, from %s to %s at %s", name, row.from, row.to, address), func(t *testing.T) {
					play(t, func(c *config.Config) {
						to := c.Listeners[0]
						c.Listeners[0].StripAnnotations = row.from
						to.Name, to.Port, to.StripAnnotations = "to", "5673", row.to
						c.Listeners = append(c.Listeners, to)
					}, func(s *stage) {
						a := s.appAt("receiver", listenHost+":5673", meshtest.ClientOptions{})
						o := meshtest.SessionOptions{Window: 1000}
						if strings.Contains(name, "no window") {
							o = meshtest.SessionOptions{Window: 1, KeepWindow: true}
						}
						session := a.begin(o)
						c := a.consumer(address, 10)
						body := way(s.app("sender").producer(address), c, session)
						m, err := wire.ParseMessage(c.got[0].bytes)
						if err != nil {
							s.t.Fatal(err)
						}
						ingress, _ := m.MessageAnnotations.Get("x-opt-qd.ingress")
						trace, _ := m.MessageAnnotations.Get("x-opt-qd.trace")
						mine, _ := m.MessageAnnotations.Get("x-opt-mine")
						equal(s, "ingress", fmt.Sprint(orEmpty(ingress)), row.ingress)
						equal(s, "trace", strings.Trim(fmt.Sprint(orEmpty(trace)), "[]"), row.trace)
						equal(s, "its own", mine, any("kept"))
						equal(s, "complete", c.got[0].Complete, true)
						equal(s, "the body as it was", bytes.HasSuffix(c.got[0].bytes, body), true)
					})
				})
			}
		}
	}
}

func orEmpty(v any) any {
	if v == nil {
		return ""
	}
	return v
}
