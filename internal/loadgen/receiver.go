package loadgen

import (
	"sync/atomic"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// receiver takes what comes in on one link, looks at it and settles it.
type receiver struct {
	// Immutable after newReceiver.
	run     *run
	number  uint32
	address string
	client  client

	link *amqp.Receiver // set before the peer can reach us

	// Owned by the connection's reader; read by the controller once that has ended.
	unsettled  []uint32 // deliveries of the present read that are to be settled
	presettled int      // deliveries of it that are settled
	readBytes  uint64   // encoded bytes of it
	stream     *stream  // what the message under way must be; nil without streaming
	latency    histogram
	order      Order
	checks     map[uint32]*orderCheck // by sender
	last       *orderCheck            // of lastFrom: messages come in runs
	lastFrom   uint32
	throttle   throttle
	came       []account // by sender; empty without a ledger
	silences   silences  // with a ledger

	// Reached from everywhere.
	received atomic.Uint64 // messages
	bytes    atomic.Uint64 // encoded
	corrupt  atomic.Uint64 // streamed messages that were not what was sent
	aborted  atomic.Uint64
}

func newReceiver(r *run, number uint32, address string) *receiver {
	l := &receiver{run: r, number: number, address: address, checks: map[uint32]*orderCheck{}}
	l.throttle.rate, l.throttle.over = r.o.ReadRate, r.over
	if r.o.Ledger {
		l.came = make([]account, r.o.Groups*r.o.Senders)
	}
	l.client.begin, l.client.batchEnd = l.attach, l.afterRead
	l.client.fail = r.fail
	return l
}

func (r *receiver) attach(b *amqp.Batch, session *amqp.Session) (err error) {
	r.link, err = session.AttachReceiver(b, r.run.linkName("receiver", r.number), r, &amqp.Answer{
		Source:        &wire.Source{Address: wire.Some(r.address), Outcomes: allOutcomes},
		Target:        &wire.Target{Address: wire.Some(r.address)},
		SndSettleMode: wire.SndMixed,
	})
	if err == nil {
		r.link.SetWindow(b, r.run.o.Credit)
	}
	return err
}

// OnAttached counts the link as ready, unless a detach is to follow. [2.6.3]
func (r *receiver) OnAttached(_ *amqp.Batch, a *wire.Attach) {
	if a.Source != nil {
		r.run.ready.done()
	}
}

// OnTransfer takes one frame.
func (r *receiver) OnTransfer(_ *amqp.Batch, d *amqp.Delivery) {
	if d.First && r.run.o.Stream == 0 {
		r.inspect(d.Payload)
	}
	if r.run.o.Stream > 0 {
		r.compare(d)
	}
	r.readBytes += uint64(len(d.Payload))
	r.throttle.took(len(d.Payload))
	switch {
	case d.Aborted:
		r.aborted.Add(1)
	case d.More:
	case d.Settled:
		r.presettled++
	default:
		r.unsettled = append(r.unsettled, d.ID)
	}
}

// afterRead settles what came whole in one read.
func (r *receiver) afterRead(b *amqp.Batch) {
	r.bytes.Add(r.readBytes)
	r.readBytes = 0
	if r.run.o.Ledger && r.presettled+len(r.unsettled) > 0 && r.run.measuring.Load() {
		r.silences.heard(r.run.began, time.Now())
	}
	if r.presettled > 0 {
		r.received.Add(uint64(r.presettled))
		for ; r.presettled > 0; r.presettled-- {
			r.link.Finish(b, 0)
		}
	}
	if len(r.unsettled) > 0 {
		r.received.Add(uint64(len(r.unsettled)))
		r.link.Update(b, r.unsettled, true, wire.Accepted)
		r.unsettled = r.unsettled[:0]
	}
}

// inspect reads the head of a message.
func (r *receiver) inspect(payload []byte) {
	h, ok := parseHead(payload)
	if !ok {
		r.order.Unknown++
		return
	}
	if h.at != 0 && r.run.measuring.Load() {
		r.latency.record(time.Duration(r.run.clock.now() - h.at))
	}
	if int(h.sender) < len(r.came) {
		r.came[h.sender].came(h.seq)
	}
	if !r.run.o.CheckOrder {
		return
	}
	if r.last == nil || r.lastFrom != h.sender {
		r.lastFrom = h.sender
		if r.last = r.checks[h.sender]; r.last == nil {
			r.last = new(orderCheck)
			r.checks[h.sender] = r.last
		}
	}
	r.last.saw(h.seq, &r.order)
}

// compare checks a piece of a streamed message.
func (r *receiver) compare(d *amqp.Delivery) {
	if d.First {
		r.stream = newStream(r.run.o.Stream)
	}
	if r.stream == nil || d.Aborted {
		r.stream = nil
		return
	}
	if !r.stream.matches(d.Payload) || !d.More && r.stream.size() > 0 {
		r.corrupt.Add(1)
		r.stream = nil
	}
}

// OnSenderState has nothing to do: what the sender settles is finished already.
func (r *receiver) OnSenderState(*amqp.Batch, amqp.InDelivery, bool, wire.DeliveryState) {}

// OnDetach fails the run, unless it is over.
func (r *receiver) OnDetach(_ *amqp.Batch, _ []amqp.InDelivery, e *wire.Error) {
	r.client.linkEnded("a receiver", r.address, e)
}

// throttle makes a reader take no more than so many bytes a second, by keeping
// it from reading. It belongs to the reader.
type throttle struct {
	rate  float64         // bytes a second; 0 is no limit
	over  <-chan struct{} // closed at the end of the run; nil is never
	start time.Time
	taken float64
}

// throttleStep is the shortest sleep worth having.
const throttleStep = 2 * time.Millisecond

// took counts n bytes, and sleeps when they came too early, until the run is over at most.
func (t *throttle) took(n int) {
	if t.rate == 0 {
		return
	}
	if ahead := t.ahead(n, time.Now()); ahead >= throttleStep {
		timer := time.NewTimer(ahead)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-t.over:
		}
	}
}

// ahead counts n bytes and returns how much too early they came. What was not
// used in the past cannot be made up for.
func (t *throttle) ahead(n int, now time.Time) time.Duration {
	due := t.start.Add(time.Duration(t.taken / t.rate * float64(time.Second)))
	if due.Before(now.Add(-throttleStep)) {
		t.start, t.taken, due = now, 0, now
	}
	t.taken += float64(n)
	return due.Add(time.Duration(float64(n) / t.rate * float64(time.Second))).Sub(now)
}
