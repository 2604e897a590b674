package gossip

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
	"go.uber.org/zap"

	"github.com/meshway/meshway/linkstate"
)

const (
	inboxDepth  = 256 // packets that wait for memberlist
	acceptDepth = 16  // streams that wait for memberlist
	// complaintInterval is how often a neighbour's malformed packets are logged.
	complaintInterval = time.Minute
)

var (
	errNotAdjacent = errors.New("no such adjacency")
	errFull        = errors.New("the adjacency has no room")
	errClosed      = errors.New("gossip is closed")
)

// transport is the mesh as memberlist sees it: packets go to a neighbour, or by
// the next hop; streams go to neighbours only.
type transport struct {
	// Immutable after newTransport:
	id      string
	log     *zap.Logger
	send    func(neighbour string, packet []byte) bool
	nextHop func(dest string) (neighbour string, ok bool)
	streams *streams
	inbox   chan *memberlist.Packet

	count  counters
	closed atomic.Bool

	mu         sync.Mutex
	neighbours map[string]*neighbour // guarded by mu
}

// neighbour is what the transport keeps of an adjacency.
type neighbour struct {
	joined     bool      // a join with it was begun
	complained time.Time // when its packets were last complained about
	unnamed    uint64    // how many malformed ones came since
}

func newTransport(c *Config) *transport {
	t := &transport{
		id: c.ID, log: c.Log, nextHop: c.NextHop,
		inbox:      make(chan *memberlist.Packet, inboxDepth),
		neighbours: make(map[string]*neighbour),
	}
	t.send = func(neighbour string, packet []byte) bool {
		if t.closed.Load() || !c.Send(neighbour, packet) {
			return false
		}
		t.count.packets.Add(1)
		t.count.bytes.Add(uint64(len(packet)))
		return true
	}
	t.streams = newStreams(t)
	return t
}

// receive takes a packet that came from a neighbour: it is relayed, or delivered
// here. The packet is changed, and not kept.
func (t *transport) receive(from string, packet []byte) {
	if t.closed.Load() {
		return
	}
	t.count.received.Add(1)
	e, err := parseEnvelope(packet)
	switch {
	case errors.Is(err, errVersion):
		t.count.unknown.Add(1)
	case err != nil:
		t.malformed(from, err)
	case string(e.source) == t.id:
		t.count.looped.Add(1)
	case string(e.dest) != t.id:
		t.relay(from, string(e.dest), e.hops, packet)
	default:
		t.deliver(from, &e)
	}
}

// relay sends a packet on. It never goes back to where it came from: two routers
// that each hold the other for the next hop would play with it.
func (t *transport) relay(from, dest string, hops byte, packet []byte) {
	if hops <= 1 {
		t.count.expired.Add(1)
		return
	}
	packet[hopsAt] = hops - 1
	if t.route(from, dest, packet) {
		t.count.relayed.Add(1)
	}
}

// route sends a packet towards a router: over the adjacency with it, if there is
// one, else to the next hop, if that is not from whom it came.
func (t *transport) route(from, dest string, packet []byte) bool {
	if t.adjacent(dest) && t.send(dest, packet) {
		return true
	}
	next, ok := t.nextHop(dest)
	if !ok || next == from || next == t.id {
		t.count.noWay.Add(1)
		return false
	}
	if !t.send(next, packet) {
		t.count.full.Add(1)
		return false
	}
	return true
}

// deliver takes a packet for this router.
func (t *transport) deliver(from string, e *envelope) {
	switch e.kind {
	case kindGossip:
		i := inspection{neighbour: from}
		if err := i.packet(e.payload); err != nil {
			t.malformed(from, err)
			return
		}
		t.count.unknown.Add(uint64(i.unknown))
		t.enqueue(from, e.payload)
	case kindStream:
		if string(e.source) != from {
			t.malformed(from, fmt.Errorf("a stream of %q, which is not the neighbour", e.source))
			return
		}
		if err := t.streams.receive(from, e.payload); err != nil {
			t.malformed(from, err)
		}
	default:
		t.count.unknown.Add(1)
	}
}

// enqueue hands a packet to memberlist, which keeps parts of it.
func (t *transport) enqueue(from string, payload []byte) {
	p := &memberlist.Packet{Buf: append([]byte(nil), payload...), From: address(from), Timestamp: time.Now()}
	select {
	case t.inbox <- p:
	default:
		t.count.full.Add(1)
	}
}

// malformed counts a packet that breaks the format, and now and then names the
// neighbour that it came from.
func (t *transport) malformed(from string, err error) {
	t.count.malformed.Add(1)
	now := time.Now()
	t.mu.Lock()
	n := t.neighbours[from]
	if n == nil || now.Sub(n.complained) < complaintInterval {
		if n != nil {
			n.unnamed++
		}
		t.mu.Unlock()
		return
	}
	more := n.unnamed
	n.complained, n.unnamed = now, 0
	t.mu.Unlock()
	t.log.Warn("malformed gossip dropped; is the neighbour a router of this mesh and of a version that fits?",
		zap.String("neighbour", from), zap.Uint64("since the last such line", more), zap.Error(err))
}

// WriteToAddress sends one of memberlist's packets. To a router further away it
// never fails: an error would end a probe early, and nobody would ever be buried.
func (t *transport) WriteToAddress(b []byte, to memberlist.Address) (time.Time, error) {
	now := time.Now()
	if linkstate.CheckID(to.Name) != nil || to.Name == t.id { // somebody's ping said so
		t.count.noWay.Add(1)
		return now, nil
	}
	packet := appendEnvelope(make([]byte, 0, len(b)+len(t.id)+len(to.Name)+hopsAt+3), kindGossip, t.id, to.Name)
	packet = append(packet, b...)
	if !strings.HasSuffix(to.Addr, adjacentSuffix) {
		t.route("", to.Name, packet)
		return now, nil
	}
	if !t.adjacent(to.Name) {
		t.count.noWay.Add(1)
		return now, errNotAdjacent
	}
	if !t.send(to.Name, packet) {
		t.count.full.Add(1)
		return now, errFull
	}
	return now, nil
}

// DialAddressTimeout opens a stream to a neighbour.
func (t *transport) DialAddressTimeout(to memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return t.streams.dial(to.Name, time.Now().Add(timeout))
}

// PacketCh is where memberlist takes packets from; it is never closed.
func (t *transport) PacketCh() <-chan *memberlist.Packet { return t.inbox }

// StreamCh is where memberlist takes streams from; it is never closed.
func (t *transport) StreamCh() <-chan net.Conn { return t.streams.accepted }

// FinalAdvertiseAddr is the made-up address of this router.
func (t *transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return addressOf(t.id), portRelayed, nil
}

// WriteTo is not used: memberlist requires names here.
func (t *transport) WriteTo([]byte, string) (time.Time, error) {
	return time.Time{}, errNotAdjacent
}

// DialTimeout is not used, as WriteTo.
func (t *transport) DialTimeout(string, time.Duration) (net.Conn, error) {
	return nil, errNotAdjacent
}

// Shutdown ends all streams; nothing is sent or received any more.
func (t *transport) Shutdown() error {
	t.closed.Store(true)
	t.streams.fail("", errClosed)
	return nil
}

// address is a router's id as a net.Addr, for memberlist's log.
type address string

func (address) Network() string  { return "mesh" }
func (a address) String() string { return string(a) }
