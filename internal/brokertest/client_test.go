package brokertest

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"
)

// patience bounds every wait; what takes so long has failed.
const patience = 30 * time.Second

// client is a go-amqp connection with one session.
type client struct {
	t       *testing.T
	ctx     context.Context
	conn    *amqp.Conn
	session *amqp.Session
}

func dial(t *testing.T, addr string) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	conn, err := amqp.Dial(ctx, "amqp://"+addr, &amqp.ConnOptions{SASLType: amqp.SASLTypeAnonymous(), ContainerID: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	session, err := conn.NewSession(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &client{t, ctx, conn, session}
}

func (c *client) sender(address string, d amqp.Durability) *amqp.Sender {
	c.t.Helper()
	s, err := c.session.NewSender(c.ctx, address, &amqp.SenderOptions{TargetDurability: d})
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

func (c *client) receiver(address string, d amqp.Durability) *amqp.Receiver {
	return c.receiverWith(address, &amqp.ReceiverOptions{SourceDurability: d})
}

func (c *client) receiverWith(address string, o *amqp.ReceiverOptions) *amqp.Receiver {
	c.t.Helper()
	r, err := c.session.NewReceiver(c.ctx, address, o)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

func send(t *testing.T, s *amqp.Sender, body string, durable bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m := amqp.NewMessage([]byte(body))
	m.Header = &amqp.MessageHeader{Durable: durable}
	if err := s.Send(ctx, m, nil); err != nil {
		t.Fatal(err)
	}
}

// receive receives one message and accepts it.
func receive(t *testing.T, r *amqp.Receiver) *amqp.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m, err := r.Receive(ctx, nil)
	if err == nil {
		err = r.AcceptMessage(ctx, m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func depth(t *testing.T, r *Rabbit, queue string) int {
	t.Helper()
	n, err := r.Depth(t.Context(), queue)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func listens(port int) bool {
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		conn.Close()
	}
	return err == nil
}

func contains(s, part string) bool { return strings.Contains(s, part) }
