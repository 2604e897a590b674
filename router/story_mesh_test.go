package router_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

func TestAMessageCrossesTheMesh(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		c := s.at("A", "receiver").consumer("q", 10)
		s.advance(time.Second)
		p := s.at("C", "sender").producer("q")
		o := p.send(text("hello"))
		s.advance(time.Second)
		equal(s.stage, "received", c.bodies(), "hello")
		c.settle(0, accepted)
		ended(s.stage, "the delivery", o, wire.StateAccepted)
	})
}

func TestARouterDrainsWithoutLoss(t *testing.T) {
	playMesh(t, "A-B:1 B-C:1 A-D:2 D-C:2", nil, func(s *meshStage) {
		c := s.at("C", "receiver").consumer("q", 100000)
		s.advance(time.Second)
		p := s.at("A", "sender").producer("q")
		var outs []*meshtest.Out
		drained := make(chan error, 1)
		for i := range 300 {
			outs = append(outs, p.send(text(strconv.Itoa(i))))
			if i == 100 { // the router on the path, in the middle of it
				go func() { drained <- s.routers["B"].Shutdown(s.t.Context()) }()
			}
			s.advance(time.Millisecond)
			c.acceptAll()
		}
		s.advance(time.Second)
		c.acceptAll()
		if err := <-drained; err != nil {
			s.t.Errorf("drain: %v", err)
		}
		delete(s.routers, "B")
		for i, o := range outs {
			ended(s.stage, fmt.Sprintf("delivery %d", i), o, wire.StateAccepted)
		}
		seen := map[string]int{}
		for _, d := range c.got {
			seen[textOf(d.bytes)]++
		}
		equal(s.stage, "messages", len(seen), 300)
		equal(s.stage, "deliveries", len(c.got), 300)
	})
}
