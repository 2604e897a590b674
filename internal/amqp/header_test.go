package amqp

import (
	"testing"
	"time"

	"github.com/meshway/meshway/internal/sasl"
	"github.com/meshway/meshway/internal/wire"
)

// offering makes the engine a server that offers these mechanisms.
func offering(required bool, mechanisms ...sasl.Mechanism) option {
	return config(func(c *Config) { c.Mechanisms, c.RequireSASL = mechanisms, required })
}

// [2.2] "If the server can't parse the protocol header, the server MUST send a
// valid protocol header with a supported protocol version and then close the socket."
func TestWhatIsNoHeaderOfOursIsAnsweredWithOneThatIs(t *testing.T) {
	tests := map[string]struct{ sent, reason string }{
		"AMQP 0-9-1":        {"AMQP\x00\x00\x09\x01", "AMQP 0-9-1"},
		"AMQP 0-10":         {"AMQP\x01\x01\x00\x0a", "AMQP 0-10"},
		"a later version":   {"AMQP\x00\x02\x00\x00", "not AMQP 1.0.0"},
		"a later revision":  {"AMQP\x00\x01\x00\x01", "not AMQP 1.0.0"},
		"an unknown layer":  {"AMQP\x01\x01\x00\x00", "protocol id 1"},
		"TLS within AMQP":   {"AMQP\x02\x01\x00\x00", "TLS inside AMQP"},
		"SASL, not offered": {"AMQP\x03\x01\x00\x00", "SASL, which is not offered"},
		"HTTP":              {"GET / HTTP/1.1\r\nHost: example\r\n\r\n", "does not speak AMQP"},
		"a TLS client":      {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "does not speak AMQP"},
		"SSH":               {"SSH-2.0-OpenSSH_9.2\r\n", "does not speak AMQP"},
		"lower case":        {"amqp\x00\x01\x00\x00", "does not speak AMQP"},
		"one wrong byte":    {"\x00", "does not speak AMQP"},
		"a frame":           {"\x00\x00\x00\x08\x02\x00\x00\x00", "does not speak AMQP"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dialogue(t, func(p *peer) {
				p.write([]byte(tt.sent))
				p.wantHeader("the header that would have done", wire.ProtoAMQP)
				p.wantShut("and the end of it", tt.reason)
				p.heard("nobody learns of such a peer")
			})
		})
	}
}

// [2.2] "the server MUST send a protocol header with an acceptable protocol id
// (and version) and then close the socket."
func TestAPeerThatSkipsRequiredSASLIsToldSo(t *testing.T) {
	for name, sent := range map[string][8]byte{"AMQP": wire.ProtoAMQP, "TLS": wire.ProtoTLS, "garbage": {'n', 'o'}} {
		t.Run(name, func(t *testing.T) {
			dialogue(t, func(p *peer) {
				p.write(sent[:])
				p.wantHeader("SASL is what would have done", wire.ProtoSASL)
				p.wantShut("the peer has to begin again", "")
			}, offering(true, sasl.Anonymous{}), endsAnyhow())
		})
	}
}

// endsAnyhow is for stories in which it does not matter how Run explains the end.
func endsAnyhow() option { return func(p *peer) { p.anyEnd = true } }

func TestAHeaderThatComesByteByByteIsAHeader(t *testing.T) {
	dialogue(t, func(p *peer) {
		for _, b := range wire.ProtoAMQP[:7] {
			p.write([]byte{b})
			p.wantIdle("the header is not complete")
		}
		p.write(wire.ProtoAMQP[7:])
		p.wantHeader("now it is", wire.ProtoAMQP)
		p.wantIdle("open of the server waits for that of the client, which may be refused")
	})
}

// [2.4.2] "A peer may do this by starting to send subsequent frames before
// receiving the partner's Connection header or open frame."
func TestHeaderOpenBeginAndAttachInOneWriteAreAnsweredInOrder(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.write(wire.ProtoAMQP[:], &p.hello,
			on(0, &wire.Begin{IncomingWindow: 10}), sending("q", 0), receiving("q", 1),
			on(1, &wire.Begin{IncomingWindow: 10}), on(1, sending("r", 7)))
		p.wantHeader("first the header", wire.ProtoAMQP)
		p.want("then open", &wire.Open{ContainerID: "engine"})
		p.want("then session and links",
			&wire.Begin{RemoteChannel: wire.Some[uint16](0)},
			&wire.Attach{Name: "q", Role: wire.RoleReceiver, Source: &wire.Source{}, Target: &wire.Target{}})
		p.want("the same name in the other direction is another link", &wire.Attach{
			Name: "q", Handle: 1, Role: wire.RoleSender, Source: &wire.Source{}, Target: &wire.Target{}, InitialDeliveryCount: wire.Some[uint32](0)})
	}, handling(func(h *recorder) { h.window = 0 }))
}

