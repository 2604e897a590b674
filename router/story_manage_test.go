package router_test

import (
	"fmt"
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

func TestManagementAnswersWhereverItIsAsked(t *testing.T) {
	for _, address := range []string{"$management", "_local/$management", "/_local/$management", "amqp:/$management", "_topo/0/R/$management", "amqp:/_topo/0/all/$management", "_topo/0/all/$management"} {
		play(t, nil, func(s *stage) {
			m := s.app("manager").manager(address)
			r := m.ask(nil, "GET-TYPES", "entityType", "org.apache.qpid.dispatch.management")
			equal(s, address+": status", r.code, 200)
			equal(s, address+": description", r.text, "OK")
			types, _ := r.body.(wire.Map).Get("org.apache.qpid.dispatch.management")
			if list, ok := types.([]any); !ok || len(list) == 0 || list[0] != "org.amqp.management" {
				t.Errorf("%s: base types are %v", address, types)
			}
		})
	}
}

func TestManagementOfRoutersAcrossAMesh(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		m := s.at("A", "manager").manager("")
		ask := func(to string) []string {
			had := len(m.replies.got)
			msg := m.request(nil, "GET-MGMT-NODES")
			msg.Properties.To = wire.Some(to)
			o := m.send(msg)
			ended(s.stage, to, o, wire.StateAccepted)
			var from []string
			for i := had; i < len(m.replies.got); i++ {
				from = append(from, fmt.Sprint(m.response(i).body))
			}
			return from
		}
		want := "[amqp:/_topo/0/A/$management amqp:/_topo/0/B/$management amqp:/_topo/0/C/$management]"
		for to, answers := range map[string]int{
			"$management": 1, "_topo/0/A/$management": 1, "amqp:/_topo/0/B/$management": 1, "_topo/0/C/$management": 1, "_topo/0/all/$management": 3,
		} {
			list := ask(to)
			equal(s.stage, to+": answers", len(list), answers)
			for _, got := range list {
				equal(s.stage, to, got, want)
			}
		}
	})
}

// Whoever connects is told the identity of the connection, by which management shows it.
func TestAPeerIsToldWhichConnectionItIs(t *testing.T) {
	play(t, nil, func(s *stage) {
		m := s.app("manager").manager("$management")
		for _, name := range []string{"first", "second"} {
			number, _ := s.app(name).Peer().Properties.Get("qd.conn-id")
			row := m.only("connection", "container", name)
			equal(s, name, row["identity"], any(fmt.Sprint(number)))
			counts(s, "who has not logged in", row, map[string]any{"user": nil, "sasl": nil})
		}
	})
}
