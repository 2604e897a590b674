package amqp

import (
	"errors"
	"fmt"

	"github.com/meshway/meshway/internal/buf"
	"github.com/meshway/meshway/internal/wire"
)

// Session is one session of a connection. [2.5]
type Session struct {
	conn *Conn

	// Immutable once the session is begun on our side.
	local uint16         // our channel
	h     SessionHandler // nil if nobody wants to hear

	// Owned by the reader.
	remote   uint16      // the peer's channel
	bound    bool        // the peer's begin has arrived
	byHandle table[link] // by the peer's handle
	sawEnd   bool        // the peer's end has arrived
	parted   bool        // it ended the session, for no other reason than that it was done

	// Guarded by conn.mu:

	over     bool        // we sent end, or the connection is gone
	finished bool        // its links have ended: one attached now would never hear of its end
	handles  table[link] // by our handle
	names    linkNames

	// What comes in.
	alone          bool   // what is held counts by session here
	held           int    // payload bytes that the handler holds of this session, if they count by session
	nextIncomingID uint32 // transfer-id of the next frame
	incomingEnd    uint32 // one past the last frame that the peer may send
	avgFrame       uint32 // mean size of recent transfer frames, in bytes
	widest         uint32 // frames of a window at the most, however much credit there is
	widestEver     uint32 // as much as widest may become
	credit         int64  // deliveries that the peer may begin, on all links of the session
	pieced         bool   // frames that began no delivery have come since the window was as large as it may be
	flowPending    bool
	lastDelivery   uint32 // highest delivery-id seen
	anyDelivery    bool
	incoming       ring[inRecord]

	// What goes out.
	nextOutgoingID uint32 // transfer-id of the next frame
	remoteWindow   uint32 // frames that the peer still takes
	nextDelivery   uint32 // delivery-id of the next delivery
	peerHandleMax  uint32
	outgoing       ring[outRecord]
	stalled        []*Sender // senders that wait for remoteWindow
	ask            askState
}

// askState is whether the peer is asked for its window when it is used up: some
// think about it only then. Once for each time.
type askState uint8

const (
	askNot  askState = iota
	askNext          // with the next flow
	asked
)

// ourHandleMax bounds the links of a session.
const ourHandleMax = 65535

// prepare fills in what every session begins with.
func (c *Conn) prepare(s *Session) *Session {
	// Until the peer's begin says otherwise its handle-max is the default. [2.7.2]
	s.conn, s.peerHandleMax = c, 1<<32-1
	s.openWindow()
	return s
}

// SessionHandler is told what happens to a session that we began. All calls come from the
// connection's reader.
type SessionHandler interface {
	// OnBegun is called when the peer has answered: only now its handle-max is known.
	OnBegun(b *Batch, s *Session)
	// OnEnd is called once, when the session is over, before the handlers of its links
	// are told. e is why, nil if nobody said; byPeer says that it was the peer who ended
	// the session, and not the connection, or this side.
	OnEnd(b *Batch, s *Session, e *wire.Error, byPeer bool)
}

// ErrNoChannel is wrapped by errors that say that a connection has as many sessions as
// both sides allow, and ErrNoHandle by those that say that a session has as many links.
var (
	ErrNoChannel = errors.New("all channels of the connection are in use")
	ErrNoHandle  = errors.New("all handles of the session are in use")
)

// Begin starts a session. It may be called from any goroutine once the
// connection is open.
func (c *Conn) Begin(b *Batch) (*Session, error) { return c.BeginWith(b, nil) }

// BeginWith is Begin, and h hears of the session.
func (c *Conn) BeginWith(b *Batch, h SessionHandler) (*Session, error) {
	return c.begin(b, &Session{h: h})
}

func (c *Conn) begin(b *Batch, s *Session) (*Session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.finished {
		return nil, errConnOver
	}
	c.prepare(s)
	ch, ok := c.sessions.alloc(s, uint32(min(c.peer.ChannelMax, c.cfg.ChannelMax)))
	if !ok {
		return nil, fmt.Errorf("begin: %w: there are %d", ErrNoChannel, 1+int(min(c.peer.ChannelMax, c.cfg.ChannelMax)))
	}
	s.local = uint16(ch)
	p := &wire.Begin{
		NextOutgoingID: s.nextOutgoingID, IncomingWindow: s.window(), OutgoingWindow: maxOutgoingWindow,
		HandleMax: wire.Some[uint32](ourHandleMax),
	}
	if s.alone && c.cfg.BetweenRouters {
		p.Properties = wire.Map{{Key: wire.Symbol(propertyAlone), Value: true}}
	}
	s.appendBegin(p)
	b.touch(c)
	return s, nil
}

// appendBegin encodes our begin, for which any frame is large enough. The caller holds mu.
func (s *Session) appendBegin(p *wire.Begin) {
	s.conn.appendBy(func(b []byte) []byte { return wire.AppendBeginFrame(b, s.local, p) }, nil)
}

// maxOutgoingWindow is what we say of our outgoing-window: we send what the
// peer's incoming-window takes, and limit nothing ourselves.
const maxOutgoingWindow = 1<<31 - 1

