package amqp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// first, middle and last are frames of a delivery of several.
func first(handle, id uint32, payload string) frame {
	return with(&wire.Transfer{Handle: handle, DeliveryID: wire.Some(id), DeliveryTag: tag(id), More: true}, payload)
}

func middle(handle uint32, payload string) frame {
	return with(&wire.Transfer{Handle: handle, More: true}, payload)
}

func last(handle uint32, payload string) frame {
	return with(&wire.Transfer{Handle: handle}, payload)
}

func aborting(handle uint32, payload string) frame {
	return with(&wire.Transfer{Handle: handle, Aborted: true}, payload)
}

// marked sets settled on a transfer.
func marked(f frame) frame {
	t := *f.body.(*wire.Transfer)
	t.Settled = wire.Some(true)
	f.body = &t
	return f
}

// settle lets the application settle deliveries of a link.
func (p *peer) settle(name string, kind wire.StateKind, ids ...uint32) {
	l := p.receiver(name)
	p.do(func(b *Batch) { l.Update(b, ids, true, wire.DeliveryState{Kind: kind}) })
}

func TestADeliveryOfSeveralFrames(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		f := first(0, 5, "he")
		f.body.(*wire.Transfer).MessageFormat = wire.Some[uint32](0x1234)
		again := middle(0, "ll")
		again.body.(*wire.Transfer).DeliveryID = wire.Some[uint32](5)
		p.write(f, again, middle(0, ""), last(0, "o"))
		p.heard("frame by frame; the id may be repeated [2.7.5]", `q 5 more format 4660 "he"`, `q 5 next more "ll"`, `q 5 next more ""`, `q 5 next "o"`)
		p.write(message(0, 6, "world"))
		p.heard("the next one", `q 6 "world"`)
	}, handling(func(h *recorder) { h.formats = true }))
}

func TestDeliveriesOfDifferentLinksInterleave(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.attachSender("r", 1)
		p.write(first(0, 0, "a"), first(1, 1, "x"), middle(0, "b"), last(1, "y"), last(0, "c"))
		p.heard("[2.6.14] messages on different links may be interleaved",
			`q 0 more "a"`, `r 1 more "x"`, `q 0 next more "b"`, `r 1 next "y"`, `q 0 next "c"`)
	})
}

// [2.6.14] "messages transferred along a single link MUST NOT be interleaved."
func TestDeliveriesOfOneLinkDoNotInterleave(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.write(first(0, 0, "a"), first(0, 1, "b"))
		p.want("the link goes", &wire.Detach{Closed: true, Error: refused(wire.CondNotAllowed)})
		p.write(&wire.Detach{Closed: true})
		p.heard("with what was open", `q 0 more "a"`, `fault link "q" amqp:not-allowed`, "detach q lost 0 amqp:not-allowed")
		p.attachSender("q", 0)
	})
}

// [2.7.5] Delivery-tag and message-format may "only be omitted for continuation transfers":
// what a later frame says of them is what the first one did, on a link that is routed too.
func TestALaterFrameSaysNothingElseOfItsDelivery(t *testing.T) {
	begins := func() frame {
		f := first(0, 0, "a")
		f.body.(*wire.Transfer).MessageFormat = wire.Some[uint32](7)
		return f
	}
	routed := func(p *peer) {
		link := raw(p)
		p.write(sending("q", 0))
		p.do(func(b *Batch) { _ = link(0).Answer(b, &wire.Attach{}) })
		p.want("answered", &wire.Attach{Name: "q", Role: wire.RoleReceiver})
		p.do(func(b *Batch) { link(0).Flow(b, credit(0, 0, 10)) })
		p.want("and given credit", credit(0, 0, 10))
	}
	for kind, attach := range map[string]func(*peer){"": func(p *peer) { p.attachSender("q", 0) }, "routed: ": routed} {
		for name, tt := range map[string]struct {
			says    wire.Transfer
			differs bool
		}{
			"the same":         {wire.Transfer{DeliveryTag: tag(0), MessageFormat: wire.Some[uint32](7)}, false},
			"nothing":          {wire.Transfer{}, false},
			"another tag":      {wire.Transfer{DeliveryTag: tag(1)}, true},
			"an empty tag":     {wire.Transfer{DeliveryTag: []byte{}}, true},
			"another format":   {wire.Transfer{MessageFormat: wire.Some[uint32](8)}, true},
			"the usual format": {wire.Transfer{MessageFormat: wire.Some[uint32](0)}, true},
		} {
			t.Run(kind+name, func(t *testing.T) {
				opened(t, func(p *peer) {
					attach(p)
					p.write(begins(), with(&tt.says, "b"))
					if tt.differs {
						p.want("the link goes", &wire.Detach{Closed: true, Error: refused(wire.CondNotAllowed)})
						return
					}
					p.write(message(0, 1, "another"))
					p.wantIdle("a delivery, and the next")
				})
			})
		}
	}
}

