package router_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"runtime"
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// A message that its consumer can take at once must not cost an object: neither what is looked
// at on its way may be kept, nor what is said of it.
func TestAMessageOnItsWayTakesNoObjects(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector pools forget on purpose")
	}
	const batch, rounds = 100, 40
	for name, largest := range map[string]uint64{"to anybody": 0, "to a consumer with a limit": 1000} {
		for kind, settled := range map[string]bool{"presettled": true, "unsettled": false} {
			t.Run(kind+" "+name, func(t *testing.T) {
				c := &fedClient{canned: canned{gone: make(chan struct{})}, idle: make(chan struct{}), pieces: make(chan []byte)}
				door := &cannedListener{clients: make(chan net.Conn), closed: make(chan struct{})}
				r := setUpRouter(t, door)
				door.clients <- c
				for _, p := range costFrames(largest) {
					c.feed(p)
				}
				messages := make([][]byte, rounds)
				for i := range messages {
					messages[i] = costBatch(uint32(i*batch), batch, settled)
				}
				for _, p := range messages[:rounds/2] { // what is kept is there then
					c.feed(p)
				}
				<-c.idle
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				c.pieces <- messages[rounds/2]
				for _, p := range messages[rounds/2+1:] {
					c.feed(p)
				}
				<-c.idle
				runtime.ReadMemStats(&after)
				if n := float64(after.Mallocs-before.Mallocs) / (batch * rounds / 2); n > 0.2 {
					t.Errorf("a message takes %.2f objects, want none", n)
				}
				if got, want := c.marks/len(costMark), batch*rounds; got < want {
					t.Errorf("%d of %d messages have come", got, want)
				}
				_ = c.Close()
				if err := r.Shutdown(context.Background()); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

// costMark is what the messages are made of, and nothing else that the router says.
var costMark = bytes.Repeat([]byte{0xfe}, 40)

// costFrames is what a client says that sends to itself.
func costFrames(largest uint64) [][]byte {
	address := wire.Some("q")
	sender := &wire.Attach{
		Name: "s", Handle: 0, Role: wire.RoleSender, Source: &wire.Source{}, Target: &wire.Target{Address: address}, InitialDeliveryCount: wire.Some[uint32](0),
	}
	receiver := &wire.Attach{
		Name: "r", Handle: 1, Role: wire.RoleReceiver, Source: &wire.Source{Address: address}, Target: &wire.Target{},
		MaxMessageSize: wire.Opt[uint64]{V: largest, OK: largest > 0},
	}
	credit := &wire.Flow{
		NextIncomingID: wire.Some[uint32](0), IncomingWindow: 1 << 20, OutgoingWindow: 1<<31 - 1,
		Handle: wire.Some[uint32](1), DeliveryCount: wire.Some[uint32](0), LinkCredit: wire.Some[uint32](1 << 20),
	}
	return [][]byte{
		wire.ProtoSASL[:],
		wire.AppendSASLFrame(nil, &wire.SASLInit{Mechanism: "ANONYMOUS", InitialResponse: []byte{}, Hostname: "router.example"}),
		setUpBytes(wire.ProtoAMQP[:], &wire.Open{ContainerID: "cost", Hostname: "router.example", MaxFrameSize: wire.Some[uint32](64 << 10)}),
		setUpBytes(nil, &wire.Begin{IncomingWindow: 1 << 20, OutgoingWindow: 1<<31 - 1, HandleMax: wire.Some[uint32](7)}, sender, receiver),
		setUpBytes(nil, credit),
	}
}

// costBatch is so many messages in one piece, and what the receiver says of those before.
func costBatch(first uint32, n int, settled bool) (b []byte) {
	if first > 0 && !settled {
		b = wire.AppendFrame(b, 0, &wire.Disposition{
			Role: wire.RoleReceiver, First: first - uint32(n), Last: wire.Some(first - 1), Settled: true, State: accepted,
		})
	}
	for i := range uint32(n) {
		t := wire.Transfer{
			Handle: 0, DeliveryID: wire.Some(first + i), DeliveryTag: []byte{byte(i), byte(i >> 8)}, Settled: wire.Some(settled), MessageFormat: wire.Some[uint32](0),
		}
		b = wire.AppendTransferFrame(b, 0, &t, wire.AppendData(nil, costMark))
	}
	return b
}

// fedClient is the router's end of a connection with a client that says piece by piece what
// it is given.
type fedClient struct {
	canned
	idle   chan struct{} // all that was said has been handled
	pieces chan []byte
	marks  int // of what came; looked at when it is idle
}

// feed has the client say one thing more, once the router has done with what was before.
func (c *fedClient) feed(p []byte) {
	<-c.idle
	c.pieces <- p
}

func (c *fedClient) Read(b []byte) (int, error) {
	select {
	case c.idle <- struct{}{}:
	case <-c.gone:
		return 0, io.EOF
	}
	select {
	case p := <-c.pieces:
		return copy(b, p), nil
	case <-c.gone:
		return 0, io.EOF
	}
}

func (c *fedClient) TryWrite(b []byte) (int, error) {
	c.marks += bytes.Count(b, costMark[:1])
	return len(b), nil
}

func (c *fedClient) Write(b []byte) (int, error) { return c.TryWrite(b) }
