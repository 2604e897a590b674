package amqp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// smallest makes the peer take the smallest frames that there are. [2.7.1] "A peer
// MUST NOT send frames larger than its partner can handle": every frame of every
// dialogue is checked for that.
func smallest() option {
	return saying(func(o *wire.Open) { o.MaxFrameSize = wire.Some[uint32](512) })
}

// short is a name that can be attached, long one that cannot be answered.
var (
	short = strings.Repeat("s", 200)
	long  = strings.Repeat("l", 600)
)

func TestReasonsAreCutToThePeersFrames(t *testing.T) {
	wordy := &wire.Error{Condition: "test:wordy", Description: strings.Repeat("ü", 1000), Info: wire.Map{{Key: wire.Symbol("k"), Value: long}}}
	opened(t, func(p *peer) {
		p.write(receiving(short, 0), receiving(short, 1))
		p.want("a name that fits, twice", takenTo(short, 0), &wire.Detach{Closed: true, Error: refused(wire.CondStolen)}, takenTo(short, 1))
		l := p.sender(short)
		p.do(func(b *Batch) { l.Detach(b, wordy) })
		p.want("the condition is what counts", &wire.Detach{Handle: 1, Closed: true, Error: &wire.Error{Condition: "test:wordy", Description: "üüü"}})
		p.write(receiving("b", 2))
		p.want("another link", takenTo("b", 2))
		l = p.sender("b")
		p.do(func(b *Batch) { l.Detach(b, refused(wire.Symbol(strings.Repeat("c", 600)))) })
		p.want("but one for which there is no room", &wire.Detach{Handle: 2, Closed: true, Error: refused(wire.CondInternalError)})
		p.do(func(b *Batch) { l.session.End(b, wordy) })
		p.want("of a session", &wire.End{Error: &wire.Error{Condition: "test:wordy", Description: "üüü"}})
		p.close(wordy)
		p.want("of a connection", &wire.Close{Error: &wire.Error{Condition: "test:wordy", Description: "üüü"}})
	}, smallest())
}

func TestOurOpenIsCutToThePeersFrames(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.write(wire.ProtoAMQP[:], &p.hello)
		p.wantHeader("the header", wire.ProtoAMQP)
		f, ok := p.next()
		if o, isOpen := f.body.(*wire.Open); !ok || !isOpen || o.ContainerID != "engine" || o.Properties != nil {
			p.t.Errorf("got %v, want open without what does not fit", f)
		}
	}, smallest(), config(func(c *Config) { c.Properties = wire.Map{{Key: wire.Symbol("k"), Value: long}} }))
}

// [2.8.15] frame-size-too-small: "The peer cannot send a frame because the smallest
// encoding of the performative with the currently valid values would be too large". A link
// whose name fits into a frame is refused alone; without that nothing can be said of it.
func TestAnAttachWhoseAnswerDoesNotFit(t *testing.T) {
	filtered := receiving("q", 1)
	filtered.Source.Filter, _ = wire.AppendValue(nil, wire.Map{{Key: wire.Symbol("f"), Value: long}})
	addressed := sending("q", 1)
	addressed.Target.Address = wire.Some(long)
	sourced := sending("q", 1)
	sourced.Source = &wire.Source{Address: wire.Some(long)}
	for name, a := range map[string]*wire.Attach{"a long name": sending(long, 1), "a long name to receive from": receiving(long, 1),
		"a long filter": filtered, "a long address": addressed, "a long source of a sender": sourced} {
		for what, condition := range map[string]wire.Symbol{"taken": wire.CondFrameSizeTooSmall, "refused": wire.CondNotFound} {
			t.Run(name+", "+what, func(t *testing.T) {
				options := []option{noCredit(), smallest()}
				if what == "refused" {
					options = append(options, handling(func(h *recorder) { h.onAttach = refuseButFirst(h) }))
				}
				opened(t, func(p *peer) {
					p.attachSender("first", 0)
					p.write(a)
					if a.Name == long {
						p.want("the session cannot go on", &wire.End{Error: refused(wire.CondFrameSizeTooSmall)})
						p.write(&wire.End{})
						p.heard("the link that stood ends, the other never was", "attach "+roleOf(a)+" "+a.Name, "detach first")
						return
					}
					// Refused, it is told of its own side alone, if there is room for that.
					answer := takenFrom("q", 1)
					answer.Target = nil
					if a == filtered {
						answer = takenTo("q", 1)
						answer.Source = nil
					}
					if a == sourced {
						answer.Source = nil
					}
					p.want("the link goes", answer, &wire.Detach{Handle: 1, Closed: true, Error: refused(condition)})
					p.write(&wire.Detach{Handle: 1, Closed: true}, &wire.Detach{Closed: true})
					p.want("and another stood until now", &wire.Detach{Closed: true})
					p.heard("the first of the two never was", "attach "+roleOf(a)+" q", "detach first")
				}, options...)
			})
		}
	}
}

