package router_test

import (
	"fmt"
	"testing"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// bank is a small transactional resource: it keeps what was sent to it in the order in
// which it became final, and acknowledgements too. Sessions that mix are an error, as the
// specification has it for those that do not offer otherwise. [4.4.1]
type bank struct {
	*broker
	t    *testing.T
	last int
	open map[string]*transaction
	kept []string
}

type transaction struct {
	session *meshtest.Session
	then    []func() // at commit
}

func newBank(t *testing.T, b *broker) *bank {
	k := &bank{broker: b, t: t, open: map[string]*transaction{}}
	b.onIn = k.take
	return k
}

// take handles a message that came: to the coordinator, or to a queue.
func (k *bank) take(d *meshtest.In, payload []byte) {
	if t := d.Link.Answer.Target; t != nil && t.Coordinator {
		k.coordinate(d, payload)
		return
	}
	text := textOf(payload)
	if d.State.Kind != wire.StateTransactional {
		k.kept = append(k.kept, text)
		d.Settle(accepted, true)
		return
	}
	id, _, err := d.State.Transactional()
	x := k.open[string(id)]
	if err != nil || x == nil || x.session != d.Link.Session {
		d.Settle(wire.RejectedState(&wire.Error{Condition: wire.CondTransactionUnknownID}), true)
		return
	}
	x.then = append(x.then, func() { k.kept = append(k.kept, text) })
	d.Settle(wire.TransactionalState(id, accepted), true)
}

func (k *bank) coordinate(d *meshtest.In, payload []byte) {
	s, _, err := wire.NextSection(payload)
	if err != nil {
		k.t.Errorf("the coordinator got %x", payload)
		return
	}
	code, fields, _, err := wire.ParseComposite(s.Value)
	if err != nil {
		k.t.Errorf("the coordinator got %x: %v", s.Value, err)
		return
	}
	switch code {
	case wire.CodeDeclare:
		k.last++
		id := fmt.Sprintf("txn %d", k.last)
		k.open[id] = &transaction{session: d.Link.Session}
		d.Settle(wire.DeclaredState([]byte(id)), true)
	case wire.CodeDischarge:
		var p wire.Discharge
		if err := p.Decode(fields); err != nil || k.open[string(p.TxnID)] == nil {
			d.Settle(wire.RejectedState(&wire.Error{Condition: wire.CondTransactionUnknownID}), true)
			return
		}
		if !p.Fail {
			for _, f := range k.open[string(p.TxnID)].then {
				f()
			}
		}
		delete(k.open, string(p.TxnID))
		d.Settle(accepted, true)
	}
}

// outcome is called for each disposition of a receiver of the bank's messages.
func (k *bank) outcome(o *meshtest.Out, text string) {
	if o.State.Kind != wire.StateTransactional {
		return
	}
	id, state, _ := o.State.Transactional()
	if x := k.open[string(id)]; x != nil && x.session == o.Link.Session && state.Kind == wire.StateAccepted {
		x.then = append(x.then, func() { k.kept = append(k.kept, "acknowledged "+text) })
	}
}

func amqpValue(p interface{ Append([]byte) []byte }) []byte {
	return append([]byte{0, 0x53, 0x77}, p.Append(nil)...)
}

func TestTransactionsGoThroughThreeRouters(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		k := newBank(t, b)
		app := s.at("A", "app")
		control := app.producerWith(meshtest.SenderOptions{Target: &wire.Target{Coordinator: true, Capabilities: []wire.Symbol{wire.CapLocalTransactions}}})
		p, c := app.producer("tx/q"), app.consumer("tx/r", 10)
		s.settleDown()
		declare := func() []byte {
			o := control.send(amqpValue(&wire.Declare{}))
			s.settleDown()
			id, err := o.State.Declared()
			if err != nil || !o.RemoteSettled {
				t.Fatalf("declare: %v, %v", o.State.Kind, err)
			}
			return id
		}
		discharge := func(id []byte, fail bool, want wire.StateKind) {
			o := control.send(amqpValue(&wire.Discharge{TxnID: id, Fail: fail}))
			s.settleDown()
			ended(s.stage, "the discharge", o, want)
		}
		work := func(id []byte, name string) {
			var sent *meshtest.Out
			app.do(func() {
				sent = p.Send(&meshtest.Out{Payload: text("sent in " + name), Saying: wire.TransactionalState(id, wire.DeliveryState{})})
			})
			b.app.do(func() { b.out[0].Send(&meshtest.Out{Payload: text("for " + name)}) })
			s.settleDown()
			ended(s.stage, "what was sent", sent, wire.StateTransactional)
			d := c.got[len(c.got)-1]
			app.do(func() { d.Settle(wire.TransactionalState(id, accepted), false) })
			s.settleDown()
		}
		b.onState = func(o *meshtest.Out) { k.outcome(o, textOf(o.Payload)) }

		committed := declare()
		work(committed, "the first")
		equal(s.stage, "final before the commit", fmt.Sprint(k.kept), "[]")
		discharge(committed, false, wire.StateAccepted)
		equal(s.stage, "final", fmt.Sprint(k.kept), "[sent in the first acknowledged for the first]")

		back := declare()
		work(back, "the second")
		discharge(back, true, wire.StateAccepted)
		p.send(text("outside"))
		s.settleDown()
		equal(s.stage, "final", fmt.Sprint(k.kept), "[sent in the first acknowledged for the first outside]")
		discharge(back, false, wire.StateRejected)
	})
}
