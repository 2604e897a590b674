package amqp

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/meshway/meshway/internal/wire"
)

// rawEnd writes down what comes on a raw link:
//
//	answer NAME; flow [count C] [credit N] [drain] [echo]
//	frame 5 [first] [last] [settled] [aborted] "hel"
//	outcome 7 settled accepted; 5 is settled accepted [ref 9]
//	end [detached] [closed] [CONDITION]
type rawEnd struct {
	h     *recorder
	link  *RawLink
	onSay func(b *Batch, id uint32) // the sender says something of a delivery
}

func newRawLink(h *recorder) *RawLink {
	e := &rawEnd{h: h}
	e.link = NewRawLink(e)
	return e.link
}

func (e *rawEnd) OnAnswer(_ *Batch, p *wire.Attach) { e.h.say("answer %s", p.Name) }

func (e *rawEnd) OnFlow(_ *Batch, f *wire.Flow) {
	text := "flow"
	if f.DeliveryCount.OK {
		text += fmt.Sprintf(" count %d", f.DeliveryCount.V)
	}
	if f.LinkCredit.OK {
		text += fmt.Sprintf(" credit %d", f.LinkCredit.V)
	}
	e.h.say("%s%s%s", text, flagText(" drain", f.Drain), flagText(" echo", f.Echo))
}

func flagText(text string, on bool) string {
	if on {
		return text
	}
	return ""
}

func (e *rawEnd) OnFrame(_ *Batch, f *RawFrame) {
	e.h.say("frame %d%s%s%s%s %s", f.ID, flagText(" first", f.First), flagText(" last", f.Last), flagText(" settled", f.Settled),
		flagText(" aborted", f.Transfer.Aborted), payloadText(string(f.Payload)))
}

func (e *rawEnd) OnOutcome(b *Batch, refs []uint32, o Outcome) { e.h.OnOutcome(b, refs, o) }

func (e *rawEnd) OnSenderState(b *Batch, id uint32, settled bool, state wire.DeliveryState) {
	text := fmt.Sprintf("%d is%s %v", id, settledText(settled), state.Kind)
	if e.onSay != nil {
		e.onSay(b, id)
	}
	if ref, ok := e.link.Ref(id); ok {
		text += fmt.Sprintf(" ref %d", ref)
	}
	e.h.say("%s", text)
}

func (e *rawEnd) OnSendable(*Batch) { e.h.say("sendable") }

func (e *rawEnd) OnEnd(_ *Batch, end RawEnd) {
	e.h.say("end%s%s%s", flagText(" detached", end.Detached), flagText(" closed", end.Closed), conditionText(end.Err))
}

// raw has the handler take links as raw ones, unanswered. It returns what finds them.
func raw(p *peer) func(i int) *RawLink {
	var links []*RawLink
	p.h.onAttach = func(b *Batch, r *AttachRequest) {
		l := newRawLink(p.h)
		if err := r.AcceptRaw(b, l, 0); err != nil {
			p.t.Errorf("accept: %v", err)
		}
		links = append(links, l)
	}
	return func(i int) *RawLink {
		synctest.Wait()
		return links[i]
	}
}

func TestARawLinkIsAnsweredLaterWithWhatItsOtherEndSays(t *testing.T) {
	opened(t, func(p *peer) {
		link := raw(p)
		p.write(receiving("q", 3), grant(3, 0, 5))
		p.wantIdle("it waits for its other end")
		p.heard("what the peer says meanwhile is handed over", "attach receiver q", "flow count 0 credit 5")
		answer := &wire.Attach{Source: &wire.Source{Address: wire.Some("q"), Filter: wire.Raw{0xc1, 1, 0}}, Target: &wire.Target{},
			InitialDeliveryCount: wire.Some[uint32](77), MaxMessageSize: wire.Some[uint64](9), Unsettled: wire.Raw{0xc1, 1, 0}, IncompleteUnsettled: true,
			SndSettleMode: wire.Some(wire.SndSettled), OfferedCapabilities: []wire.Symbol{"x"}, Properties: wire.Map{{Key: wire.Symbol("k"), Value: "v"}}}
		p.do(func(b *Batch) {
			if err := link(0).Answer(b, answer); err != nil {
				t.Error(err)
			}
		})
		want := *answer
		want.Name, want.Role = "q", wire.RoleSender
		p.want("the answer, whole", &want)
		p.do(func(b *Batch) {
			link(0).Flow(b, &wire.Flow{DeliveryCount: wire.Some[uint32](80), LinkCredit: wire.Some[uint32](2), Drain: true})
		})
		f := credit(0, 80, 2)
		f.Drain = true
		p.want("a flow as it is", f)
	})
}

