package router

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// probe is a client of the router that lives for one message: it connects from the process into
// itself, attaches a receiver to an address of its own and a sender to that, and has the message
// carried, delivered and accepted as those of all clients are. All methods run on its reader.
type probe struct {
	conn    *amqp.Conn // immutable
	session *amqp.Session
	over    chan error // has room for one
}

// probesAtOnce is how many may ask at a time whether the router is alive.
const probesAtOnce = 4

var (
	errProbeEnded = errors.New("the data path has ended a connection of the router to itself")
	probeMessage  = []byte{0x00, 0x53, 0x75, 0xa0, 0x00} // a data section with nothing in it [3.2.6]
)

// Alive sends a message through the data path and waits for its outcome, until ctx ends at the
// latest: nil if it was accepted. A router that drains takes no messages, and is not asked.
func (r *Router) Alive(ctx context.Context) error {
	if r.draining.Load() {
		return nil
	}
	select {
	case r.probing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	// Whatever hangs, the answer does not: a probe that waits for a lock keeps its place.
	over := make(chan error, 1)
	go func() { // ends with the probe
		defer func() { <-r.probing }()
		over <- r.probe(ctx)
	}()
	select {
	case err := <-over:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// probe is Alive, once there is a place.
func (r *Router) probe(ctx context.Context) error {
	near, far := net.Pipe()
	conf := &amqp.Config{ContainerID: r.cfg.Router.ID, MaxFrameSize: 4 << 10, ChannelMax: 0}
	p := &peer{router: r, place: "probe", inside: true, since: time.Now()}
	p.conn.InitServer(near, conf, p)
	x := &probe{over: make(chan error, 1)}
	x.conn = amqp.NewClient(far, conf, x)
	if !r.begin(2) {
		return nil
	}
	p.conn.Start(func(error) { r.tasks.Done() }) // ends with the probe
	x.conn.Start(func(err error) {               // ends with the probe
		x.end(fmt.Errorf("%w: %v", errProbeEnded, err))
		r.tasks.Done()
	})
	defer func() {
		x.conn.Abort(nil)
		p.conn.Abort(nil)
	}()
	select {
	case err := <-x.over:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end says how it went; what is said first counts.
func (x *probe) end(err error) {
	select {
	case x.over <- err:
	default:
	}
}

// OnOpen has nothing to check.
func (x *probe) OnOpen(*amqp.Conn, *amqp.Batch) *wire.Error { return nil }

// OnAttach takes no links.
func (x *probe) OnAttach(b *amqp.Batch, r *amqp.AttachRequest) {
	r.Refuse(b, &wire.Error{Condition: wire.CondNotAllowed})
}

// OnFault ends the probe: the router has violated the protocol.
func (x *probe) OnFault(_ *amqp.Conn, scope string, err *wire.Error) {
	x.end(fmt.Errorf("the data path violates the protocol: %s: %w", scope, err))
}

// OnOpened attaches the receiver.
func (x *probe) OnOpened(b *amqp.Batch) {
	var err error
	if x.session, err = x.conn.Begin(b); err == nil {
		_, err = x.session.AttachReceiver(b, "from", &probeReceiver{probe: x}, &amqp.Answer{Source: &wire.Source{Dynamic: true}, Target: new(wire.Target)})
	}
	if err != nil {
		x.end(err)
	}
}

// probeReceiver is the end at which the message comes back.
type probeReceiver struct {
	probe *probe
	link  *amqp.Receiver
}

// Attaching gets the link.
func (p *probeReceiver) Attaching(l *amqp.Receiver) { p.link = l }

// OnAttached attaches the sender to the address that the router has made.
func (p *probeReceiver) OnAttached(b *amqp.Batch, a *wire.Attach) {
	if a.Source == nil {
		return // a detach that says why follows
	}
	p.link.SetWindow(b, 1)
	to := &wire.Target{Address: a.Source.Address}
	if _, err := p.probe.session.AttachSender(b, "to", &probeSender{probe: p.probe}, &amqp.Answer{Source: new(wire.Source), Target: to}); err != nil {
		p.probe.end(err)
	}
}

// OnTransfer accepts the message.
func (p *probeReceiver) OnTransfer(b *amqp.Batch, d *amqp.Delivery) {
	if !d.More {
		d.Link.Update(b, []uint32{d.ID}, true, wire.DeliveryState{Kind: wire.StateAccepted})
	}
}

// OnSenderState has nothing to do.
func (p *probeReceiver) OnSenderState(*amqp.Batch, amqp.InDelivery, bool, wire.DeliveryState) {}

// OnDetach ends the probe.
func (p *probeReceiver) OnDetach(_ *amqp.Batch, _ []amqp.InDelivery, err *wire.Error) {
	p.probe.detached(err)
}

// probeSender is the end from which the message goes.
type probeSender struct {
	probe *probe
	sent  bool
}

// OnSendable sends the message, once.
func (p *probeSender) OnSendable(b *amqp.Batch, l *amqp.Sender) {
	if !p.sent {
		_, _, result := l.Send(b, &amqp.Outgoing{Payload: probeMessage}, p, 0)
		p.sent = result == amqp.Sent
	}
}

// OnOutcome ends the probe.
func (p *probeSender) OnOutcome(_ *amqp.Batch, _ []uint32, o amqp.Outcome) {
	if o.State.Kind == wire.StateAccepted {
		p.probe.end(nil)
		return
	}
	p.probe.end(fmt.Errorf("the data path did not deliver a message of the router to itself: the outcome is %v", o.State.Kind))
}

// OnDetach ends the probe.
func (p *probeSender) OnDetach(_ *amqp.Batch, err *wire.Error) { p.probe.detached(err) }

func (x *probe) detached(err *wire.Error) {
	if err != nil {
		x.end(fmt.Errorf("the data path has ended a link of the router to itself: %w", err))
	}
}
