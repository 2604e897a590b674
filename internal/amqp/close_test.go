package amqp

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meshway/meshway/internal/sasl"
	"github.com/meshway/meshway/internal/wire"
)

func (p *peer) close(e *wire.Error) { p.do(func(b *Batch) { p.conn.Close(b, e) }) }

// wantOver checks that the connection ends within d, without our doing.
func (p *peer) wantOver(why string, d time.Duration) {
	p.t.Helper()
	time.Sleep(d)
	synctest.Wait()
	select {
	case <-p.done:
	default:
		p.t.Fatalf("%s: %v later the connection is still there", why, d)
	}
}

func TestThePeerCloses(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.write(message(0, 0, "x"), &wire.Close{}, []byte("and then some more"))
		p.want("close is answered [2.4.3]", &wire.Close{})
		p.wantShut("and that is all", "")
		p.heard("links end with their connection", `q 0 "x"`, "detach q lost 0")
	})
}

func TestThePeerClosesWithAnError(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.write(&wire.Close{Error: &wire.Error{Condition: wire.CondConnectionForced, Description: "maintenance"}})
		p.want("answered without", &wire.Close{})
		p.wantShut("", "connection closed by the peer: amqp:connection:forced: maintenance")
		var e *PeerError
		if !errors.As(p.err, &e) || e.What != "connection" {
			p.t.Errorf("Run returned a %T", p.err)
		}
		p.heard("the reason is the link's", "detach q amqp:connection:forced")
	})
}

func TestACloseThatCannotBeReadIsAClose(t *testing.T) {
	opened(t, func(p *peer) {
		p.write([]byte{0, 0, 0, 15, 2, 0, 0, 0, 0, 0x53, 0x18, 0xc0, 2, 1, 0x41})
		p.want("it wants to go, whatever it meant to say", &wire.Close{})
		p.wantShut("", "")
	})
}

// [2.7.9] A close may come on any channel.
func TestACloseOnAnotherChannel(t *testing.T) {
	opened(t, func(p *peer) {
		p.write(on(3, &wire.Close{}))
		p.want("ours comes on channel 0", &wire.Close{})
		p.wantShut("", "")
	})
}

func TestAnApplicationCloses(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.attachReceiver("r", 1)
		p.write(message(0, 0, "x"), grant(1, 0, 10))
		p.h.take()
		q, r := p.receiver("q"), p.sender("r")
		p.do(func(b *Batch) {
			q.Update(b, []uint32{0}, true, wire.Accepted)
			p.conn.Close(b, refused(wire.CondConnectionForced))
			p.conn.Close(b, nil)
			q.SetWindow(b, 1000)
			q.Detach(b, nil)
			r.Send(b, &Outgoing{Payload: []byte("y")}, p.h, 0)
			q.session.End(b, nil)
		})
		p.want("what was decided before goes out, and close once", outcome(0, 0, wire.StateAccepted), &wire.Close{Error: refused(wire.CondConnectionForced)})
		p.write(message(0, 1, "x"), &wire.Flow{Echo: true}, sending("s", 2), on(1, begin()), on(2, &wire.End{}), &wire.Detach{Handle: 9})
		p.wantIdle("[2.7.9] nothing behind close")
		p.write(&wire.Close{})
		p.wantShut("both have closed", "")
	})
}

// [2.7.9] Credit and windows that are decided behind our close are kept to ourselves.
func TestNoCreditIsGivenBehindClose(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		l := p.receiver("q")
		p.do(func(b *Batch) {
			p.conn.Close(b, nil)
			l.SetWindow(b, 1000)
		})
		p.want("we close", &wire.Close{})
		p.wantIdle("and that is all")
		p.write(&wire.Close{})
		p.wantShut("both have closed", "")
	})
}

