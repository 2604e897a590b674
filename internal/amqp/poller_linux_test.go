package amqp

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/sasl"
	"github.com/meshway/meshway/internal/wire"
)

// What is a poller's own: the dialogues and the stories of sockets run by it as well.

// patience bounds what must happen in the end.
const patience = 20 * time.Second

// serveTCP serves the far end of a new socket.
func serveTCP(t *testing.T, cfg *Config) (nc net.Conn, c *Conn, ended chan error) {
	t.Helper()
	nc, server := tcpPair(t)
	c, ended = NewServer(server, cfg, newRecorder()), make(chan error, 1)
	c.Start(func(err error) { ended <- err })
	if c.t.sock == nil {
		t.Fatal("no poller watches the socket")
	}
	_ = nc.SetDeadline(time.Now().Add(patience))
	return nc, c, ended
}

func await(t *testing.T, what string, ended chan error) error {
	t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		t.Fatalf("%s: never", what)
		return nil
	}
}

// sleeper is a mechanism whose step takes until it is released.
type sleeper struct{ began, release chan struct{} }

func (sleeper) Name() string           { return "SLEEPER" }
func (s sleeper) Start() sasl.Exchange { return s }
func (s sleeper) Step(context.Context, []byte) ([]byte, bool, string, error) {
	s.began <- struct{}{}
	<-s.release
	return nil, true, "late", nil
}

// A login takes as long as a salted hash does: the other sockets of the poller are read on.
func TestASlowLoginHoldsUpNobody(t *testing.T) {
	s := sleeper{make(chan struct{}), make(chan struct{})}
	release := sync.OnceFunc(func() { close(s.release) })
	defer release()
	slow := &Config{ContainerID: "engine", MaxFrameSize: 4096, Mechanisms: []sasl.Mechanism{s}}
	var held []net.Conn
	for range 2 * runtime.GOMAXPROCS(0) {
		nc, _, _ := serveTCP(t, slow)
		// All at once, as a client may that knows what is offered.
		_, _ = nc.Write(wire.AppendSASLFrame(wire.ProtoSASL[:], &wire.SASLInit{Mechanism: "SLEEPER"}))
		held = append(held, nc)
	}
	for range held {
		select {
		case <-s.began:
		case <-time.After(patience):
			t.Fatal("a login waits for another one")
		}
	}
	for range 2 * runtime.GOMAXPROCS(0) {
		nc, _, _ := serveTCP(t, &Config{ContainerID: "engine", MaxFrameSize: 4096})
		_, _ = nc.Write(wire.ProtoAMQP[:])
		if _, err := nc.Read(make([]byte, 8)); err != nil {
			t.Errorf("beside a login: %v", err)
		}
		_ = nc.Close()
	}
	release()
	for _, nc := range held {

		e := &wireEnd{t: t, nc: nc, b: make([]byte, 4096)}
		e.need(8)
		_, _ = nc.Write(wire.ProtoAMQP[:])
		for len(e.in) < 8 || [8]byte(e.in[len(e.in)-8:]) != wire.ProtoAMQP {
			e.need(len(e.in) + 1)
		}
		_ = nc.Close()
	}
}

// The end of the stream, told together with the last bytes, is noticed.
func TestAnEndThatComesWithTheLastBytesIsNoticed(t *testing.T) {
	for range 100 {
		nc, server := tcpPair(t)
		_, _ = nc.Write(wire.AppendFrame(wire.ProtoAMQP[:], 0, &wire.Open{ContainerID: "peer"}))
		_ = nc.(*net.TCPConn).CloseWrite()
		c, ended := NewServer(server, &Config{ContainerID: "engine", MaxFrameSize: 4096}, newRecorder()), make(chan error, 1)
		c.Start(func(err error) { ended <- err })
		if err := await(t, "the end", ended); !errors.Is(err, ErrPeerGone) {
			t.Fatalf("ended with %v", err)
		}
		_ = nc.Close()
	}
}

// heartbeat is a frame without a performative. [2.4.5]
var heartbeat = [wire.FrameHeaderSize]byte{3: wire.FrameHeaderSize, 4: 2}

// whose is the poller that watches the connection.
func whose(c *Conn) *poller {
	c.t.sock.mu.Lock()
	defer c.t.sock.mu.Unlock()
	return c.t.sock.poller
}

