package router_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// Stories of what goes over routed links: settlement, long messages, back-pressure.

func TestThreeWaySettlementGoesThroughRoutedLinks(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		p := s.at("A", "app").producerWith(meshtest.SenderOptions{Target: meshtest.To("tx/q"), Rcv: wire.RcvSecond})
		s.settleDown()
		o := p.send(text("m"))
		s.settleDown()
		in := b.in[0].got[0]
		b.app.do(func() { in.Settle(accepted, false) })
		s.settleDown()
		equal(s.stage, "the outcome", o.State.Kind, wire.StateAccepted)
		equal(s.stage, "settled by the receiver", o.RemoteSettled, false)
		p.app.do(func() { o.Settle(accepted) })
		s.settleDown()
		equal(s.stage, "settled by the sender, at the container", in.RemoteSettled, true)
		equal(s.stage, "with the state", in.State.Kind, wire.StateAccepted)
	})
}

func TestAnOutcomeThatChangesBeforeItIsSettledIsPassedOn(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		p := s.at("A", "app").producer("tx/q")
		s.settleDown()
		o := p.send(text("m"))
		s.settleDown()
		for _, state := range []wire.DeliveryState{wire.TransactionalState([]byte("t"), accepted), released, accepted} {
			b.app.do(func() { b.in[0].got[0].Settle(state, false) })
			s.settleDown()
			equal(s.stage, "the outcome", o.State.Kind, state.Kind)
		}
	})
}

func TestPresettledAndHalfSettledDeliveriesStayWhatTheyAre(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		p := s.at("A", "app").producer("tx/q")
		s.settleDown()
		p.post(text("settled"))
		var o *meshtest.Out
		p.app.do(func() {
			o = p.Send(&meshtest.Out{Payload: text("settled at its end"), Frame: 5, SettleAtEnd: true, Tag: []byte("x")})
		})
		s.settleDown()
		equal(s.stage, "received", b.in[0].bodies(), "settled settled at its end")
		for _, d := range b.in[0].got {
			equal(s.stage, "settled", d.Settled, true)
		}
		equal(s.stage, "complete", o.Complete, true)
	})
}

func TestALongMessageGoesFrameByFrameAsTheContainerTakesThem(t *testing.T) {
	for _, way := range []string{"to the container", "to the client"} {
		t.Run(way, func(t *testing.T) {
			line(t, func(s *meshStage, b *broker) {
				const size = 6 << 20
				message := long(size)
				app := s.at("A", "app")
				if way == "to the client" {
					slow := app.begin(narrow)
					c := app.consumer("tx/q", 10)
					s.settleDown()
					b.app.do(func() { b.out[0].Send(&meshtest.Out{Payload: message}) })
					s.bySlowWindows(app, slow, func() bool { return len(c.got) == 1 && c.got[0].Complete })
					if !bytes.Equal(c.got[0].bytes, message) {
						t.Errorf("%d bytes came, of %d", len(c.got[0].bytes), len(message))
					}
					return
				}
				app.begin(meshtest.SessionOptions{})
				p := app.producer("tx/q")
				s.settleDown()
				o := p.send(message)
				s.settleDown()
				b.app.do(func() {}) // the container's windows renew themselves
				s.advance(time.Second)
				if len(b.in[0].got) != 1 || !bytes.Equal(b.in[0].got[0].bytes, message) {
					t.Fatal("the message did not come whole")
				}
				b.in[0].settle(0, accepted)
				s.settleDown()
				ended(s.stage, "the message", o, wire.StateAccepted)
			})
		})
	}
}

// bySlowWindows grants a session 8 frames at a time until it is done, while what the mesh
// holds stays bounded.
func (s *meshStage) bySlowWindows(a *app, session *meshtest.Session, done func() bool) {
	s.t.Helper()
	for range 4000 {
		over := false
		a.do(func() { over = done(); session.Grant(8) })
		s.advance(time.Millisecond)
		if over {
			return
		}
		for id, r := range s.routers {
			if n := r.Held(); n > 700<<10 {
				s.t.Fatalf("router %s holds %d bytes", id, n)
			}
		}
	}
	s.t.Fatal("it did not come to its end")
}

func TestASlowRoutedConsumerHoldsUpNobodyElse(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		slow := s.at("A", "slow")
		closed := slow.begin(meshtest.SessionOptions{Window: 4, KeepWindow: true})
		c := slow.consumer("tx/slow", 1000)
		s.settleDown()
		b.app.do(func() {
			for range 200 {
				b.out[0].Send(&meshtest.Out{Payload: long(20 << 10), Settled: true})
			}
		})
		s.settleDown()
		equal(s.stage, "the container still writes to the slow one", b.out[0].Writing(), true)
		quick := s.at("A", "quick").consumer("tx/quick", 1000)
		m := s.at("C", "message-routed").producer("q")
		mc := s.at("A", "consumer").consumer("q", 10)
		s.advance(time.Second)
		b.app.do(func() { b.out[1].Send(&meshtest.Out{Payload: text("quick"), Settled: true}) })
		m.send(text("message"))
		s.settleDown()
		equal(s.stage, "the quick one got", quick.bodies(), "quick")
		equal(s.stage, "a message-routed consumer got", mc.bodies(), "message")
		mc.acceptAll()
		s.bySlowWindows(slow, closed, func() bool { return len(c.got) == 200 && c.got[199].Complete })
	})
}

