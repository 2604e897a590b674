package loadgen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/sasl"
	"github.com/meshway/meshway/internal/wire"
)

// UnreachableError says that nobody listens at the target.
type UnreachableError struct {
	Target string
	Err    error
}

func (e *UnreachableError) Error() string {
	if errors.Is(e.Err, syscall.ECONNREFUSED) {
		return fmt.Sprintf("nothing listens on %s", e.Target)
	}
	return fmt.Sprintf("cannot connect to %s: %v", e.Target, e.Err)
}

// Unwrap gives what the system said.
func (e *UnreachableError) Unwrap() error { return e.Err }

// endpoint is what connections of one kind connect to, and how.
type endpoint struct {
	target string
	cfg    *amqp.Config
}

func newEndpoint(container, target string, login sasl.ClientMechanism, maxFrame uint32) endpoint {
	host, _, err := net.SplitHostPort(target)
	if err != nil {
		host = target
	}
	if login == nil {
		login = sasl.AnonymousClient{}
	}
	return endpoint{target, &amqp.Config{
		ContainerID:      container,
		Hostname:         host,
		MaxFrameSize:     maxFrame,
		WideWindows:      true,
		ChannelMax:       1,
		HandshakeTimeout: 10 * time.Second,
		Login:            login,
	}}
}

// client is one connection of ours. What is on it is up to its user.
type client struct {
	conn     *amqp.Conn
	begin    func(b *amqp.Batch, s *amqp.Session) error // called once it is open
	batchEnd func(b *amqp.Batch)                        // called after each read; may be nil
	fail     func(error)                                // hears why the connection or a link of it ended
	ended    chan struct{}
}

// dial connects, and starts the reader, which ends with the connection.
func dial(ctx context.Context, to endpoint, c *client) error {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", to.target)
	if err != nil {
		return &UnreachableError{Target: to.target, Err: err}
	}
	c.conn = amqp.NewClient(nc, to.cfg, c)
	c.ended = make(chan struct{})
	go func() {
		defer close(c.ended)
		c.fail(connectionError(to.target, c.conn.Run()))
	}()
	return nil
}

// OnOpen begins a session for the user's links.
func (c *client) OnOpen(conn *amqp.Conn, b *amqp.Batch) *wire.Error {
	s, err := conn.Begin(b)
	if err == nil {
		err = c.begin(b, s)
	}
	if err != nil {
		c.fail(err)
		return &wire.Error{Condition: wire.CondInternalError, Description: err.Error()}
	}
	return nil
}

// OnBatchEnd passes on that what was read has been handled.
func (c *client) OnBatchEnd(b *amqp.Batch) {
	if c.batchEnd != nil {
		c.batchEnd(b)
	}
}

// OnAttach refuses links that the peer wants of us: we take none.
func (c *client) OnAttach(b *amqp.Batch, r *amqp.AttachRequest) {
	r.Refuse(b, &wire.Error{Condition: wire.CondNotImplemented, Description: "a load generator has no nodes"})
}

// OnFault reports that the peer broke the protocol.
func (c *client) OnFault(_ *amqp.Conn, scope string, err *wire.Error) {
	c.fail(fmt.Errorf("the peer broke the protocol, %s: %w", scope, err))
}

// closeAll closes connections in good order, and waits until their readers have
// ended.
func closeAll(clients []*client, concurrency int) {
	slots := make(chan struct{}, concurrency)
	var all sync.WaitGroup
	for _, c := range clients {
		if c.conn == nil {
			continue
		}
		slots <- struct{}{}
		all.Go(func() {
			var b amqp.Batch
			c.conn.Close(&b, nil)
			b.Flush()
			<-c.ended
			<-slots
		})
	}
	all.Wait()
}

// linkEnded tells why a link ended, with the reason that a router puts into the error's map.
// One that ends with its connection says nothing: the connection's own end does.
func (c *client) linkEnded(what, address string, e *wire.Error) {
	switch {
	case c.conn.Over():
	case e == nil:
		c.fail(fmt.Errorf("%s on %q was closed by the peer", what, address))
	default:
		why := ""
		if reason, ok := e.Info.Get("reason"); ok {
			why = fmt.Sprintf(", %v", reason)
		}
		c.fail(fmt.Errorf("%s on %q was closed by the peer: %w%s", what, address, e, why))
	}
}

// connectionError explains why a connection ended.
func connectionError(target string, err error) error {
	if err == nil {
		return fmt.Errorf("%s closed the connection", target)
	}
	if e, ok := errors.AsType[*wire.Error](err); ok {
		return fmt.Errorf("%s closed the connection: %w", target, e)
	}
	if e, ok := errors.AsType[*amqp.HandshakeError](err); ok && e.Login {
		return fmt.Errorf("%s did not let the client in: %w", target, err)
	}
	return fmt.Errorf("the connection to %s was lost: %w", target, err)
}
