package router_test

import (
	"testing"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

func TestALinkIsAttachedAtTheContainerWithAllThatItsClientSaid(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		filter, err := wire.AppendValue(nil, wire.Map{{Key: wire.Symbol("selector"), Value: wire.Described{Descriptor: uint64(0x0000468C00000004), Value: "colour = 'red'"}}})
		if err != nil {
			t.Fatal(err)
		}
		ask := wire.Attach{
			Name: "sub", SndSettleMode: wire.Some(wire.SndUnsettled), RcvSettleMode: wire.Some(wire.RcvSecond),
			Source: &wire.Source{
				Address: wire.Some("tx/topic"), Durable: wire.DurableUnsettled, ExpiryPolicy: wire.Some(wire.ExpireNever), Timeout: wire.Some[uint32](60),
				DistributionMode: wire.Some(wire.DistributionCopy), Filter: filter, Outcomes: []wire.Symbol{"amqp:accepted:list"}, Capabilities: []wire.Symbol{"topic"},
			},
			Target: &wire.Target{Address: wire.Some("here")}, Unsettled: wire.Raw{0xc1, 1, 0}, IncompleteUnsettled: true,
			MaxMessageSize: wire.Some[uint64](1 << 20), OfferedCapabilities: []wire.Symbol{"a"}, DesiredCapabilities: []wire.Symbol{"b", "c"},
			Properties: wire.Map{{Key: wire.Symbol("p"), Value: "q"}},
		}
		b.answers = func(a *wire.Attach) {
			a.Properties = wire.Map{{Key: wire.Symbol("from"), Value: "broker"}}
			a.OfferedCapabilities = []wire.Symbol{"shared"}
			a.Source = &wire.Source{Address: wire.Some("tx/topic"), Durable: wire.DurableConfiguration, Filter: filter}
		}
		app := s.at("A", "app")
		c := &consumer{app: app}
		app.do(func() {
			a := ask
			c.Receiver = app.sessions[0].AttachReceiverWith(&a, c.options())
		})
		s.settleDown()
		if len(b.asked) != 1 {
			t.Fatalf("%d attaches at the container", len(b.asked))
		}
		got := *b.asked[0]
		want := ask
		want.Name, want.Role, want.Handle = "app/sub", wire.RoleReceiver, got.Handle
		if a, b := string(got.Append(nil)), string(want.Append(nil)); a != b {
			t.Errorf("attached with\n%+v, source %+v, target %+v; want\n%+v, source %+v, target %+v", got, got.Source, got.Target, want, want.Source, want.Target)
		}
		a := c.Answer
		if a == nil {
			t.Fatal("the client has no answer")
		}
		if from, _ := a.Properties.Get("from"); from != "broker" || len(a.Properties) != 1 || len(a.OfferedCapabilities) != 1 || a.Source.Durable != wire.DurableConfiguration || string(a.Source.Filter) != string(filter) || a.InitialDeliveryCount.V != 7 {
			t.Errorf("the answer is %+v, source %+v", a, a.Source)
		}
	})
}

func TestCreditIsTheContainersAndNobodyElses(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		b.credit = 0
		p := s.at("A", "app").producer("tx/q")
		s.settleDown()
		equal(s.stage, "credit before the container gives any", p.Credit(), 0)
		b.in[0].grant(3)
		s.settleDown()
		equal(s.stage, "credit", p.Credit(), 3)
		o := p.send(texts("a", "b", "c", "d")...)
		s.settleDown()
		equal(s.stage, "received", b.in[0].bodies(), "a b c")
		b.in[0].settle(0, accepted)
		b.in[0].settle(1, accepted)
		b.in[0].settle(2, released)
		s.settleDown()
		equal(s.stage, "credit after outcomes", p.Credit(), 0)
		equal(s.stage, "the fourth has left", o.Begun, false)
		b.in[0].grant(1)
		s.settleDown()
		equal(s.stage, "received", b.in[0].bodies(), "a b c d")
	})
}

func TestOutcomesGoBackAsTheyAre(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		p := s.at("A", "app").producer("tx/q")
		s.settleDown()
		states := []wire.DeliveryState{
			accepted, released, wire.RejectedState(&wire.Error{Condition: "x:y", Description: "no"}),
			wire.ModifiedState(true, true, nil), wire.TransactionalState([]byte("t1"), accepted), wire.DeclaredState([]byte("t2")),
			{Kind: wire.StateOther, Fields: []byte{0, 0xa3, 1, 'z', 0x45}},
		}
		for i, state := range states {
			o := p.send(text("m"))
			s.settleDown()
			b.app.do(func() { b.in[0].got[i].Settle(state, true) })
			s.settleDown()
			if !o.RemoteSettled || !o.State.Equal(state) {
				t.Errorf("the outcome %v came as %v, settled %v", state, o.State, o.RemoteSettled)
			}
		}
	})
}

func TestAReceiverGetsTagsStatesAndDrainsOfTheContainer(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		c := s.at("A", "app").consumer("tx/q", 2)
		s.settleDown()
		out := b.out[0]
		if f := b.flows[len(b.flows)-1]; f.LinkCredit.V != 2 || f.Drain {
			t.Errorf("the container got %+v", f)
		}
		b.app.do(func() {
			out.Send(&meshtest.Out{Payload: text("a"), Tag: []byte("tag one"), Format: 5, Saying: wire.TransactionalState([]byte("t"), wire.DeliveryState{})})
		})
		s.settleDown()
		equal(s.stage, "received", c.bodies(), "a")
		equal(s.stage, "tag", c.got[0].Tag, "tag one")
		equal(s.stage, "format", c.got[0].Format, 5)
		equal(s.stage, "state", c.got[0].State.Kind, wire.StateTransactional)
		c.drain(1)
		s.settleDown()
		equal(s.stage, "drained before the container says so", c.drained, 0)
		if f := b.flows[len(b.flows)-1]; f.LinkCredit.V != 1 || !f.Drain {
			t.Errorf("the container got %+v", f)
		}
		b.app.do(func() { out.Drained() })
		s.settleDown()
		equal(s.stage, "drained", c.drained, 1)
		c.settle(0, accepted)
		s.settleDown()
		equal(s.stage, "unsettled at the container", out.Unsettled(), 0)
	})
}
