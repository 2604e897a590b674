package router

import (
	"slices"
	"sync"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/buf"
	"github.com/meshway/meshway/internal/wire"
)

// stream is a message that goes out while it is still coming in. What has
// arrived and not left yet lies in chunks; the sender's session window bounds
// it, since it is extended only as chunks are freed.
//
// A multicast stream has a copy for each consumer, each at its own place; a
// chunk is freed when the slowest has passed it.
type stream struct {
	in     *ingress
	id     uint32
	format uint32

	mu       sync.Mutex
	chunks   []piece
	first    int // number of chunks[0] in the message
	size     int // bytes that have come
	ended    bool
	canceled bool // nothing more goes out
	copies   []*streamCopy
	expected int       // how many copies there will be
	late     bool      // those that have not begun never will
	waiting  []copyRef // copies of a multicast that could not begin at once
	progress time.Time // when bytes last moved
}

// streamCopy is what one consumer gets of a stream. Guarded by the stream's mutex.
type streamCopy struct {
	s       *stream
	e       *egress
	front   []byte // what goes instead of the first bytes, see egress.front
	longer  int    // by how much the message is longer than as it came in, for that
	chunk   int    // number of the next chunk in the message
	at      int    // bytes of it that have left
	begun   bool   // it has the consumer's link
	away    bool   // the consumer has left
	pumping bool
	again   bool // somebody had reason to pump meanwhile
	done    bool // it has left whole, or never will
	lost    bool // done because the consumer went away
	told    bool // what follows its end has been done
	left    bool // done because it was too slow for the others
	only    bool // there never is another: its end is that of the message
	dropped bool // it came presettled: nobody hears of its end; of such as are the only one
	excess  bool // done because it is larger than the consumer takes
	accept  bool // it came unsettled, and nobody will hear of its receiver: accepted once all has left
	ref     copyRef
	hop     *hop // of one that goes to another router
}

// abort breaks the copy off at its consumer.
func (c *streamCopy) abort(b *amqp.Batch) {
	if c.e.link.Abort(b) && c.hop != nil {
		c.hop.done(b, 1)
	}
}

// breakOff ends a copy that is told already where it stands, and frees its consumer for others.
func (c *streamCopy) breakOff(b *amqp.Batch) {
	c.abort(b)
	c.e.stream.CompareAndSwap(c, nil)
	c.e.OnSendable(b, c.e.link)
}

// becomeStream turns a whole message into a stream that has ended already: one
// too long for a single send.
func (m *message) becomeStream(b *amqp.Batch) {
	var chunks []piece
	if m.buffer != nil {
		chunks = keep(nil, m.payload, m.buffer)
	} else {
		for p := m.payload; len(p) > 0; {
			n := min(len(p), buf.Large)
			chunks = append(chunks, piece{bytes: append(buf.Get(n), p[:n]...)})
			p = p[n:]
		}
	}
	m.streamOf(b, chunks, len(m.payload))
}

// streamOf makes the message a stream of these pieces, which become its own. Its
// credit is counted as finished here or by its outcome, never by how the stream
// ends.
func (m *message) streamOf(b *amqp.Batch, chunks []piece, size int) {
	if m.arrived() {
		m.unhold(b) // what waits for room at its egress is counted in another way
	}
	if m.held == 0 {
		m.in.link.Hold(size)
	}
	if m.settled && !m.counted {
		m.in.link.Finish(b, 0)
		m.counted = true
	}
	m.stream = &stream{in: m.in, id: m.id, format: m.format, chunks: chunks, size: size, ended: true, expected: 1, progress: time.Now()}
	m.held, m.payload, m.buffer = 0, nil, nil
}

// start begins the stream at its only consumer, if that can take it. True also
// for a stream that was broken off: there is nothing left to do.
func (s *stream) start(b *amqp.Batch, m *message, e *egress) bool {
	if m.isCopy() {
		return s.startCopy(b, e, &copyOf{message: *m, fan: m.fan, index: m.index})
	}
	c := &streamCopy{s: s, e: e, accept: !m.settled, hop: m.hop, only: true, dropped: m.settled}
	id, outSettled, ok := c.begin(b, m.origin(e.addr), m.id, m.settled && m.hop == nil || m.settle, m)
	switch {
	case !ok:
		if !s.isCanceled() {
			return false
		}
		if m.hop != nil { // it has this message alone: once is enough
			m.hop.done(b, 1)
		}
		return true
	case m.hop != nil:
		m.leftFor(b, e, id)
	case m.settled, m.settle, outSettled:
	case !m.in.link.Forwarded(b, m.id, e.link, id, 0):
		e.link.Update(b, id, true, wire.DeliveryState{})
	}
	c.pump(b)
	return true
}

