package crowd

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/sasl"
	"github.com/meshway/meshway/internal/wire"
)

// client is a connection to a router.
type client struct {
	conn   *amqp.Conn
	opened chan struct{}
	over   chan struct{} // closed when it has ended
	err    error         // why; valid then
}

// dial connects, and returns when the router has answered.
func dial(ctx context.Context, name, target string) (*client, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", target)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	c := &client{opened: make(chan struct{}), over: make(chan struct{})}
	c.conn = amqp.NewClient(nc, &amqp.Config{
		ContainerID: name, Hostname: target, MaxFrameSize: 64 << 10, ChannelMax: 255, WideWindows: true,
		HandshakeTimeout: 10 * time.Second, Login: sasl.AnonymousClient{},
	}, c)
	c.conn.Start(func(err error) { // ends with the connection
		c.err = fmt.Errorf("%s: the connection to %s is over: %w", name, target, err)
		close(c.over)
	})
	return c, c.wait(ctx, c.opened)
}

// wait returns when something has happened; with an error if it no longer can.
func (c *client) wait(ctx context.Context, happened <-chan struct{}) error {
	select {
	case <-happened:
		return nil
	case <-c.over:
		return c.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close ends the connection.
func (c *client) close() {
	var b amqp.Batch
	c.conn.Close(&b, nil)
	b.Flush()
	<-c.over
}

// OnOpen is called when the router has answered.
func (c *client) OnOpen(*amqp.Conn, *amqp.Batch) *wire.Error {
	close(c.opened)
	return nil
}

// OnAttach refuses links that the router wants: there is nothing here.
func (c *client) OnAttach(b *amqp.Batch, r *amqp.AttachRequest) {
	r.Refuse(b, &wire.Error{Condition: wire.CondNotImplemented, Description: "a crowd has no nodes"})
}

// OnFault ends the connection: the router broke the protocol.
func (c *client) OnFault(_ *amqp.Conn, scope string, err *wire.Error) {
	c.conn.Abort(fmt.Errorf("the router broke the protocol, %s: %w", scope, err))
}