func TestARawLinkIsDetachedAsItsOtherEndIs(t *testing.T) {
	opened(t, func(p *peer) {
		link := raw(p)
		p.write(receiving("q", 3))
		p.do(func(b *Batch) { _ = link(0).Answer(b, &wire.Attach{InitialDeliveryCount: wire.Some[uint32](0)}) })
		p.want("answered", &wire.Attach{Name: "q", Role: wire.RoleSender, InitialDeliveryCount: wire.Some[uint32](0)})
		p.write(&wire.Detach{Handle: 3, Error: refused("a:b")})
		p.wantIdle("its other end answers")
		p.heard("and hears of it", "attach receiver q", "end detached a:b")
		p.write(receiving("r", 3))
		p.wantIdle("the peer's handle is free, ours is not")
		p.do(func(b *Batch) { link(0).Detach(b, false, refused("c:d")) })
		p.want("answered", &wire.Detach{Handle: 0, Error: refused("c:d")})
		p.do(func(b *Batch) { link(1).Detach(b, true, refused("e:f")) })
		p.want("refused: nothing on our side, and a detach", &wire.Attach{Name: "r", Handle: 1, Role: wire.RoleSender, InitialDeliveryCount: wire.Some[uint32](0)},
			&wire.Detach{Handle: 1, Closed: true, Error: refused("e:f")})
		p.write(&wire.Detach{Handle: 3, Closed: true}, receiving("s", 4))
		p.do(func(b *Batch) { _ = link(2).Answer(b, &wire.Attach{InitialDeliveryCount: wire.Some[uint32](0)}) })
		p.want("both handles are free", &wire.Attach{Name: "s", Handle: 0, Role: wire.RoleSender, InitialDeliveryCount: wire.Some[uint32](0)})
	})
}

func TestFramesOfARawLinkAreHandedOverOneByOne(t *testing.T) {
	opened(t, func(p *peer) {
		link := raw(p)
		p.write(sending("q", 0))
		p.do(func(b *Batch) {
			_ = link(0).Answer(b, &wire.Attach{})
			link(0).Flow(b, &wire.Flow{DeliveryCount: wire.Some[uint32](0), LinkCredit: wire.Some[uint32](5)})
		})
		p.want("answered, with credit", &wire.Attach{Name: "q", Role: wire.RoleReceiver}, credit(0, 0, 5))
		first := &wire.Transfer{DeliveryID: wire.Some[uint32](0), DeliveryTag: []byte("t"), More: true}
		p.write(with(first, "a"), with(&wire.Transfer{More: true}, "b"), with(&wire.Transfer{}, "c"), message(0, 1, "d"),
			with(&wire.Transfer{DeliveryID: wire.Some[uint32](2), DeliveryTag: []byte("u"), More: true}, "e"), with(&wire.Transfer{Aborted: true}, ""),
			with(&wire.Transfer{DeliveryID: wire.Some[uint32](3), DeliveryTag: []byte("v"), Resume: true, Settled: wire.Some(true)}, "f"))
		p.heard("each frame", "attach sender q", `frame 0 first "a"`, `frame 0 "b"`, `frame 0 last "c"`, `frame 1 first last "d"`,
			`frame 2 first "e"`, `frame 2 last settled aborted ""`, `frame 3 first last settled "f"`)
		p.do(func(b *Batch) { link(0).SetRef(1, 9) })
		p.write(&wire.Disposition{First: 0, Last: wire.Some[uint32](3), Settled: true, State: wire.Accepted})
		p.heard("what the sender says of those that are alive", "0 is settled accepted", "1 is settled accepted ref 9")
		if n := link(0).Unsettled(); n != 0 {
			t.Errorf("%d are unsettled", n)
		}
		l := link(0)
		l.h.(*rawEnd).onSay = func(b *Batch, id uint32) {
			l.SetRef(id, 11)
			l.Tell(b, []uint32{id}, true, wire.Accepted)
		}
		p.write(message(0, 4, "g"), &wire.Disposition{First: 4, Settled: true, State: wire.Released})
		p.heard("one that leaves just as its sender settles it is known until that is heard", `frame 4 first last "g"`, "4 is settled released ref 11")
		p.wantIdle("nothing is said of what its sender has settled")
		if n := link(0).Unsettled(); n != 0 {
			t.Errorf("%d are unsettled", n)
		}
		p.write(message(0, 5, "too many"))
		p.want("credit is kept to", &wire.Detach{Closed: true, Error: refused(wire.CondTransferLimitExceeded)})
		p.heard("and its other end hears why", `fault link "q" amqp:link:transfer-limit-exceeded`, "end amqp:link:transfer-limit-exceeded")
	})
}

