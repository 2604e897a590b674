package router_test

import (
	"bytes"
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
	"github.com/meshway/meshway/router"
)

// The stage on which stories about the router are played: a router, applications
// connected to it in memory, and virtual time. After every step everybody has
// done what there was to do.

// stage is one router and its applications.
type stage struct {
	t      *testing.T
	net    meshtest.Network
	cfg    config.Config
	router *router.Router
	apps   []*app
	logs   *observer.ObservedLogs
}

const (
	listenHost = "router"
	capacity   = 250 // linkCapacity
)

// standalone is the configuration that stories begin with.
func standalone() config.Config {
	return config.Config{
		Router: config.Router{ID: "R", Mode: config.Standalone, DefaultDistribution: config.Balanced},
		Listeners: []config.Listener{{
			Name: "normal", Host: listenHost, Port: "5672", Role: config.RoleNormal, MaxFrameSize: 16 << 10,
			MaxSessions: 256, InitialHandshakeTimeout: 10 * time.Second, StripAnnotations: config.StripBoth, LinkCapacity: capacity,
		}},
		Addresses: []config.Address{
			{Prefix: "closest", Distribution: config.Closest},
			{Prefix: "multicast", Distribution: config.Multicast},
			{Prefix: "unavailable", Distribution: config.Unavailable},
			{Prefix: "released", Distribution: config.Balanced, OnLoss: config.OutcomeReleased},
		},
	}
}

// play runs a story. At its end every application closes, and nothing may be left.
func play(t *testing.T, change func(*config.Config), story func(s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t, cfg: standalone()}
		if change != nil {
			change(&s.cfg)
		}
		var core zapcore.Core
		core, s.logs = observer.New(zap.InfoLevel)
		r, err := router.New(s.cfg, zap.New(core))
		if err != nil {
			t.Fatal(err)
		}
		s.router = r
		r.ListenBy(s.net.Listen)
		r.DialBy(func(ctx context.Context, _, address string) (net.Conn, error) {
			return s.net.Dial(ctx, listenHost, address)
		})
		if err := r.Start(); err != nil {
			t.Fatal(err)
		}
		story(s)
		s.end()
	})
}

// end closes what is open, and checks that nothing is left.
func (s *stage) end() {
	for _, a := range s.apps {
		a.do(func() {
			for _, session := range a.sessions {
				session.End(nil)
			}
		})
	}
	s.advance(time.Second) // addresses go with the tick
	for _, what := range s.router.Residue() {
		s.t.Errorf("left after every session has ended: %s", what)
	}
	for _, a := range s.apps {
		a.do(func() { a.Close(nil) })
	}
	if n := s.router.Peers(); n != 0 {
		s.t.Errorf("%d connections are left", n)
	}
	if err := s.router.Shutdown(context.Background()); err != nil {
		s.t.Errorf("shutdown: %v", err)
	}
	synctest.Wait()
}

// advance lets time pass.
func (s *stage) advance(d time.Duration) {
	for _, a := range s.apps {
		a.Do(func() {}) // what the story has looked at comes before what happens now
	}
	time.Sleep(d)
	synctest.Wait()
}

// app is an application: one connection, with a session to begin with.
type app struct {
	*meshtest.Client
	stage    *stage
	sessions []*meshtest.Session
	wire     *meshtest.Conn
	at       string // the router, in a mesh
}

// app connects an application.
func (s *stage) app(name string) *app {
	return s.appAt(name, listenHost+":5672", meshtest.ClientOptions{})
}

func (s *stage) appAt(name, address string, o meshtest.ClientOptions) *app {
	s.t.Helper()
	nc, err := s.net.Dial(s.t.Context(), name, address)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.appOver(name, nc, o)
}

// appOver is an application at its end of a connection.
func (s *stage) appOver(name string, nc *meshtest.Conn, o meshtest.ClientOptions) *app {
	o.Fault = func(what string) { s.t.Errorf("protocol: %s", what) }
	a := &app{stage: s, wire: nc, Client: meshtest.NewClient(name, nc, o)}
	s.apps = append(s.apps, a)
	a.begin(meshtest.SessionOptions{})
	return a
}

// do does something, and waits until everybody has done what follows from it.
func (a *app) do(f func()) {
	a.Do(f)
	synctest.Wait()
}

func (a *app) begin(o meshtest.SessionOptions) (s *meshtest.Session) {
	a.do(func() { s = a.Begin(o) })
	a.sessions = append(a.sessions, s)
	return s
}

// kill ends the application as a crash does.
func (a *app) kill() {
	a.Kill()
	synctest.Wait()
}

// stall makes the application read nothing; off lets it go on.
func (a *app) stall(on bool) {
	a.Stall(on)
	synctest.Wait()
}

// producer is a link by which an application sends.
type producer struct {
	*meshtest.Sender
	app *app
	end *wire.Error // why it ended
}

// producer attaches a sender to an address, to none if that is empty.
func (a *app) producer(address string) *producer {
	o := meshtest.SenderOptions{Snd: wire.SndMixed}
	if address != "" {
		o.Target = meshtest.To(address)
	}
	return a.producerWith(o)
}

func (a *app) producerWith(o meshtest.SenderOptions) *producer {
	p := &producer{app: a}
	o.OnGone = func(e *wire.Error) { p.end = e }
	a.do(func() { p.Sender = a.sessions[len(a.sessions)-1].AttachSender(o) })
	return p
}

