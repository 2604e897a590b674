package amqp

import (
	"fmt"
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// noCredit keeps flows out of stories that are not about them.
func noCredit() option { return handling(func(h *recorder) { h.window = 0 }) }

// takenFrom and takenTo are the engine's answers to links by which the peer sends
// and receives.
func takenFrom(name string, handle uint32) *wire.Attach {
	return &wire.Attach{Name: name, Handle: handle, Role: wire.RoleReceiver, Source: &wire.Source{}, Target: &wire.Target{}}
}

func takenTo(name string, handle uint32) *wire.Attach {
	return &wire.Attach{Name: name, Handle: handle, Role: wire.RoleSender, Source: &wire.Source{}, Target: &wire.Target{},
		InitialDeliveryCount: wire.Some[uint32](0)}
}

// [2.6.2] "a peer is free to independently chose its handle".
func TestLinksAreAnsweredOnTheLowestFreeHandle(t *testing.T) {
	opened(t, func(p *peer) {
		p.write(sending("a", 65535))
		p.want("handle-max itself is in order", takenFrom("a", 0))
		p.write(receiving("b", 300))
		p.want("the next", takenTo("b", 1))
		p.write(&wire.Detach{Handle: 65535, Closed: true}, sending("c", 7))
		p.want("what became free is used again", &wire.Detach{Handle: 0, Closed: true}, takenFrom("c", 0))
		p.write(grant(300, 0, 5), &wire.Flow{Handle: wire.Some[uint32](300), Echo: true, IncomingWindow: 9})
		p.want("the peer's handle finds the link", credit(1, 0, 5))
	}, noCredit())
}

// [2.7.2] "A peer that receives a handle outside the supported range MUST close
// the Connection with the framing-error error-code."
func TestAttachAboveHandleMax(t *testing.T) {
	opened(t, func(p *peer) {
		p.write(sending("q", 65536))
		p.wantClose("handle-max is 65535", wire.CondFramingError)
	})
}

// [2.7.3] "An attempt to attach using a handle which is already associated with a
// Link MUST be responded to with an immediate close carrying a Handle-in-use
// session-error."
func TestTwoAttachesOnOneHandle(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.write(sending("r", 0))
		p.want("the session goes, the connection stays", &wire.End{Error: refused(wire.CondHandleInUse)})
		p.heard("and the link with it", "fault session 0 amqp:session:handle-in-use", "detach q amqp:session:handle-in-use")
		p.write(&wire.End{})
		p.begin(0)
	})
}

// [2.7.3] initial-delivery-count "MUST NOT be null if role is sender".
func TestASenderWithoutInitialDeliveryCount(t *testing.T) {
	opened(t, func(p *peer) {
		a := sending("q", 0)
		a.InitialDeliveryCount = wire.Opt[uint32]{}
		p.write(a)
		p.want("credit could not be computed", &wire.End{Error: refused(wire.CondInvalidField)})
	})
}

// [2.6.1] "the second attach succeeds and the first attach must then be closed
// with a link error of amqp:link:stolen."
func TestANameAttachedAgainIsStolen(t *testing.T) {
	for name, ch := range map[string]uint16{"on its session": 0, "on another session": 1} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.begin(1)
				p.attachSender("q", 0)
				p.write(message(0, 0, "hello"))
				p.heard("a delivery is open", `q 0 "hello"`)
				p.write(on(ch, sending("q", 1)))
				answer := takenFrom("q", 1)
				if ch == 1 {
					answer.Handle = 0
				}
				p.want("first the old one goes", &wire.Detach{Handle: 0, Closed: true, Error: refused(wire.CondStolen)}, on(ch, answer),
					on(ch, credit(answer.Handle, 0, 10)))
				p.heard("and its deliveries with it", `fault link "q" amqp:link:stolen`, "detach q lost 0 amqp:link:stolen", "attach sender q")
				p.write(message(0, 1, "on its way"), &wire.Flow{Handle: wire.Some[uint32](0), Echo: true})
				p.wantIdle("the old handle is dead until the peer says so too")
				p.heard("nothing")
				p.write(&wire.Detach{Handle: 0, Closed: true})
				p.wantIdle("now both have said it")
				p.heard("nothing more")
			})
		})
	}
}

func TestANameIsStolenOverAndOver(t *testing.T) {
	opened(t, func(p *peer) {
		p.write(receiving("q", 0))
		p.want("the first", takenTo("q", 0))
		for i := range uint32(100) {
			p.write(receiving("q", i+1))
			p.want("the next steals it", &wire.Detach{Handle: i, Closed: true, Error: refused(wire.CondStolen)}, takenTo("q", i+1))
		}
		for i := range uint32(100) {
			p.write(&wire.Detach{Handle: i, Closed: true})
		}
		p.wantIdle("a hundred detaches answer a hundred detaches")
		p.write(grant(100, 0, 1), &wire.Detach{Handle: 100})
		p.want("the last one lives", &wire.Detach{Handle: 100})
	})
}

