package router_test

import (
	"bytes"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// Stories of a broker that sends more on a routed link than its client has given credit for, as
// RabbitMQ does. Clients of the stage fail the story when that reaches them.

// dialled has a router with a connector to a container, and link routes to that.
func dialled(t *testing.T, story func(s *stage, b *broker)) {
	t.Helper()
	play(t, func(c *config.Config) {
		c.Connectors = append(c.Connectors, toBroker("broker", brokerHost+brokerPort))
		c.LinkRoutes = append(c.LinkRoutes, both("q", brokerHost)...)
	}, func(s *stage) {
		b := &broker{credit: 100}
		b.app = s.appOver(brokerHost, s.acceptDialled(), b.options(meshtest.SessionOptions{}, 255))
		s.advance(time.Second)
		story(s, b)
	})
}

// acceptDialled takes one connection of the router's at the broker's host, whose login it accepts.
func (s *stage) acceptDialled() *meshtest.Conn {
	s.t.Helper()
	must := func(err error) {
		if err != nil {
			s.t.Fatal(err)
		}
	}
	ln, err := s.net.Listen("tcp", brokerHost+brokerPort)
	must(err)
	nc, err := ln.Accept()
	must(err)
	must(ln.Close())
	_, err = nc.Write(wire.AppendSASLFrame(wire.ProtoSASL[:], &wire.SASLMechanisms{Mechanisms: []wire.Symbol{"ANONYMOUS"}}))
	must(err)
	var head [8 + 4]byte // protocol header, and the size of the frame behind it
	_, err = io.ReadFull(nc, head[:])
	must(err)
	_, err = io.ReadFull(nc, make([]byte, int(head[10])<<8+int(head[11])-4))
	must(err)
	_, err = nc.Write(wire.AppendSASLFrame(nil, &wire.SASLOutcome{}))
	must(err)
	return nc.(*meshtest.Conn)
}

// overrun has the broker send messages, of which n are beyond its credit.
func (b *broker) overrun(n uint32, messages ...string) (sent []*meshtest.Out) {
	b.app.do(func() {
		b.out[0].Presume(n)
		for _, m := range messages {
			sent = append(sent, b.out[0].Send(&meshtest.Out{Payload: text(m)}))
		}
	})
	return sent
}

// lastFlow is what the broker has heard last of its credit.
func (b *broker) lastFlow() (count, credit uint32) {
	b.app.do(func() {
		f := b.flows[len(b.flows)-1]
		count, credit = f.DeliveryCount.V, f.LinkCredit.V
	})
	return count, credit
}

func (b *broker) wantFlow(why string, count, credit uint32) {
	b.stage.t.Helper()
	if gotCount, gotCredit := b.lastFlow(); gotCount != count || gotCredit != credit {
		b.stage.t.Errorf("%s: the broker has heard of a credit of %d from %d on, want %d from %d on", why, gotCredit, gotCount, credit, count)
	}
}

func TestWhatABrokerSendsBeyondItsCreditWaitsForMore(t *testing.T) {
	dialled(t, func(s *stage, b *broker) {
		c := s.app("app").consumer("q", 2)
		s.settleDown()
		sent := b.overrun(3, "1", "2", "3", "4", "5")
		s.settleDown()
		equal(s, "with a credit of 2", c.bodies(), "1 2")
		c.acceptAll()
		c.grant(2)
		s.settleDown()
		equal(s, "with 2 more", c.bodies(), "1 2 3 4")
		b.wantFlow("all of that is used", 7+5, 0)
		c.acceptAll()
		c.grant(3)
		s.settleDown()
		equal(s, "with 3 more", c.bodies(), "1 2 3 4 5")
		b.wantFlow("2 of them are for the broker", 7+5, 2)
		c.acceptAll()
		s.settleDown()
		for _, o := range sent {
			ended(s, "each of them", o, wire.StateAccepted)
		}
		b.overrun(0, "6", "7")
		s.settleDown()
		equal(s, "within the credit", c.bodies(), "1 2 3 4 5 6 7")
	})
}

func TestExcessOfABrokerHoldsUpNoOtherLinkOfItsSession(t *testing.T) {
	dialled(t, func(s *stage, b *broker) {
		a := s.app("app")
		c, other := a.consumer("q.1", 1), a.consumer("q.2", 1)
		s.settleDown()
		b.overrun(1, "1", "2")
		b.app.do(func() { b.out[1].Send(&meshtest.Out{Payload: text("x")}) })
		s.settleDown()
		equal(s, "the link with excess", c.bodies(), "1")
		equal(s, "the other one", other.bodies(), "x")
		c.grant(1)
		s.settleDown()
		equal(s, "with credit", c.bodies(), "1 2")
	})
}

func TestADrainOfABrokerThatHasOverrunItsCredit(t *testing.T) {
	dialled(t, func(s *stage, b *broker) {
		c := s.app("app").consumer("q", 2)
		s.settleDown()
		b.overrun(1, "1", "2", "3")
		s.settleDown()
		drained := func() { s.settleDown(); b.app.do(func() { b.out[0].Drained() }); s.settleDown() }
		c.drain(0)
		drained()
		equal(s, "a drain of no credit", c.drained, 1)
		equal(s, "and what had come", c.bodies(), "1 2")
		c.drain(3)
		drained()
		equal(s, "a drain of 3", c.drained, 2)
		equal(s, "and what had come then", c.bodies(), "1 2 3")
		b.wantFlow("the broker has 2 to give back", 7+3, 2)
	})
}

func TestWhatABrokerSaysOfItsExcessComesBehindIt(t *testing.T) {
	dialled(t, func(s *stage, b *broker) {
		c := s.app("app").consumer("q", 1)
		s.settleDown()
		sent := b.overrun(3, "1", "2", "3", "4")
		b.app.do(func() {
			sent[1].Settle(released)
			sent[2].Say(accepted)
			sent[2].Say(released)
			sent[0].Settle(accepted)
		})
		s.settleDown()
		equal(s, "the first is settled", c.got[0].RemoteSettled, true)
		c.grant(2)
		s.settleDown()
		equal(s, "with credit", c.bodies(), "1 2 3")
		equal(s, "the second is settled", c.got[1].RemoteSettled, true)
		equal(s, "with its state", c.got[1].State.Kind, wire.StateReleased)
		equal(s, "the third is not", c.got[2].RemoteSettled, false)
		equal(s, "what was said of it last", c.got[2].State.Kind, wire.StateReleased)
	})
}

func TestLongMessagesBeyondTheCreditOfABroker(t *testing.T) {
	dialled(t, func(s *stage, b *broker) {
		c := s.app("app").consumer("q", 1)
		s.settleDown()
		whole, half, broken := long(100<<10), long(200<<10), long(50<<10)
		var second *meshtest.Out
		b.app.do(func() {
			b.out[0].Presume(3)
			b.out[0].Send(&meshtest.Out{Payload: text("1")})
			b.out[0].Send(&meshtest.Out{Payload: whole})
			third := b.out[0].Start(&meshtest.Out{Payload: broken})
			third.Write(20 << 10)
			third.Abort()
			second = b.out[0].Start(&meshtest.Out{Payload: half})
			second.Write(90 << 10)
		})
		s.settleDown()
		equal(s, "without credit", len(c.got), 1)
		c.grant(3)
		s.settleDown()
		b.app.do(func() { second.Write(len(half)) })
		s.settleDown()
		if len(c.got) != 4 || !bytes.Equal(c.got[1].bytes, whole) || !bytes.Equal(c.got[3].bytes, half) {
			t.Fatalf("%d messages came, or not whole", len(c.got))
		}
		equal(s, "the one that was broken off", c.got[2].Aborted, true)
	})
}

// The window of the broker's session bounds it.
func TestABrokerThatTakesNoNoticeOfCreditIsHeldUp(t *testing.T) {
	dialled(t, func(s *stage, b *broker) {
		c := s.app("app").consumer("q", 10)
		s.settleDown()
		const count = 3000
		b.app.do(func() {
			b.out[0].Presume(count)
			for n := range count {
				b.out[0].Send(&meshtest.Out{Payload: append(text(strconv.Itoa(n)), long(1000)...)})
			}
		})
		for n := 0; n < count; n += 10 {
			s.settleDown()
			if len(c.got) != n+10 {
				t.Fatalf("%d have come with credit for %d", len(c.got), n+10)
			}
			if held := s.router.Held(); held > 700<<10 {
				t.Fatalf("%d bytes are held", held)
			}
			c.acceptAll()
			c.grant(10)
		}
		for n, d := range c.got {
			if got := textOf(d.bytes); got != strconv.Itoa(n) {
				t.Fatalf("message %s came, want %d", got, n)
			}
		}
	})
}

func TestExcessGoesWithItsLink(t *testing.T) {
	for who, leave := range map[string]func(c *consumer, b *broker){
		"the client detaches":     func(c *consumer, _ *broker) { c.detach() },
		"the broker detaches":     func(_ *consumer, b *broker) { b.app.do(func() { b.out[0].Detach(true, nil) }) },
		"the client is lost":      func(c *consumer, _ *broker) { c.app.kill() },
		"the broker is lost":      func(_ *consumer, b *broker) { b.app.kill() },
		"the client's session":    func(c *consumer, _ *broker) { c.app.do(func() { c.app.sessions[0].End(nil) }) },
		"the session of a broker": func(_ *consumer, b *broker) { b.app.do(func() { b.on[0].End(nil) }) },
	} {
		t.Run(who, func(t *testing.T) {
			dialled(t, func(s *stage, b *broker) {
				c := s.app("app").consumer("q", 1)
				s.settleDown()
				sent := b.overrun(2, "1", "2", "3")
				b.app.do(func() { sent[1].Settle(released) })
				s.settleDown()
				if s.router.Held() == 0 {
					t.Error("nothing is held")
				}
				leave(c, b)
				s.advance(10 * time.Second)
				equal(s, "what came", c.bodies(), "1")
				equal(s, "held", s.router.Held(), 0)
			})
		})
	}
}