// send sends messages unsettled, and returns the last one's delivery.
func (p *producer) send(payloads ...[]byte) (o *meshtest.Out) {
	p.app.do(func() {
		for _, b := range payloads {
			o = p.Send(&meshtest.Out{Payload: b})
		}
	})
	return o
}

// post sends messages presettled.
func (p *producer) post(payloads ...[]byte) {
	p.app.do(func() {
		for _, b := range payloads {
			p.Send(&meshtest.Out{Payload: b, Settled: true})
		}
	})
}

// begin starts a message of which only the first n bytes leave.
func (p *producer) begin(payload []byte, n int) (o *meshtest.Out) {
	p.app.do(func() {
		o = p.Start(&meshtest.Out{Payload: payload})
		o.Write(n)
	})
	return o
}

func (p *producer) write(o *meshtest.Out, n int) { p.app.do(func() { o.Write(n) }) }

// credit is what the router gives, asked for anew.
func (p *producer) credit() (n uint32) {
	p.app.do(func() { p.Flow(true) })
	p.app.Do(func() { n = p.Credit() })
	return n
}

func (p *producer) detach() { p.app.do(func() { p.Detach(true, nil) }) }

// consumer is a link by which an application receives.
type consumer struct {
	*meshtest.Receiver
	app     *app
	got     []*arrival
	drained int
	end     *wire.Error
}

// arrival is a delivery and the bytes of it that came.
type arrival struct {
	*meshtest.In
	bytes []byte
}

func (a *app) consumer(address string, credit uint32) *consumer {
	return a.consumerWith(meshtest.ReceiverOptions{Source: meshtest.From(address), Snd: wire.SndMixed, Credit: credit})
}

func (a *app) consumerWith(o meshtest.ReceiverOptions) *consumer {
	c := &consumer{app: a}
	o.OnTransfer = func(d *meshtest.In, payload []byte) {
		at, ok := d.Context.(*arrival)
		if !ok {
			at = &arrival{In: d}
			d.Context = at
			c.got = append(c.got, at)
		}
		at.bytes = append(at.bytes, payload...)
	}
	o.OnDrained = func(uint32) { c.drained++ }
	o.OnGone = func(e *wire.Error) { c.end = e }
	a.do(func() { c.Receiver = a.sessions[len(a.sessions)-1].AttachReceiver(o) })
	return c
}

func (c *consumer) grant(n uint32) { c.app.do(func() { c.SetCredit(n) }) }

func (c *consumer) drain(n uint32) { c.app.do(func() { c.Drain(n) }) }

func (c *consumer) detach() { c.app.do(func() { c.Detach(true, nil) }) }

// settle gives the i-th delivery an outcome.
func (c *consumer) settle(i int, state wire.DeliveryState) {
	c.app.stage.t.Helper()
	if i >= len(c.got) {
		c.app.stage.t.Fatalf("%s has %d deliveries, not a %dth", c.Name, len(c.got), i+1)
	}
	c.app.do(func() { c.got[i].Settle(state, true) })
}

// acceptAll accepts what came and is not settled.
func (c *consumer) acceptAll() {
	c.app.do(func() {
		for _, d := range c.got {
			if !d.Settled && !d.LocalSettled {
				d.Settle(accepted, true)
			}
		}
	})
}

// bodies are the texts of the messages that came, joined.
func (c *consumer) bodies() string {
	var list []string
	for _, d := range c.got {
		list = append(list, textOf(d.bytes))
	}
	return strings.Join(list, " ")
}

var (
	accepted = wire.DeliveryState{Kind: wire.StateAccepted}
	released = wire.DeliveryState{Kind: wire.StateReleased}
)

// text is a message with a text in it.
func text(s string) []byte { return wire.AppendData(nil, []byte(s)) }

// texts are many.
func texts(s ...string) (list [][]byte) {
	for _, t := range s {
		list = append(list, text(t))
	}
	return list
}

// addressed is a message that says where it goes.
func addressed(to, s string) []byte {
	p := wire.MessageProperties{To: wire.Some(to)}
	return wire.AppendData(p.Append(nil), []byte(s))
}

// urgent is a message with a priority.
func urgent(priority uint8, s string) []byte {
	h := wire.Header{Priority: wire.Some(priority)}
	return wire.AppendData(h.Append(nil), []byte(s))
}

// long is a message of about n bytes.
func long(n int) []byte { return wire.AppendData(nil, bytes.Repeat([]byte("0123456789abcdef"), n/16)) }

// textOf finds the text of a message.
func textOf(b []byte) string {
	for len(b) > 0 {
		s, rest, err := wire.NextSection(b)
		if err != nil {
			return "unreadable: " + err.Error()
		}
		if s.Code == wire.SectionData {
			data, _ := wire.Data(s.Value)
			return string(data)
		}
		b = rest
	}
	return "no text"
}

// equal fails the story when two things differ.
func equal[T comparable](s *stage, what string, got, want T) {
	s.t.Helper()
	if got != want {
		s.t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// ended fails the story unless the delivery was settled with that state.
func ended(s *stage, what string, o *meshtest.Out, want wire.StateKind) {
	s.t.Helper()
	if !o.RemoteSettled || o.State.Kind != want {
		s.t.Errorf("%s: got %v, settled %v; want %v, settled", what, o.State.Kind, o.RemoteSettled, want)
	}
}