// A link's name is that of its direction.
func TestTheOtherDirectionIsNotStolen(t *testing.T) {
	opened(t, func(p *peer) {
		p.write(sending("q", 0), receiving("q", 1), &wire.Detach{Handle: 0, Closed: true}, sending("q", 0))
		p.want("four times in order", takenFrom("q", 0), takenTo("q", 1), &wire.Detach{Handle: 0, Closed: true}, takenFrom("q", 0))
	}, noCredit())
}

// A link that its session's end has ended is not there to be stolen.
func TestANameOnAnEndedSessionIsFree(t *testing.T) {
	opened(t, func(p *peer) {
		p.begin(1)
		p.attachSender("q", 0)
		p.write(&wire.Detach{Handle: 9})
		p.want("the session has ended for us", &wire.End{Error: refused(wire.CondUnattachedHandle)})
		p.heard("the link is over", "fault session 0 amqp:session:unattached-handle", "detach q amqp:session:unattached-handle")
		p.write(on(1, sending("q", 0)))
		p.want("the name is free", on(1, takenFrom("q", 0)))
		p.heard("and nothing is stolen", "attach sender q")
	}, noCredit())
}

// Names are found by looking at each while there are few, by an index when many.
func TestNamesAreFoundAmongMany(t *testing.T) {
	for _, n := range []int{1, namesIndexed, namesIndexed + 1, 3 * namesIndexed} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			opened(t, func(p *peer) {
				for i := range n {
					p.write(sending(fmt.Sprint("link ", i), uint32(i)))
					p.want("taken", takenFrom(fmt.Sprint("link ", i), uint32(i)))
				}
				const far = 1000
				for i := range n {
					p.write(receiving(fmt.Sprint("link ", i), uint32(far+i)))
					p.want("the other direction is another link", takenTo(fmt.Sprint("link ", i), uint32(n)))
					p.write(&wire.Detach{Handle: uint32(far + i), Closed: true})
					p.want("and goes by itself", &wire.Detach{Handle: uint32(n), Closed: true})
				}
				for i := range n {
					p.write(sending(fmt.Sprint("link ", i), uint32(n+i)))
					p.want("stolen", &wire.Detach{Handle: uint32(i), Closed: true, Error: refused(wire.CondStolen)},
						takenFrom(fmt.Sprint("link ", i), uint32(n+i)))
				}
				for i := range 2 * n {
					p.write(&wire.Detach{Handle: uint32(i), Closed: true})
				}
				for i := range n {
					p.want("the thieves are detached", &wire.Detach{Handle: uint32(n + i), Closed: true})
				}
				for i := range n {
					p.write(sending(fmt.Sprint("link ", i), uint32(i)))
					p.want("the names are free again", takenFrom(fmt.Sprint("link ", i), uint32(i)))
				}
			}, noCredit())
		})
	}
}

// [2.6.3] "the Session Endpoint will still create a Link Endpoint and issue an
// attach indicating that the Link Endpoint has no associated local terminus. In
// this case, the Session Endpoint MUST immediately detach".
func TestARefusedLink(t *testing.T) {
	no := &wire.Error{Condition: wire.CondNotFound, Description: "no such place"}
	refusing := handling(func(h *recorder) { h.onAttach = func(b *Batch, r *AttachRequest) { r.Refuse(b, no) } })
	opened(t, func(p *peer) {
		p.write(sending("q", 4))
		p.want("no target of ours", &wire.Attach{Name: "q", Role: wire.RoleReceiver, Source: &wire.Source{}},
			&wire.Detach{Closed: true, Error: no})
		p.write(receiving("r", 5))
		p.want("no source of ours", &wire.Attach{Name: "r", Handle: 1, Target: &wire.Target{}, InitialDeliveryCount: wire.Some[uint32](0)},
			&wire.Detach{Handle: 1, Closed: true, Error: no})
		p.write(message(4, 0, "hello"), grant(5, 0, 10), &wire.Flow{Handle: wire.Some[uint32](4), Echo: true})
		p.wantIdle("what was on its way is ignored")
		p.write(&wire.Detach{Handle: 4, Closed: true}, &wire.Detach{Handle: 5, Closed: true})
		p.wantIdle("the detaches are answers")
		p.write(sending("q", 4))
		p.want("handle and name are free", &wire.Attach{Name: "q", Role: wire.RoleReceiver, Source: &wire.Source{}},
			&wire.Detach{Closed: true, Error: no})
		p.heard("nothing but the questions", "attach sender q", "attach receiver r", "attach sender q")
	}, refusing)
}

