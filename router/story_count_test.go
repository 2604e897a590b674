package router_test

import (
	"testing"
	"time"

	"github.com/meshway/meshway/internal/wire"
)

// Stories of what is counted: traffic whose outcome is known, and what management says of it.

// only is the one row of the type of which an attribute has a value.
func (m *manager) only(entityType, attribute string, value any) map[string]any {
	m.app.stage.t.Helper()
	var found map[string]any
	for _, row := range m.rows("org.apache.qpid.dispatch." + entityType) {
		if row[attribute] == value {
			if found != nil {
				m.app.stage.t.Errorf("there are several %s with %s %v", entityType, attribute, value)
			}
			found = row
		}
	}
	if found == nil {
		m.app.stage.t.Fatalf("there is no %s with %s %v", entityType, attribute, value)
	}
	return found
}

// counts fails the story unless the row has these values.
func counts(s *stage, what string, row map[string]any, want map[string]any) {
	s.t.Helper()
	for name, v := range want {
		if row[name] != v {
			s.t.Errorf("%s: %s is %v (%T), want %v", what, name, row[name], row[name], v)
		}
	}
}

type u = uint64

// outcomes has one delivery come to each outcome, two presettled ones arrive, and one
// presettled one be dropped.
func outcomes(from, to *app) (*producer, *consumer) {
	c := to.consumer("q", 100)
	from.stage.advance(time.Second) // word of it goes through the mesh
	p := from.producer("q")
	from.stage.advance(time.Second)
	for i, state := range []wire.DeliveryState{accepted, accepted, released, wire.RejectedState(nil), wire.ModifiedState(true, false, nil)} {
		p.send(text("x"))
		from.stage.advance(100 * time.Millisecond)
		c.settle(i, state)
	}
	p.post(text("y"), text("y"))
	from.stage.advance(100 * time.Millisecond)
	return p, c
}

func TestEveryOutcomeIsCountedAtItsLinksAndAddress(t *testing.T) {
	play(t, nil, func(s *stage) {
		m := s.app("manager").manager("$management")
		sender, receiver := s.app("sender"), s.app("receiver")
		p, c := outcomes(sender, receiver)
		keeps := s.app("another").consumer("q", 0) // an address that nobody uses is forgotten
		nobody := sender.producer("")
		nobody.post(addressed("nobody", "z"))

		want := map[string]any{
			"owningAddr": "M0q", "deliveryCount": u(7), "presettledCount": u(2), "acceptedCount": u(2), "releasedCount": u(1),
			"rejectedCount": u(1), "modifiedCount": u(1), "unsettledCount": u(0), "undeliveredCount": u(0), "droppedPresettledCount": u(0),
			"linkType": "endpoint", "operStatus": "up",
		}
		counts(s, "the sender's link", m.only("router.link", "linkName", p.Name), want)
		counts(s, "the receiver's link", m.only("router.link", "linkName", c.Name), want)
		counts(s, "the sender's link", m.only("router.link", "linkName", p.Name), map[string]any{"linkDir": "in"})
		counts(s, "the receiver's link", m.only("router.link", "linkName", c.Name), map[string]any{"linkDir": "out", "creditAvailable": uint32(100 - 7)})
		counts(s, "the link to nobody", m.only("router.link", "linkName", nobody.Name), map[string]any{"deliveryCount": u(1), "droppedPresettledCount": u(1), "owningAddr": nil})

		address := map[string]any{"deliveriesIngress": u(7), "deliveriesEgress": u(7), "deliveriesTransit": u(0), "subscriberCount": uint32(2), "distribution": "balanced", "priority": int32(-1)}
		counts(s, "the address", m.only("router.address", "key", "M0q"), address)
		before := m.only("router", "id", "R")

		// Links go, and what they carried stays.
		p.detach()
		c.detach()
		nobody.detach()
		address["subscriberCount"] = uint32(1)
		counts(s, "the address when its links have gone", m.only("router.address", "key", "M0q"), address)
		sender.do(func() { sender.Close(nil) })
		receiver.do(func() { receiver.Close(nil) })
		after := m.only("router", "id", "R")
		counts(s, "the router", after, map[string]any{
			"deliveriesTransit": u(0), "presettledDeliveries": u(3), "droppedPresettledDeliveries": u(1),
			"rejectedDeliveries": u(1), "releasedDeliveries": u(1), "modifiedDeliveries": u(1),
		})
		keeps.detach()
		// The manager's own requests count, too; the last one may not be accepted yet.
		if got, was := after["acceptedDeliveries"].(u), before["acceptedDeliveries"].(u); got < was+1 || got > was+3 {
			t.Errorf("acceptedDeliveries of the router went from %d to %d as links left, want 2 more, or one more or less", was, got)
		}
		for name, requests := range map[string]u{"deliveriesIngress": 2, "deliveriesEgress": 2} {
			if got, was := after[name].(u), before[name].(u); got != was+requests {
				t.Errorf("%s of the router went from %d to %d as links left, want %d more", name, was, got, requests)
			}
		}
	})
}

func TestWhatSaysItselfWhereItGoesCountsThere(t *testing.T) {
	play(t, nil, func(s *stage) {
		m := s.app("manager").manager("$management")
		s.app("receiver").consumer("q", 10)
		s.app("sender").producer("").post(addressed("q", "a"), addressed("q", "b"))
		counts(s, "the address", m.only("router.address", "key", "M0q"), map[string]any{"deliveriesIngress": u(2), "deliveriesEgress": u(2)})
	})
}

