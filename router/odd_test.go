package router_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// outcomeOf is what the router says of a delivery, and why.
func (c *rawClient) outcomeOf(t *testing.T, id uint32) (kind wire.StateKind, reason *wire.Error) {
	t.Helper()
	for {
		f := c.await(wire.CodeDisposition)
		d, ok := f.body.(*wire.Disposition)
		if !ok {
			t.Fatalf("no outcome of delivery %d: %v", id, c.gone)
		}
		if id-d.First > d.Last.Or(d.First)-d.First {
			continue
		}
		if d.State.Kind == wire.StateRejected {
			var err error
			if reason, err = d.State.RejectedError(); err != nil {
				t.Fatal(err)
			}
		}
		return d.State.Kind, reason
	}
}

// On a link without a target each message says where it goes. One that does not, or
// that cannot be read so far, is rejected with a reason; the link lives.
func TestMessagesThatSayNotWhereTheyGo(t *testing.T) {
	c := rawDial(startRouter(t)).open()
	defer c.close()
	c.write(sender("any", 0, ""), receiver("out", 1, "somewhere"), grant(1, 100))
	if c.await(wire.CodeFlow).body == nil {
		t.Fatal(c.gone)
	}
	whole := to("somewhere", "hello")
	tests := []struct {
		name      string
		message   []byte
		condition wire.Symbol
	}{
		{"nothing", nil, wire.CondPreconditionFailed},
		{"no properties", data("hello"), wire.CondPreconditionFailed},
		{"properties without an address", append((&wire.MessageProperties{Subject: wire.Some("s")}).Append(nil), data("x")...), wire.CondPreconditionFailed},
		{"an empty address", to("", "hello"), wire.CondPreconditionFailed},
		{"a header of the wrong type", append([]byte{0, 0x53, 0x70, 0xa1, 1, 'x'}, whole...), wire.CondDecodeError},
		{"a header that is cut off", []byte{0, 0x53, 0x70, 0xc0, 200, 5, 0x41}, wire.CondDecodeError},
		{"a header whose length lies", append([]byte{0, 0x53, 0x70, 0xd0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1}, whole...), wire.CondDecodeError},
		{"properties of the wrong type", append([]byte{0, 0x53, 0x73, 0xc1, 1, 0}, data("x")...), wire.CondDecodeError},
		{"an address that is a number", append([]byte{0, 0x53, 0x73, 0xc0, 5, 3, 0x40, 0x40, 0x54, 7}, data("x")...), wire.CondDecodeError},
		{"no section", []byte("hello, world"), wire.CondDecodeError},
		{"an unknown section", append([]byte{0, 0x53, 0x99, 0x45}, whole...), wire.CondDecodeError},
		{"annotations nested too deep", append(append([]byte{0, 0x53, 0x72, 0xd1, 0, 0, 1, 0x3b, 0, 0, 0, 2, 0xa3, 1, 'k'}, strings.Repeat("\x00\x53\x01", 104)...), 0x40), wire.CondDecodeError},
		{"an address that is configured away", to("gone/there", "hello"), wire.CondNotFound},
	}
	for i, tt := range tests {
		id := uint32(2 * i)
		c.write(transfer(0, id, false, tt.message))
		kind, reason := c.outcomeOf(t, id)
		if kind != wire.StateRejected || reason == nil || reason.Condition != tt.condition || reason.Description == "" {
			t.Errorf("%s: %v, %v, want rejected with %s", tt.name, kind, reason, tt.condition)
		}
		c.write(transfer(0, id+1, false, whole))
		if f := c.await(wire.CodeTransfer); string(f.payload) != string(whole) {
			t.Fatalf("behind %s the link is dead: %v", tt.name, c.gone)
		}
		c.write(&wire.Disposition{Role: wire.RoleReceiver, First: uint32(i), Settled: true, State: wire.Accepted})
		if kind, _ := c.outcomeOf(t, id+1); kind != wire.StateAccepted {
			t.Fatalf("behind %s: %v", tt.name, kind)
		}
	}
	c.write(transfer(0, 1000, false, to("nobody/is/there", "hello")))
	if kind, _ := c.outcomeOf(t, 1000); kind != wire.StateReleased {
		t.Errorf("to an address that nobody uses: %v", kind)
	}
}

// The same of a message so long that it is not waited for.
func TestLongMessagesThatSayNotWhereTheyGo(t *testing.T) {
	c := rawDial(startRouter(t)).open()
	defer c.close()
	c.write(sender("any", 0, ""))
	c.await(wire.CodeFlow)
	for id, tt := range []struct {
		name  string
		begin []byte
		kind  wire.StateKind
	}{
		{"no address", data(""), wire.StateRejected},
		{"a header of the wrong type", []byte{0, 0x53, 0x70, 0xa1, 1, 'x'}, wire.StateRejected},
		{"properties that never end", append([]byte{0, 0x53, 0x73, 0xd0, 0, 0xff, 0xff, 0xff, 0, 0, 0, 1}, 0xb1, 0, 0xff, 0xff, 0), wire.StateRejected},
		{"an address that nobody uses", to("nobody", ""), wire.StateReleased},
	} {
		c.write(transfer(0, uint32(id), true, tt.begin))
		for range 12 {
			c.write(frame{body: &wire.Transfer{More: true}, payload: make([]byte, 8000)})
		}
		c.write(frame{body: &wire.Transfer{}, payload: make([]byte, 10)})
		if kind, _ := c.outcomeOf(t, uint32(id)); kind != tt.kind {
			t.Errorf("%s: %v, want %v", tt.name, kind, tt.kind)
		}
	}
	c.write(&wire.Detach{Closed: true})
	if f := c.await(wire.CodeDetach); f.body == nil || f.body.(*wire.Detach).Error != nil {
		t.Errorf("the link did not live to its end: %+v, %v", f.body, c.gone)
	}
}

