package amqp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/sasl"
	"github.com/meshway/meshway/internal/wire"
)

// passwords is a users file in memory.
type passwords map[string]string

var errDisk = errors.New("the users file cannot be read")

func (p passwords) Verify(_ context.Context, name, password string) error {
	switch want, ok := p[name]; {
	case name == "trouble":
		return errDisk
	case !ok || want != password:
		return fmt.Errorf("no: %w", sasl.ErrAuth)
	}
	return nil
}

var plain = sasl.Plain{Users: passwords{"alice": "secret"}}

func login(name, password string) []byte { return []byte("\x00" + name + "\x00" + password) }

// offer goes as far as the server's mechanisms.
func (p *peer) offer(names ...wire.Symbol) {
	p.t.Helper()
	p.write(wire.ProtoSASL[:])
	p.wantHeader("SASL is answered with SASL [5.3.1]", wire.ProtoSASL)
	p.want("the server speaks first [5.3.2]", &wire.SASLMechanisms{Mechanisms: names})
}

func TestAnonymousIsLetInAsNobody(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.offer("ANONYMOUS", "PLAIN")
		p.write(&wire.SASLInit{Mechanism: "ANONYMOUS", InitialResponse: []byte("somebody@example")})
		p.want("that is enough", &wire.SASLOutcome{Code: wire.SASLOk})
		p.open()
		if user, mechanism := p.conn.Identity(); user != sasl.AnonymousIdentity || mechanism != "ANONYMOUS" {
			p.t.Errorf("logged in as %q by %q", user, mechanism)
		}
	}, offering(true, sasl.Anonymous{}, plain))
}

func TestPlainWithTheRightPassword(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.offer("PLAIN")
		p.write(&wire.SASLInit{Mechanism: "PLAIN", InitialResponse: login("alice", "secret"), Hostname: "example"})
		p.want("welcome", &wire.SASLOutcome{Code: wire.SASLOk})
		p.open()
		if user, mechanism := p.conn.Identity(); user != "alice" || mechanism != "PLAIN" {
			p.t.Errorf("logged in as %q by %q", user, mechanism)
		}
	}, offering(true, plain))
}

func TestPlainByChallenge(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.offer("PLAIN")
		p.write(&wire.SASLInit{Mechanism: "PLAIN"})
		p.want("the response is asked for", &wire.SASLChallenge{Challenge: []byte{}})
		p.write(&wire.SASLResponse{Response: login("alice", "secret")})
		p.want("welcome", &wire.SASLOutcome{Code: wire.SASLOk})
		p.open()
	}, offering(true, plain))
}

// [5.3.2] The outcome is told, and the socket closed.
func TestALoginThatFails(t *testing.T) {
	tests := map[string]struct {
		init   wire.SASLInit
		code   wire.SASLCode
		reason string
	}{
		"a wrong password":      {wire.SASLInit{Mechanism: "PLAIN", InitialResponse: login("alice", "guess")}, wire.SASLAuth, `"alice"`},
		"nobody we know":        {wire.SASLInit{Mechanism: "PLAIN", InitialResponse: login("bob", "secret")}, wire.SASLAuth, `"bob"`},
		"no password":           {wire.SASLInit{Mechanism: "PLAIN", InitialResponse: []byte("alice")}, wire.SASLAuth, "PLAIN"},
		"an unknown mechanism":  {wire.SASLInit{Mechanism: "GSSAPI"}, wire.SASLAuth, `"GSSAPI", which was not offered`},
		"one not offered here":  {wire.SASLInit{Mechanism: "ANONYMOUS"}, wire.SASLAuth, `"ANONYMOUS", which was not offered`},
		"a name in lower case":  {wire.SASLInit{Mechanism: "plain"}, wire.SASLAuth, "not offered"},
		"trouble of our own":    {wire.SASLInit{Mechanism: "PLAIN", InitialResponse: login("trouble", "x")}, wire.SASLSysTemp, "cannot be read"},
		"no mechanism to speak": {wire.SASLInit{}, wire.SASLAuth, "not offered"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dialogue(t, func(p *peer) {
				p.offer("PLAIN")
				p.write(&tt.init)
				p.want("the outcome tells no more than the code", &wire.SASLOutcome{Code: tt.code})
				p.wantShut("and that is all", tt.reason)
				if strings.Contains(p.err.Error(), "guess") || strings.Contains(p.err.Error(), "secret") {
					p.t.Errorf("a password is in %q", p.err)
				}
				p.heard("nobody learns of such a peer")
			}, offering(true, plain))
		})
	}
}

