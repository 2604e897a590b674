package router_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// What its sender has settled is the router's to deliver, wherever it was then, and also if the
// sender is lost right after.

// backed sends messages from A, of which many wait in front of the way from one router to
// another.
func (s *meshStage) backed(p *producer, from, to string) (sent []*meshtest.Out) {
	slow := meshtest.Line{Rate: 1_000_000, Buffer: 2000}
	s.net.Between(from, to).Set(slow, slow)
	for range backedUp {
		sent = append(sent, p.send(long(6_000)))
	}
	s.advance(10 * time.Millisecond)
	return sent
}

const backedUp = 60

// settledAndLost plays how messages wait at one router for another, and are settled by their
// sender or not before it is lost, and how many come.
func settledAndLost(t *testing.T, drawing, from, to, address, where string, settles bool, lose func(s *meshStage, p *producer)) {
	playMesh(t, drawing, nil, func(s *meshStage) {
		c := s.at(to, "receiver").consumer(address, 500)
		s.known()
		p := s.at("A", "sender").producer(address)
		sent := s.backed(p, from, to)
		leave := func() {
			if settles {
				p.app.do(func() {
					for _, o := range sent {
						o.Settle(wire.DeliveryState{})
					}
				})
			}
			lose(s, p)
		}
		if where == "in a queue" {
			leave()
		} else if moved := s.routers[from].WhileInNoQueue(to, where == "parked", leave); moved < backedUp/6 {
			t.Errorf("%d of %d were in no queue", moved, backedUp)
		}
		s.net.Between(from, to).Set(meshtest.Line{}, meshtest.Line{})
		s.advance(5 * time.Second)
		if came := c.count(); settles && came != backedUp || !settles && came > backedUp*5/6 {
			t.Errorf("%d of %d came", came, backedUp)
		}
		for _, d := range c.got {
			equal(s.stage, "settled: nobody waits for its outcome", d.Settled || d.RemoteSettled, true)
		}
	})
}

func TestMeshWhatItsSenderHasSettledGoesOnThoughTheSenderIsLost(t *testing.T) {
	kill := func(_ *meshStage, p *producer) { p.app.kill() }
	for _, address := range []string{"q", "multicast.q"} {
		for _, where := range []string{"in a queue", "in no queue", "parked"} {
			for _, settles := range []bool{true, false} {
				if where == "parked" && address == "q" {
					continue // that waits at its address where it came in
				}
				t.Run(fmt.Sprintf("%s, %s, settled %v", address, where, settles), func(t *testing.T) {
					settledAndLost(t, "A-B", "A", "B", address, where, settles, kill)
				})
			}
		}
	}
}

// What is in transit is a neighbour's, which passes on what its sender says.
func TestMeshWhatItsSenderHasSettledGoesOnInTransitThoughTheWayBackIsLost(t *testing.T) {
	cut := func(s *meshStage, _ *producer) { s.cut("A", "B"); s.advance(0) }
	for _, address := range []string{"q", "multicast.q"} {
		for _, where := range []string{"in a queue", "in no queue", "parked"} {
			for _, settles := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s, %s, settled %v", address, where, settles), func(t *testing.T) {
					settledAndLost(t, "A-B B-C", "B", "C", address, where, settles, cut)
				})
			}
		}
	}
}