// [2.7.5] "The delivery-id MUST be supplied on the first transfer".
func TestTheFirstFrameNeedsADeliveryID(t *testing.T) {
	for name, f := range map[string]frame{"a whole message": last(0, "hello"), "the first frame": middle(0, "hello"), "an abort": aborting(0, "")} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.attachSender("q", 0)
				p.write(f)
				p.want("no other delivery of the session can be counted", &wire.End{Error: refused(wire.CondInvalidField)})
			})
		})
	}
}

// [2.6.12] Delivery-ids are serial numbers of the session: they rise, over the
// wrap, and across links.
func TestDeliveryIDsRise(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.attachSender("r", 1)
		p.write(message(0, 1<<32-2, "a"), message(1, 1<<32-1, "b"), message(0, 0, "c"), message(1, 7, "d"))
		p.heard("in order", `q 4294967294 "a"`, `r 4294967295 "b"`, `q 0 "c"`, `r 7 "d"`)
		p.settle("q", wire.StateAccepted, 1<<32-2, 0)
		p.settle("r", wire.StateReleased, 1<<32-1, 7)
		p.want("and each has its outcome", outcome(1<<32-2, 1<<32-2, wire.StateAccepted), outcome(0, 0, wire.StateAccepted),
			outcome(1<<32-1, 1<<32-1, wire.StateReleased), outcome(7, 7, wire.StateReleased))
	})
	for name, id := range map[string]uint32{"the same again": 5, "one back": 4, "more than half the circle ahead": 6 + 1<<31} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.attachSender("q", 0)
				p.attachSender("r", 1)
				p.write(message(0, 5, "a"), message(1, id, "b"))
				p.want("two deliveries cannot have one number", &wire.End{Error: refused(wire.CondInvalidField)})
			})
		})
	}
}

// [2.7.5] Settled on any frame of a delivery settles it.
func TestSettledOnAnyFrame(t *testing.T) {
	tests := map[string]struct {
		frames []any
		lines  []string
	}{
		"on the only one":   {[]any{marked(message(0, 0, "ab"))}, []string{`q 0 settled "ab"`}},
		"on the first":      {[]any{marked(first(0, 0, "a")), last(0, "b")}, []string{`q 0 more settled "a"`, `q 0 next settled "b"`}},
		"on the last":       {[]any{first(0, 0, "a"), marked(last(0, "b"))}, []string{`q 0 more "a"`, `q 0 next settled "b"`}},
		"in the middle":     {[]any{first(0, 0, "a"), marked(middle(0, "b")), last(0, "")}, []string{`q 0 more "a"`, `q 0 next more settled "b"`, `q 0 next settled ""`}},
		"on the first only": {[]any{marked(first(0, 0, "a")), unmarked(last(0, "b"))}, []string{`q 0 more settled "a"`, `q 0 next settled "b"`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.attachSender("q", 0)
				p.write(tt.frames...)
				p.heard("the handler knows that no outcome is wanted", tt.lines...)
				p.settle("q", wire.StateAccepted, 0)
				p.wantIdle("and none is told")
				p.wantOutstanding("q", 0)
			})
		})
	}
}

// What has been sent on already, unsettled, is told to be settled: whoever has it now
// waits for that.
func TestALaterFrameSettlesWhatHasBeenSentOn(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.write(first(0, 5, "a"))
		p.heard("it begins", `q 5 more "a"`)
		l := p.receiver("q")
		p.do(func(b *Batch) { l.Forwarded(b, 5, "to somebody", 0, 0) })
		p.write(marked(middle(0, "b")), last(0, "c"))
		p.heard("settled, once", `q 5 next more settled "b"`, "sender of q says 5 settled none", `q 5 next settled "c"`)
		p.wantOutstanding("q", 0)
	})
}