func TestWhatWaitsIsUndeliveredAndTheSlowAreDelayedAndStuck(t *testing.T) {
	play(t, nil, func(s *stage) {
		m := s.app("manager").manager("$management")
		c := s.app("receiver").consumer("q", 2)
		p := s.app("sender").producer("q")
		p.send(texts("a", "b", "c", "d", "e")...)
		counts(s, "the sender's link", m.only("router.link", "linkName", p.Name), map[string]any{"deliveryCount": u(5), "undeliveredCount": u(3), "unsettledCount": u(2)})
		counts(s, "the receiver's link", m.only("router.link", "linkName", c.Name), map[string]any{"deliveryCount": u(2), "unsettledCount": u(2), "creditAvailable": uint32(0)})
		s.advance(5 * time.Second)
		c.settle(0, accepted)
		s.advance(10 * time.Second)
		counts(s, "the sender's link after 15 s", m.only("router.link", "linkName", p.Name), map[string]any{"deliveriesDelayed1Sec": u(1), "deliveriesDelayed10Sec": u(0), "deliveriesStuck": u(4)})
		blocked := m.only("router.link", "linkName", c.Name)
		if dry := blocked["zeroCreditSeconds"].(uint32); dry < 14 || dry > 16 {
			t.Errorf("the receiver's link has had no credit for %d s, want 15", dry)
		}
		// Both the receiver that grants nothing and the sender that gets nothing.
		counts(s, "the router", m.only("router", "id", "R"), map[string]any{"linksBlocked": uint32(2), "deliveriesStuck": u(5)})
		c.settle(1, accepted)
		c.grant(10)
		c.acceptAll()
		counts(s, "the sender's link at last", m.only("router.link", "linkName", p.Name), map[string]any{"deliveriesDelayed1Sec": u(1), "deliveriesDelayed10Sec": u(4), "deliveriesStuck": u(0), "acceptedCount": u(5)})
	})
}

func TestCopiesOfAMulticastCountWhereTheyGo(t *testing.T) {
	play(t, nil, func(s *stage) {
		m := s.app("manager").manager("$management")
		a, b := s.app("a").consumer("multicast/q", 10), s.app("b").consumer("multicast/q", 10)
		p := s.app("sender").producer("multicast/q")
		p.send(text("x"))
		a.acceptAll()
		b.acceptAll()
		counts(s, "the address", m.only("router.address", "key", "M0multicast/q"), map[string]any{"deliveriesIngress": u(1), "deliveriesEgress": u(2), "distribution": "multicast"})
		counts(s, "the sender's link", m.only("router.link", "linkName", p.Name), map[string]any{"deliveryCount": u(1), "acceptedCount": u(1)})
		counts(s, "a's link", m.only("router.link", "linkName", a.Name), map[string]any{"deliveryCount": u(1), "acceptedCount": u(1)})
	})
}

func TestDeliveriesAreCountedOnTheirWayThroughAMesh(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		p, c := outcomes(s.at("A", "sender"), s.at("C", "receiver"))
		for id, want := range map[string]map[string]any{
			"A": {"deliveriesIngress": u(7), "deliveriesEgress": u(0), "deliveriesTransit": u(7), "remoteCount": uint32(1), "subscriberCount": uint32(0)},
			"C": {"deliveriesIngress": u(0), "deliveriesEgress": u(7), "deliveriesTransit": u(0), "remoteCount": uint32(0), "subscriberCount": uint32(1)},
		} {
			m := s.at(id, "manager of "+id).manager("$management")
			counts(s.stage, "the address at "+id, m.only("router.address", "key", "M0q"), want)
		}
		b := s.at("B", "manager of B").manager("$management")
		counts(s.stage, "B", b.only("router", "id", "B"), map[string]any{
			"deliveriesTransit": u(7), "rejectedDeliveries": u(1), "releasedDeliveries": u(1), "modifiedDeliveries": u(1), "presettledDeliveries": u(0),
		})
		p.detach()
		c.detach()
		counts(s.stage, "B when the links have gone", b.only("router", "id", "B"), map[string]any{"deliveriesTransit": u(7)})
	})
}

func TestConnectionsAndNodesAreThere(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		m := s.at("B", "manager").manager("$management")
		own := m.only("connection", "container", "manager")
		counts(s.stage, "the manager's connection", own, map[string]any{"role": "normal", "dir": "in", "opened": true, "active": true, "operStatus": "up", "adminStatus": "enabled", "protocol": "amqp"})
		counts(s.stage, "the one from C", m.only("connection", "container", "C"), map[string]any{"role": "inter-router", "dir": "in"})
		counts(s.stage, "the one to A", m.only("connection", "container", "A"), map[string]any{"role": "inter-router", "dir": "out", "host": "A:55672"})
		equal(s.stage, "connections", len(m.rows("org.apache.qpid.dispatch.connection")), 3)

		a := s.at("A", "manager of A").manager("$management")
		counts(s.stage, "A by itself", a.only("router.node", "id", "A"), map[string]any{"nextHop": "(self)", "name": "router.node/A", "address": "amqp:/_topo/0/A"})
		counts(s.stage, "B by A", a.only("router.node", "id", "B"), map[string]any{"nextHop": nil, "cost": int32(1)})
		counts(s.stage, "C by A", a.only("router.node", "id", "C"), map[string]any{"nextHop": "B", "cost": int32(2), "routerLink": nil})
	})
}
