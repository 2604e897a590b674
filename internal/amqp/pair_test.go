package amqp

import (
	"testing"
	"testing/synctest"

	"github.com/meshway/meshway/internal/wire"
)

// engine is one of two that talk to each other.
type engine struct {
	t    *testing.T
	conn *Conn
	h    *recorder
	done chan struct{}
	err  error
}

// newPair opens a connection between two engines: the client first. It must be
// called in a bubble.
func newPair(t *testing.T, options ...option) (client, server *engine) {
	left, right := memPipe()
	client, server = newEngine(t, options), newEngine(t, options)
	cfg := func(id string) *Config {
		p := &peer{cfg: &Config{ContainerID: id, MaxFrameSize: 4096, ChannelMax: 3}, h: newRecorder()}
		for _, o := range options {
			o(p)
		}
		return p.cfg
	}
	client.run(NewClient(left, cfg("client"), client.h))
	server.run(NewServer(right, cfg("server"), server.h))
	synctest.Wait()
	client.wantUp("the client opens")
	server.wantUp("the server answers")
	return client, server
}

func newEngine(t *testing.T, options []option) *engine {
	p := &peer{cfg: new(Config), h: newRecorder()}
	for _, o := range options {
		o(p)
	}
	return &engine{t: t, h: p.h, done: make(chan struct{})}
}

func (e *engine) run(c *Conn) {
	e.conn = c
	go func() {
		defer close(e.done)
		e.err = c.Run()
	}()
	e.t.Cleanup(func() { c.Abort(nil) })
}

func (e *engine) do(f func(b *Batch)) {
	var b Batch
	f(&b)
	b.Flush()
	synctest.Wait()
}

func (e *engine) close() { e.do(func(b *Batch) { e.conn.Close(b, nil) }) }

func (e *engine) wantUp(why string) {
	e.t.Helper()
	synctest.Wait()
	select {
	case <-e.done:
		e.t.Fatalf("%s: the connection is over: %v", why, e.err)
	default:
	}
	if e.conn.Peer() == nil {
		e.t.Fatalf("%s: the connection is not open", why)
	}
}

// wantEnd checks that the connection has ended with this condition.
func (e *engine) wantEnd(condition wire.Symbol) {
	e.t.Helper()
	<-e.done
	got := asWireError(e.err)
	if (got == nil) != (condition == "") || got != nil && got.Condition != condition {
		e.t.Fatalf("the connection ended with %v, want %q", e.err, condition)
	}
}
