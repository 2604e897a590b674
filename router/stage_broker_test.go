package router_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/sasl"
	"github.com/meshway/meshway/internal/wire"
)

// scriptedBroker is a broker at a host of the stage. It takes every attach, keeps what
// comes to a queue, and sends what the story puts into one; it does otherwise what the
// story tells it. What it is told is read by its readers: change it by do.
type scriptedBroker struct {
	stage *stage
	host  string
	ln    net.Listener

	mu    sync.Mutex // guards all below, and what is in a brokerLink
	conf  *amqp.Config
	conns []*brokerConn
	log   []string // attaches and what became of them

	refuse       map[string]*wire.Error // attaches to these addresses
	endsSession  bool                   // for a refused attach
	halfRefused  bool                   // attaches are answered without a terminus, and no detach follows yet
	emptyTermini bool                   // then they have one that names nothing
	noOutcomes   bool                   // the termini of answers list none
	largest      uint64                 // max-message-size of answers; 0 is none
	mute         map[string]bool        // attaches to these addresses get no answer, nor does what comes after
	speak        chan struct{}          // closed when they do
	deaf         bool                   // connections are accepted, and nothing is said
	credit       uint32                 // granted to senders
	outcome      *wire.DeliveryState    // of what comes; nil leaves it unsettled
	settlesNot   map[string]bool        // what comes to these addresses
	faults       bool                   // violations by the router fail the story
}

// brokerConn is one connection to it.
type brokerConn struct {
	broker *scriptedBroker
	nc     net.Conn
	conn   *amqp.Conn
	links  []*brokerLink
	ended  chan struct{}
}

// brokerLink is a link on it: one of the two ends is set.
type brokerLink struct {
	of      *brokerConn
	session *amqp.Session
	attach  *wire.Attach
	recv    *amqp.Receiver // from the router
	send    *amqp.Sender   // to the router
	got     []string
	ids     []uint32
	told    []string // outcomes of what was sent
	gone    bool
}

const brokerHost = "broker"

// brokerPort is where brokers listen.
const brokerPort = ":5672"

// newBroker makes a broker at a host, and lets it be found.
func (s *stage) newBroker(host string) *scriptedBroker {
	k := &scriptedBroker{
		stage: s, host: host, credit: 100, outcome: &accepted, refuse: map[string]*wire.Error{}, mute: map[string]bool{}, settlesNot: map[string]bool{}, faults: true, speak: make(chan struct{}),
		conf: &amqp.Config{ContainerID: host, MaxFrameSize: 16 << 10, ChannelMax: 255, Mechanisms: []sasl.Mechanism{sasl.Anonymous{}}},
	}
	k.listen()
	return k
}

func (k *scriptedBroker) listen() {
	ln, err := k.stage.net.Listen("tcp", k.host+brokerPort)
	if err != nil {
		k.stage.t.Fatal(err)
	}
	k.ln = ln
	go func() { // ends with the listener
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			k.accept(nc)
		}
	}()
}

func (k *scriptedBroker) accept(nc net.Conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := &brokerConn{broker: k, nc: nc, ended: make(chan struct{})}
	// What is changed in k.conf from now on is for the next connection.
	conf := &amqp.Config{
		ContainerID: k.conf.ContainerID, MaxFrameSize: k.conf.MaxFrameSize, ChannelMax: k.conf.ChannelMax,
		Mechanisms: k.conf.Mechanisms, Properties: k.conf.Properties,
	}
	c.conn = amqp.NewServer(nc, conf, c)
	k.conns = append(k.conns, c)
	if !k.deaf {
		c.conn.Start(func(error) { close(c.ended) })
	} else {
		close(c.ended)
	}
}

// do changes or looks at the broker.
func (k *scriptedBroker) do(f func()) {
	k.mu.Lock()
	f()
	k.mu.Unlock()
	synctest.Wait()
}

// die ends the broker as a crash does.
func (k *scriptedBroker) die() {
	_ = k.ln.Close()
	k.mu.Lock()
	conns := k.conns
	k.conns = nil
	close(k.speak)
	k.speak = make(chan struct{})
	k.mu.Unlock()
	for _, c := range conns {
		c.conn.Abort(errors.New("the broker is gone"))
		if !k.deaf {
			<-c.ended
		}
	}
	synctest.Wait()
}

// restart is die and listen, and waits until the router is back.
func (k *scriptedBroker) restart() {
	k.die()
	k.forget()
	k.listen()
	k.stage.advance(500 * time.Millisecond)
}

// forget forgets what was logged.
func (k *scriptedBroker) forget() { k.do(func() { k.log = nil }) }

// count is how many lines of the log begin so.
func (k *scriptedBroker) count(prefix string) (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, l := range k.log {
		if strings.HasPrefix(l, prefix) {
			n++
		}
	}
	return n
}

// sessions is how many have live links, and sessionsOf those with links to some addresses.
func (k *scriptedBroker) sessions() int { return k.sessionsOf() }