// unmarked says on a transfer that it is not settled.
func unmarked(f frame) frame {
	f = marked(f)
	f.body.(*wire.Transfer).Settled.V = false
	return f
}

// wantOutstanding checks how many deliveries of the link are not finished.
func (p *peer) wantOutstanding(name string, n uint32) {
	p.t.Helper()
	l := p.receiver(name)
	p.conn.mu.Lock()
	defer p.conn.mu.Unlock()
	if l.outstanding != n {
		p.t.Fatalf("%d deliveries of %s are unfinished, want %d", l.outstanding, name, n)
	}
}

// A delivery that has ended, by the receiver's outcome or the sender's
// settlement, ends once, whatever its later frames say. The outcome is said behind its last
// frame, and not at all of one that its sender is done with by then.
func TestADeliveryThatEndsBeforeItsLastFrame(t *testing.T) {
	senderSettles := &wire.Disposition{Role: wire.RoleSender, First: 0, Settled: true}
	rejected, over := []any{outcome(0, 0, wire.StateRejected)}, []any(nil)
	for name, tt := range map[string]struct {
		rest []any
		says []any // when it was rejected
	}{
		"and then its last frame":                 {[]any{last(0, "b")}, rejected},
		"and then more, and its last frame":       {[]any{middle(0, "b"), last(0, "")}, rejected},
		"and then its last frame, settled":        {[]any{marked(last(0, "b"))}, over},
		"and then a settled frame, and the last":  {[]any{marked(middle(0, "b")), last(0, "c")}, over},
		"and then two settled frames":             {[]any{marked(middle(0, "b")), marked(last(0, "c"))}, over},
		"and then it is aborted":                  {[]any{aborting(0, "")}, over},
		"and then it is aborted, settled":         {[]any{marked(aborting(0, ""))}, over},
		"and then a settled frame, and the abort": {[]any{marked(middle(0, "b")), aborting(0, "")}, over},
		"and then the sender settles it":          {[]any{senderSettles, last(0, "b")}, over},
		"and then the sender settles and aborts":  {[]any{senderSettles, aborting(0, "")}, over},
		"and then its link is detached":           {[]any{&wire.Detach{Closed: true}}, []any{&wire.Detach{Closed: true}}},
		"and then its session ends":               {[]any{&wire.End{}}, []any{&wire.End{}}},
	} {
		ends := strings.HasSuffix(name, "detached") || strings.HasSuffix(name, "ends")
		t.Run("rejected "+name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.attachSender("q", 0)
				p.write(first(0, 0, "a"))
				p.settle("q", wire.StateRejected, 0)
				p.wantIdle("it has not come whole")
				p.h.take()
				p.write(tt.rest...)
				p.want("its end", tt.says...)
				p.wantIdle("nothing more is said of it")
				if ends {
					p.heard("nobody waits for it", "detach q")
					return
				}
				p.wantOutstanding("q", 0)
				for _, line := range p.h.take() {
					if strings.Contains(line, "settled") || strings.Contains(line, "says") {
						t.Errorf("the handler, for whom it was over, heard %q", line)
					}
				}
				p.settle("q", wire.StateReleased, 0)
				p.write(first(0, 1, "x"), last(0, "y"))
				p.wantIdle("the next one is another")
				p.settle("q", wire.StateAccepted, 1)
				p.want("with an outcome of its own", outcome(1, 1, wire.StateAccepted))
			})
		})
		t.Run("settled by its sender "+name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.attachSender("q", 0)
				p.write(first(0, 0, "a"), senderSettles)
				p.heard("the sender does not care", `q 0 more "a"`, "sender of q says 0 settled none")
				p.wantOutstanding("q", 0)
				p.write(tt.rest...)
				p.next() // an end is answered
				p.wantIdle("nothing is said of it")
				p.wantOutstanding("q", 0)
			})
		})
	}
}