// [2.4.1] The whole life of a connection in one write, with a message in it that
// uses the session's window: credit is what a sender cannot know in advance.
func TestAWholeConnectionInOneWrite(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.write(wire.ProtoAMQP[:], &p.hello, &wire.Begin{}, sending("q", 0), &wire.Detach{Closed: true}, &wire.End{}, &wire.Close{})
		p.wantHeader("the header", wire.ProtoAMQP)
		p.want("everything is answered",
			&wire.Open{ContainerID: "engine"}, &wire.Begin{RemoteChannel: wire.Some[uint16](0)},
			&wire.Attach{Name: "q", Role: wire.RoleReceiver, Source: &wire.Source{}, Target: &wire.Target{}},
			&wire.Detach{Closed: true}, &wire.End{}, &wire.Close{})
		p.wantShut("in good order", "")
		p.heard("and so it looked from inside", "open peer", "attach sender q", "detach q")
	})
}

func TestAClientSendsItsHeaderAndOpenAtOnce(t *testing.T) {
	dialled(t, func(p *peer) {
		p.wantHeader("the client speaks first", wire.ProtoAMQP)
		p.want("nothing in open depends on the server", &wire.Open{ContainerID: "engine", Hostname: "example"})
		p.wantIdle("now it is the server's turn")
		p.write(wire.ProtoAMQP[:], &p.hello)
		p.wantIdle("it has said all")
		p.heard("and is open", "open peer")
	}, config(func(c *Config) { c.Hostname = "example" }))
}

func TestAClientExplainsAServerThatDoesNotFit(t *testing.T) {
	login := config(func(c *Config) { c.Login = sasl.AnonymousClient{} })
	tests := map[string]struct {
		answer  [8]byte
		options []option
		reason  string
	}{
		"it requires SASL":        {wire.ProtoSASL, nil, "requires SASL, and no login"},
		"it has no SASL":          {wire.ProtoAMQP, []option{login}, "does not offer SASL"},
		"it requires TLS":         {wire.ProtoTLS, nil, "TLS"},
		"it speaks AMQP 0-9-1":    {[8]byte{'A', 'M', 'Q', 'P', 0, 0, 9, 1}, nil, "AMQP 0-9-1"},
		"it speaks HTTP":          {[8]byte([]byte("HTTP/1.1")), nil, "does not speak AMQP"},
		"it speaks HTTP at login": {[8]byte([]byte("HTTP/1.1")), []option{login}, "does not speak AMQP"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dialled(t, func(p *peer) {
				p.listen()
				p.in = nil
				p.write(tt.answer[:])
				p.wantShut("there is no way on", tt.reason)
			}, tt.options...)
		})
	}
}

// A client that has been told that its header does not do must not go on to
// answer with one.
func TestAClientAnswersNoWrongHeader(t *testing.T) {
	dialled(t, func(p *peer) {
		p.wantHeader("the client's header", wire.ProtoAMQP)
		p.want("and open", &wire.Open{ContainerID: "engine"})
		p.write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		p.wantShut("a header twice would be a frame to the server", "does not speak AMQP")
	})
}

func TestAPeerThatSaysNothingIsLetGo(t *testing.T) {
	for name, sent := range map[string][]byte{
		"nothing":            nil,
		"half a header":      wire.ProtoAMQP[:4],
		"a header":           wire.ProtoAMQP[:],
		"half an open":       append(wire.ProtoAMQP[:], 0, 0, 0, 200, 2, 0, 0, 0, 0, 0x53, 0x10),
		"a header, and life": frame{}.encode(wire.ProtoAMQP[:]),
	} {
		t.Run(name, func(t *testing.T) {
			dialogue(t, func(p *peer) {
				p.write(sent)
				time.Sleep(10*time.Second - time.Millisecond)
				p.listen()
				if p.eof {
					p.t.Fatal("the time for the handshake is not over")
				}
				p.in = nil
				time.Sleep(2 * time.Millisecond)
				p.wantShut("now it is", "no open within 10s")
			})
		})
	}
}

// One timer serves the handshake and what comes after it. Where it fires for the sake of the
// latter before the handshake's time is over, that ends no earlier and no later.
func TestAPeerThatSaysNothingIsLetGoInTimeWhereIdleOnesAreLookedAtMoreOften(t *testing.T) {
	dialogue(t, func(p *peer) {
		time.Sleep(10*time.Second - time.Millisecond)
		p.listen()
		if p.eof {
			p.t.Fatal("the time for the handshake is not over")
		}
		time.Sleep(2 * time.Millisecond)
		p.wantShut("now it is", "no open within 10s")
	}, func(p *peer) { p.cfg.IdleTimeout = 16 * time.Second })
}

// The deadline is one for the whole handshake: a byte now and then, or heartbeats,
// do not extend it.
func TestTheHandshakesDeadlineIsNotExtendedByWhatComes(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.write(wire.ProtoAMQP[:])
		p.wantHeader("so far so good", wire.ProtoAMQP)
		for range 12 {
			p.write(frame{})
			time.Sleep(time.Second)
		}
		p.wantShut("twelve seconds are enough", "no open within 10s")
	})
}