func TestSASLFramesOutOfTurnEndIt(t *testing.T) {
	init := &wire.SASLInit{Mechanism: "PLAIN"}
	tests := map[string]struct {
		frames []any
		reason string
	}{
		"a response before init":     {[]any{&wire.SASLResponse{Response: login("alice", "secret")}}, "not expected"},
		"two inits":                  {[]any{init, init}, "a second sasl-init"},
		"mechanisms from a client":   {[]any{&wire.SASLMechanisms{Mechanisms: []wire.Symbol{"PLAIN"}}}, "not expected"},
		"an outcome from a client":   {[]any{&wire.SASLOutcome{Code: wire.SASLOk}}, "not expected"},
		"a challenge from a client":  {[]any{&wire.SASLChallenge{}}, "not expected"},
		"open before the outcome":    {[]any{&wire.Open{ContainerID: "peer"}}, "an AMQP frame where SASL was expected"},
		"a heartbeat":                {[]any{frame{}}, "an AMQP frame where SASL was expected"},
		"an AMQP header, no outcome": {[]any{wire.ProtoAMQP[:]}, "size 1095586128 exceeds"},
		"an empty SASL frame":        {[]any{[]byte{0, 0, 0, 8, 2, 1, 0, 0}}, ""},
		"bytes behind init":          {[]any{behind(init, "x")}, "1 bytes behind"},
		"a fault in init":            {[]any{[]byte{0, 0, 0, 15, 2, 1, 0, 0, 0, 0x53, 0x41, 0xc0, 2, 1, 0x43}}, "sasl-init"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dialogue(t, func(p *peer) {
				p.offer("PLAIN")
				p.write(tt.frames...)
				if name == "two inits" {
					p.want("the first init was in order", &wire.SASLChallenge{Challenge: []byte{}})
				}
				p.wantShut("a SASL layer has no other way to say it", tt.reason)
			}, offering(true, plain), func(p *peer) { p.anyEnd = tt.reason == "" })
		})
	}
}

// behind makes a SASL frame with something after its performative.
func behind(body wire.Performative, more string) []byte {
	b, start := wire.BeginFrame(nil, wire.FrameSASL, 0)
	return wire.EndFrame(append(body.Append(b), more...), start)
}

// asking is a mechanism that never comes to an end.
type asking struct{}

func (asking) Name() string         { return "ASKING" }
func (asking) Start() sasl.Exchange { return asking{} }

func (asking) Step(context.Context, []byte) (challenge []byte, done bool, identity string, err error) {
	return []byte("and?"), false, "", nil
}

func TestSASLForEverIsCutShort(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.offer("ASKING")
		p.write(&wire.SASLInit{Mechanism: "ASKING"})
		for range maxSASLSteps - 1 {
			p.want("asked on", &wire.SASLChallenge{Challenge: []byte("and?")})
			p.write(&wire.SASLResponse{Response: []byte("well")})
		}
		p.want("the last that is asked", &wire.SASLChallenge{Challenge: []byte("and?")})
		p.write(&wire.SASLResponse{Response: []byte("well")})
		p.wantShut("no mechanism takes so long", "not done after")
	}, offering(true, asking{}))
}

func TestAnOversizedSASLFrameIsRefusedByItsSize(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.offer("PLAIN")
		p.write([]byte{0x7f, 0xff, 0xff, 0xff, 2, 1, 0, 0}) // no more than the frame's header
		p.wantShut("the rest is not waited for", "exceeds the maximum")
	}, offering(true, plain))
}