// begin takes the consumer's link for the copy of m. ref is what the origin knows the
// delivery by.
func (c *streamCopy) begin(b *amqp.Batch, origin amqp.Origin, ref uint32, settled bool, m *message) (id uint32, outSettled, ok bool) {
	s, e := c.s, c.e
	s.mu.Lock()
	if s.canceled || s.late || e.stream.Load() != nil {
		s.mu.Unlock()
		return 0, false, false
	}
	c.chunk = s.first
	if s.first == 0 && len(s.chunks) > 0 {
		first := s.chunks[0].bytes
		if front, n := e.front(first, m); front != nil {
			c.longer = len(front) - n
			c.front, c.at = append(front, first[n:]...), len(first)
		}
	}
	if c.exceeds() || !e.stream.CompareAndSwap(nil, c) {
		s.mu.Unlock()
		return 0, false, false
	}
	c.pumping = true // until the link is ours
	s.copies = append(s.copies, c)
	p, _ := c.next()
	s.mu.Unlock()
	out := amqp.Outgoing{Format: s.format, Settled: settled, Head: e.head(m), Payload: p.bytes, In: p.in}
	id, outSettled, res := e.start(b, &out, origin, ref)
	s.mu.Lock()
	c.pumping = false
	c.took(len(p.bytes) - len(out.Payload))
	c.accept = c.accept && (settled || outSettled) // before anybody else can find the end of it
	c.begun = res == amqp.Sent
	switch {
	case !c.begun:
		c.done = true
		s.drop(c)
		e.stream.CompareAndSwap(c, nil)
	case c.away:
		c.moved(amqp.Gone, false)
	}
	broken := c.told // off, before there was anything to abort
	freed := s.free()
	s.mu.Unlock()
	if freed > 0 {
		s.in.link.Unhold(b, freed)
	}
	if res == amqp.Sent && broken {
		c.abort(b)
		return 0, false, false
	}
	return id, outSettled, res == amqp.Sent
}

// drop forgets a copy that never began. The caller holds mu.
func (s *stream) drop(c *streamCopy) {
	if s.late {
		s.expected--
	}
	for i, o := range s.copies {
		if o == c {
			s.copies = append(s.copies[:i], s.copies[i+1:]...)
			return
		}
	}
}

func (s *stream) isCanceled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.canceled
}

// write takes the next bytes of the message, straight to the consumer when
// nothing is in between.
func (s *stream) write(b *amqp.Batch, p []byte, in *buf.Ref, last bool) {
	s.mu.Lock()
	s.size += len(p)
	c := s.direct()
	if c != nil {
		c.pumping = true
		s.mu.Unlock()
		n, res := c.e.link.Continue(b, p, in, last)
		s.mu.Lock()
		c.pumping = false
		p = p[n:]
		c.moved(res, last)
	}
	kept := 0
	if !s.canceled && (len(p) > 0 || last) {
		kept = len(p)
		if len(s.chunks) > 0 && s.passed() {
			s.chunks = append(s.chunks, keep(nil, p, in)...)
		} else {
			s.chunks = keep(s.chunks, p, in)
		}
	}
	s.ended = s.ended || last
	copies := s.copies
	if len(copies) > 1 {
		copies = append([]*streamCopy(nil), copies...)
	}
	several := s.expected > 1
	s.mu.Unlock()
	if kept > 0 {
		s.in.link.Hold(kept)
	}
	for _, c := range copies {
		c.pump(b)
	}
	if several {
		s.leaveSlow(b)
	}
}

// direct is the only copy, if it has sent all there is and nobody is at it. The
// caller holds mu.
func (s *stream) direct() *streamCopy {
	if len(s.copies) != 1 || len(s.chunks) > 0 || s.canceled {
		return nil
	}
	if c := s.copies[0]; !c.pumping && !c.done && !c.exceeds() {
		return c
	}
	return nil
}

// passed says whether a copy has left the last chunk behind, while a slower one
// keeps it: it would miss what is gathered there. The caller holds mu.
func (s *stream) passed() bool {
	for _, c := range s.copies {
		if c.chunk == s.first+len(s.chunks) {
			return true
		}
	}
	return false
}

