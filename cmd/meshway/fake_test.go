package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/go-amqp"
	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/config"
)

// testApp is the program with buffers around it.
type testApp struct {
	*app
	out, err *buffer
	router   *fakeSession
	dialled  []target
}

// buffer may be written and read at the same time.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newTestApp(stdin string) *testApp {
	t := &testApp{out: &buffer{}, err: &buffer{}, router: &fakeSession{released: make(chan struct{})}}
	t.app = &app{
		in: strings.NewReader(stdin), out: t.out, err: t.err, name: "meshway", color: true,
		getenv:       func(string) string { return "" },
		readPassword: func(context.Context) ([]byte, error) { return nil, errors.New("no terminal") },
		dial: func(_ context.Context, to target) (session, error) {
			t.dialled = append(t.dialled, to)
			return t.router, nil
		},
		newRouter: func(config.Config, *zap.Logger) (runner, error) { return nil, errors.New("no router here") },
		patience:  time.Hour,
	}
	return t
}

// want runs a command line and checks the exit code.
func (a *testApp) want(t *testing.T, code int, args ...string) {
	t.Helper()
	if got := a.run(t.Context(), args); got != code {
		t.Errorf("meshway %q: exit code %d, want %d; it said\n%s%s", args, got, code, a.out, a.err)
	}
}

// wantText checks what a stream got.
func wantText(t *testing.T, stream *buffer, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(stream.String(), w) {
			t.Errorf("got %q, want %q in it", stream, w)
		}
	}
}

// fakeSession plays a router: it takes every message and ends it as the
// script says, and gives out the messages that the test puts in.
type fakeSession struct {
	script   []amqp.DeliveryState // accepted once it has come to its end
	noCredit bool                 // no message is taken until released is closed
	noState  bool                 // no message is ever settled
	incoming []*amqp.Message
	refuse   error // of every link
	answer   func(request *amqp.Message) *amqp.Message
	// stateAfterReply keeps the outcome of what was sent back until something
	// received has been settled.
	stateAfterReply bool

	released chan struct{}
	mu       sync.Mutex
	sent     []*amqp.Message
	links    []string // addresses, senders with ">" in front, receivers with "<"
	settled  bool     // a link for settled messages was asked for
	granted  []uint32
	outcomes []outcome
	closed   bool
}

func (s *fakeSession) close() { s.closed = true }

func (s *fakeSession) sender(_ context.Context, address string, settled bool) (sender, error) {
	s.links = append(s.links, ">"+address)
	s.settled = s.settled || settled
	return s, s.refuse
}

func (s *fakeSession) receiver(_ context.Context, o receiverOptions) (receiver, error) {
	s.links = append(s.links, "<"+o.address)
	s.settled = s.settled || o.settled
	return s, s.refuse
}

func (s *fakeSession) send(ctx context.Context, m *amqp.Message) (pending, error) {
	if s.noCredit {
		select {
		case <-s.released:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, m)
	if s.answer != nil {
		s.incoming = append(s.incoming, s.answer(m))
	}
	var state amqp.DeliveryState = &amqp.StateAccepted{}
	if len(s.script) > 0 {
		state, s.script = s.script[0], s.script[1:]
	}
	if s.stateAfterReply {
		return afterSettle{s, state}, nil
	}
	return fakePending{state, s.noState}, nil
}

type fakePending struct {
	state amqp.DeliveryState
	never bool
}

func (p fakePending) Wait(ctx context.Context) (amqp.DeliveryState, error) {
	if p.never {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return p.state, nil
}

func (s *fakeSession) address() string { return "temp.1" }

func (s *fakeSession) credit(n uint32) error {
	s.granted = append(s.granted, n)
	return nil
}

func (s *fakeSession) receive(ctx context.Context) (*amqp.Message, error) {
	s.mu.Lock()
	if len(s.incoming) > 0 {
		defer s.mu.Unlock()
		m := s.incoming[0]
		s.incoming = s.incoming[1:]
		return m, nil
	}
	s.mu.Unlock()
	<-ctx.Done()
	return nil, ctx.Err()
}

func (s *fakeSession) settle(_ context.Context, _ *amqp.Message, o outcome) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes = append(s.outcomes, o)
	if s.stateAfterReply {
		close(s.released)
	}
	return nil
}

// afterSettle is a request whose replier settles it only when the reply has
// been settled.
type afterSettle struct {
	s     *fakeSession
	state amqp.DeliveryState
}

func (p afterSettle) Wait(ctx context.Context) (amqp.DeliveryState, error) {
	select {
	case <-p.s.released:
		return p.state, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func message(body any) *amqp.Message {
	return (&envelope{priority: 4}).message(body)
}

// endless is a reader that a person sits behind who types nothing.
type endless struct{ done chan struct{} }

func (e endless) Read([]byte) (int, error) {
	<-e.done
	return 0, io.EOF
}
