package main

import (
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/client"
	"github.com/meshway/meshway/internal/topoview"
)

// Ways of messages and links where there are several, or none.

func TestALinkIsTracedToTheNearestContainer(t *testing.T) {
	hospital(t, func(s *ward) {
		s.command("create connector rabbit-d -r D host=rabbit role=route-container")
		s.pass(2 * time.Second)
		told := func(from, want string) {
			t.Helper()
			want = "the sender's link would be attached at rabbit, at router " + want + "\n\n"
			if got := s.run("trace", "tx", "--from", from); !strings.HasSuffix(got, want) {
				t.Errorf("from %s: got\n%s\nwant at its end\n%s", from, got, want)
			}
		}
		told("A", "C: A ─1→ C") // and not D, which is one farther
		told("C", "C")
		told("D", "D") // what is here is used first
		s.command("delete connector rabbit -r C")
		s.pass(2 * time.Second)
		told("A", "D: A ─1→ C ─1→ D")
	})
}

func TestWhatWouldReplaceAWayIsInTheOrderInWhichItIsTaken(t *testing.T) {
	p := topoview.Path{Hops: []topoview.Hop{{Router: "A", Left: 3, Equal: []string{"B"}, Alternates: []topoview.Alternate{{Via: "C", Cost: 5}, {Via: "D", Cost: 9}}}, {Router: "Z"}}}
	if got := insteadLine(p); got != "via B (3), via C (5)" {
		t.Errorf("got %q, want the equal way and then the cheaper alternate, two at most", got)
	}
	p.Hops[0].Equal = nil
	if got := insteadLine(p); got != "via C (5), via D (9)" {
		t.Errorf("got %q, want the cheaper alternate first", got)
	}
}

// A router that is asked may not know yet that others are lost.
func TestAMessageWhoseConsumersCannotBeReachedIsReleased(t *testing.T) {
	m := five()
	row := m.address("A", "M0orphans")
	row["remoteHostRouters"] = []any{"F"}
	a := m.app()
	a.want(t, 1, "trace", "orphans")
	wantText(t, a.out, `no path: there is no router "F"`, "it would be released: none of the routers with consumers can be reached")
}

func TestAConsumerWithoutCreditKeepsAMessageWaitingOnlyIfNoOtherGivesAny(t *testing.T) {
	hospital(t, func(s *ward) {
		s.takes(s.app("dry", "C"), "work", 0)
		s.pass(time.Second)
		s.takes(s.app("other", "D"), "work", 0)
		s.pass(time.Second)
		if got := s.run("trace", "work"); !strings.Contains(got, "it would wait: no consumer of it gives credit") {
			t.Errorf("two consumers without credit: got\n%s", got)
		}
		s.takes(s.app("third", "D"), "work", 5)
		s.pass(time.Second)
		if got := s.run("trace", "work"); !strings.Contains(got, "it would go to the consumer with the fewest") || !strings.Contains(got, "at one of C, D") {
			t.Errorf("a third consumer with credit: got\n%s", got)
		}
	})
}

func TestAPathByARouterThatDrainsCostsWhatItCosts(t *testing.T) {
	m := five()
	m.one(t, "A", "router.node", "id", "D")["draining"] = true
	a := m.app()
	a.want(t, 0, "topology", "--path", "A", "E")
	wantText(t, a.out, "cost 7")
}

func TestWaysThatCostTheSameAreBothShown(t *testing.T) {
	m := five()
	for _, ends := range []string{"AC", "CA"} {
		m.one(t, "A", "router.node", "id", ends[:1])["costs"].(map[string]any)[ends[1:]] = int32(3)
	}
	a := m.app()
	a.want(t, 0, "topology", "--path", "A", "C", "-o", "json")
	wantText(t, a.out, `"equal": [`)
}

func TestAConnectorWithoutAConnectionIsDrawn(t *testing.T) {
	m := five()
	m.add("D", "connector", client.Entity{"name": "to-f", "role": "inter-router", "host": "f.example", "port": "55672", "connectionStatus": "CONNECTING"})
	a := m.app()
	a.want(t, 0, "topology")
	wantText(t, a.out, "adjacency down: D–f.example:55672")
}
