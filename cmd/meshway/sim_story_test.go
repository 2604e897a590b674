package main

import (
	"strings"
	"testing"
	"time"
)

// What commands say over the simulated mesh.

func TestGetOfEveryKindOverAMesh(t *testing.T) {
	simulated(t, func(s *simulation) {
		s.traffic()
		var b strings.Builder
		for _, k := range kinds {
			all, wide := "get "+k.name+" --all", "get "+k.name+" --router C -o wide"
			if k.name == "links" {
				all, wide = all+" --sort linkName --filter owningAddr~0", wide+" --sort linkName --filter linkType=endpoint"
			}
			b.WriteString(s.tell(all, wide))
		}
		golden(t, "testdata/mesh-get.txt", b.String())
		if n := strings.Count(s.tell("get links --router C -o wide"), "inter-router"); n != 60 {
			t.Errorf("the wide table has %d links between routers, want 20 for each of 3 connections", n)
		}
	})
}

func TestDescribeOfEveryKindOverAMesh(t *testing.T) {
	simulated(t, func(s *simulation) {
		s.traffic()
		chosen := map[string]string{"links": "queue-in@rabbit-1", "addresses": "orders", "connections": "rabbit", "address-configs": "invoices"}
		var b strings.Builder
		for _, k := range kinds {
			name := chosen[k.name]
			if name == "" { // the first
				name, _, _ = strings.Cut(strings.SplitN(s.run("get", k.name, "--router", "C", "-o", "name"), "\n", 3)[1], "\n")
			}
			if strings.HasPrefix(name, "stderr") || name == "" {
				name = "anything"
			}
			b.WriteString(s.run("describe", k.name, name, "--router", "C"))
		}
		b.WriteString(s.tell("describe broker rabbit-1 --router C -o json"))
		golden(t, "testdata/mesh-describe.txt", b.String())
	})
}

func TestTopologyInEveryFormOverAMesh(t *testing.T) {
	simulated(t, func(s *simulation) {
		s.traffic()
		golden(t, "testdata/mesh-topology.txt", s.tell("topology", "topology --color always --width 60", "topology -o dot", "topology -o mermaid", "topology -o svg", "topology -o json",
			"topology --path A E", "topology --path A E -o json", "topology --path E A", "topology --path B B", "topology --path A X"))
	})
}

func TestTraceInEveryFormOverAMesh(t *testing.T) {
	simulated(t, func(s *simulation) {
		s.traffic()
		golden(t, "testdata/mesh-trace.txt", s.tell("trace orders", "trace orders --from E", "trace orders --from C -o json", "trace alarms/fire", "trace queue", "trace queue --from D",
			"trace closed", "trace nobody", "trace tx --from C", "trace tx", "trace lost", "trace orders --from X"))
	})
}

// The faults are real ones: what the doctor says of them is from the routers' own answers.
func TestDoctorOverAMesh(t *testing.T) {
	simulated(t, func(s *simulation) {
		s.traffic()
		text := "# the broker of one shard was never there\n\n" + s.tell("doctor", "shard invoices customer-1", "shard invoices customer-4")
		s.sends(s.app("sensor-2", "B"), "lonely", 0)
		s.takes(s.app("slow", "E"), "slow", 0)
		text += "# a sender without a consumer\n\n" + s.tell("doctor", "trace lonely")
		s.stop("rabbit")
		s.pass(2 * time.Second)
		text += "# the broker is gone\n\n" + s.tell("doctor", "trace queue", "get brokers --router C", "shard invoices customer-1", "topology")
		s.stop("E")
		s.pass(5 * time.Second)
		text += "# router E has left\n\n" + s.tell("doctor", "topology", "ping E", "trace orders", "get status --router E")
		golden(t, "testdata/mesh-doctor.txt", text)
	})
}

// What stands for an address's own consumers takes messages too: shards, a waypoint that
// nobody takes from, a fallback; and what is lost of them is said.
func TestTraceToWhatStandsForConsumers(t *testing.T) {
	hospital(t, func(s *ward) {
		text := "# shards, and nobody behind them\n\n" + s.tell("trace invoices", "trace invoices --from D -o json")
		s.takes(s.app("clerk", "D"), "invoices", 10)
		s.pass(time.Second)
		text += "# a consumer behind them\n\n" + s.tell("trace invoices")
		s.stop("raven")
		s.pass(2 * time.Second)
		text += "# a shard is lost\n\n" + s.tell("trace invoices")
		text += "# a fallback alone\n\n" + s.tell("trace spare")
		s.takes(s.app("first choice", "D"), "spare", 10)
		s.pass(time.Second)
		text += "# a consumer of its own\n\n" + s.tell("trace spare")
		for _, c := range s.conns[:2] { // the workers
			_ = c.Close()
		}
		s.pass(time.Second)
		text += "# a queue that nobody takes from\n\n" + s.tell("trace queue")
		s.stop("rabbit")
		s.pass(2 * time.Second)
		text += "# no broker\n\n" + s.tell("trace queue", "trace invoices")
		golden(t, "testdata/ward-trace.txt", text)
	})
}