// [2.4.3] "a peer SHOULD implement a timeout to give its partner a reasonable
// time to receive and process the close".
func TestAPeerThatDoesNotAnswerOurClose(t *testing.T) {
	for name, meanwhile := range map[string]any{
		"nothing": []byte{}, "heartbeats": frame{}, "messages": message(0, 0, "x"), "echo": &wire.Flow{Echo: true},
		"frames that are none":          []byte{0, 0, 0, 9, 2, 0, 0, 0, 0xff},
		"bytes behind a performative":   asFrame(&wire.Flow{}).then("x"),
		"frames of an unknown type":     []byte{0, 0, 0, 12, 2, 0, 0, 0, 0, 0x53, 0x66, 0x45},
		"performatives that are faulty": []byte{0, 0, 0, 12, 2, 0, 0, 0, 0, 0x53, 0x14, 0x45},
	} {
		for who, e := range map[string]*wire.Error{"application": nil, "fault": refused(wire.CondNotAllowed)} {
			t.Run(name+", close by "+who, func(t *testing.T) {
				opened(t, func(p *peer) {
					if e == nil {
						p.close(nil)
					} else {
						p.write(begin())
					}
					p.want("our close", &wire.Close{Error: e})
					for range 6 {
						p.write(meanwhile)
						p.wantQuiet("nothing behind close")
						time.Sleep(closeWriteTimeout / 5)
					}
					p.wantOver("the time for its close has passed", 0)
				})
			})
		}
	}
}

// then is the frame with something behind its performative.
func (f frame) then(payload string) frame { f.payload = payload; return f }

// wantQuiet is wantIdle, but the engine may be gone.
func (p *peer) wantQuiet(why string) {
	p.t.Helper()
	if f, ok := p.next(); ok || len(p.in) > 0 {
		p.t.Fatalf("%s: got %v, % x", why, f, p.in)
	}
}

// [2.4.4] Both close at once: each close answers the other, and says its own reason.
func TestSimultaneousClose(t *testing.T) {
	opened(t, func(p *peer) {
		p.close(refused(wire.CondConnectionForced))
		p.write(&wire.Close{Error: refused(wire.CondInternalError)})
		p.want("ours", &wire.Close{Error: refused(wire.CondConnectionForced)})
		p.wantShut("", "closed by the peer: amqp:internal-error")
	})
}

func TestThePeerGoesWithoutAClose(t *testing.T) {
	tests := map[string]struct {
		sent   []any
		waited string
	}{
		"before a word":       {nil, "protocol header"},
		"behind its header":   {[]any{wire.ProtoAMQP[:]}, "open"},
		"behind open":         {[]any{wire.ProtoAMQP[:], &wire.Open{ContainerID: "peer"}}, "close"},
		"in the middle":       {[]any{wire.ProtoAMQP[:], &wire.Open{ContainerID: "peer"}, begin(), sending("q", 0), []byte{0, 0, 0}}, "close"},
		"behind SASL":         {[]any{wire.ProtoSASL[:], &wire.SASLInit{Mechanism: "ANONYMOUS"}}, "AMQP header after SASL"},
		"in the middle of it": {[]any{wire.ProtoSASL[:]}, "SASL"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dialogue(t, func(p *peer) {
				p.write(tt.sent...)
				p.listen()
				p.in = nil
				_ = p.nc.Close()
				p.wantShut("noticed", "went away without a close while waiting for: "+tt.waited)
				if !errors.Is(p.err, ErrPeerGone) {
					p.t.Errorf("Run returned %v", p.err)
				}
			}, offering(false, sasl.Anonymous{}))
		})
	}
}

// A connection that is closed by the application before it is open: frames would
// be no frames to a peer that is still at headers or SASL.
func TestCloseInTheMiddleOfTheHandshake(t *testing.T) {
	for name, sent := range map[string][]any{
		"before a word": nil, "in the middle of a header": {wire.ProtoAMQP[:4]},
		"in SASL": {wire.ProtoSASL[:]}, "behind SASL": {wire.ProtoSASL[:], &wire.SASLInit{Mechanism: "ANONYMOUS"}},
	} {
		t.Run(name, func(t *testing.T) {
			dialogue(t, func(p *peer) {
				p.write(sent...)
				p.listen()
				p.in = nil
				p.close(refused(wire.CondConnectionForced))
				p.wantShut("the socket says it", "")
			}, offering(false, sasl.Anonymous{}), endsAnyhow())
		})
	}
	t.Run("behind the header", func(t *testing.T) {
		dialogue(t, func(p *peer) {
			p.write(wire.ProtoAMQP[:])
			p.wantHeader("the header", wire.ProtoAMQP)
			p.close(refused(wire.CondConnectionForced))
			p.want("now a close can be read", &wire.Open{ContainerID: "engine"}, &wire.Close{Error: refused(wire.CondConnectionForced)})
			p.write(&p.hello, &wire.Close{})
			p.wantShut("", "")
		})
	})
	t.Run("as a client", func(t *testing.T) {
		dialled(t, func(p *peer) {
			p.wantHeader("the header", wire.ProtoAMQP)
			p.want("open is on its way already", &wire.Open{ContainerID: "engine"})
			p.close(nil)
			p.want("so close may follow", &wire.Close{})
			p.write(wire.ProtoAMQP[:], &p.hello, &wire.Close{})
			p.wantShut("", "")
		})
	})
}