func TestARawFrameLeavesAsItCameIfItFits(t *testing.T) {
	opened(t, func(p *peer) {
		link := raw(p)
		p.write(receiving("q", 0))
		l := link(0)
		p.do(func(b *Batch) { _ = l.Answer(b, &wire.Attach{InitialDeliveryCount: wire.Some[uint32](0)}) })
		p.want("answered", &wire.Attach{Name: "q", Role: wire.RoleSender, InitialDeliveryCount: wire.Some[uint32](0)})
		f := RawOut{First: true, Ref: 41, Payload: make([]byte, 1000), Transfer: wire.Transfer{
			DeliveryTag: []byte("a tag"), MessageFormat: wire.Some[uint32](8), State: wire.TransactionalState([]byte("x"), wire.DeliveryState{}),
			RcvSettleMode: wire.Some(wire.RcvSecond), Batchable: true,
		}}
		p.do(func(b *Batch) {
			if res := l.Transfer(b, &f); res != Sent {
				t.Errorf("sent: %v", res)
			}
		})
		sizes := []int{}
		for {
			got, ok := p.next()
			if !ok {
				break
			}
			tr := got.body.(*wire.Transfer)
			if first := len(sizes) == 0; first != (string(tr.DeliveryTag) == "a tag") || first != (tr.MessageFormat.V == 8) || tr.State.Kind != wire.StateTransactional || !tr.Batchable {
				t.Errorf("frame %d is %+v", len(sizes), tr)
			}
			sizes = append(sizes, len(got.payload))
		}
		if len(sizes) < 2 || sizes[0] > 512 {
			t.Errorf("frames of %v bytes for a peer that takes 512", sizes)
		}
		p.write(&wire.Disposition{Role: wire.RoleReceiver, First: 0, State: wire.Accepted}, &wire.Disposition{Role: wire.RoleReceiver, First: 0, State: wire.Released}, outcome(0, 0, wire.StateReleased))
		p.heard("every word of the receiver", "attach receiver q", "outcome 41 accepted", "outcome 41 released", "outcome 41 settled released")
	}, saying(func(o *wire.Open) { o.MaxFrameSize = wire.Some[uint32](512) }))
}

