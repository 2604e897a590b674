package amqp

import (
	"sync/atomic"
	"time"

	"github.com/meshway/meshway/internal/wire"
)

// Count is what a link has carried since it was attached.
type Count struct {
	Deliveries uint64 // begun
	Presettled uint64 // of them, settled by their sender

	// Those that were settled, by the outcome.
	Accepted, Rejected, Released, Modified uint64

	// Those that were unsettled for more than one second, and more than ten.
	Delayed1, Delayed10 uint64
}

// Add adds o.
func (c *Count) Add(o *Count) {
	c.Deliveries += o.Deliveries
	c.Presettled += o.Presettled
	c.Accepted += o.Accepted
	c.Rejected += o.Rejected
	c.Released += o.Released
	c.Modified += o.Modified
	c.Delayed1 += o.Delayed1
	c.Delayed10 += o.Delayed10
}

// Gauge is how a link is just now.
type Gauge struct {
	Credit    uint32 // deliveries that its receiver takes
	Unsettled uint32 // deliveries that are not finished
	Stuck     uint32 // of them, those that were there ten seconds ago
	Rate      uint32 // deliveries settled a second, lately
	Dry       uint32 // seconds since the credit was used up; 0 while there is some
}

// Clock counts seconds, coarsely: whoever owns it sets it. A nil Clock stands still.
type Clock struct{ seconds atomic.Uint32 }

// Set says how many seconds have passed. They may begin anywhere, and wrap.
func (c *Clock) Set(seconds uint32) { c.seconds.Store(seconds) }

// whole is the time as it was set.
func (c *Clock) whole() uint32 {
	if c == nil {
		return 0
	}
	return c.seconds.Load()
}

// now is the time in the range that records keep: 18 hours.
func (c *Clock) now() uint16 { return uint16(c.whole()) }

const stuckAfter = 10 // seconds

// outcome counts a delivery that was settled after so many seconds.
func (c *Count) outcome(k wire.StateKind, took uint16) {
	switch k {
	case wire.StateAccepted:
		c.Accepted++
	case wire.StateRejected:
		c.Rejected++
	case wire.StateReleased:
		c.Released++
	case wire.StateModified:
		c.Modified++
	}
	switch {
	case took > stuckAfter:
		c.Delayed10++
	case took > 1:
		c.Delayed1++
	}
}

// rate counts what is settled, by the second, for the last few.
type rate struct {
	slots [rateDepth]uint32
	at    uint16 // the second of the newest slot, which is at%rateDepth
}

const rateDepth = 5

// add counts one.
func (r *rate) add(now uint16) {
	if now != r.at {
		r.forward(now)
	}
	r.slots[now%rateDepth]++
}

// forward empties the slots of the seconds since the newest.
func (r *rate) forward(now uint16) {
	for range min(now-r.at, rateDepth) {
		r.at++
		r.slots[r.at%rateDepth] = 0
	}
	if r.at != now {
		r.at = now
		r.slots = [rateDepth]uint32{}
	}
}

// mean is how many a second there were.
func (r *rate) mean(now uint16) uint32 {
	r.forward(now)
	sum := uint32(0)
	for _, n := range r.slots {
		sum += n
	}
	return sum / rateDepth
}

// meter is what either end of a link counts. Guarded by conn.mu.
type meter struct {
	deliveryCount uint32 // deliveries begun [2.6.7]
	limit         uint32 // the sender may send up to here, as its receiver told last
	count         Count
	rate          rate
	dry           uint32 // when the credit was used up last
}

// gauge is how the link is now, but for what is stuck. The caller holds mu.
func (m *meter) gauge(clock *Clock, unsettled uint32) Gauge {
	at := clock.whole()
	g := Gauge{Unsettled: unsettled, Rate: m.rate.mean(uint16(at))}
	if g.Credit = uint32(max(serialDiff(m.limit, m.deliveryCount), 0)); g.Credit == 0 {
		g.Dry = at - m.dry
	}
	return g
}