// [2.7.5] "An aborted Message is implicitly settled", and "any payload within the
// frame carrying the performative MUST be ignored".
func TestAbortedDeliveries(t *testing.T) {
	alone := aborting(0, "payload")
	alone.body.(*wire.Transfer).DeliveryID = wire.Some[uint32](0)
	withMore := aborting(0, "")
	withMore.body.(*wire.Transfer).More = true
	tests := map[string]struct {
		frames []any
		lines  []string
	}{
		"in its first frame":         {[]any{alone}, []string{`q 0 aborted "payload"`}},
		"in the middle":              {[]any{first(0, 0, "a"), middle(0, "b"), aborting(0, "")}, []string{`q 0 more "a"`, `q 0 next more "b"`, `q 0 next aborted ""`}},
		"with more set all the same": {[]any{first(0, 0, "a"), withMore}, []string{`q 0 more "a"`, `q 0 next aborted ""`}},
		"presettled":                 {[]any{marked(first(0, 0, "a")), aborting(0, "")}, []string{`q 0 more settled "a"`, `q 0 next aborted settled ""`}},
		"settled by its end":         {[]any{first(0, 0, "a"), marked(aborting(0, ""))}, []string{`q 0 more "a"`, `q 0 next aborted settled ""`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.attachSender("q", 0)
				p.write(tt.frames...)
				p.heard("the handler is told", tt.lines...)
				p.wantOutstanding("q", 0)
				p.settle("q", wire.StateAccepted, 0)
				p.wantIdle("it is over")
				p.write(message(0, 1, "next"))
				p.heard("the next one is another", `q 1 "next"`)
			})
		})
	}
}

// [2.7.5] "The receiver MUST ignore resumed deliveries that are not in its local
// unsettled map", and none ever is. They use up credit as any other.
func TestResumedDeliveriesAreIgnoredButCounted(t *testing.T) {
	resumed := func(f frame) frame {
		t := *f.body.(*wire.Transfer)
		t.Resume = true
		f.body = &t
		return f
	}
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.write(resumed(message(0, 0, "old")), resumed(first(0, 1, "old")), middle(0, "old"), last(0, "old"), marked(resumed(message(0, 2, ""))))
		p.write(resumed(first(0, 3, "old")), aborting(0, ""), &wire.Disposition{Role: wire.RoleSender, First: 0, Last: wire.Some[uint32](3), Settled: true})
		p.heard("nobody is told")
		p.wantOutstanding("q", 0)
		p.write(message(0, 4, "new"))
		p.heard("until a new one comes", `q 4 "new"`)
		p.wantOutstanding("q", 1)
		p.write(&wire.Flow{Handle: wire.Some[uint32](0), DeliveryCount: wire.Some[uint32](5), Echo: true})
		p.want("five are counted, and one of ten is open", credit(0, 5, 9))
	})
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		var all []any
		for id := range uint32(10) {
			all = append(all, resumed(message(0, id, "old")))
		}
		p.write(all...)
		p.want("nothing is open: what they used up is given back", credit(0, 10, 10))
		p.write(message(0, 10, "new"))
		p.heard("so that there is a way on", `q 10 "new"`)
	})
}

