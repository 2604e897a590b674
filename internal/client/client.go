package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/Azure/go-amqp"
)

// DefaultTimeout is how long a request waits for its answer.
const DefaultTimeout = 5 * time.Second

// window is how many replies may be on their way to us at a time.
const window = 64

// Client asks the agents of a mesh. It is safe for concurrent use.
type Client struct {
	// Immutable after New:
	sender   *amqp.Sender
	receiver *amqp.Receiver
	timeout  time.Duration
	agent    func(router string) string // Agent, but in tests
	stop     context.CancelFunc
	ended    chan struct{} // closed when no more replies are read

	mu      sync.Mutex
	next    uint64
	pending map[uint64]chan *amqp.Message // guarded by mu; by correlation-id, with room for one
	lost    error                         // guarded by mu; why there are no more replies
}

// New makes a client of an open connection. Timeout bounds each request; 0 is
// [DefaultTimeout]. The goroutine that it starts ends with Close, or with the connection.
// Its error is a [*NotRouterError] when the peer is none, a [*LostError] when it went away.
func New(ctx context.Context, conn *amqp.Conn, timeout time.Duration) (*Client, error) {
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	session, err := conn.NewSession(ctx, nil)
	if err != nil {
		return nil, &LostError{err}
	}
	receiver, err := session.NewReceiver(ctx, "", &amqp.ReceiverOptions{DynamicAddress: true, Credit: window})
	if err != nil {
		return nil, attachError("an address for replies", err)
	}
	sender, err := session.NewSender(ctx, "", nil)
	if err != nil {
		return nil, attachError("a sender without an address", err)
	}
	reading, stop := context.WithCancel(context.Background())
	c := &Client{
		sender: sender, receiver: receiver, timeout: timeout, agent: Agent, stop: stop,
		ended: make(chan struct{}), pending: make(map[uint64]chan *amqp.Message),
	}
	go c.read(reading)
	return c, nil
}

// Close ends the client, and not the connection. Requests under way fail.
func (c *Client) Close() {
	c.stop()
	<-c.ended
}

// read hands replies to those who wait for them.
func (c *Client) read(ctx context.Context) {
	defer close(c.ended)
	for {
		m, err := c.receiver.Receive(ctx, nil)
		if err != nil {
			c.mu.Lock()
			c.lost = &LostError{err}
			c.mu.Unlock()
			return
		}
		_ = c.receiver.AcceptMessage(ctx, m) // a loss shows at the next Receive
		c.mu.Lock()
		if id, ok := correlation(m); ok {
			if waiting := c.pending[id]; waiting != nil {
				delete(c.pending, id) // a second reply to it is nobody's
				waiting <- m
			}
		}
		c.mu.Unlock()
	}
}

// ReplyTo is the address to which replies come, as its router knows it.
func (c *Client) ReplyTo() string { return c.receiver.Address() }

// correlation reads the id of our request out of a reply, in whichever width it came.
func correlation(m *amqp.Message) (uint64, bool) {
	if m.Properties == nil {
		return 0, false
	}
	n, ok := Number(m.Properties.CorrelationID)
	return uint64(n), ok
}

// Request is an operation of an agent.
type Request struct {
	Router     string         // id of the router; empty: the one that we are connected to
	Operation  string         // "READ", "QUERY" and so on
	Properties map[string]any // application properties besides the operation
	Body       any            // nil is an empty map
}

// Do sends a request and returns the body of its answer. Its error is one of this package's
// types, or the context's.
func (c *Client) Do(ctx context.Context, r Request) (any, error) {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	id, waiting, err := c.expect()
	if err != nil {
		return nil, err
	}
	defer c.forget(id)
	if err := c.send(bounded, r, id); err != nil {
		return nil, c.explain(ctx, r, err)
	}
	select {
	case m := <-waiting:
		return answer(r, m)
	case <-bounded.Done():
		return nil, c.explain(ctx, r, bounded.Err())
	case <-c.ended:
		select {
		case m := <-waiting: // it came just before
			return answer(r, m)
		default:
			return nil, c.why()
		}
	}
}

func (c *Client) expect() (uint64, chan *amqp.Message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost != nil {
		return 0, nil, c.lost
	}
	c.next++
	waiting := make(chan *amqp.Message, 1)
	c.pending[c.next] = waiting
	return c.next, waiting, nil
}

func (c *Client) forget(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, id)
}

func (c *Client) why() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// Agent is the address of a router's agent.
func Agent(router string) string {
	if router == "" {
		return "$management"
	}
	return "_topo/0/" + router + "/$management"
}

// send returns when the agent, or nobody, has taken the request.
func (c *Client) send(ctx context.Context, r Request, id uint64) error {
	to, replyTo := c.agent(r.Router), c.ReplyTo()
	m := &amqp.Message{
		Properties:            &amqp.MessageProperties{To: &to, ReplyTo: &replyTo, CorrelationID: id},
		ApplicationProperties: map[string]any{"operation": r.Operation},
		Value:                 r.Body,
	}
	if m.Value == nil {
		m.Value = map[string]any{}
	}
	for name, value := range r.Properties {
		m.ApplicationProperties[name] = value
	}
	receipt, err := c.sender.SendWithReceipt(ctx, m, nil)
	if err != nil {
		return err
	}
	outcome, err := receipt.Wait(ctx)
	if err != nil {
		return err
	}
	switch outcome := outcome.(type) {
	case *amqp.StateRejected:
		if outcome.Error != nil {
			return &StatusError{r.Router, r.Operation, StatusBadRequest, describe(outcome.Error)}
		}
		return &StatusError{r.Router, r.Operation, StatusBadRequest, "rejected without a reason"}
	case *amqp.StateReleased, *amqp.StateModified:
		return &UnreachableError{r.Router}
	}
	return nil
}

// explain gives what the library says of a request that failed a type of ours.
func (c *Client) explain(ctx context.Context, r Request, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	_, refused := errors.AsType[*StatusError](err)
	_, unreachable := errors.AsType[*UnreachableError](err)
	switch {
	case refused, unreachable:
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return &SilentError{r.Router, c.timeout}
	}
	return &LostError{err}
}

// answer takes a reply apart.
func answer(r Request, m *amqp.Message) (any, error) {
	code, ok := Number(m.ApplicationProperties["statusCode"])
	if !ok {
		return nil, fmt.Errorf("%s answered %s without a statusCode", where(r.Router), r.Operation)
	}
	if code < 200 || code > 299 {
		text, _ := m.ApplicationProperties["statusDescription"].(string)
		return nil, &StatusError{r.Router, r.Operation, int(code), text}
	}
	return m.Value, nil
}