// Whoever waits for deliveries to be settled does not wait for those of a link, or a
// connection, that is over.
func TestWhatIsOverIsNotUnsettled(t *testing.T) {
	for name, end := range map[string]func(*peer){
		"a detached link":    func(p *peer) { p.write(&wire.Detach{Handle: 0}, &wire.Detach{Handle: 1}) },
		"a faulty session":   func(p *peer) { p.write(&wire.Detach{Handle: 9}) },
		"a closed socket":    func(p *peer) { _ = p.nc.Close() },
		"an orderly closing": func(p *peer) { p.write(&wire.Close{}) },
	} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.attachSender("q", 0)
				p.attachReceiver("r", 1)
				p.write(message(0, 0, "x"), first(0, 1, "y"), grant(1, 0, 10))
				p.send("r", "z", 0, Sent)
				if n := p.conn.Unsettled(); n != 3 {
					p.t.Errorf("%d deliveries are unsettled, want 3", n)
				}
				end(p)
				p.listen()
				if n := p.conn.Unsettled(); n != 0 {
					p.t.Errorf("%d deliveries are unsettled, want none", n)
				}
			})
		})
	}
}

func TestAbort(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		why := errors.New("no patience")
		p.conn.Abort(why)
		p.conn.Abort(nil)
		p.wantShut("without a word", "no patience")
		if !errors.Is(p.err, why) {
			p.t.Errorf("Run returned %v", p.err)
		}
		p.heard("links end", "detach q")
	})
}

// A peer that does not read cannot keep a connection that wants to go, in either
// direction.
func TestClosingTowardsAPeerThatDoesNotRead(t *testing.T) {
	stuffed := func(p *peer) {
		p.attachReceiver("q", 0)
		p.write(grant(0, 0, 1000))
		p.wantSendable("credit", "q", true)
		p.nc.in.set(func(s *memStream) { s.limit = 100 })
		for range 10 {
			p.send("q", strings.Repeat("x", 1000), 0, Sent)
		}
	}
	for name, end := range map[string]func(*peer){
		"the peer closes":        func(p *peer) { p.write(&wire.Close{}) },
		"the application closes": func(p *peer) { p.close(nil) },
		"a fault":                func(p *peer) { p.write(begin()) },
		"garbage":                func(p *peer) { p.write([]byte("GET / HTTP/1.1\r\n\r\n")) },
		"the peer's half ends":   func(p *peer) { _ = p.nc.CloseWrite() },
	} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				stuffed(p)
				end(p)
				p.wantOver("it has been given its time", 2*closeWriteTimeout+time.Second)
			})
		})
	}
}

// A peer that broke the rules, and neither closes nor goes, is waited for no longer than
// another.
func TestAPeerThatStaysAfterGarbageIsLetGo(t *testing.T) {
	opened(t, func(p *peer) {
		p.write([]byte("GET / HTTP/1.1\r\n\r\n"))
		p.want("the fault", &wire.Close{Error: refused(wire.CondFramingError)})
		p.wantOver("the time for our last words has passed", closeWriteTimeout)
	})
}

// What one peer did before it broke the rules reaches the others at once, not
// after the time that its last words are given.
func TestGarbageDelaysNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := newPeer(t, false, nil)
		other.open()
		other.begin(0)
		other.h.take()
		other.attachReceiver("out", 0)
		other.write(grant(0, 0, 10))
		out := other.sender("out")
		bad := newPeer(t, false, []option{handling(func(h *recorder) {
			h.onTransfer = func(b *Batch, d *Delivery) {
				out.Send(b, &Outgoing{Payload: d.Payload}, nil, 0)
			}
		})})
		bad.open()
		bad.begin(0)
		bad.h.take()
		bad.attachSender("q", 0)
		bad.write(message(0, 0, "hello"), []byte("GET / HTTP/1.1\r\n\r\n"))
		bad.want("the fault", &wire.Close{Error: refused(wire.CondFramingError)})
		other.want("the message is not to blame", sent(0, 0, "hello"))
		bad.leave()
		other.leave()
	})
}
