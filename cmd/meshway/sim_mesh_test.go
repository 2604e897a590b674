package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/go-amqp"

	"github.com/meshway/meshway/internal/client"
	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/logging"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/router"
)

// What commands say over five real routers and a broker, in memory and in virtual time: the
// texts are those of the router's own answers.

// simulation is a mesh of five like that of five(), and applications.
type simulation struct {
	t       *testing.T
	net     meshtest.Network
	routers map[string]*router.Router
	order   []string                 // of their starts
	ahead   map[string]*atomic.Int64 // by how many nanoseconds their clocks are
	conns   []*amqp.Conn             // of applications
}

// simulated has a story told over the mesh:
//
//	A --1-- B --2-- C --1-- D        and A --10-- C, D --3-- E; rabbit is a broker at C
func simulated(t *testing.T, story func(s *simulation)) {
	t.Helper()
	inMemory(t, func(s *simulation) {
		s.start("rabbit", "router: {id: rabbit}\nlisteners: [{host: rabbit}]\n")
		s.start("A", s.interior("A", nil, ""))
		s.start("B", s.interior("B", map[string]int{"A": 1}, ""))
		s.start("C", s.interior("C", map[string]int{"A": 10, "B": 2}, `  - {name: rabbit-1, host: rabbit, port: 5672, role: route-container}
autoLinks:
  - {name: queue-in, address: queue, direction: in, connection: rabbit-1}
  - {name: queue-out, address: queue, direction: out, connection: rabbit-1}
`))
		s.start("D", s.interior("D", map[string]int{"C": 1}, ""))
		s.start("E", s.interior("E", map[string]int{"D": 3}, ""))
		s.pass(5 * time.Second)
		story(s)
	})
}

// inMemory has a story told of routers that it starts itself.
func inMemory(t *testing.T, story func(s *simulation)) {
	t.Helper()
	sayVersion() // now, and not within the story
	defer func(v string) { router.Version = v }(router.Version)
	router.Version = "1.2.3"
	synctest.Test(t, func(t *testing.T) {
		s := &simulation{t: t, routers: map[string]*router.Router{}, ahead: map[string]*atomic.Int64{}}
		defer s.end()
		story(s)
	})
}

// end closes what is there, the youngest first.
func (s *simulation) end() {
	for _, c := range s.conns {
		_ = c.Close() // the story may have closed it
	}
	for _, id := range slices.Backward(s.order) {
		_ = s.routers[id].Shutdown(context.Background()) // the story may have ended it
	}
	s.pass(time.Minute) // memberlist's last probes run out
}

// stop ends a router, as SIGTERM does.
func (s *simulation) stop(id string) {
	s.t.Helper()
	if err := s.routers[id].Shutdown(context.Background()); err != nil {
		s.t.Errorf("%s: %v", id, err)
	}
}

// interior is the configuration of a router that connects to others, at some costs.
func (s *simulation) interior(id string, to map[string]int, broker string) string {
	text := fmt.Sprintf(`router: {id: %s, mode: interior}
listeners:
  - {name: clients, host: %[1]s}
  - {name: mesh, host: %[1]s, port: 55672, role: inter-router}
addresses:
  - {pattern: alarms/#, distribution: multicast}
  - {prefix: orders, distribution: closest}
  - {prefix: queue, waypoint: true}
  - {prefix: closed, distribution: unavailable}
  - {prefix: invoices, shards: {key: group-id, connections: [rabbit-1, rabbit-2], onLoss: move}}
linkRoutes:
  - {name: tx-in, prefix: tx, direction: in%s}
  - {name: lost-in, prefix: lost, direction: in, containerId: mainframe}
connectors:
`, id, map[bool]string{true: ", connection: rabbit-1"}[broker != ""])
	if len(to) == 0 {
		return strings.TrimSuffix(text, "connectors:\n")
	}
	for _, other := range []string{"A", "B", "C", "D"} {
		if cost, ok := to[other]; ok {
			text += fmt.Sprintf("  - {name: to-%s, host: %[1]s, port: 55672, role: inter-router, cost: %d}\n", other, cost)
		}
	}
	return text + broker
}

