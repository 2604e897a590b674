package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// longestRow bounds everything that a row waits for. Nothing is timed.
const longestRow = 2 * time.Minute

// stage is where one row is played: by one client as the sender, by the same or
// another one as the receiver. Its methods end the test when a client fails,
// and so belong to the test's goroutine.
type stage struct {
	*testing.T
	ctx                context.Context
	router             *router
	sending, receiving kind
	slug               string // names the row and the pair, for addresses

	clients map[string]client // by role, see connection
	lacks   string            // why the row was given up, "" if it was not
	names   int
	diaries []func() string
}

func newStage(t *testing.T, r *router, row string, sending, receiving kind) *stage {
	need(t, sending)
	need(t, receiving)
	ctx, cancel := context.WithTimeout(t.Context(), longestRow)
	t.Cleanup(cancel)
	slug := strings.NewReplacer(" ", "-", ",", "", ":", "", "/", "-").Replace(
		fmt.Sprintf("%s_%s_%s", row, sending, receiving))
	s := &stage{
		T: t, ctx: ctx, router: r, sending: sending, receiving: receiving,
		slug: slug, clients: map[string]client{},
	}
	t.Cleanup(func() { s.report(r) })
	return s
}

// report shows the logs of a failed row.
func (s *stage) report(shared *router) {
	if !shared.running() {
		s.Error("the router is gone")
	}
	if !s.Failed() {
		return
	}
	s.Logf("router:\n%s", s.router.linesAbout(s.slug))
	for _, diary := range s.diaries {
		if text := diary(); text != "" {
			s.Log(text)
		}
	}
}

// address is one that no other row uses.
func (s *stage) address(suffix string) string { return s.slug + "/" + suffix }

// client starts a client process, or go-amqp, and stops it with the test.
func (s *stage) client(k kind) client {
	s.Helper()
	if k == goAMQP {
		g := newGoClient()
		s.Cleanup(g.kill)
		s.diaries = append(s.diaries, func() string { return string(k) + ":\n" + g.diary() })
		return g
	}
	p, err := startProcess(k)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := p.stop(); err != nil {
			s.Errorf("%s: %v", k, err)
		}
	})
	s.diaries = append(s.diaries, func() string { return string(k) + ":\n" + p.diary() })
	return p
}

// check ends the row when a command failed: as lacking, or as failed.
func (s *stage) check(what string, err error) {
	s.Helper()
	var lack *lackError
	if errors.As(err, &lack) {
		s.lacks = lack.reason
		s.Skip(lack)
	}
	if err != nil {
		s.Fatalf("%s: %v", what, err)
	}
}

// connection is one connection of a client's to the router.
type connection struct {
	*stage
	kind   kind
	client client
	name   string
	reply  reply
}

// option changes a command before it is sent.
type option func(*command)

// sendingSide and receivingSide are connections of the two clients of the row;
// a second call is a second connection of the same client.
func (s *stage) sendingSide(options ...option) *connection {
	s.Helper()
	return s.side("sending", s.sending, options)
}

func (s *stage) receivingSide(options ...option) *connection {
	s.Helper()
	return s.side("receiving", s.receiving, options)
}

func (s *stage) side(role string, k kind, options []option) *connection {
	s.Helper()
	if s.clients[role] == nil {
		s.clients[role] = s.client(k)
	}
	c, err := s.connect(s.clients[role], k, role, options)
	s.check("connect "+role, err)
	return c
}

// doomedReceiver is a connection of a client of its own, to be killed.
func (s *stage) doomedReceiver() *connection {
	s.Helper()
	c, err := s.connect(s.client(s.receiving), s.receiving, "doomed", nil)
	s.check("connect", err)
	return c
}

func (s *stage) connect(cl client, k kind, role string, options []option) (*connection, error) {
	c := &connection{stage: s, kind: k, client: cl, name: s.unique(role)}
	cmd := command{Op: "connect", Conn: c.name, Host: "127.0.0.1", Port: s.router.ports[plainListener]}
	for _, o := range options {
		o(&cmd)
	}
	var err error
	c.reply, err = cl.do(s.ctx, cmd)
	return c, err
}

// refusedConnection is why the router did not let a client in.
func (s *stage) refusedConnection(k kind, options ...option) *peerError {
	s.Helper()
	_, err := s.connect(s.client(k), k, "refused", options)
	return s.refusal("connect", err)
}

// refusal is the peer's part of a failure that was wanted.
func (s *stage) refusal(what string, err error) *peerError {
	s.Helper()
	var peer *peerError
	if !errors.As(err, &peer) {
		if err == nil {
			err = errors.New("it was not refused")
		}
		s.check(what, err)
	}
	return peer
}

func (s *stage) unique(name string) string {
	s.names++
	return fmt.Sprintf("%s-%s-%d", s.slug, name, s.names)
}

// listener has a connection go to another listener than "plain".
func (s *stage) listener(name string) option {
	return func(c *command) { c.Port = s.router.ports[name] }
}

func (c *connection) do(what string, cmd command) reply {
	c.Helper()
	r, err := c.client.do(c.ctx, cmd)
	c.check(fmt.Sprintf("%s (%s): %s", c.kind, c.name, what), err)
	return r
}

// barrier returns when the router has read everything sent before it.
func (c *connection) barrier() {
	c.Helper()
	c.check(fmt.Sprintf("%s (%s): barrier", c.kind, c.name), c.ping())
}

// ping is a barrier that may fail.
func (c *connection) ping() error {
	_, err := c.client.do(c.ctx, command{Op: "barrier", Conn: c.name})
	return err
}

// hold keeps the client from settling what it hears of its deliveries.
func (c *connection) hold(on bool) {
	c.Helper()
	c.do("hold", command{Op: "hold", Conn: c.name, On: on})
}

func (c *connection) end(session string) {
	c.Helper()
	c.do("end", command{Op: "end", Conn: c.name, Session: session})
}

func (c *connection) close() {
	c.Helper()
	c.do("close", command{Op: "close", Conn: c.name})
}

// closed waits until the router has closed the connection, and says why.
func (c *connection) closed() *peerError {
	c.Helper()
	_, err := c.client.do(c.ctx, command{Op: "closed", Conn: c.name})
	return c.refusal("closed", err)
}

// kill ends the client as a crash does.
func (c *connection) kill() { c.client.kill() }

// equal compares as JSON does: numbers have one type, empty is absent.
func (s *stage) equal(what string, got, want any) {
	s.Helper()
	if g, w := normal(got), normal(want); !reflect.DeepEqual(g, w) {
		s.Fatalf("%s:\n got %s\nwant %s", what, asJSON(got), asJSON(want))
	}
}

func normal(v any) (out any) {
	json.Unmarshal(asJSON(v), &out)
	return out
}

func asJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return text
}
