package convergence

import (
	"sync"
	"sync/atomic"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// traffic is what bytes between routers are for.
type traffic int

const (
	trafficHeartbeats traffic = iota
	trafficLinkState
	trafficGossip
	trafficTables
	trafficOther // what AMQP itself needs, and setting up
	numTraffic
)

// meter counts the bytes of all adjacencies of a mesh, those of AMQP included.
type meter [numTraffic]atomic.Uint64

// read is what was counted so far.
func (m *meter) read() (counts [numTraffic]uint64) {
	for i := range counts {
		counts[i] = m[i].Load()
	}
	return counts
}

// since is what was counted since then.
func (m *meter) since(before [numTraffic]uint64) [numTraffic]uint64 {
	counts := m.read()
	for i := range counts {
		counts[i] -= before[i]
	}
	return counts
}

// metered is a connection between two routers whose bytes are counted. It is the end
// of the one that dialled, and sees both directions.
type metered struct {
	*meshtest.Conn
	out, in tap
}

func (m *meter) measure(c *meshtest.Conn) *metered {
	return &metered{Conn: c, out: tap{meter: m}, in: tap{meter: m}}
}

func (c *metered) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.out.pass(b[:n])
	return n, err
}

// TryWrite is how a router writes as long as the line has room.
func (c *metered) TryWrite(b []byte) (int, error) {
	n, err := c.Conn.TryWrite(b)
	c.out.pass(b[:n])
	return n, err
}

func (c *metered) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.in.pass(b[:n])
	return n, err
}

// tap reads the frames of one direction.
type tap struct {
	meter *meter

	mu      sync.Mutex
	buf     []byte
	control uint16  // the channel of the control link
	known   bool    // the control link is attached
	kind    traffic // of the last control message
	more    bool    // it is not at its end
}

func (t *tap) pass(b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	used := 0
	for {
		rest := t.buf[used:]
		n := 0
		if len(rest) >= 8 && string(rest[:4]) == "AMQP" {
			n = 8
		} else if f, size, err := wire.ParseFrame(rest, 1<<20); err != nil {
			panic(err)
		} else if n = size; n > 0 {
			t.meter[t.classify(&f)].Add(uint64(n))
		}
		if n == 0 {
			break
		}
		used += n
	}
	t.buf = append(t.buf[:0], t.buf[used:]...)
}

// controlKinds are the control messages that are counted apart, by their first byte.
var controlKinds = map[byte]traffic{1: trafficHeartbeats, 2: trafficLinkState, 3: trafficGossip, 4: trafficTables}

// classify says what a frame is for.
func (t *tap) classify(f *wire.Frame) traffic {
	if f.Type != wire.FrameAMQP || len(f.Body) == 0 {
		return trafficOther
	}
	code, fields, payload, err := wire.ParsePerformative(f.Body)
	if err != nil {
		panic(err)
	}
	switch {
	case code == wire.CodeAttach && !t.known:
		var a wire.Attach
		if a.Decode(fields) == nil && a.Role == wire.RoleSender && a.Target != nil && a.Target.Address.V == "$meshway.control" {
			t.control, t.known = f.Channel, true
		}
	case code == wire.CodeTransfer && t.known && f.Channel == t.control:
		var x wire.Transfer
		if err := x.Decode(fields); err != nil {
			panic(err)
		}
		if !t.more {
			var ok bool
			if t.kind, ok = controlKinds[payload[0]]; !ok {
				t.kind = trafficOther
			}
		}
		t.more = x.More
		return t.kind
	}
	return trafficOther
}
