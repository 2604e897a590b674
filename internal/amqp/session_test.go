package amqp

import (
	"testing"
	"time"

	"github.com/meshway/meshway/internal/wire"
)

func begin() *wire.Begin { return &wire.Begin{IncomingWindow: 1000, OutgoingWindow: 1000} }

func beginAnswer(ch uint16) *wire.Begin { return &wire.Begin{RemoteChannel: wire.Some(ch)} }

// [2.5.1] Each side has channel numbers of its own: the answer names the peer's.
func TestSessionsAreAnsweredOnTheLowestFreeChannel(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		p.write(on(3, begin()))
		answer := beginAnswer(3)
		answer.HandleMax = wire.Some[uint32](ourHandleMax)
		p.want("channel 3 of the peer is our channel 0", on(0, answer))
		p.write(on(1, begin()))
		p.want("and its channel 1 our 1", on(1, beginAnswer(1)))
		p.write(on(3, sending("on three", 0)), on(1, sending("on one", 0)))
		p.want("links go by the session's channel",
			on(0, &wire.Attach{Name: "on three", Role: wire.RoleReceiver, Source: &wire.Source{}, Target: &wire.Target{}}),
			on(1, &wire.Attach{Name: "on one", Role: wire.RoleReceiver, Source: &wire.Source{}, Target: &wire.Target{}}))
		p.write(on(3, &wire.End{}))
		p.want("our channel 0 ends", on(0, &wire.End{}))
		p.write(on(2, begin()))
		p.want("and is the lowest that is free", on(0, beginAnswer(2)))
	}, handling(func(h *recorder) { h.window = 0 }))
}

// [2.5.5] End and begin again, on the same channel, without waiting.
func TestChannelsAreReused(t *testing.T) {
	opened(t, func(p *peer) {
		for range 50 {
			p.write(sending("q", 0), &wire.End{}, begin())
			p.want("every session is as new", &wire.Attach{Name: "q", Role: wire.RoleReceiver, Source: &wire.Source{}, Target: &wire.Target{}},
				&wire.End{}, beginAnswer(0))
			p.heard("and its link", "attach sender q", "detach q")
		}
	}, handling(func(h *recorder) { h.window = 0 }))
}

// [2.7.1] "A peer that receives a channel number outside the supported range MUST
// close the Connection with the framing-error error-code."
func TestBeginAboveChannelMax(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		p.write(on(3, begin()))
		p.want("channel-max itself is in order", on(0, beginAnswer(3)))
		p.write(on(4, begin()))
		p.wantClose("one more is not", wire.CondFramingError)
	})
}

func TestBeginOnAChannelInUse(t *testing.T) {
	opened(t, func(p *peer) {
		p.write(begin())
		p.wantClose("a session stands there", wire.CondNotAllowed)
	})
}

func TestFramesOnAChannelWithoutSession(t *testing.T) {
	for name, body := range map[string]wire.Performative{
		"attach": sending("q", 0), "flow": &wire.Flow{}, "transfer": message(0, 0, "").body,
		"disposition": &wire.Disposition{}, "detach": &wire.Detach{}, "end": &wire.End{},
	} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.write(on(2, body))
				p.wantClose("no session was begun on channel 2", wire.CondNotAllowed)
			})
		})
	}
}

// The peer's channel-max bounds the channels on which we can answer.
func TestNoChannelIsLeftToAnswerABegin(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		p.write(on(0, begin()))
		p.want("the one channel that the peer takes", on(0, beginAnswer(0)))
		p.write(on(1, begin()))
		p.wantClose("there is no other", wire.CondResourceLimitExceeded)
	}, saying(func(o *wire.Open) { o.ChannelMax = wire.Some[uint16](0) }))
}

func TestOurSessionsKeepToTheLowerChannelMax(t *testing.T) {
	for name, tt := range map[string]struct {
		theirs uint16
		fit    int
	}{"the peer's": {1, 2}, "ours": {60000, 4}, "all of them": {65535, 4}} {
		t.Run(name, func(t *testing.T) {
			dialogue(t, func(p *peer) {
				p.open()
				p.do(func(b *Batch) {
					for i := range tt.fit {
						if _, err := p.conn.Begin(b); err != nil {
							p.t.Errorf("session %d: %v", i, err)
						}
					}
					if _, err := p.conn.Begin(b); err == nil {
						p.t.Error("one more session than there are channels")
					}
				})
				for ch := range tt.fit {
					p.want("from the lowest channel up", on(uint16(ch), &wire.Begin{}))
				}
			}, saying(func(o *wire.Open) { o.ChannelMax = wire.Some(tt.theirs) }))
		})
	}
}

