package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/Azure/go-amqp"
)

// dialTimeout bounds connecting, the handshake included.
const dialTimeout = 10 * time.Second

// dialAMQP connects and opens a session.
func dialAMQP(ctx context.Context, t target) (session, error) {
	conn, err := dialConn(ctx, t)
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	s, err := conn.NewSession(bounded, nil)
	if err != nil {
		_ = conn.Close()
		return nil, explainHandshake(ctx, t, err)
	}
	return amqpSession{conn, s}, nil
}

// dialConn connects; its errors are fit to be shown.
func dialConn(ctx context.Context, t target) (*amqp.Conn, error) {
	bounded, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	netConn, err := (&net.Dialer{}).DialContext(bounded, "tcp", t.address)
	if err != nil {
		return nil, explainDial(ctx, t, err)
	}
	mechanism := amqp.SASLTypeAnonymous()
	if t.login {
		mechanism = amqp.SASLTypePlain(t.user, t.password)
	}
	conn, err := amqp.NewConn(bounded, netConn, &amqp.ConnOptions{
		ContainerID: "meshway-" + rand.Text()[:8],
		HostName:    t.host,
		SASLType:    mechanism,
	})
	if err != nil {
		return nil, explainHandshake(ctx, t, err)
	}
	return conn, nil
}

// explainDial says why there is no connection.
func explainDial(ctx context.Context, t target, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	dns, isDNS := errors.AsType[*net.DNSError](err)
	switch {
	case connectionRefused(err):
		return fmt.Errorf("nothing listens on %s (connection refused); start a router with: meshway run, or name another one with --url", t.address)
	case isDNS && dns.IsNotFound:
		return fmt.Errorf("there is no host %q; see --url", t.host)
	case errors.Is(err, context.DeadlineExceeded) || os.IsTimeout(err):
		return fmt.Errorf("%s does not answer, for %v now; see --url", t.address, dialTimeout)
	}
	return fmt.Errorf("cannot connect to %s: %w", t.address, err)
}

// connectionRefused also knows the number that Windows gives.
func connectionRefused(err error) bool {
	const wsaECONNREFUSED = syscall.Errno(10061)
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, wsaECONNREFUSED)
}

// explainHandshake says why the peer and we did not come to speak AMQP. The
// library has no types for these errors; tests keep its words and ours together.
func explainHandshake(ctx context.Context, t target, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	const notAMQP = "it is probably not an AMQP 1.0 router; see --url"
	text := err.Error()
	conn, isConn := errors.AsType[*amqp.ConnError](err)
	switch {
	case isConn && conn.RemoteErr != nil:
		return fmt.Errorf("%s refused the connection: %s", t.address, describeError(conn.RemoteErr))
	case strings.Contains(text, "no supported auth mechanism"):
		_, offered, _ := strings.Cut(text, "(")
		return explainMechanism(t, strings.Trim(offered, "()[]"))
	case strings.Contains(text, "auth failed"):
		return fmt.Errorf("%s refused the user name or the password", t.address)
	case strings.Contains(text, "unexpected protocol"), strings.Contains(text, "unknown protocol"), strings.Contains(text, "unexpected frame type"):
		return fmt.Errorf("%s does not speak AMQP 1.0 (%s); %s", t.address, text, notAMQP)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), text == "invalid protoHeader":
		return fmt.Errorf("%s closed the connection during the handshake; %s", t.address, notAMQP)
	case errors.Is(err, context.DeadlineExceeded) || os.IsTimeout(err):
		return fmt.Errorf("%s accepted the connection and then said nothing for %v; %s", t.address, dialTimeout, notAMQP)
	}
	return fmt.Errorf("cannot open a connection to %s: %w", t.address, err)
}

func explainMechanism(t target, offered string) error {
	if !t.login {
		return fmt.Errorf("%s lets nobody in without a login (it offers %s); use --url amqp://USER:PASSWORD@%s", t.address, offered, t.address)
	}
	return fmt.Errorf("%s takes no user names with passwords (it offers %s); use --url amqp://%s", t.address, offered, t.address)
}