func TestARawLinkThatWasGivenUpIsDetachedWhenTheAnswerComes(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		s := p.ours(&wire.Begin{IncomingWindow: 100})
		l := newRawLink(p.h)
		ask := &wire.Attach{Name: "q", Role: wire.RoleReceiver, Source: &wire.Source{Address: wire.Some("q")}}
		p.do(func(b *Batch) {
			if err := s.AttachRaw(b, l, ask); err != nil {
				t.Error(err)
			}
			if err := s.AttachRaw(b, newRawLink(p.h), ask); err == nil {
				t.Error("two links of one name on a session")
			}
			l.Flow(b, &wire.Flow{LinkCredit: wire.Some[uint32](2)})
			l.Detach(b, true, refused("a:b"))
		})
		p.want("attached and given up", ask, &wire.Flow{Handle: wire.Some[uint32](0), LinkCredit: wire.Some[uint32](2)}, &wire.Detach{Closed: true, Error: refused("a:b")})
		p.write(sending("q", 5), message(5, 0, "x"), &wire.Detach{Handle: 5, Closed: true})
		p.wantIdle("both have said all")
		p.heard("its other end hears of the end alone", "end detached closed")
		p.do(func(b *Batch) {
			if err := s.AttachRaw(b, newRawLink(p.h), ask); err != nil {
				t.Errorf("the name is free again: %v", err)
			}
		})
		p.want("attached", ask)
	})
}

// [2.7.4] next-incoming-id "is not set if and only if the sender has not yet received the
// begin frame for the session".
func TestAFlowBeforeThePeersBeginDoesNotSayWhatComesNext(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		l := newRawLink(p.h)
		p.do(func(b *Batch) {
			s, _ := p.conn.Begin(b)
			_ = s.AttachRaw(b, l, &wire.Attach{Name: "q", Role: wire.RoleReceiver})
			l.Flow(b, &wire.Flow{LinkCredit: wire.Some[uint32](2)})
		})
		p.want("begin and attach", &wire.Begin{}, &wire.Attach{Name: "q", Role: wire.RoleReceiver})
		next := func(why string, known bool) {
			f, _ := p.next()
			if flow, ok := f.body.(*wire.Flow); !ok || flow.NextIncomingID.OK != known {
				p.t.Errorf("%s: got %v", why, f)
			}
		}
		next("it is not known yet", false)
		p.write(&wire.Begin{RemoteChannel: wire.Some[uint16](0), NextOutgoingID: 7, IncomingWindow: 5})
		p.wantIdle("the session stands")
		p.do(func(b *Batch) { l.Flow(b, &wire.Flow{LinkCredit: wire.Some[uint32](3)}) })
		next("now it is", true)
	})
}

func TestFlowsOfARawLinkDoNotPileUpBeforeAPeerThatDoesNotRead(t *testing.T) {
	opened(t, func(p *peer) {
		link := raw(p)
		p.write(sending("q", 0))
		p.do(func(b *Batch) { _ = link(0).Answer(b, &wire.Attach{}) })
		p.want("answered", &wire.Attach{Name: "q", Role: wire.RoleReceiver})
		l := link(0)
		l.link.session.conn.mu.Lock()
		l.link.session.conn.writing = true // as while a write waits for the peer
		l.link.session.conn.mu.Unlock()
		p.do(func(b *Batch) {
			for i := range uint32(10000) {
				l.Flow(b, &wire.Flow{DeliveryCount: wire.Some[uint32](0), LinkCredit: wire.Some(i), Echo: i == 5})
			}
		})
		l.link.session.conn.mu.Lock()
		l.link.session.conn.writing = false
		l.link.session.conn.mu.Unlock()
		p.do(func(b *Batch) { b.touch(l.link.session.conn) })
		f := credit(0, 0, 9999)
		f.Echo = true
		p.want("the newest, and that an answer is wanted", f)
		p.wantIdle("no other")
	})
}

func TestBetweenRoutersLinksOfTwoSessionsMayHaveOneName(t *testing.T) {
	opened(t, func(p *peer) {
		link := raw(p)
		p.begin(1)
		p.write(sending("q", 0), on(1, sending("q", 0)))
		p.wantIdle("both wait")
		p.heard("two links", "attach sender q", "attach sender q")
		p.do(func(b *Batch) { link(0).Detach(b, true, nil); link(1).Detach(b, true, nil) })
		for ch := range uint16(2) {
			p.want("each is refused", on(ch, &wire.Attach{Name: "q", Role: wire.RoleReceiver}), on(ch, &wire.Detach{Closed: true}))
		}
	}, config(func(c *Config) { c.BetweenRouters = true }))
}
