package router

import (
	"fmt"
	"testing"

	"github.com/meshway/meshway/internal/amqp"
)

func testRemote(used int32) *remote {
	a := new(address)
	a.consumers.Store(noConsumers)
	r := &remote{addr: a}
	r.used.Store(used)
	return r
}

// A stream is broken off while it is in the hands of whoever drains the queue.
func TestUnitsOfAStreamThatWasBrokenOffBeforeItBeganComeBack(t *testing.T) {
	r := testRemote(streamUnits)
	h := &hop{in: new(ingress), remote: r, units: streamUnits}
	h.sent()
	s := &stream{canceled: true}
	var b amqp.Batch
	if !s.start(&b, &message{stream: s, hop: h}, &egress{peer: new(peer), addr: r.addr}) {
		t.Error("it waits on")
	}
	if used := r.used.Load(); used != 0 {
		t.Errorf("%d units are used", used)
	}
}

// A link that sends to many egress routers remembers those of late.
func TestLinkKeepsItsNewestHops(t *testing.T) {
	in := new(ingress)
	var all []*hop
	for range 3 * keptHops {
		h := &hop{in: in, remote: testRemote(0)}
		in.keep(h, in.hops.Load())
		all = append(all, h)
	}
	kept := *in.hops.Load()
	if len(kept) != keptHops || kept[keptHops-1] != all[len(all)-1] {
		t.Errorf("%d are kept", len(kept))
	}
	for i, h := range all {
		if known := len(h.remote.hops); known != 0 && i < len(all)-keptHops {
			t.Errorf("the %dth of %d is known to its remote", i, len(all))
		} else if known != 1 && i >= len(all)-keptHops {
			t.Errorf("the %dth of %d is not known to its remote", i, len(all))
		}
	}
}

func TestHopThatAnotherGoroutineWasFasterWithIsNotKept(t *testing.T) {
	in, r := new(ingress), testRemote(0)
	before := in.hops.Load()
	in.keep(&hop{in: in, remote: r}, before)
	in.keep(&hop{in: in, remote: r}, before)
	if len(*in.hops.Load()) != 1 || len(r.hops) != 1 {
		t.Errorf("the link keeps %d, the remote %d", len(*in.hops.Load()), len(r.hops))
	}
}

// Copies of a long multicast were left behind; one that waited for a neighbour is divided.
func TestStreamThatIsLateWaitsForNoMoreCopies(t *testing.T) {
	s := &stream{late: true, expected: 1}
	s.expectMore(2)
	if s.expected != 1 {
		t.Errorf("it waits for %d copies, of which there is 1", s.expected)
	}
}

func TestWindowGoesBeyondItsEndByOneMessage(t *testing.T) {
	r := testRemote(0)
	r.window.Store(10)
	got := ""
	for range 4 {
		got += fmt.Sprint(r.take(streamUnits), r.used.Load(), " ")
	}
	if want := "true 8 true 16 false 16 false 16 "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