// A link that leaves while its messages wait gives back all that they took: after any
// number of such links, a connection can send as at first.
func TestLinksThatLeaveWithMessagesWaiting(t *testing.T) {
	address := startRouter(t)
	consumer := rawDial(address).open()
	defer consumer.close()
	consumer.write(receiver("out", 0, "slow"), grant(0, 1))
	consumer.await(wire.CodeAttach)
	c := rawDial(address).open()
	defer c.close()
	large, small := data(strings.Repeat("x", 10_000)), data(strings.Repeat("x", 1_000))
	id := uint32(0)
	for round := range 60 {
		body := large
		if round >= 40 { // few enough to go on; those of many links are not
			body = small
		}
		name := fmt.Sprint("link ", round)
		c.write(sender(name, 0, ""))
		if c.await(wire.CodeFlow).body == nil {
			t.Fatal(c.gone)
		}
		for range 10 {
			c.write(transfer(0, id, false, append((&wire.MessageProperties{To: wire.Some("slow")}).Append(nil), body...)))
			id++
		}
		c.write(&wire.Detach{Closed: true})
		if f := c.await(wire.CodeDetach); f.body == nil {
			t.Fatalf("round %d: no answer to detach: %v", round, c.gone)
		}
	}
	if w := c.askWindow(id); w < 16 {
		t.Errorf("with nothing waiting the connection may send %d frames", w)
	}
}

// askWindow asks how many frames more the client may send, once the router has seen
// those that it has.
func (c *rawClient) askWindow(sent uint32) uint32 {
	c.write(&wire.Flow{NextIncomingID: wire.Some[uint32](0), IncomingWindow: 1000, NextOutgoingID: sent, OutgoingWindow: 1000, Echo: true})
	for {
		f := c.await(wire.CodeFlow)
		flow, ok := f.body.(*wire.Flow)
		if !ok {
			return 0
		}
		if !flow.Handle.OK && flow.NextIncomingID.V == sent {
			return flow.IncomingWindow
		}
	}
}

// A subscriber that takes nothing costs the others nothing, and does not take more
// memory than its backlog.
func TestASubscriberThatNeverReads(t *testing.T) {
	address := startRouter(t)
	deaf := rawDial(address).open()
	defer deaf.reset()
	deaf.write(receiver("deaf", 0, "fan/x"), grant(0, 1<<30))
	deaf.await(wire.CodeAttach)
	good := &pair{address: "fan/x"}
	stop := make(chan struct{})
	done := make(chan error)
	go func() { done <- good.run(address, stop) }()
	awaitProgress(t, []*pair{good}, 20)
	before := heap()
	awaitProgress(t, []*pair{good}, 400)
	if now := heap(); now > before+16<<20 {
		t.Errorf("the heap has grown from %d to %d KiB", before>>10, now>>10)
	}
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A receiver's reasons go back to the sender, which may take small frames only.
func TestLongReasonsForASenderOfSmallFrames(t *testing.T) {
	address := startRouter(t)
	consumer := rawDial(address).open()
	defer consumer.close()
	consumer.write(receiver("out", 0, "picky"), grant(0, 100))
	consumer.await(wire.CodeAttach)
	c := rawDial(address)
	defer c.close()
	c.most = 512
	c.bytes(append(wire.ProtoAMQP[:], encode(&wire.Open{ContainerID: "small", MaxFrameSize: wire.Some[uint32](512)}, session(), sender("in", 0, "picky"))...))
	c.await(wire.CodeFlow)
	for id := range uint32(50) {
		c.write(transfer(0, id, false, data("x")))
	}
	for range 50 {
		consumer.await(wire.CodeTransfer)
	}
	reason := wire.RejectedState(&wire.Error{Condition: "test:no", Description: strings.Repeat("because ", 1500)})
	consumer.write(&wire.Disposition{Role: wire.RoleReceiver, First: 0, Last: wire.Some[uint32](49), Settled: true, State: reason})
	if kind, why := c.outcomeOf(t, 49); kind != wire.StateRejected || why == nil || why.Condition != "test:no" {
		t.Fatalf("%v, %v", kind, why)
	}
	c.write(transfer(0, 50, false, data("still here")))
	if f := consumer.await(wire.CodeTransfer); string(f.payload) != string(data("still here")) {
		t.Errorf("the sender does not get through any more: %v", c.gone)
	}
}
