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
	link  *amqp.Receiver // the last
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
	for i := range c.members {
		c.members[i].crowd = c
	}
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
	if err := c.each(ctx, from, to, c.attach); err != nil {
		return err
	}
	return c.answered(ctx)
}

// Leave detaches them.
func (c *Crowd) Leave(ctx context.Context, from, to int) error {
	if err := c.each(ctx, from, to, c.detach); err != nil {
		return err
	}
	return c.answered(ctx)
}

func (c *Crowd) each(ctx context.Context, from, to int, change func(i int) error) error {
	for i := from; i < to; i++ {
		if err := c.ask(ctx); err != nil {
			return err
		}
		if err := change(i); err != nil {
			return err
		}
	}
	c.batch.Flush()
	return nil
}

func (c *Crowd) detach(i int) error {
	c.members[i].link.Detach(&c.batch, nil)
	return nil
}

func (c *Crowd) attach(i int) error {
	c.attaches++
	m := &c.members[i]
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

// Churn has the first n consumers, all of which are there, go and come again, one after the
// other: as many changes a second as rate says, until there were about most of them or ctx
// ends. In the end all are there again. It returns how many changes it made.
func (c *Crowd) Churn(ctx context.Context, n, rate, most int) (changes int, err error) {
	t := time.NewTicker(churnTick)
	defer t.Stop()
	still := context.WithoutCancel(ctx)
	began := time.Now()
	from, to := 0, 0 // who is away
	for over := false; ; {
		select {
		case <-t.C:
		case <-ctx.Done():
			over = true
		}
		due := min(int(time.Since(began).Seconds()*float64(rate)), most)
		part := max(0, min((due-changes+1)/2, n/4))
		if over = over || changes >= most; over {
			part = 0
		}
		at := to
		if at+part > n {
			at = 0
		}
		if err := c.each(still, at, at+part, c.detach); err != nil {
			return changes, err
		}
		if err := c.each(still, from, to, c.attach); err != nil {
			return changes, err
		}
		changes += part + to - from
		if from, to = at, at+part; over {
			return changes, c.answered(still)
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
