package crowd

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// Asker is an application that finds out which addresses can be reached from a router. Its
// methods are for one goroutine.
type Asker struct {
	client  *client
	session *amqp.Session
	relay   *asking
	names   int
}

// Ask connects to a router.
func Ask(ctx context.Context, target string) (*Asker, error) {
	cl, err := dial(ctx, "asker", target)
	if err != nil {
		return nil, err
	}
	a := &Asker{client: cl}
	var b amqp.Batch
	if a.session, err = cl.conn.Begin(&b); err == nil {
		a.relay, err = a.attach(&b, &wire.Target{})
	}
	if err != nil {
		cl.close()
		return nil, fmt.Errorf("asker: %w", err)
	}
	b.Flush()
	return a, cl.wait(ctx, a.relay.able)
}

// Close ends the connection.
func (a *Asker) Close() { a.client.close() }

// Await returns when an address has a consumer with credit that can be reached. Then the
// router knows all that the consumer's router has told before.
func (a *Asker) Await(ctx context.Context, address string) error {
	var b amqp.Batch
	s, err := a.attach(&b, &wire.Target{Address: wire.Some(address)})
	if err != nil {
		return fmt.Errorf("asker: %w", err)
	}
	b.Flush()
	if err := a.client.wait(ctx, s.able); err != nil {
		return fmt.Errorf("no consumer of %q is to be reached: %w", address, err)
	}
	s.link.Detach(&b, nil)
	b.Flush()
	return nil
}

// Reaches sends a message to an address, and says whether a consumer has accepted it. If
// not, the router gave it back.
func (a *Asker) Reaches(ctx context.Context, address string) (bool, error) {
	p := wire.MessageProperties{To: wire.Some(address)}
	var b amqp.Batch
	_, _, res := a.relay.link.Send(&b, &amqp.Outgoing{Payload: wire.AppendData(p.Append(nil), []byte(address))}, a.relay, 0)
	b.Flush()
	if res != amqp.Sent {
		return false, fmt.Errorf("asker: the router takes no message for %q now", address)
	}
	select {
	case kind := <-a.relay.outcome:
		if kind != wire.StateAccepted && kind != wire.StateReleased {
			return false, fmt.Errorf("asker: a message to %q came to another end (%d)", address, kind)
		}
		return kind == wire.StateAccepted, nil
	case <-a.client.over:
		return false, a.client.err
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// attach attaches a link to send by.
func (a *Asker) attach(b *amqp.Batch, to *wire.Target) (*asking, error) {
	a.names++
	s := &asking{client: a.client, able: make(chan struct{}), outcome: make(chan wire.StateKind, 1)}
	_, err := a.session.AttachSender(b, strconv.Itoa(a.names), s, &amqp.Answer{Source: &wire.Source{}, Target: to})
	return s, err
}

// asking is a link by which an asker sends.
type asking struct {
	client  *client
	link    *amqp.Sender
	been    atomic.Bool
	able    chan struct{} // closed when it has credit for the first time
	outcome chan wire.StateKind
}

// Attaching gets the link.
func (s *asking) Attaching(l *amqp.Sender) { s.link = l }

// OnSendable is called when there is credit.
func (s *asking) OnSendable(b *amqp.Batch, l *amqp.Sender) {
	if _, credit := l.Load(); credit > 0 && s.been.CompareAndSwap(false, true) {
		close(s.able)
	}
	l.Drained(b)
}

// OnOutcome passes on what became of a message.
func (s *asking) OnOutcome(_ *amqp.Batch, refs []uint32, o amqp.Outcome) {
	if o.Settled || o.Lost {
		s.outcome <- o.State.Kind
	}
}

// OnDetach ends the connection if the link was refused: whoever waits is told by that.
func (s *asking) OnDetach(_ *amqp.Batch, e *wire.Error) {
	if e != nil {
		s.client.conn.Abort(fmt.Errorf("a sender was detached by the router: %w", e))
	}
}