// [2.7.3] "Any attempt to deliver a message larger than this results in a
// message-size-exceeded link-error."
func TestMaxMessageSize(t *testing.T) {
	limited := handling(func(h *recorder) { h.answer.MaxMessageSize = 10 })
	attach := func(p *peer) {
		p.write(sending("q", 0))
		a := takenFrom("q", 0)
		a.MaxMessageSize = wire.Some[uint64](10)
		p.want("the limit is told", a, credit(0, 0, 10))
		p.h.take()
	}
	exceeded := func(p *peer) {
		p.want("the delivery is rejected, and the link goes", outcome(0, 0, wire.StateRejected),
			&wire.Detach{Closed: true, Error: refused(wire.CondMessageSizeExceeded)})
	}
	t.Run("just as large", func(t *testing.T) {
		opened(t, func(p *peer) {
			attach(p)
			p.write(message(0, 0, "0123456789"), first(0, 1, "01234"), last(0, "56789"))
			p.heard("ten bytes are allowed", `q 0 "0123456789"`, `q 1 more "01234"`, `q 1 next "56789"`)
			p.wantIdle("")
		}, limited)
	})
	t.Run("one byte more", func(t *testing.T) {
		opened(t, func(p *peer) {
			attach(p)
			p.write(message(0, 0, "0123456789x"))
			exceeded(p)
			p.heard("the handler never sees it", `fault link "q" amqp:link:message-size-exceeded`, "detach q amqp:link:message-size-exceeded")
		}, limited)
	})
	t.Run("frame by frame", func(t *testing.T) {
		opened(t, func(p *peer) {
			attach(p)
			p.write(first(0, 0, "01234"), middle(0, "56789"), middle(0, "x"), last(0, strings.Repeat("y", 99)))
			p.want("the link goes, with the delivery whose last frame had not come", &wire.Detach{Closed: true, Error: refused(wire.CondMessageSizeExceeded)})
			p.write(&wire.Detach{Closed: true})
			p.wantIdle("the rest was on its way")
			p.heard("only what was allowed", `q 0 more "01234"`, `q 0 next more "56789"`,
				`fault link "q" amqp:link:message-size-exceeded`, "detach q amqp:link:message-size-exceeded")
		}, limited)
	})
	t.Run("by its last frame", func(t *testing.T) {
		opened(t, func(p *peer) {
			attach(p)
			p.write(first(0, 0, "01234"), last(0, "56789x"))
			exceeded(p)
		}, limited)
	})
	t.Run("by the last frame of one that was released before", func(t *testing.T) {
		opened(t, func(p *peer) {
			attach(p)
			p.write(first(0, 0, "01234"))
			p.settle("q", wire.StateReleased, 0)
			p.write(last(0, "56789x"))
			p.want("what was said of it stands", outcome(0, 0, wire.StateReleased), &wire.Detach{Closed: true, Error: refused(wire.CondMessageSizeExceeded)})
		}, limited)
	})
	t.Run("presettled", func(t *testing.T) {
		opened(t, func(p *peer) {
			attach(p)
			p.write(marked(message(0, 0, "0123456789x")))
			p.want("there is no outcome to tell", &wire.Detach{Closed: true, Error: refused(wire.CondMessageSizeExceeded)})
		}, limited)
	})
	t.Run("resumed, and so not taken", func(t *testing.T) {
		opened(t, func(p *peer) {
			attach(p)
			p.write(with(&wire.Transfer{DeliveryID: wire.Some[uint32](0), Resume: true}, "0123456789x"), message(0, 1, "next"))
			p.heard("what is ignored has no size", `q 1 "next"`)
			p.wantIdle("")
		}, limited)
	})
	t.Run("aborted by its last frame", func(t *testing.T) {
		opened(t, func(p *peer) {
			attach(p)
			p.write(first(0, 0, "0123456789"), aborting(0, "more than that"))
			p.heard("what an abort carries is no message", `q 0 more "0123456789"`, `q 0 next aborted "more than that"`)
		}, limited)
	})
}

func TestTransfersWhereNoneMayCome(t *testing.T) {
	t.Run("on a handle that is not attached", func(t *testing.T) {
		opened(t, func(p *peer) {
			p.write(message(3, 0, "hello"))
			p.want("the session goes", &wire.End{Error: refused(wire.CondUnattachedHandle)})
		})
	})
	t.Run("on a handle that is attached no longer", func(t *testing.T) {
		opened(t, func(p *peer) {
			p.attachSender("q", 0)
			p.write(&wire.Detach{Closed: true}, message(0, 0, "hello"))
			p.want("detached is detached", &wire.Detach{Closed: true}, &wire.End{Error: refused(wire.CondUnattachedHandle)})
		})
	})
	t.Run("from the receiver of a link", func(t *testing.T) {
		opened(t, func(p *peer) {
			p.attachReceiver("q", 0)
			p.write(message(0, 0, "hello"))
			p.want("the link goes", &wire.Detach{Closed: true, Error: refused(wire.CondNotAllowed)})
		})
	})
}

func TestTagsAreAtMost32Bytes(t *testing.T) {
	for _, n := range []int{0, 1, 32} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			opened(t, func(p *peer) {
				p.attachSender("q", 0)
				p.write(with(&wire.Transfer{DeliveryID: wire.Some[uint32](0), DeliveryTag: make([]byte, n)}, "hello"))
				p.heard("in order", `q 0 "hello"`)
			})
		})
	}
	t.Run("33", func(t *testing.T) {
		opened(t, func(p *peer) {
			p.attachSender("q", 0)
			p.write(with(&wire.Transfer{DeliveryID: wire.Some[uint32](0), DeliveryTag: make([]byte, 33)}, "hello"))
			p.wantClose("[2.8.7] is no delivery-tag", wire.CondInvalidField)
		})
	})
}