// Two connections that are busy all the time do not share a poller while another one has
// nothing to do, and do when there is little; whoever moves goes on where it was.
func TestABusySocketMovesToAnIdlePoller(t *testing.T) {
	cfg := &Config{ContainerID: "engine", MaxFrameSize: 4096}
	hello := wire.AppendFrame(wire.ProtoAMQP[:], 0, &wire.Open{ContainerID: "peer"})
	var both []net.Conn
	var conns []*Conn
	var ends []chan error
	for len(conns) < 2 {
		nc, c, ended := serveTCP(t, cfg)
		if len(pollers.all) < 2 {
			t.Skip("there is one processor, and so one poller")
		}
		if len(conns) == 1 && whose(c) != whose(conns[0]) {
			_ = nc.Close()
			continue
		}
		_, _ = nc.Write(hello)
		both, conns, ends = append(both, nc), append(conns, c), append(ends, ended)
	}
	beats := bytes.Repeat(heartbeat[:], 32<<10)
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for _, nc := range both {
		writers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = nc.Write(beats)
				}
			}
		})
	}
	for end := time.Now().Add(patience); whose(conns[0]) == whose(conns[1]); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Error("both stay where they were")
			break
		}
	}
	close(stop)
	writers.Wait()
	for end := time.Now().Add(patience); whose(conns[0]) != pollers.all[0] || whose(conns[1]) != pollers.all[0]; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Error("one stays away")
			break
		}
		for _, nc := range both {
			_, _ = nc.Write(heartbeat[:])
		}
	}
	for i, nc := range both {
		e := &wireEnd{t: t, nc: nc, b: make([]byte, 4096)}
		e.write(frame{body: begin()}.encode(nil))
		e.need(8)
		e.in = e.in[8:]
		e.frame()
		if _, ok := e.frame().body.(*wire.Begin); !ok {
			t.Error("begin has not been answered")
		}
		_ = nc.Close()
		if err := await(t, "the end", ends[i]); !errors.Is(err, ErrPeerGone) {
			t.Errorf("ended with %v", err)
		}
	}
}

// Connections end in every way, from both sides and in the middle of a write: each end
// is told once, and every descriptor is given back.
func TestDescriptorsAreGivenBack(t *testing.T) {
	open := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("there is no /proc to count descriptors by")
		}
		return len(list)
	}
	serve := func(way int) {
		nc, c, ended := serveTCP(t, &Config{ContainerID: "engine", MaxFrameSize: 4096})
		defer nc.Close()
		switch way {
		case 0:
			c.Abort(nil)
		case 1:
			_ = nc.(*net.TCPConn).SetLinger(0) // a reset
			_ = nc.Close()
		case 2: // our last words wait in a full socket
			_, _ = nc.Write(wire.AppendFrame(wire.ProtoAMQP[:], 0, &wire.Open{ContainerID: "peer"}))
			c.mu.Lock()
			c.out.bytes = append(c.out.bytes, make([]byte, 16<<20)...)
			c.mu.Unlock()
			var b Batch
			b.touch(c)
			b.Flush()
			c.Abort(nil)
		case 3:
			_, _ = nc.Write([]byte("GET / HTTP/1.1\r\n"))
			_ = nc.Close()
		}
		await(t, "the end", ended)
	}
	serve(0)
	before := open()
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() { serve(i % 4) })
	}
	all.Wait()
	for end := time.Now().Add(patience); open() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d descriptors are open, there were %d", open(), before)
		}
	}
}

// What a connection that a poller watches leaves behind when it has gone: no alarm, no place in a table.
func TestAWatchedConnectionLeavesNothingBehind(t *testing.T) {
	nc, c, ended := serveTCP(t, &Config{ContainerID: "engine", MaxFrameSize: 4096})
	c.mu.Lock()
	a, ok := c.timer.(*alarm)
	c.mu.Unlock()
	if !ok {
		t.Fatalf("it has a %T of its own, want an alarm among all", c.timer)
	}
	left := func() (set, found bool) {
		polledAlarms.mu.Lock()
		set = a.at >= 0
		polledAlarms.mu.Unlock()
		p := c.t.sock.poller
		p.mu.Lock()
		found = p.sockets.get(c.t.sock.fd) == c.t.sock
		p.mu.Unlock()
		return set, found
	}
	if set, found := left(); !set || !found {
		t.Errorf("while it lives: has an alarm set: %v, is found by its poller: %v", set, found)
	}
	_ = nc.Close()
	_ = await(t, "the end of a connection whose peer is gone", ended)
	if set, found := left(); set || found {
		t.Errorf("when it is gone: has an alarm set: %v, is found by its poller: %v", set, found)
	}
}