// [2.5.1] "when announcing the endpoint created as a result of a remotely
// initiated Session" remote-channel names it.
func TestTheAnswerToOurBegin(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		var s *Session
		p.do(func(b *Batch) { s, _ = p.conn.Begin(b) })
		p.want("we begin", on(0, &wire.Begin{HandleMax: wire.Some[uint32](ourHandleMax)}))
		p.do(func(b *Batch) {
			_, _ = s.AttachSender(b, "early", &sendEnd{p.h, "early"}, &Answer{Source: &wire.Source{}, Target: &wire.Target{}})
		})
		p.want("[2.5.5] BEGIN_SENT: it may send frames", &wire.Attach{Name: "early", Source: &wire.Source{}, Target: &wire.Target{}, InitialDeliveryCount: wire.Some[uint32](0)})
		p.write(on(2, &wire.Begin{RemoteChannel: wire.Some[uint16](0), IncomingWindow: 5}))
		p.wantIdle("the session stands")
		p.write(on(2, &wire.Flow{Echo: true, IncomingWindow: 5}))
		p.want("and is known by the peer's channel 2", on(0, &wire.Flow{NextIncomingID: wire.Some[uint32](0), IncomingWindow: 256}))
	}, aboutWindows())
}

func TestAnswersToBeginsThatNobodySent(t *testing.T) {
	answer := &wire.Begin{RemoteChannel: wire.Some[uint16](0), IncomingWindow: 5}
	t.Run("none was sent", func(t *testing.T) {
		dialogue(t, func(p *peer) {
			p.open()
			p.write(on(0, answer))
			p.wantClose("an answer to nothing", wire.CondNotAllowed)
		})
	})
	t.Run("it was answered", func(t *testing.T) {
		dialogue(t, func(p *peer) {
			p.open()
			p.do(func(b *Batch) { _, _ = p.conn.Begin(b) })
			p.want("we begin", on(0, &wire.Begin{}))
			p.write(on(0, answer))
			p.wantIdle("the answer")
			p.write(on(1, answer))
			p.wantClose("and another", wire.CondNotAllowed)
		})
	})
	t.Run("it is the peer's own session", func(t *testing.T) {
		opened(t, func(p *peer) {
			p.write(on(1, answer))
			p.wantClose("our channel 0 answers the peer's", wire.CondNotAllowed)
		})
	})
}

// [2.5.5] DISCARDING: "any incoming frames on the session MUST be silently
// discarded until the peer's end frame is received."
func TestAfterOurEndAllButThePeersEndIsIgnored(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.attachReceiver("r", 1)
		p.write(message(0, 0, "hello"), &wire.Detach{Handle: 9})
		p.want("a fault ends the session", &wire.End{Error: refused(wire.CondUnattachedHandle)})
		p.heard("its links end with it", `q 0 "hello"`, "fault session 0 amqp:session:unattached-handle",
			"detach q lost 0 amqp:session:unattached-handle", "detach r amqp:session:unattached-handle")
		p.write(message(0, 1, "on its way"), sending("late", 2), grant(1, 0, 10), &wire.Flow{Echo: true},
			&wire.Flow{Handle: wire.Some[uint32](77)}, outcome(0, 9, wire.StateAccepted), &wire.Disposition{First: 5, Last: wire.Some[uint32](1)},
			&wire.Detach{Handle: 0}, &wire.Detach{Handle: 50}, message(40, 1, ""))
		p.wantIdle("they were on their way")
		p.heard("and nobody is told")
		p.write(&wire.End{})
		p.wantIdle("the peer's end is the answer to ours")
		p.begin(0)
	})
}

// [2.5.5] Both end at once: each end answers the other.
func TestSimultaneousEnd(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		var s *Session
		p.do(func(b *Batch) { s, _ = p.conn.Begin(b) })
		p.want("we begin", &wire.Begin{})
		p.write(&wire.Begin{RemoteChannel: wire.Some[uint16](0)}, &wire.End{})
		p.do(func(b *Batch) { s.End(b, nil); s.End(b, nil) })
		p.want("one end of ours", &wire.End{})
		p.wantIdle("and one of theirs")
		p.begin(0)
	})
}

func TestEndWithErrorTellsTheLinksWhy(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.write(&wire.End{Error: &wire.Error{Condition: wire.CondResourceDeleted}})
		p.want("end is answered without an error", &wire.End{})
		p.heard("the peer's error is the links'", "detach q amqp:resource-deleted")
	})
}

func TestAnApplicationEndsASession(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		var s *Session
		p.do(func(b *Batch) { s, _ = p.conn.Begin(b) })
		p.write(&wire.Begin{RemoteChannel: wire.Some[uint16](0)})
		p.want("it stands", &wire.Begin{})
		p.do(func(b *Batch) {
			_, _ = s.AttachReceiver(b, "q", &recvEnd{p.h, "q"}, &Answer{Source: &wire.Source{}, Target: &wire.Target{}})
			s.End(b, &wire.Error{Condition: wire.CondIllegalState})
			if _, err := s.AttachSender(b, "late", &sendEnd{p.h, "late"}, &Answer{}); err == nil {
				p.t.Error("a link was attached to a session that has ended")
			}
		})
		p.want("the end comes behind what was before it", &wire.Attach{Name: "q", Role: wire.RoleReceiver, Source: &wire.Source{}, Target: &wire.Target{}},
			&wire.End{Error: refused(wire.CondIllegalState)})
		p.wantIdle("nothing comes behind it")
		time.Sleep(time.Hour)
		p.write(&wire.End{})
		p.heard("the link is over with the peer's answer", "open peer", "detach q")
	})
}
