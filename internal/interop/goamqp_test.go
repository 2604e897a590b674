package interop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/Azure/go-amqp"
)

// goClient is go-amqp as a client: in this process, as a Go program uses it.
type goClient struct {
	mu    sync.Mutex
	conns map[string]*goConn
	links map[string]*goLink
	log   logBuffer
}

type goConn struct {
	socket *goSocket
	amqp   *amqp.Conn

	mu       sync.Mutex
	sessions map[string]*amqp.Session
}

func newGoClient() *goClient {
	return &goClient{conns: map[string]*goConn{}, links: map[string]*goLink{}}
}

func (g *goClient) do(ctx context.Context, c command) (reply, error) {
	r, err := g.carryOut(ctx, c)
	if err == nil {
		return r, nil
	}
	fmt.Fprintf(&g.log, "%s %s%s: %v\n", c.Op, c.Conn, c.Link, err)
	var lack *lackError
	if remote := remoteError(err); remote != nil {
		return r, remote
	} else if errors.As(err, &lack) {
		return r, lack
	}
	return r, fmt.Errorf("%s: %w", c.Op, err)
}

func (g *goClient) carryOut(ctx context.Context, c command) (reply, error) {
	switch c.Op {
	case "hello":
		return reply{Version: goAMQPVersion()}, nil
	case "connect":
		return g.connect(ctx, c)
	case "barrier":
		return reply{}, g.barrier(ctx, c)
	case "end":
		return reply{}, g.end(ctx, c)
	case "close":
		return reply{}, g.conn(c).amqp.Close()
	case "closed":
		return reply{}, g.closed(ctx, c)
	case "hold":
		g.conn(c).socket.hold(c.On)
		return reply{}, nil
	case "attach":
		return g.attach(ctx, c)
	default:
		return g.link(c).carryOut(ctx, c)
	}
}

func (g *goClient) conn(c command) *goConn {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.conns[c.Conn]
}

func (g *goClient) link(c command) *goLink {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.links[c.Link]
}

func (g *goClient) connect(ctx context.Context, c command) (reply, error) {
	options := &amqp.ConnOptions{
		ContainerID:  c.Conn,
		HostName:     c.Host,
		IdleTimeout:  time.Duration(c.IdleMS) * time.Millisecond,
		MaxFrameSize: uint32(c.MaxFrame),
	}
	if c.Container != "" {
		options.ContainerID = c.Container
	}
	switch {
	case c.SASL == "none":
	case c.User != "":
		options.SASLType = amqp.SASLTypePlain(c.User, c.Password)
	default:
		options.SASLType = amqp.SASLTypeAnonymous()
	}
	var dialer net.Dialer
	dialled, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(c.Host, strconv.Itoa(c.Port)))
	if err != nil {
		return reply{}, err
	}
	socket := &goSocket{Conn: dialled}
	conn, err := amqp.NewConn(ctx, socket, options)
	if err != nil {
		socket.Close()
		return reply{}, refused(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.conns[c.Conn] = &goConn{socket: socket, amqp: conn, sessions: map[string]*amqp.Session{}}
	return reply{Properties: plain.mapping(conn.Properties())}, nil
}

// session begins a session when it is first named.
func (n *goConn) session(ctx context.Context, name string) (*amqp.Session, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s := n.sessions[name]; s != nil {
		return s, nil
	}
	s, err := n.amqp.NewSession(ctx, nil)
	if err == nil {
		n.sessions[name] = s
	}
	return s, err
}

func (g *goClient) barrier(ctx context.Context, c command) error {
	s, err := g.conn(c).amqp.NewSession(ctx, nil)
	if err != nil {
		return err
	}
	return s.Close(ctx)
}

func (g *goClient) end(ctx context.Context, c command) error {
	n := g.conn(c)
	s, err := n.session(ctx, c.Session)
	if err != nil {
		return err
	}
	n.mu.Lock()
	delete(n.sessions, c.Session)
	n.mu.Unlock()
	return s.Close(ctx)
}

func (g *goClient) closed(ctx context.Context, c command) error {
	conn := g.conn(c).amqp
	select {
	case <-conn.Done():
		return conn.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *goClient) kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, n := range g.conns {
		n.socket.Close()
	}
}

func (g *goClient) diary() string { return g.log.String() }

// remoteError is the router's part of an error of go-amqp's, nil if it has none.
func remoteError(err error) *peerError {
	var (
		conn    *amqp.ConnError
		session *amqp.SessionError
		link    *amqp.LinkError
		remote  *amqp.Error
		peer    *peerError
	)
	switch {
	case errors.As(err, &conn):
		remote = conn.RemoteErr
	case errors.As(err, &session):
		remote = session.RemoteErr
	case errors.As(err, &link):
		remote = link.RemoteErr
	case errors.As(err, &remote):
	case errors.As(err, &peer):
		return peer
	}
	if remote == nil {
		return nil
	}
	return &peerError{Condition: string(remote.Condition), Description: remote.Description}
}

// refused is why no connection came about; a SASL failure has no condition in
// go-amqp, only words.
func refused(err error) error {
	if remote := remoteError(err); remote != nil {
		return remote
	}
	return &peerError{Condition: "refused", Description: err.Error()}
}

// goAMQPVersion is what go.mod asks for: a test binary does not know its modules.
func goAMQPVersion() string {
	file, err := os.ReadFile(filepath.Join(repository, "go.mod"))
	if err != nil {
		return err.Error()
	}
	for line := range strings.Lines(string(file)) {
		if _, version, ok := strings.Cut(line, "github.com/Azure/go-amqp v"); ok {
			return strings.Fields(version)[0]
		}
	}
	return ""
}