// A link that was refused, and not detached by the peer yet, does not stand in the
// way of one of the same name.
func TestARefusedLinksNameIsFreeAtOnce(t *testing.T) {
	no := refused(wire.CondNotFound)
	opened(t, func(p *peer) {
		p.write(sending("q", 0))
		p.want("refused", &wire.Attach{Name: "q", Role: wire.RoleReceiver, Source: &wire.Source{}}, &wire.Detach{Closed: true, Error: no})
		p.h.onAttach = nil
		p.write(sending("q", 1), sending("q", 2))
		p.want("taken, and stolen", takenFrom("q", 1), &wire.Detach{Handle: 1, Closed: true, Error: refused(wire.CondStolen)}, takenFrom("q", 2))
	}, noCredit(), handling(func(h *recorder) { h.onAttach = func(b *Batch, r *AttachRequest) { r.Refuse(b, no) } }))
}

// [2.7.3] Our attach says what the handler answers, all of it.
func TestAnAttachIsAnsweredWithAllThatTheHandlerSays(t *testing.T) {
	a := Answer{SndSettleMode: wire.SndSettled, RcvSettleMode: wire.RcvSecond, MaxMessageSize: 1 << 33, Offered: []wire.Symbol{"has"},
		Desired: []wire.Symbol{"wants"}, Properties: wire.Map{{Key: wire.Symbol("key"), Value: "value"}}}
	says := func(p *wire.Attach) *wire.Attach {
		p.SndSettleMode, p.RcvSettleMode, p.MaxMessageSize = wire.Some(a.SndSettleMode), wire.Some(a.RcvSettleMode), wire.Some(a.MaxMessageSize)
		p.OfferedCapabilities, p.DesiredCapabilities, p.Properties = a.Offered, a.Desired, a.Properties
		return p
	}
	opened(t, func(p *peer) {
		p.write(sending("in", 0), receiving("out", 1))
		p.want("both ways", says(takenFrom("in", 0)), says(takenTo("out", 1)))
	}, noCredit(), handling(func(h *recorder) { h.answer = a }))
}

// A subscriber that hears its answer, and then has another connection publish, must be found.
func TestAnAnswerDoesNotLeaveBeforeItsHandlerIsDone(t *testing.T) {
	opened(t, func(p *peer) {
		early := true
		p.h.onAttach = func(b *Batch, r *AttachRequest) {
			p.h.accept(b, r)
			var another Batch // of a goroutine that delivers to the same connection
			another.touch(p.conn)
			another.Flush()
			early = p.conn.out.len() == 0
		}
		p.write(receiving("q", 0))
		p.want("answered", takenTo("q", 0))
		if early {
			t.Error("the answer left while the handler was at work")
		}
	})
}

func TestAHandlerThatDoesNotAnswerRefuses(t *testing.T) {
	opened(t, func(p *peer) {
		p.write(sending("q", 0))
		p.want("an answer is owed", &wire.Attach{Name: "q", Role: wire.RoleReceiver, Source: &wire.Source{}},
			&wire.Detach{Closed: true, Error: refused(wire.CondInternalError)})
	}, handling(func(h *recorder) { h.onAttach = func(*Batch, *AttachRequest) {} }))
}

// [2.7.2] The peer's handle-max leaves no handle to answer with: the session
// cannot go on, whether the link was to be taken or refused.
func TestNoHandleIsLeftToAnswerAnAttach(t *testing.T) {
	for name, options := range map[string][]option{
		"taken": {noCredit()},
		"refused": {handling(func(h *recorder) {
			h.onAttach = func(b *Batch, r *AttachRequest) {
				if r.Attach.Name == "a" {
					h.accept(b, r)
					return
				}
				r.Refuse(b, refused(wire.CondNotFound))
			}
		}), noCredit()},
	} {
		t.Run(name, func(t *testing.T) {
			dialogue(t, func(p *peer) {
				p.open()
				p.write(&wire.Begin{HandleMax: wire.Some[uint32](0)})
				p.want("begin", beginAnswer(0))
				p.write(sending("a", 0), sending("b", 1))
				p.want("one handle, one link", takenFrom("a", 0), &wire.End{Error: refused(wire.CondResourceLimitExceeded)})
				p.write(&wire.End{})
				p.heard("the link that stood hears of the end", "open peer", "attach sender a", "attach sender b", "detach a")
			}, options...)
		})
	}
}