// pump sends what the consumer takes, and does what is to be done when that was
// the end. One goroutine at a time does so for a copy; another leaves a note.
func (c *streamCopy) pump(b *amqp.Batch) {
	s := c.s
	s.mu.Lock()
	if c.pumping {
		c.again = true
		s.mu.Unlock()
		return
	}
	c.pumping = true
	freed := 0
	for !c.done {
		c.again = false
		if c.exceeds() {
			c.done, c.excess = true, true
			s.canceled = s.canceled || s.allDone()
			break
		}
		p, last := c.next()
		if len(p.bytes) == 0 && !last {
			break
		}
		s.mu.Unlock()
		n, res := c.e.link.Continue(b, p.bytes, p.in, last)
		s.mu.Lock()
		c.took(n)
		c.moved(res, last)
		freed += s.free()
		if res != amqp.Sent && !c.again {
			break
		}
	}
	c.pumping = false
	ending := c.done && !c.told
	c.told = c.told || c.done
	freed += s.free()
	several := s.expected > 1
	s.mu.Unlock()
	if freed > 0 {
		s.in.link.Unhold(b, freed)
	}
	if ending {
		c.ended(b)
	}
	if several && freed == 0 {
		s.leaveSlow(b)
	}
}

// gone ends the copy of a consumer that has left, also when there is nothing to
// send by which that would be found.
func (c *streamCopy) gone(b *amqp.Batch) {
	c.s.mu.Lock()
	c.away = true
	if c.begun { // else whoever begins it finds out
		c.moved(amqp.Gone, false)
	}
	c.s.mu.Unlock()
	c.pump(b)
}

// moved takes over the result of a Continue. The caller holds mu.
func (c *streamCopy) moved(res amqp.Result, last bool) {
	s := c.s
	s.progress = time.Now()
	switch {
	case c.done:
	case res == amqp.Gone:
		c.done, c.lost = true, true
	case res == amqp.Sent && last:
		c.done = true
	}
	if c.done && s.allDone() {
		s.canceled = s.canceled || c.lost
	}
}

func (s *stream) allDone() bool {
	for _, c := range s.copies {
		if !c.done {
			return false
		}
	}
	return len(s.copies) == s.expected
}

// ended does what follows the end of a copy, with no lock held.
func (c *streamCopy) ended(b *amqp.Batch) {
	s := c.s
	if c.excess {
		c.refuse(b)
	}
	c.e.stream.CompareAndSwap(c, nil)
	if c.accept && !c.excess {
		state := wire.DeliveryState{Kind: wire.StateAccepted}
		if c.lost {
			state = s.in.outcome(lossOutcome(c.e.addr.treated().releases))
		}
		s.in.link.Update(b, []uint32{s.id}, true, state)
	}
	// The consumer is free for others.
	c.e.OnSendable(b, c.e.link)
}

// cancel ends the stream where it stands: what was begun downstream is aborted,
// and what still comes is thrown away.
func (s *stream) cancel(b *amqp.Batch) {
	s.mu.Lock()
	if s.canceled {
		s.mu.Unlock()
		return
	}
	s.canceled = true
	var open []*streamCopy
	for _, c := range s.copies {
		if !c.done {
			c.done, c.told = true, true
			open = append(open, c)
		}
	}
	freed := s.free()
	s.mu.Unlock()
	if freed > 0 {
		s.in.link.Unhold(b, freed)
	}
	for _, c := range open {
		c.breakOff(b)
	}
}

// next is what the copy has to send: the rest of its chunk, and whether the
// message ends with it. The caller holds mu.
func (c *streamCopy) next() (p piece, last bool) {
	s := c.s
	if s.canceled {
		return piece{}, false
	}
	i := c.chunk - s.first
	if len(c.front) > 0 {
		return piece{bytes: c.front}, s.ended && i == len(s.chunks)-1 && c.at == len(s.chunks[i].bytes)
	}
	if i < len(s.chunks) && c.at == len(s.chunks[i].bytes) && (i+1 < len(s.chunks) || !s.ended) {
		// Past this chunk; the last one is only left behind when more is to come,
		// so that the message's last byte leaves in its last frame.
		c.chunk, c.at, i = c.chunk+1, 0, i+1
	}
	if i >= len(s.chunks) {
		return piece{}, s.ended
	}
	p = s.chunks[i]
	p.bytes = p.bytes[c.at:]
	return p, s.ended && i == len(s.chunks)-1
}

// took notes that n bytes have left of what next said. The caller holds mu.
func (c *streamCopy) took(n int) {
	if len(c.front) > 0 {
		c.front = c.front[n:]
	} else {
		c.at += n
	}
}

// free gives back the chunks that every live copy has passed, and none that
// somebody is reading. The caller holds mu.
func (s *stream) free() (freed int) {
	if len(s.copies) < s.expected && !s.canceled {
		return 0 // somebody has not even begun
	}
	slowest := s.first + len(s.chunks)
	for _, c := range s.copies {
		if !c.done || c.pumping {
			slowest = min(slowest, c.chunk)
		}
	}
	n := slowest - s.first
	for i := range s.chunks[:n] {
		freed += len(s.chunks[i].bytes)
		s.chunks[i].free()
	}
	s.chunks = slices.Delete(s.chunks, 0, n) // the rest moves down: a list that went on would be made anew all the time
	s.first = slowest
	return freed
}