func (s *simulation) start(id, text string) {
	s.t.Helper()
	cfg, err := config.Parse(id+".yaml", []byte(text))
	if err != nil {
		s.t.Fatal(err)
	}
	log, err := logging.New(io.Discard, logging.Options{Level: "info", Format: "json"})
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := router.New(cfg, log)
	if err != nil {
		s.t.Fatal(err)
	}
	r.ListenBy(s.net.Listen)
	r.DialBy(func(ctx context.Context, _, address string) (net.Conn, error) {
		time.Sleep(time.Duration(strings.Index("ABCDr", address[:1])) * time.Millisecond) // in this order, always
		return s.net.Dial(ctx, id, address)
	})
	ahead := new(atomic.Int64)
	r.ClockBy(func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
	if err := r.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.routers[id], s.ahead[id], s.order = r, ahead, append(s.order, id)
	synctest.Wait()
}

// pass lets time go by.
func (s *simulation) pass(d time.Duration) {
	time.Sleep(d) // virtual
	synctest.Wait()
}

// connect connects go-amqp to a router.
func (s *simulation) connect(name, at string) (*amqp.Conn, error) {
	nc, err := s.net.Dial(s.t.Context(), name, at+":5672")
	if err != nil {
		return nil, err
	}
	return amqp.NewConn(s.t.Context(), nc, &amqp.ConnOptions{ContainerID: name, SASLType: amqp.SASLTypeAnonymous()})
}

// app is an application at a router.
func (s *simulation) app(name, at string) *amqp.Session {
	s.t.Helper()
	c, err := s.connect(name, at)
	if err != nil {
		s.t.Fatal(err)
	}
	s.conns = append(s.conns, c)
	session, err := c.NewSession(s.t.Context(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return session
}

// takes has an application receive from an address: so many messages, which stay with it.
func (s *simulation) takes(session *amqp.Session, address string, credit uint32) *amqp.Receiver {
	s.t.Helper()
	r, err := session.NewReceiver(s.t.Context(), address, &amqp.ReceiverOptions{Name: address, Credit: -1})
	if err == nil && credit > 0 {
		err = r.IssueCredit(credit)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	synctest.Wait()
	return r
}

// sends has an application send to an address, settled, so that nothing is waited for.
func (s *simulation) sends(session *amqp.Session, address string, messages int) {
	s.t.Helper()
	snd, err := session.NewSender(s.t.Context(), address, &amqp.SenderOptions{Name: address})
	for range messages {
		if err == nil {
			err = snd.Send(s.t.Context(), amqp.NewMessage([]byte("x")), &amqp.SendOptions{Settled: true})
		}
	}
	if err != nil {
		s.t.Fatal(err)
	}
	synctest.Wait()
}

// traffic adds the applications of five().
func (s *simulation) traffic() {
	for _, at := range []string{"D", "E"} {
		worker := s.app("worker-"+at, at)
		s.takes(worker, "orders", 100)
		s.takes(worker, "alarms/fire", 10)
		s.takes(worker, "queue", 50)
	}
	s.takes(s.app("keeper", "rabbit"), "queue", 200)
	s.pass(time.Second)
	sensor := s.app("sensor-1", "A")
	s.sends(sensor, "orders", 3)
	s.sends(sensor, "alarms/fire", 2)
	s.sends(sensor, "queue", 1)
	s.pass(2 * time.Second)
}

// run is the program at A; it returns what it said, and the exit code.
func (s *simulation) run(args ...string) string { return s.runIn(s.t.Context(), args...) }

// runFor is the program, interrupted after a time.
func (s *simulation) runFor(d time.Duration, args ...string) string {
	ctx, cancel := context.WithCancel(s.t.Context())
	defer time.AfterFunc(d, cancel).Stop()
	return s.runIn(ctx, args...)
}

func (s *simulation) runIn(ctx context.Context, args ...string) string {
	a := newTestApp("")
	a.now = time.Now
	a.manage = func(ctx context.Context, _ target, timeout time.Duration) (agents, error) {
		conn, err := s.connect("meshway", "A")
		if err != nil {
			return nil, err
		}
		c, err := client.New(ctx, conn, timeout)
		return connected{c, conn}, err
	}
	code := a.run(ctx, args)
	synctest.Wait()
	text := "$ meshway " + strings.Join(args, " ") + "\n" + a.out.String()
	if said := a.err.String(); said != "" {
		text += "stderr: " + said
	}
	if code != 0 {
		text += fmt.Sprintf("exit code %d\n", code)
	}
	return masked(text) + "\n"
}

// changing is what differs from run to run, or from machine to machine, and what stands for it.
var changing = []struct {
	is   *regexp.Regexp
	mask string
}{
	{regexp.MustCompile(`temp\.[A-Z2-7]{20,}`), "temp.*"},
	{regexp.MustCompile(`\d{8,}`), "*"}, // bytes of memory
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`), "*"},
	{regexp.MustCompile(`router rabbit is shutting down|the connection to the broker is lost`), "the broker is gone"}, // whichever is heard first
	{regexp.MustCompile(` +MEMORY`), " MEMORY"},
	{regexp.MustCompile(`(?m)^([A-E]? *)\d+( +\d+ +endpoint)`), "$1*$2"}, // links of a broker are attached in any order
	{regexp.MustCompile(`(?m)((?:active +- +-|linkRef|^identity) +)\d+$`), "$1*"},
	{regexp.MustCompile(`(acceptedDeliveries +)\d+`), "$1*"},
	{regexp.MustCompile(`(workerThreads\s+)\d+`), "$1*"},
	{regexp.MustCompile(`(inter-router.* none +\d+s +)\d+s`), "$1*"}, // link state comes and goes at its own pace
}

// asking is lines about the command's own requests, whose counters depend on which router
// answered first.
var asking = regexp.MustCompile(`(?m)^.*(temp\.\*|interior  1|  in   -  ).*$`)

func masked(text string) string {
	for _, c := range changing {
		text = c.is.ReplaceAllString(text, c.mask)
	}
	return asking.ReplaceAllStringFunc(text, func(line string) string { return counts.ReplaceAllString(line, " *") })
}

var counts = regexp.MustCompile(` +\d+\b`)

// tell runs commands and collects what they said.
func (s *simulation) tell(lines ...string) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(s.run(strings.Fields(line)...))
	}
	return b.String()
}
