package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"
)

// ward is a mesh in memory with applications of every sort, in which nothing is wrong:
//
//	A --1-- B --3-- C --1-- D        and A --1-- C; rabbit and raven are brokers at C
//
// The later letter dials.
type ward struct {
	*simulation
	texts map[string]string // configurations, by the id
	idler *amqp.Receiver    // of a story
}

// hospital has a story told in a ward.
func hospital(t *testing.T, story func(s *ward)) {
	t.Helper()
	inMemory(t, func(sim *simulation) {
		s := &ward{simulation: sim, texts: map[string]string{}}
		s.configure()
		for _, id := range []string{"rabbit", "raven", "A", "B", "C", "D"} {
			s.starts(id)
		}
		s.pass(5 * time.Second)
		s.traffic()
		story(s)
	})
}

func (s *ward) configure() {
	s.texts["rabbit"] = "router: {id: rabbit}\nlisteners: [{host: rabbit}]\naddresses: [{prefix: closed, distribution: unavailable}]\n"
	s.texts["raven"] = "router: {id: raven}\nlisteners: [{host: raven}]\n"
	s.texts["A"] = wardConfig("A", 1)
	s.texts["B"] = wardConfig("B", 3, "A cost 1")
	s.texts["C"] = wardConfig("C", 1, "A cost 1", "B cost 3") + `  - {name: rabbit, host: rabbit, role: route-container}
  - {name: raven, host: raven, role: route-container}
autoLinks:
  - {address: queue, direction: in, connection: rabbit}
  - {address: queue, direction: out, connection: rabbit}
`
	s.texts["D"] = wardConfig("D", 1, "C cost 1")
}

// wardConfig is a router of the mesh, whose listener says a cost.
func wardConfig(id string, cost int, connectors ...string) string {
	text := fmt.Sprintf(`router: {id: %s, mode: interior}
listeners:
  - {host: %[1]s, management: full}
  - {name: mesh, host: %[1]s, port: 55672, role: inter-router, cost: %d}
addresses:
  - {pattern: alarms/#, distribution: multicast}
  - {prefix: queue, waypoint: true}
  - {prefix: spare, enableFallback: true}
  - {prefix: invoices, shards: {key: group-id, connections: [rabbit, raven], onLoss: wait}}
linkRoutes:
  - {prefix: tx, direction: in, containerId: rabbit}
  - {prefix: tx, direction: out, containerId: rabbit}
`, id, cost)
	for i, c := range connectors {
		if i == 0 {
			text += "connectors:\n"
		}
		to, cost, _ := strings.Cut(c, " cost ")
		text += fmt.Sprintf("  - {name: to-%s, host: %[1]s, port: 55672, role: inter-router, cost: %s}\n", to, cost)
	}
	return text
}

func (s *ward) starts(id string) {
	s.t.Helper()
	s.start(id, s.texts[id])
}

// traffic adds applications.
func (s *ward) traffic() {
	for _, at := range []string{"B", "D"} {
		worker := s.app("worker-"+at, at)
		for _, address := range []string{"orders", "alarms/fire", "queue"} {
			s.takes(worker, address, 100)
		}
	}
	keeper := s.app("keeper", "rabbit")
	for _, address := range []string{"queue", "invoices", "tx"} {
		s.takes(keeper, address, 100)
	}
	s.takes(s.app("second keeper", "raven"), "invoices", 100)
	if _, err := s.app("stand-in", "B").NewReceiver(s.t.Context(), "spare", &amqp.ReceiverOptions{SourceCapabilities: []string{"qd.fallback"}}); err != nil {
		s.t.Fatal(err)
	}
	s.pass(time.Second)
	sensor := s.app("sensor", "A")
	for _, address := range []string{"orders", "alarms/fire", "queue", "invoices", "spare", "tx", "$management", "_topo/0/D/$management"} {
		s.sends(sensor, address, 0)
	}
	s.pass(time.Second)
}

// leaves has an application send messages, and wait for no outcome.
func (s *ward) leaves(session *amqp.Session, address string, messages int) {
	s.t.Helper()
	snd, err := session.NewSender(s.t.Context(), address, nil)
	for range messages {
		if err == nil {
			_, err = snd.SendWithReceipt(s.t.Context(), amqp.NewMessage([]byte("x")), nil)
		}
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.pass(time.Second)
}

// more has the idler give credit.
func (s *ward) more(credit uint32) {
	s.t.Helper()
	if err := s.idler.IssueCredit(credit); err != nil {
		s.t.Fatal(err)
	}
	s.pass(time.Second)
}

// settles has the idler take so many messages and accept them.
func (s *ward) settles(messages int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	for range messages {
		m, err := s.idler.Receive(ctx, nil)
		if err == nil {
			err = s.idler.AcceptMessage(ctx, m)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// command is a command that has to succeed.
func (s *ward) command(line string) {
	s.t.Helper()
	if said := s.run(strings.Fields(line)...); strings.Contains(said, "exit code") {
		s.t.Fatal(said)
	}
}

// finds checks all that the doctor says, and its exit code.
func (s *ward) finds(says string, code int, flags ...string) {
	s.t.Helper()
	want := "$ meshway " + strings.Join(append([]string{"doctor"}, flags...), " ") + says + "\n"
	if code != 0 {
		want += fmt.Sprintf("exit code %d\n", code)
	}
	if got := linkNumbers.ReplaceAllString(s.run(append([]string{"doctor"}, flags...)...), "$1 *"); got != want+"\n" {
		s.t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// linkNumbers depend on which router was the first to connect.
var linkNumbers = regexp.MustCompile(`(link|connection) \d+`)

// well checks that the doctor finds nothing.
func (s *ward) well(when string) {
	s.t.Helper()
	if got := s.run("doctor"); got != "$ meshway doctor\n4 routers asked: all is well\n\n" {
		s.t.Errorf("%s, where nothing is wrong: got\n%s", when, got)
	}
}
