package router_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/logging"
	"github.com/meshway/meshway/internal/procstat"
	"github.com/meshway/meshway/internal/wire"
	"github.com/meshway/meshway/router"
)

// BenchmarkSetUp is what a new connection costs the router without the system's part: a login
// as ANONYMOUS, open, begin, and a sender and a receiver on an address of their own, which gives
// credit. The client is bytes that were made before. Each connection has a goroutine here, whose
// stack grows; a socket that a poller watches costs neither.
func BenchmarkSetUp(b *testing.B) {
	b.ReportAllocs()
	b.StopTimer()
	cpu := time.Duration(0)
	for left := b.N; left > 0; left -= setUpRound {
		setUp(b, min(left, setUpRound), func(connect func()) {
			before := processTime(b)
			b.StartTimer()
			connect()
			b.StopTimer()
			cpu += processTime(b) - before
		})
	}
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// setUpRound is how many connections stand at a time.
const setUpRound = 1000

func processTime(b *testing.B) time.Duration {
	d, err := procstat.CPU(os.Getpid())
	if err != nil {
		b.Skip(err)
	}
	return d
}

// A connection must not cost a new object for each thing that is said on it.
func TestAConnectionIsSetUpWithFewObjects(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector pools forget on purpose")
	}
	const connections, most = 500, 34
	setUp(t, connections, func(connect func()) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		connect()
		runtime.ReadMemStats(&after)
		if n := (after.Mallocs - before.Mallocs) / connections; n > most {
			t.Errorf("setting up a connection takes %d objects, want at most %d", n, most)
		}
	})
}

// setUp hands out what lets n clients connect to a new router, one after the other.
func setUp(tb testing.TB, n int, measure func(connect func())) {
	clients := make([]*canned, n)
	for i := range clients {
		clients[i] = &canned{says: setUpFrames(i), heard: make(chan struct{}), gone: make(chan struct{})}
	}
	door := &cannedListener{clients: make(chan net.Conn), closed: make(chan struct{})}
	r := setUpRouter(tb, door)
	measure(func() {
		for _, c := range clients {
			door.clients <- c
			<-c.heard
		}
	})
	for _, c := range clients {
		_ = c.Close()
	}
	if err := r.Shutdown(context.Background()); err != nil {
		tb.Fatal(err)
	}
	for i, c := range clients {
		if c.answered < len(c.says) {
			tb.Fatalf("client %d was answered %d times, want at least %d", i, c.answered, len(c.says))
		}
	}
}

// setUpRouter starts a router that is configured and logs as one that was just installed.
func setUpRouter(tb testing.TB, door net.Listener) *router.Router {
	log, err := logging.New(io.Discard, logging.Options{Level: "info", Format: "json"})
	if err != nil {
		tb.Fatal(err)
	}
	cfg := standalone()
	cfg.Addresses = nil
	cfg.Listeners[0].IdleTimeout, cfg.Listeners[0].Role = 16*time.Second, config.RoleNormal
	r, err := router.New(cfg, log)
	if err != nil {
		tb.Fatal(err)
	}
	r.ListenBy(func(string, string) (net.Listener, error) { return door, nil })
	if err := r.Start(); err != nil {
		tb.Fatal(err)
	}
	return r
}

// setUpFrames is what a client says, in the pieces in which it has to wait for answers.
func setUpFrames(i int) [][]byte {
	address := wire.Some(fmt.Sprintf("devices/%d", i))
	links := []wire.Performative{
		&wire.Begin{IncomingWindow: 256, OutgoingWindow: 1<<31 - 1, HandleMax: wire.Some[uint32](65535)},
	}
	for handle, role := range []wire.Role{wire.RoleSender, wire.RoleReceiver} {
		a := &wire.Attach{
			Name: fmt.Sprintf("device-%d-%v", i, role), Handle: uint32(handle), Role: role,
			SndSettleMode: wire.Some(wire.SndMixed), RcvSettleMode: wire.Some(wire.RcvFirst),
			Source: &wire.Source{Address: address}, Target: &wire.Target{Address: address},
		}
		if role == wire.RoleSender {
			a.InitialDeliveryCount = wire.Some[uint32](0)
		}
		links = append(links, a)
	}
	open := &wire.Open{
		ContainerID: fmt.Sprintf("device-%d", i), Hostname: "router.example", MaxFrameSize: wire.Some[uint32](64 << 10),
		ChannelMax: wire.Some[uint16](1), IdleTimeout: wire.Some[uint32](30_000),
	}
	credit := &wire.Flow{
		NextIncomingID: wire.Some[uint32](0), IncomingWindow: 256, OutgoingWindow: 1<<31 - 1,
		Handle: wire.Some[uint32](1), DeliveryCount: wire.Some[uint32](0), LinkCredit: wire.Some[uint32](100),
	}
	return [][]byte{
		wire.ProtoSASL[:],
		wire.AppendSASLFrame(nil, &wire.SASLInit{Mechanism: "ANONYMOUS", InitialResponse: []byte{}, Hostname: "router.example"}),
		setUpBytes(wire.ProtoAMQP[:], open),
		setUpBytes(nil, links...),
		setUpBytes(nil, credit),
	}
}

func setUpBytes(b []byte, frames ...wire.Performative) []byte {
	b = append([]byte(nil), b...)
	for _, f := range frames {
		b = wire.AppendFrame(b, 0, f)
	}
	return b
}

// canned is the router's end of a connection with a client that says what it has to say, piece
// by piece, and nothing more.
type canned struct {
	says     [][]byte
	next     int
	answered int           // writes of the router
	heard    chan struct{} // closed when all that was said has been handled
	gone     chan struct{} // closed with the connection
	close    sync.Once
}

func (c *canned) Read(b []byte) (int, error) {
	if c.next == len(c.says) {
		close(c.heard)
		<-c.gone
		return 0, io.EOF
	}
	n := copy(b, c.says[c.next])
	c.next++
	return n, nil
}

// TryWrite takes all that the router says.
func (c *canned) TryWrite(b []byte) (int, error) {
	c.answered++
	return len(b), nil
}

func (c *canned) Write(b []byte) (int, error) { return c.TryWrite(b) }

func (c *canned) Close() error {
	c.close.Do(func() { close(c.gone) })
	return nil
}

func (*canned) LocalAddr() net.Addr              { return cannedAddr }
func (*canned) RemoteAddr() net.Addr             { return cannedAddr }
func (*canned) SetDeadline(time.Time) error      { return nil }
func (*canned) SetReadDeadline(time.Time) error  { return nil }
func (*canned) SetWriteDeadline(time.Time) error { return nil }

var cannedAddr = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5672}

// cannedListener accepts what is put into it.
type cannedListener struct {
	clients chan net.Conn
	closed  chan struct{}
	close   sync.Once
}

func (l *cannedListener) Accept() (net.Conn, error) {
	select {
	case nc := <-l.clients:
		return nc, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *cannedListener) Close() error {
	l.close.Do(func() { close(l.closed) })
	return nil
}

func (*cannedListener) Addr() net.Addr { return cannedAddr }