func (k *scriptedBroker) sessionsOf(addresses ...string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	set := map[*amqp.Session]bool{}
	for _, c := range k.conns {
		for _, l := range c.links {
			if !l.gone && (addresses == nil || slices.Contains(addresses, l.address())) {
				set[l.session] = true
			}
		}
	}
	return len(set)
}

func (c *brokerConn) OnOpen(*amqp.Conn, *amqp.Batch) *wire.Error { return nil }
func (c *brokerConn) OnFault(_ *amqp.Conn, scope string, e *wire.Error) {
	c.broker.stage.t.Errorf("protocol: the broker found in %s: %v", scope, e)
}

func (c *brokerConn) OnAttach(b *amqp.Batch, r *amqp.AttachRequest) {
	k := c.broker
	k.mu.Lock()
	defer k.mu.Unlock()
	l := &brokerLink{of: c, attach: r.Attach.Clone(), session: r.Session}
	address := l.address()
	if k.mute[address] {
		k.mu.Unlock()
		<-k.speak // and with it everything that comes after
		k.mu.Lock()
	}
	if e, ok := k.refuse[address]; ok {
		k.log = append(k.log, "refused "+address)
		if k.endsSession {
			r.Session.End(b, e)
			l.accept(b, r, 0) // nobody hears it
			return
		}
		r.Refuse(b, e)
		return
	}
	k.log = append(k.log, "attached "+address)
	c.links = append(c.links, l)
	l.accept(b, r, k.credit)
}

func (l *brokerLink) accept(b *amqp.Batch, r *amqp.AttachRequest, credit uint32) {
	answer := &amqp.Answer{Source: r.Attach.Source, Target: r.Attach.Target, SndSettleMode: wire.SndMixed, MaxMessageSize: l.of.broker.largest}
	if l.of.broker.noOutcomes && answer.Source != nil {
		source := *answer.Source
		source.Outcomes, answer.Source = nil, &source
	}
	if l.of.broker.halfRefused {
		answer.Source, answer.Target = nil, nil
		if l.of.broker.emptyTermini {
			answer.Source, answer.Target = &wire.Source{}, &wire.Target{}
		}
	}
	if r.Attach.Role == wire.RoleSender {
		l.recv, _ = r.AcceptReceiver(b, l, answer)
		if l.recv != nil {
			l.recv.SetWindow(b, credit)
		}
		return
	}
	l.send, _ = r.AcceptSender(b, l.sends(), answer)
}

func (l *brokerLink) sends() *brokerSender { return (*brokerSender)(l) }

// address is what the link is attached to at the broker.
func (l *brokerLink) address() string {
	if l.attach.Role == wire.RoleSender {
		return l.attach.Target.Address.V
	}
	return l.attach.Source.Address.V
}

// OnTransfer keeps a message.
func (l *brokerLink) OnTransfer(b *amqp.Batch, d *amqp.Delivery) {
	k := l.of.broker
	k.mu.Lock()
	defer k.mu.Unlock()
	if d.Aborted {
		return
	}
	if d.First {
		l.got = append(l.got, "")
		l.ids = append(l.ids, d.ID)
	}
	l.got[len(l.got)-1] += string(d.Payload)
	switch {
	case d.More:
	case d.Settled:
		d.Link.Finish(b, 0)
	case k.outcome != nil && !k.settlesNot[l.address()]:
		d.Link.Update(b, []uint32{d.ID}, true, *k.outcome)
	}
}

func (l *brokerLink) OnSenderState(*amqp.Batch, amqp.InDelivery, bool, wire.DeliveryState) {}
func (l *brokerLink) OnDetach(*amqp.Batch, []amqp.InDelivery, *wire.Error)                 { l.over() }

func (l *brokerLink) over() {
	l.of.broker.mu.Lock()
	defer l.of.broker.mu.Unlock()
	l.gone = true
}

// brokerSender is a link as the handler of what it sends.
type brokerSender brokerLink

func (l *brokerSender) OnSendable(*amqp.Batch, *amqp.Sender) {}
func (l *brokerSender) OnDetach(*amqp.Batch, *wire.Error)    { (*brokerLink)(l).over() }
func (l *brokerSender) OnOutcome(_ *amqp.Batch, refs []uint32, o amqp.Outcome) {
	k := l.of.broker
	k.mu.Lock()
	defer k.mu.Unlock()
	for range refs {
		if !o.Lost {
			l.told = append(l.told, o.State.Kind.String())
		}
	}
}

// link finds a live link to an address, from the router or to it.
func (k *scriptedBroker) link(address string, role wire.Role) (found *brokerLink) {
	k.stage.t.Helper()
	synctest.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.conns {
		for _, l := range c.links {
			if l.address() == address && l.attach.Role == role && !l.gone {
				found = l
			}
		}
	}
	return found
}

// into is the router's link into a queue, and outOf the one out of it.
func (k *scriptedBroker) into(queue string) *brokerLink {
	k.stage.t.Helper()
	return k.must(queue, wire.RoleSender)
}

func (k *scriptedBroker) outOf(queue string) *brokerLink {
	k.stage.t.Helper()
	return k.must(queue, wire.RoleReceiver)
}

