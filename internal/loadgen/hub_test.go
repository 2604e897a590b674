package loadgen

import (
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/sasl"
	"github.com/meshway/meshway/internal/wire"
)

// hub is the least that load can be put on: it passes whole messages from
// producers to the consumers of the same address in turn, and outcomes back.
// What nobody takes now waits.
type hub struct {
	at      string                         // where it listens
	serve   func()                         // once
	refuse  *wire.Error                    // of every attach; nil accepts
	spoil   func(n int, p []byte) [][]byte // what becomes of the n-th message; nil leaves it
	pretend bool                           // that messages spoiled away were accepted, and some that arrived modified; else they are released

	attached func(n int) // hears of the n-th attach; may be nil

	mu    sync.Mutex
	nodes map[string]*hubNode
	conns int
	live  []*amqp.Conn
	links int
}

type hubNode struct {
	hub       *hub
	mu        sync.Mutex
	consumers []*amqp.Sender
	waiting   []hubMessage
	seen      int
}

type hubMessage struct {
	from    *hubProducer
	id      uint32
	settled bool
	payload []byte
}

// newHub listens until the test ends, and serves once it was asked for its target.
func newHub(t *testing.T) *hub {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{at: l.Addr().String(), nodes: map[string]*hubNode{}}
	cfg := &amqp.Config{
		ContainerID: "hub", MaxFrameSize: 16 << 10, ChannelMax: 1, Mechanisms: []sasl.Mechanism{sasl.Anonymous{}},
	}
	var conns sync.WaitGroup
	h.serve = sync.OnceFunc(func() {
		conns.Go(func() {
			for {
				nc, err := l.Accept()
				if err != nil {
					return
				}
				conns.Go(func() { _ = amqp.NewServer(nc, cfg, h).Run() })
			}
		})
	})
	t.Cleanup(func() { l.Close(); conns.Wait() })
	return h
}

// target is where it serves from then on: what it is to do has been said before.
func (h *hub) target() string {
	h.serve()
	return h.at
}

func (h *hub) OnOpen(c *amqp.Conn, _ *amqp.Batch) *wire.Error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conns++
	h.live = append(h.live, c)
	return nil
}

// endAll ends every connection.
func (h *hub) endAll(end func(b *amqp.Batch, c *amqp.Conn)) {
	h.mu.Lock()
	live := slices.Clone(h.live)
	h.mu.Unlock()
	var b amqp.Batch
	for _, c := range live {
		end(&b, c)
	}
	b.Flush()
}

func (h *hub) OnFault(*amqp.Conn, string, *wire.Error) {}

func (h *hub) OnAttach(b *amqp.Batch, r *amqp.AttachRequest) {
	if h.refuse != nil {
		r.Refuse(b, h.refuse)
		return
	}
	if h.attached != nil {
		h.mu.Lock()
		h.links++
		n := h.links
		h.mu.Unlock()
		defer h.attached(n)
	}
	a := &amqp.Answer{Source: r.Attach.Source, Target: r.Attach.Target, SndSettleMode: r.Attach.SndSettleMode.Or(wire.SndMixed)}
	if r.Attach.Role == wire.RoleSender {
		p := &hubProducer{node: h.node(r.Attach.Target.Address.V)}
		p.link, _ = r.AcceptReceiver(b, p, a)
		p.link.SetWindow(b, 100)
		return
	}
	n := h.node(r.Attach.Source.Address.V)
	l, _ := r.AcceptSender(b, n, a)
	n.mu.Lock()
	n.consumers = append(n.consumers, l)
	n.mu.Unlock()
}

func (h *hub) fateOfSpoiled() wire.DeliveryState {
	if h.pretend {
		return wire.Accepted
	}
	return wire.Released
}

func (h *hub) node(address string) *hubNode {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.nodes[address] == nil {
		h.nodes[address] = &hubNode{hub: h}
	}
	return h.nodes[address]
}

func (n *hubNode) OnSendable(b *amqp.Batch, _ *amqp.Sender) { n.drain(b) }

func (n *hubNode) OnDetach(*amqp.Batch, *wire.Error) {}

// drain sends what waits, in order, to the next consumer that takes it.
func (n *hubNode) drain(b *amqp.Batch) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(n.waiting) > 0 {
		m := &n.waiting[0]
		sent := slices.IndexFunc(n.consumers, func(l *amqp.Sender) bool {
			_, _, res := l.Send(b, &amqp.Outgoing{Settled: m.settled, Payload: m.payload}, m.from, m.id)
			return res == amqp.Sent
		})
		if sent < 0 {
			return
		}
		if m.settled {
			m.from.link.Finish(b, 1)
		}
		taker := n.consumers[sent]
		n.consumers = append(slices.Delete(n.consumers, sent, sent+1), taker)
		n.waiting = n.waiting[1:]
	}
}

// hubProducer is a link by which messages come to the hub.
type hubProducer struct {
	node    *hubNode
	link    *amqp.Receiver
	partial []byte
}

func (p *hubProducer) OnTransfer(b *amqp.Batch, d *amqp.Delivery) {
	p.partial = append(p.partial, d.Payload...)
	if d.More {
		return
	}
	payloads := [][]byte{p.partial}
	p.partial = nil
	n := p.node
	n.mu.Lock()
	if n.hub.spoil != nil {
		payloads = n.hub.spoil(n.seen, payloads[0])
	}
	n.seen++
	for _, payload := range payloads {
		n.waiting = append(n.waiting, hubMessage{p, d.ID, d.Settled, payload})
	}
	n.mu.Unlock()
	if len(payloads) == 0 {
		if d.Settled {
			p.link.Finish(b, 1)
		} else {
			p.link.Update(b, []uint32{d.ID}, true, p.node.hub.fateOfSpoiled())
		}
	}
	n.drain(b)
}

func (p *hubProducer) OnOutcome(b *amqp.Batch, refs []uint32, o amqp.Outcome) {
	for _, ref := range refs {
		state := o.State
		if p.node.hub.pretend && ref%10 == 4 {
			state = wire.DeliveryState{Kind: wire.StateModified}
		}
		p.link.Update(b, []uint32{ref}, true, state)
	}
}

func (p *hubProducer) OnSenderState(*amqp.Batch, amqp.InDelivery, bool, wire.DeliveryState) {}

func (p *hubProducer) OnDetach(*amqp.Batch, []amqp.InDelivery, *wire.Error) {}
