package router

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/linkstate"
	"github.com/meshway/meshway/routing"
)

// keys are some routers, as a set or a trace has them.
func keys(list ...uint64) (b []byte) {
	for _, k := range list {
		b = binary.BigEndian.AppendUint64(b, k)
	}
	return b
}

var plainRoutingData = routingData{hops: maxHops, class: 4, flow: 7, ingress: 1, egress: 2, address: []byte("q")}

// someRoutingData is one of each kind.
func someRoutingData() []routingData {
	plain := plainRoutingData
	multicast := plain
	multicast.flags, multicast.egress, multicast.set = flagMulticast|flagReleases, 0, keys(3, 4, 5)
	traced := plain
	traced.flags, traced.trace = flagTraced|flagPresettled|flagMoved, keys(1, 9)
	both := multicast
	both.flags, both.trace = multicast.flags|flagTraced, keys(1)
	return []routingData{plain, multicast, traced, both}
}

// sameRoutingData says whether b is a.
func sameRoutingData(a, b routingData) bool {
	return bytes.Equal(a.append(nil), b.append(nil))
}

func TestRoutingDataIsWhatItWasBeforeItWasEncoded(t *testing.T) {
	for _, d := range someRoutingData() {
		head := d.append(nil)
		got, err := parseRoutingData(append(head, "message"...))
		if err != nil || got.size != len(head) || !sameRoutingData(got, d) {
			t.Errorf("%+v became %+v of %d bytes, not %d (%v)", d, got, got.size, len(head), err)
		}
	}
}

func TestWhatALaterVersionAddsToRoutingDataIsSkipped(t *testing.T) {
	for _, d := range someRoutingData() {
		head := append(d.append(nil), "and more"...)
		binary.BigEndian.PutUint16(head[4:], uint16(len(head)))
		got, err := parseRoutingData(append(head, "message"...))
		if err != nil || got.size != len(head) || !sameRoutingData(got, d) {
			t.Errorf("%+v became %+v of %d bytes, not %d (%v)", d, got, got.size, len(head), err)
		}
	}
}

func TestATraceEndsWhereItsLengthDoes(t *testing.T) {
	d := plainRoutingData
	d.flags = flagTraced
	for i := range 300 {
		d.passed(routing.Key(i))
	}
	got, err := parseRoutingData(d.append(nil))
	if err != nil || len(got.trace) != 255*keySize {
		t.Errorf("%d bytes of trace after 300 routers: %v", len(got.trace), err)
	}
}

// What a router in between does with each message: it reads where that goes, counts the hop,
// and chooses the next.
func TestTransitFindsTheNextHopWithoutAllocating(t *testing.T) {
	routes := routing.Compute(linkstate.NewTopology([]linkstate.Node{
		{ID: "A", Edges: []linkstate.Edge{{To: 1, Cost: 1}}},
		{ID: "B", Edges: []linkstate.Edge{{To: 0, Cost: 1}, {To: 2, Cost: 1}}},
		{ID: "C", Edges: []linkstate.Edge{{To: 1, Cost: 1}}},
	}), "B")
	d := plainRoutingData
	d.egress = routing.KeyOf("C")
	p := append(d.append(nil), "message"...)
	x, m := new(mesh), new(message)
	if n := testing.AllocsPerRun(50, func() { // fewer than there are hops
		d, err := parseRoutingData(p)
		on := x.hopOn(m, p, &d)
		to, known := routes.ByKey(d.egress)
		hop, ok := routes.NextHopExcept(to, d.flow, 0)
		if err != nil || !known || !ok || routes.Topology().Node(hop).ID != "C" || &on[0] != &p[0] {
			t.Fatalf("the next hop is %d (%v, %v, %v)", hop, known, ok, err)
		}
	}); n != 0 {
		t.Errorf("%.0f allocations", n)
	}
	if hops := p[hopsAt]; hops != maxHops-51 {
		t.Errorf("%d hops are left after 51", hops)
	}
}

func FuzzRoutingData(f *testing.F) {
	for _, d := range someRoutingData() {
		head := d.append(nil)
		f.Add(append(head, "message"...))
		f.Add(head[:len(head)-1])
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		d, err := parseRoutingData(p)
		if err != nil {
			if !errors.Is(err, errRoutingData) {
				t.Errorf("an error of another kind: %v", err)
			}
			return
		}
		if d.size > len(p) || len(d.address) == 0 || len(d.address) > maxAddressLength {
			t.Fatalf("%d bytes of %d, an address of %d", d.size, len(p), len(d.address))
		}
		again, err := parseRoutingData(d.append(nil))
		if err != nil || !sameRoutingData(again, d) || again.size > d.size {
			t.Errorf("%+v became %+v: %v", d, again, err)
		}
		if set, err := routing.ParseSet(d.set); err == nil && set.Len() > 0 {
			set.Key(set.Len() - 1)
		}
	})
}

func FuzzRoutedControl(f *testing.F) {
	m := routedMessage{mesh: &mesh{key: 1}, to: 1, kind: routedGrant}
	var b amqp.Batch
	m.add(&b, "q", []byte{0, 0, 0, 9})
	m.add(&b, "", []byte{0, 0, 1, 0})
	f.Add(m.buf[routedHeader:], 4)
	f.Add(m.buf[routedHeader:], 0)
	f.Fuzz(func(t *testing.T, body []byte, behind int) {
		if behind < 0 || behind > 4 {
			return
		}
		taken := 0
		err := eachAddress(body, behind, func(addr, rest []byte) {
			if len(rest) != behind {
				t.Errorf("%d bytes behind an address, not %d", len(rest), behind)
			}
			taken += 2 + len(addr) + len(rest)
		})
		if taken > len(body) || err == nil && taken != len(body) {
			t.Errorf("%d bytes taken of %d: %v", taken, len(body), err)
		}
	})
}