func (k *scriptedBroker) must(queue string, role wire.Role) *brokerLink {
	k.stage.t.Helper()
	l := k.link(queue, role)
	if l == nil {
		k.stage.t.Fatalf("the router has no link to %s: %q", queue, k.log)
	}
	return l
}

// has is the texts that have come to a queue.
func (l *brokerLink) has() string {
	synctest.Wait()
	l.of.broker.mu.Lock()
	defer l.of.broker.mu.Unlock()
	var list []string
	for _, m := range l.got {
		list = append(list, textOf([]byte(m)))
	}
	return strings.Join(list, " ")
}

// put sends messages to the router as far as its credit goes, and returns how many went.
func (l *brokerLink) put(payloads ...[]byte) (n int) {
	var b amqp.Batch
	for _, p := range payloads {
		if _, _, res := l.send.Send(&b, &amqp.Outgoing{Payload: p}, l.sends(), 0); res == amqp.Sent {
			n++
		}
	}
	b.Flush()
	synctest.Wait()
	return n
}

// begin puts the first n bytes of a long message.
func (l *brokerLink) begin(payload []byte, n int) {
	var b amqp.Batch
	m := &amqp.Outgoing{Payload: payload[:n]}
	if _, _, res := l.send.Start(&b, m, l.sends(), 0); res == amqp.Sent {
		_, _ = l.send.Continue(&b, m.Payload, nil, false)
	}
	b.Flush()
	synctest.Wait()
}

// force sends more than the router has given credit for. It is for the first link of the first
// session, by which nothing was sent.
func (l *brokerLink) force(n uint32) {
	var b []byte
	for id := range n {
		t := wire.Transfer{DeliveryID: wire.Some(id), DeliveryTag: []byte{byte(id >> 8), byte(id)}, MessageFormat: wire.Some[uint32](0)}
		b = wire.AppendTransferFrame(b, 0, &t, text("x"))
	}
	_, _ = l.of.nc.Write(b)
	synctest.Wait()
}

// heard is the outcomes of what was put.
func (l *brokerLink) heard() string {
	synctest.Wait()
	l.of.broker.mu.Lock()
	defer l.of.broker.mu.Unlock()
	return strings.Join(l.told, " ")
}

// detach ends the link.
func (l *brokerLink) detach(b *amqp.Batch, e *wire.Error) {
	if l.recv != nil {
		l.recv.Detach(b, e)
		return
	}
	l.send.Detach(b, e)
}

// act does something on the link's connection.
func (l *brokerLink) act(f func(b *amqp.Batch)) {
	var b amqp.Batch
	f(&b)
	b.Flush()
	synctest.Wait()
}

// playBroker runs a story with a broker, to which a connector leads, and auto-links.
func playBroker(t *testing.T, change func(*config.Config), story func(s *stage, k *scriptedBroker), links ...config.AutoLink) {
	t.Helper()
	play(t, func(c *config.Config) {
		c.Connectors = append(c.Connectors, toBroker("broker", brokerHost+brokerPort))
		c.Addresses = append(c.Addresses, config.Address{Prefix: "way", Waypoint: true, Distribution: config.Balanced, EgressPhase: 1})
		for _, l := range links {
			if l.Connection == "" && l.ContainerID == "" {
				l.Connection = "broker"
			}
			if l.Name == "" {
				l.Name = string(l.Direction) + ":" + l.Address
			}
			c.AutoLinks = append(c.AutoLinks, l)
		}
		if change != nil {
			change(c)
		}
	}, func(s *stage) {
		k := s.newBroker(brokerHost)
		s.advance(time.Second)
		story(s, k)
		k.die()
	})
}

func toBroker(name string, hosts ...string) config.Connector {
	return config.Connector{
		Name: name, Hosts: hosts, Role: config.RoleRouteContainer, MaxFrameSize: 16 << 10, MaxSessions: 256,
		MaxInFlight: 1000, StripAnnotations: config.StripBoth, IdleTimeout: 16 * time.Second, SASLMechanisms: []string{"ANONYMOUS"},
	}
}

func out(address string) config.AutoLink {
	return config.AutoLink{Address: address, Direction: config.DirectionOut}
}

func in(address string) config.AutoLink {
	return config.AutoLink{Address: address, Direction: config.DirectionIn, Phase: 1}
}

// logged says whether a line was written that has all of the words in it, its fields
// included.
func (s *stage) logged(words ...string) bool {
	return slices.ContainsFunc(s.lines(), func(line string) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) })
	})
}

// count is how many lines have these words.
func (s *stage) count(words string) (n int) {
	for _, line := range s.lines() {
		if strings.Contains(line, words) {
			n++
		}
	}
	return n
}

func (s *stage) lines() (list []string) {
	for _, e := range s.logs.All() {
		line := e.Level.String() + " " + e.Message
		for k, v := range e.ContextMap() {
			line += " " + k + "=" + fmt.Sprint(v)
		}
		list = append(list, line)
	}
	return list
}