func TestAnAbortedMessageIsAbortedAtTheContainer(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		p := s.at("A", "app").producer("tx/q")
		s.settleDown()
		o := p.begin(long(100<<10), 50<<10)
		s.settleDown()
		equal(s.stage, "begun at the container", len(b.in[0].got), 1)
		p.app.do(func() { o.Abort() })
		s.settleDown()
		equal(s.stage, "aborted at the container", b.in[0].got[0].Aborted, true)
		next := p.send(text("next"))
		s.settleDown()
		b.in[0].settle(1, accepted)
		s.settleDown()
		ended(s.stage, "the next one", next, wire.StateAccepted)
	})
}

func TestWhatASenderSaysDoesNotOvertakeWhatItSent(t *testing.T) {
	lineWith(t, narrow, func(s *meshStage, b *broker) {
		app := s.at("A", "app")
		p := app.producer("tx/q")
		s.settleDown()
		var list []*meshtest.Out
		app.do(func() {
			for range 100 {
				list = append(list, p.Send(&meshtest.Out{Payload: long(40 << 10)}))
			}
		})
		s.advance(time.Second)
		equal(s.stage, "all have left", list[99].Complete, false)
		equal(s.stage, "come", len(b.in[0].got), 2)
		app.do(func() {
			for _, o := range list {
				if o.Complete {
					o.Settle(released)
				}
			}
		})
		s.advance(time.Second)
		b.widen()
		s.advance(time.Second)
		equal(s.stage, "received", len(b.in[0].got), 100)
		for i, d := range b.in[0].got {
			if !d.Complete || d.RemoteSettled != list[i].LocalSettled {
				t.Fatalf("delivery %d: complete %v, settled by its sender %v, which has settled it: %v", i, d.Complete, d.RemoteSettled, list[i].LocalSettled)
			}
		}
	})
}

func TestAClientThatSendsAndGoesLosesNothingThatItSent(t *testing.T) {
	for name, leave := range map[string]func(a *app, p *producer){
		"detach": func(a *app, p *producer) { p.Detach(true, nil) },
		"end":    func(a *app, p *producer) { p.Session.End(nil) },
		"close":  func(a *app, p *producer) { a.Close(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			lineWith(t, narrow, func(s *meshStage, b *broker) {
				a := s.at("A", "app")
				p := a.producer("tx/q")
				s.settleDown()
				a.do(func() {
					for range 90 {
						p.Send(&meshtest.Out{Payload: long(1 << 10), Settled: true})
					}
					leave(a, p)
				})
				s.advance(time.Second)
				b.widen()
				s.advance(time.Second)
				equal(s.stage, "received", len(b.in[0].got), 90)
				equal(s.stage, "the link at the container is over", b.in[0].Gone(), true)
			})
		})
	}
}

func TestResumedDeliveriesArePassedOn(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		p := s.at("A", "app").producer("tx/q")
		s.settleDown()
		p.app.do(func() {
			p.Send(&meshtest.Out{Payload: text("again"), Resume: true, Tag: []byte("old"), Saying: accepted})
		})
		s.settleDown()
		d := b.in[0].got[0]
		equal(s.stage, "resumed", d.Resume, true)
		equal(s.stage, "tag", d.Tag, "old")
		equal(s.stage, "state", d.State.Kind, wire.StateAccepted)
	})
}

func TestRoutedLinksThatFillTheWayLeaveOthersTheirShare(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		slow := meshtest.Line{Rate: 1 << 20, Buffer: 64 << 10}
		s.net.Between("B", "C").Set(slow, slow)
		for _, name := range []string{"first", "second", "third", "fourth"} {
			s.at("A", name).consumer("tx/"+name, 100000)
		}
		light := s.at("A", "light").consumer("tx/light", 10)
		s.advance(time.Second)
		b.app.do(func() {
			for range 100 {
				for _, heavy := range b.out[:4] {
					heavy.Send(&meshtest.Out{Payload: long(30 << 10), Settled: true})
				}
			}
		})
		s.advance(2 * time.Second)
		b.app.do(func() {
			for range 10 {
				b.out[4].Send(&meshtest.Out{Payload: long(30 << 10), Settled: true})
			}
		})
		s.advance(3 * time.Second)
		if len(light.got) < 9 || !b.out[0].Writing() {
			t.Errorf("the light one has %d of 10; the others still send: %v", len(light.got), b.out[0].Writing())
		}
		s.advance(20 * time.Second)
	})
}
