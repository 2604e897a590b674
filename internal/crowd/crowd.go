package crowd

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// Crowd is an application with very many consumers. Its methods are for one goroutine, but
// for Received.
type Crowd struct {
	client   *client
	sessions []*amqp.Session
	members  []member
	batch    amqp.Batch
	asked    chan struct{} // has an entry for each attach and detach without an answer
	attaches int           // so far: no name comes twice

	received atomic.Uint64
}

// member is one consumer.
type member struct {
	crowd *Crowd
	link  *amqp.Receiver // nil when it is not attached
}

const (
	// sessionLinks is how many consumers share a session.
	sessionLinks = 50_000
	// mostAsked is how many answers may be awaited at a time.
	mostAsked = 512
	// memberCredit is what each consumer grants, once.
	memberCredit = 10
)

// Address is the address of a consumer, by number: 20 bytes.
func Address(i int) string { return fmt.Sprintf("devices/%08d/cmd", i) }

// Join connects to a router as an application with n consumers, none of them attached yet.
func Join(ctx context.Context, target string, n int) (*Crowd, error) {
	cl, err := dial(ctx, "crowd", target)
	if err != nil {
		return nil, err
	}
	c := &Crowd{client: cl, members: make([]member, n), asked: make(chan struct{}, mostAsked)}
	for range (n + sessionLinks - 1) / sessionLinks {
		s, err := cl.conn.Begin(&c.batch)
		if err != nil {
			cl.close()
			return nil, fmt.Errorf("crowd: %w", err)
		}
		c.sessions = append(c.sessions, s)
	}
	c.batch.Flush()
	return c, nil
}

// Close ends the connection, and with it all consumers.
func (c *Crowd) Close() { c.client.close() }

// Received is how many messages all consumers have had, and accepted.
func (c *Crowd) Received() uint64 { return c.received.Load() }

// Come attaches the consumers from the one number to just before the other, and returns
// when all have the router's answer.
func (c *Crowd) Come(ctx context.Context, from, to int) error {
	return c.all(ctx, from, to, c.attach)
}

// Leave detaches them.
func (c *Crowd) Leave(ctx context.Context, from, to int) error {
	return c.all(ctx, from, to, func(i int) error {
		c.members[i].link.Detach(&c.batch, nil)
		c.members[i].link = nil
		return nil
	})
}

func (c *Crowd) all(ctx context.Context, from, to int, change func(i int) error) error {
	for i := from; i < to; i++ {
		if err := c.ask(ctx); err != nil {
			return err
		}
		if err := change(i); err != nil {
			return err
		}
	}
	c.batch.Flush()
	return c.answered(ctx)
}

func (c *Crowd) attach(i int) error {
	c.attaches++
	m := &c.members[i]
	m.crowd = c
	l, err := c.sessions[i/sessionLinks].AttachReceiver(&c.batch, strconv.Itoa(c.attaches), m, &amqp.Answer{
		Source: &wire.Source{Address: wire.Some(Address(i))}, Target: &wire.Target{},
	})
	if err != nil {
		return fmt.Errorf("crowd: %w", err)
	}
	m.link = l
	l.SetWindow(&c.batch, memberCredit)
	return nil
}

// ask waits until one more answer may be awaited.
func (c *Crowd) ask(ctx context.Context) error {
	select {
	case c.asked <- struct{}{}:
		return nil
	default:
	}
	c.batch.Flush()
	select {
	case c.asked <- struct{}{}:
		return nil
	case <-c.client.over:
		return c.client.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answered waits until no answer is awaited.
func (c *Crowd) answered(ctx context.Context) error {
	for range mostAsked {
		if err := c.ask(ctx); err != nil {
			return err
		}
	}
	for range mostAsked {
		<-c.asked
	}
	return nil
}

// churnTick is how far apart the changes of Churn are.
const churnTick = 20 * time.Millisecond

// Churn has consumers go and come again, one after the other, as many changes a second as
// rate says, until ctx ends or most changes were made; at the end all are there again.
// What a slow router keeps it from is not made up for. It returns how many changes it made.
func (c *Crowd) Churn(ctx context.Context, rate, most int) (changes int, err error) {
	part := max(rate*int(churnTick)/int(time.Second)/2, 1)
	part = min(part, len(c.members)/2)
	t := time.NewTicker(churnTick)
	defer t.Stop()
	still := context.WithoutCancel(ctx)
	for at := 0; ; {
		if at+part > len(c.members) {
			at = 0
		}
		if err := c.Leave(still, at, at+part); err != nil {
			return changes, err
		}
		over := changes+2*part >= most
		if !over {
			select {
			case <-t.C:
			case <-ctx.Done():
				over = true
			}
		}
		if err := c.Come(still, at, at+part); err != nil {
			return changes, err
		}
		changes += 2 * part
		if at += part; over {
			return changes, nil
		}
	}
}

// OnAttached counts the answer. A consumer that is refused hears OnDetach next, and the
// connection ends.
func (m *member) OnAttached(*amqp.Batch, *wire.Attach) { <-m.crowd.asked }

// OnTransfer accepts a message.
func (m *member) OnTransfer(b *amqp.Batch, d *amqp.Delivery) {
	if d.More || d.Aborted {
		return
	}
	m.crowd.received.Add(1)
	if d.Settled {
		d.Link.Finish(b, 0)
		return
	}
	d.Link.Update(b, []uint32{d.ID}, true, wire.DeliveryState{Kind: wire.StateAccepted})
}

// OnSenderState has nothing to do: what came was settled at once.
func (m *member) OnSenderState(*amqp.Batch, amqp.InDelivery, bool, wire.DeliveryState) {}

// OnDetach counts the answer.
func (m *member) OnDetach(_ *amqp.Batch, _ []amqp.InDelivery, e *wire.Error) {
	if e != nil {
		m.crowd.client.conn.Abort(fmt.Errorf("a consumer was detached by the router: %w", e))
		return
	}
	select {
	case <-m.crowd.asked:
	default: // the connection is over
	}
}