// recvBegin handles a begin: a new session, or the answer to ours. [2.7.2]
func (c *Conn) recvBegin(w *work, ch uint16, p *wire.Begin) error {
	if ch > c.cfg.ChannelMax {
		return connFault(wire.CondFramingError, "begin on channel %d: channel-max is %d", ch, c.cfg.ChannelMax)
	}
	if s := c.byChannel.get(uint32(ch)); s != nil {
		return connFault(wire.CondNotAllowed, "begin on channel %d, on which a session stands already", ch)
	}
	c.mu.Lock()
	s, err := c.bindSession(w, ch, p)
	if err != nil {
		c.mu.Unlock()
		return err
	}
	c.mu.Unlock()
	s.remote = ch
	s.bound = true
	c.byChannel.set(uint32(ch), s)
	w.flushWake()
	if s.h != nil && p.RemoteChannel.OK {
		s.h.OnBegun(&w.batch, s)
	}
	return nil
}

// bindSession finds our half of the session, or makes it and answers. The
// caller holds mu.
func (c *Conn) bindSession(w *work, ch uint16, p *wire.Begin) (*Session, error) {
	if p.RemoteChannel.OK {
		s := c.sessions.get(uint32(p.RemoteChannel.V))
		if s == nil || s.bound {
			return nil, connFault(wire.CondNotAllowed, "begin on channel %d answers channel %d, on which we began none", ch, p.RemoteChannel.V)
		}
		s.acceptBegin(p)
		s.wakeStalled(w)
		return s, nil
	}
	_, alone := p.Properties.Get(propertyAlone)
	s := c.prepare(&Session{alone: alone && c.cfg.BetweenRouters})
	local, ok := c.sessions.alloc(s, uint32(min(c.peer.ChannelMax, c.cfg.ChannelMax)))
	if !ok {
		return nil, connFault(wire.CondResourceLimitExceeded, "begin on channel %d: no channel is left to answer it", ch)
	}
	s.local = uint16(local)
	s.acceptBegin(p)
	s.appendBegin(&wire.Begin{
		RemoteChannel: wire.Some(ch), NextOutgoingID: s.nextOutgoingID, IncomingWindow: s.incomingEnd - s.nextIncomingID,
		OutgoingWindow: maxOutgoingWindow, HandleMax: wire.Some[uint32](ourHandleMax),
	})
	return s, nil
}

// acceptBegin takes over what the peer's begin says. The caller holds mu.
func (s *Session) acceptBegin(p *wire.Begin) {
	granted := s.incomingEnd - s.nextIncomingID
	s.nextIncomingID = p.NextOutgoingID
	s.incomingEnd = p.NextOutgoingID + granted
	s.remoteWindow = p.IncomingWindow
	s.peerHandleMax = p.HandleMax.Or(1<<32 - 1)
}

// flushWake tells the senders in w.wake that they may send.
func (w *work) flushWake() {
	for i, l := range w.wake {
		w.wake[i] = nil
		l.h.OnSendable(&w.batch, l)
	}
	w.wake = w.wake[:0]
}

// session finds the session of a frame.
func (c *Conn) session(ch uint16, code wire.Code) (*Session, error) {
	s := c.byChannel.get(uint32(ch))
	if s == nil {
		return nil, connFault(wire.CondNotAllowed, "%v on channel %d, on which no session was begun", code, ch)
	}
	return s, nil
}

// encodeFlow tells the session's state, and asks for the peer's if that is due.
// [2.7.4] The caller holds mu.
func (s *Session) encodeFlow() {
	if s.over {
		return
	}
	f := s.flow()
	if s.ask == askNext {
		f.Echo = true
		s.ask = asked
	}
	s.conn.appendFlow(s, &f)
}

// flow is a flow frame with the session's fields. The caller holds mu.
func (s *Session) flow() wire.Flow {
	return wire.Flow{
		NextIncomingID: wire.Opt[uint32]{V: s.nextIncomingID, OK: s.bound},
		IncomingWindow: s.grantWindow(),
		NextOutgoingID: s.nextOutgoingID,
		OutgoingWindow: maxOutgoingWindow,
	}
}

// appendFlow encodes a flow frame behind everything else. The caller holds mu.
func (c *Conn) appendFlow(s *Session, f *wire.Flow) {
	c.out.bytes = wire.AppendFlowFrame(buf.Reserve(c.out.bytes, 128), s.local, f)
	c.checkOutLimit()
}

// wakeStalled wakes the senders that waited for the peer's window. What they owe
// goes first. The caller holds mu.
func (s *Session) wakeStalled(w *work) {
	waiting := s.stalled
	s.stalled = nil
	for _, l := range waiting {
		if !l.detached && !s.over && !s.conn.shut.Load() && !l.pay() {
			s.stalled = append(s.stalled, l)
			s.askWindow(&w.batch)
			continue
		}
		l.isStalled = false
		w.wake = append(w.wake, l)
	}
}

// askWindow has the peer asked for its window, once until it answers. The caller holds mu.
func (s *Session) askWindow(b *Batch) {
	if s.ask == askNot {
		s.ask = askNext
		s.conn.flowSess = append(s.conn.flowSess, s)
		b.touch(s.conn)
	}
}
