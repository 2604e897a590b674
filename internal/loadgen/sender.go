package loadgen

import (
	"sync/atomic"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// sender fills one link. Whatever may let it send more (credit, an outcome, room
// in the output buffer, its turn) wakes it, from whichever goroutine; the one
// that finds nobody at work sends, and looks again when others came meanwhile.
// Nobody ever waits for it.
type sender struct {
	// Immutable after newSender.
	run     *run
	number  uint32
	address string
	client  client

	link *amqp.Sender // set before the peer can wake us

	// Owned by the connection's reader.
	news bool    // outcomes came in the present read
	told account // the outcomes; empty without a ledger

	turns atomic.Uint64 // wakes that have not been looked at; 0 is nobody at work

	// Owned by whoever is at work.
	msg    message
	stream *stream // the streamed message under way; nil between two
	piece  []byte  // of stream, not taken by the link yet
	late   bool    // a paced message could not go when it was due

	// Reached from everywhere.
	limit   atomic.Uint64          // messages that it may have sent
	allowed atomic.Uint64          // messages that the pace, if there is one, lets it have sent
	pacing  atomic.Pointer[pacing] // set before it allows anything
	sent    atomic.Uint64
	bytes   atomic.Uint64 // encoded, of those sent
	settled atomic.Uint64 // by the peer, of those sent; all that went out presettled
	outcome [outcomes]atomic.Uint64
}

func newSender(r *run, number uint32, address string) *sender {
	s := &sender{run: r, number: number, address: address, msg: newMessage(number, r.o.Size)}
	s.client.begin, s.client.batchEnd = s.attach, s.afterRead
	s.client.fail = r.fail
	return s
}

func (s *sender) attach(b *amqp.Batch, session *amqp.Session) (err error) {
	mode := wire.SndUnsettled
	if s.run.o.Presettled {
		mode = wire.SndSettled
	}
	s.link, err = session.AttachSender(b, s.run.linkName("sender", s.number), s, &amqp.Answer{
		Source:        &wire.Source{Address: wire.Some(s.address), Outcomes: allOutcomes},
		Target:        &wire.Target{Address: wire.Some(s.address)},
		SndSettleMode: mode,
	})
	return err
}

// allOutcomes is what a sender of ours can be told.
var allOutcomes = []wire.Symbol{
	wire.OutcomeSymbol(wire.StateAccepted), wire.OutcomeSymbol(wire.StateRejected),
	wire.OutcomeSymbol(wire.StateReleased), wire.OutcomeSymbol(wire.StateModified),
}

// OnAttached counts the link as ready, unless a detach is to follow. [2.6.3]
func (s *sender) OnAttached(_ *amqp.Batch, a *wire.Attach) {
	if a.Target != nil {
		s.run.ready.done()
	}
}

// OnSendable wakes the sender.
func (s *sender) OnSendable(b *amqp.Batch, _ *amqp.Sender) { s.wake(b) }

// OnDetach fails the run, unless it is over.
func (s *sender) OnDetach(_ *amqp.Batch, e *wire.Error) {
	s.client.linkEnded("a sender", s.address, e)
}

// OnOutcome counts what became of messages.
func (s *sender) OnOutcome(b *amqp.Batch, refs []uint32, o amqp.Outcome) {
	if !o.Lost && !o.Settled && !o.State.Terminal() {
		return
	}
	n, outcome := uint64(len(refs)), outcomeLost
	if !o.Lost {
		outcome = outcomeOf(o.State.Kind)
	}
	s.outcome[outcome].Add(n)
	if s.run.o.Ledger {
		s.told.told(refs, outcome)
	}
	if !o.Settled {
		// The receiver waits for us to settle first. The deliveries of the session
		// are all ours, so that their ids are the refs.
		for _, id := range refs {
			s.link.Update(b, id, true, o.State)
		}
	}
	s.settled.Add(n)
	s.news = true
}

// afterRead fills what outcomes have made room for, once for all of a read.
func (s *sender) afterRead(b *amqp.Batch) {
	if s.news {
		s.news = false
		s.wake(b)
	}
}

// allow gives turns: the sender may have sent n messages by now.
func (s *sender) allow(b *amqp.Batch, n uint64) {
	s.allowed.Store(n)
	s.wake(b)
}

// setLimit lets the sender have sent n messages.
func (s *sender) setLimit(b *amqp.Batch, n uint64) {
	s.limit.Store(n)
	s.wake(b)
}

// wake sends what can be sent. The flow control of the link and of the sender
// ends it.
func (s *sender) wake(b *amqp.Batch) {
	if s.turns.Add(1) != 1 {
		return
	}
	for {
		seen := s.turns.Load()
		s.fill(b)
		if s.turns.CompareAndSwap(seen, 0) {
			return
		}
	}
}

// fill sends until something says no.
func (s *sender) fill(b *amqp.Batch) {
	if s.link == nil {
		return
	}
	to := s.limit.Load()
	if s.run.o.Rate > 0 {
		to = min(to, s.allowed.Load())
	}
	if s.run.o.Stream > 0 {
		s.fillStream(b, to)
	} else {
		s.fillMessages(b, to)
	}
	if s.stream == nil && s.finished() {
		s.run.finished.signal()
	}
}

// finished says whether everything that it may send has gone out and is settled.
func (s *sender) finished() bool {
	sent := s.sent.Load()
	return sent >= s.limit.Load() && s.settled.Load() == sent
}

// fillMessages sends whole messages until the sender has sent as many as it may.
func (s *sender) fillMessages(b *amqp.Batch, to uint64) {
	o := &s.run.o
	first := s.sent.Load()
	sent := first
	m := amqp.Outgoing{Settled: o.Presettled, Payload: s.msg.payload}
	for sent < to && s.inWindow(sent) {
		s.msg.stamp(sent, s.stampOf(sent))
		if _, _, res := s.link.Send(b, &m, s, uint32(sent)); res != amqp.Sent {
			break
		}
		sent++
		if o.Presettled {
			s.settled.Add(1)
		}
	}
	s.late = sent < to
	if sent != first {
		s.bytes.Add((sent - first) * uint64(len(m.Payload)))
		s.sent.Store(sent)
	}
}

// inWindow says whether one more message may be in flight.
func (s *sender) inWindow(sent uint64) bool {
	w := s.run.o.Window
	return w == 0 || sent-s.settled.Load() < uint64(w)
}

// stampOf is the time that message k carries. A paced message that had to wait
// carries the time when it was due, so that what it waited counts; one that
// goes in its turn carries the time it goes, so that our timer's lateness does not.
func (s *sender) stampOf(k uint64) int64 {
	every := s.run.o.SampleEvery
	if every < 0 || every > 1 && k%uint64(every) != 0 {
		return 0
	}
	if p := s.pacing.Load(); p != nil && s.late {
		return s.run.clock.at(p.start.Add(p.due(int(s.number), k)))
	}
	return s.run.clock.now()
}