func roleOf(a *wire.Attach) string {
	if a.Role == wire.RoleReceiver {
		return "receiver"
	}
	return "sender"
}

func refuseButFirst(h *recorder) func(*Batch, *AttachRequest) {
	return func(b *Batch, r *AttachRequest) {
		if r.Attach.Name == "first" {
			h.accept(b, r)
			return
		}
		r.Refuse(b, refused(wire.CondNotFound))
	}
}

func TestALinkOfOursThatDoesNotFit(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		s := p.ours(&wire.Begin{IncomingWindow: 100})
		p.do(func(b *Batch) {
			if _, err := s.AttachSender(b, long, &sendEnd{p.h, long}, &Answer{}); err == nil {
				p.t.Error("a link was attached whose attach does not fit")
			}
		})
		p.attachTheirSender(s, "short")
		p.want("the next takes its handle", takenTo("short", 0))
	}, smallest())
}

// What one peer says of deliveries must not cost another its connection: data that
// does not fit is left out, the outcome stays.
func TestOutcomesAreCutToThePeersFrames(t *testing.T) {
	note := wire.Map{{Key: wire.Symbol("x-opt-k"), Value: long}}
	rejected := wire.RejectedState(&wire.Error{Condition: "test:bad", Description: long})
	strange, err := parseState(append([]byte{0, 0x53, 0x99, 0xb1, 0, 0, 2, 88}, long...))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ state, want wire.DeliveryState }{
		"rejected":      {rejected, wire.RejectedState(&wire.Error{Condition: "test:bad"})},
		"modified":      {wire.ModifiedState(true, false, note), wire.ModifiedState(true, false, nil)},
		"undeliverable": {wire.ModifiedState(false, true, note), wire.ModifiedState(false, true, nil)},
		"provisional":   {wire.TransactionalState([]byte("txn"), rejected), wire.TransactionalState([]byte("txn"), wire.RejectedState(&wire.Error{Condition: "test:bad"}))},
		"nobody's":      {strange, wire.DeliveryState{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.attachSender("q", 0)
				p.deliver(0, 0, 2)
				p.update("q", true, tt.state, 0)
				f, _ := p.next()
				d, ok := f.body.(*wire.Disposition)
				if !ok || !d.Settled || d.State.Kind != tt.want.Kind {
					p.t.Fatalf("got %v, want %s", f, tt.want.Kind)
				}
				if got, want := stateText(d.State), stateText(tt.want); got != want {
					p.t.Errorf("got %s, want %s", got, want)
				}
				p.settle("q", wire.StateAccepted, 1)
				p.want("nothing else is the matter", outcome(1, 1, wire.StateAccepted))
			}, smallest())
		})
	}
}

// stateText is what is left of a state, without descriptions.
func stateText(s wire.DeliveryState) string {
	if e, err := s.RejectedError(); err == nil && e != nil {
		return "rejected " + string(e.Condition)
	}
	if m, err := s.Modified(); err == nil {
		return fmt.Sprintf("modified %+v", m)
	}
	if id, outcome, err := s.Transactional(); err == nil {
		return fmt.Sprintf("in %s: %s", id, stateText(outcome))
	}
	return s.Kind.String()
}