// countBegun counts a delivery that begins, of which more frames may follow, and makes its
// record if it is unsettled. The caller holds mu.
func (l *Receiver) countBegun(id uint32, more bool) {
	now := l.session.conn.delivering()
	l.count.Deliveries++
	if l.deliveryCount == l.limit {
		l.dry = now
	}
	if l.settled {
		l.count.Presettled++
		l.rate.add(uint16(now))
		return
	}
	r := l.session.incoming.put(id)
	r.link, r.born = l, uint16(now)
	if more && !l.session.conn.cfg.BetweenRouters {
		r.flags = inMidway
	}
	if c := l.session.conn; now != c.sample.at && c.cfg.Delay != nil && c.sample.take(now) {
		r.flags |= inSample
	}
}

// sample is the delivery of a connection of which it is measured how long it takes, from its
// first frame to the settlement that its sender is told: one at a time, and at most one a
// second, so that the others cost a comparison.
type sample struct {
	at    uint32 // when it was taken, by the clock
	under bool   // it is not settled yet
	began time.Time
}

// sampleFor is for how many seconds a sample is waited for: its link may have ended.
const sampleFor = 60

// take says whether a new sample may be taken.
func (s *sample) take(now uint32) bool {
	if s.under && now-s.at < sampleFor {
		return false
	}
	s.at, s.under, s.began = now, true, time.Now()
	return true
}

// delivering notes that a delivery begins on the connection, and returns the time. The caller
// holds mu.
func (c *Conn) delivering() uint32 {
	c.lastDelivery = c.cfg.Clock.whole()
	c.anyDelivery = true
	return c.lastDelivery
}

// LastDelivery is how many seconds ago a delivery began on the connection, in either
// direction; ok is false if none has. It may be called from any goroutine.
func (c *Conn) LastDelivery() (seconds uint32, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cfg.Clock.whole() - c.lastDelivery, c.anyDelivery
}

// countOutcome counts a delivery that we settle. The caller holds mu.
func (l *Receiver) countOutcome(r *inRecord) {
	now := l.session.conn.cfg.Clock.now()
	l.count.outcome(r.told, now-r.born)
	l.rate.add(now)
	if c := l.session.conn; r.is(inSample) && c.sample.under && r.born == uint16(c.sample.at) {
		c.sample.under = false
		c.cfg.Delay(time.Since(c.sample.began))
	}
}

// Look is Stats but for what is stuck, which takes a look at each delivery.
func (l *Receiver) Look() (Count, Gauge) { return l.stats(false) }

// Stats is what the link has carried, and how it is now. It may be called from any goroutine,
// also when the link is over.
func (l *Receiver) Stats() (Count, Gauge) { return l.stats(true) }

func (l *Receiver) stats(stuck bool) (Count, Gauge) {
	c := l.session.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.gone {
		return l.count, Gauge{}
	}
	g := l.gauge(c.cfg.Clock, l.outstanding+l.excused)
	if stuck && g.Unsettled > 0 {
		now := c.cfg.Clock.now()
		l.session.incoming.each(func(_ uint32, r *inRecord) {
			if r.link == l && now-r.born > stuckAfter {
				g.Stuck++
			}
		})
	}
	return l.count, g
}

// Look is Stats but for what is stuck, which takes a look at each delivery.
func (l *Sender) Look() (Count, Gauge) { return l.stats(false) }

// Stats is what the link has carried, and how it is now. It may be called from any goroutine,
// also when the link is over.
func (l *Sender) Stats() (Count, Gauge) { return l.stats(true) }

func (l *Sender) stats(stuck bool) (Count, Gauge) {
	c := l.session.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.gone {
		return l.count, Gauge{}
	}
	g := l.gauge(c.cfg.Clock, l.outstanding)
	if stuck && g.Unsettled > 0 {
		now := c.cfg.Clock.now()
		l.session.outgoing.each(func(_ uint32, r *outRecord) {
			if r.link == l && now-r.born > stuckAfter {
				g.Stuck++
			}
		})
	}
	return l.count, g
}