// A SASL layer comes once: what comes behind it is AMQP.
func TestSASLInsideSASL(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.offer("ANONYMOUS")
		p.write(&wire.SASLInit{Mechanism: "ANONYMOUS"})
		p.want("in", &wire.SASLOutcome{Code: wire.SASLOk})
		p.write(wire.ProtoSASL[:])
		p.wantHeader("AMQP is what is expected now", wire.ProtoAMQP)
		p.wantShut("", "SASL")
	}, offering(true, sasl.Anonymous{}))
}

func TestASASLFrameOnAnOpenConnection(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		p.write(&wire.SASLInit{Mechanism: "ANONYMOUS"})
		p.want("[2.3] it is no frame of this layer", &wire.Close{Error: refused(wire.CondFramingError)})
		p.wantShut("nothing behind it can be trusted", "SASL frame")
	}, offering(false, sasl.Anonymous{}))
}

// SASL is pipelined, too: init, and all that follows, before any answer.
func TestSASLPipelinedWithTheRest(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.write(wire.ProtoSASL[:], &wire.SASLInit{Mechanism: "PLAIN", InitialResponse: login("alice", "secret")},
			wire.ProtoAMQP[:], &p.hello, &wire.Begin{}, sending("q", 0))
		p.wantHeader("SASL", wire.ProtoSASL)
		p.want("SASL", &wire.SASLMechanisms{Mechanisms: []wire.Symbol{"PLAIN"}}, &wire.SASLOutcome{Code: wire.SASLOk})
		p.wantHeader("AMQP", wire.ProtoAMQP)
		p.want("AMQP", &wire.Open{ContainerID: "engine"}, &wire.Begin{RemoteChannel: wire.Some[uint16](0)},
			&wire.Attach{Name: "q", Role: wire.RoleReceiver, Source: &wire.Source{}, Target: &wire.Target{}})
	}, offering(true, plain))
}

// Not every client takes more along with the outcome: rhea would wait for ever.
func TestNothingComesWithTheOutcomeOfALogin(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.offer("ANONYMOUS")
		p.write(&wire.SASLInit{Mechanism: "ANONYMOUS"})
		p.want("in", &wire.SASLOutcome{Code: wire.SASLOk})
		p.wantIdle("the client is the next to speak")
		p.write(wire.ProtoAMQP[:])
		p.wantHeader("now we are", wire.ProtoAMQP)
	}, offering(true, sasl.Anonymous{}))
}

func TestAPeerMaySkipSASLWhereItIsNotRequired(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		if user, mechanism := p.conn.Identity(); user != "" || mechanism != "" {
			p.t.Errorf("nobody has logged in, but %q by %q", user, mechanism)
		}
	}, offering(false, plain))
}

// waitingLogin is a mechanism whose step waits for its turn, which does not come.
type waitingLogin struct{ gaveUp chan time.Duration }

func (waitingLogin) Name() string           { return "QUEUE" }
func (q waitingLogin) Start() sasl.Exchange { return q }
func (q waitingLogin) Step(ctx context.Context, _ []byte) (challenge []byte, done bool, identity string, err error) {
	began := time.Now()
	select {
	case <-ctx.Done():
	case <-time.After(time.Hour):
	}
	q.gaveUp <- time.Since(began)
	return nil, false, "", ctx.Err()
}

// Who waits for the turn of a login gives up when the handshake's time is over: nobody is there
// any more who could hear of it.
func TestALoginThatWaitsGivesUpWithTheHandshake(t *testing.T) {
	var q waitingLogin
	dialogue(t, func(p *peer) {
		p.offer("QUEUE")
		p.write(&wire.SASLInit{Mechanism: "QUEUE"})
		if waited := <-q.gaveUp; waited != 10*time.Second {
			p.t.Errorf("the login waited for %v, want the handshake's 10s", waited)
		}
	}, func(p *peer) {
		q.gaveUp = make(chan time.Duration, 1)
		offering(true, q)(p)
	})
}
