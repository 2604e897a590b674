package meshtest

import (
	"slices"

	"github.com/meshway/meshway/internal/wire"
)

// Session is one session of a client.
type Session struct {
	Client *Client
	opts   SessionOptions
	local  uint16
	remote uint16
	begun  bool // the other side's begin has come
	ended  bool // we sent end
	over   bool

	links    []end // by our handle; nil once over
	byRemote map[uint32]end
	thinking map[uint32]bool // handles of attaches that are not answered
	names    int

	// What goes out.
	nextOut      uint32 // transfer-id of our next frame
	window       uint32 // frames that the other side still takes
	nextDelivery uint32
	sent         map[uint32]*Out // not over, by delivery-id
	sentOver     map[uint32]bool // over because the other side settled, or lost its link

	// What comes in.
	nextIn    uint32 // transfer-id of the next frame
	granted   uint32 // one past the last frame that may come
	nextTaken uint32 // delivery-id of the next delivery
	anyTaken  bool
	taken     map[uint32]*In // not over, by delivery-id
	takenOver map[uint32]bool
}

// SessionOptions are what differs between sessions. The zero value has a window
// that never closes.
type SessionOptions struct {
	Window     uint32 // frames that may come before we say more; 0 is 2048
	KeepWindow bool   // say more only by Grant, not by ourselves at half of it
	// FirstTransfer and FirstDelivery are where our numbers begin: near 1<<32
	// they wrap soon.
	FirstTransfer, FirstDelivery uint32
	HandleMax                    wire.Opt[uint32]
	OnEnd                        func(*wire.Error)
}

// end is one end of a link: a Sender or a Receiver.
type end interface {
	common() *link
	recvFlow(*wire.Flow)
	finish(e *wire.Error, lost bool)
}

// Begin starts a session.
func (c *Client) Begin(o SessionOptions) *Session {
	return c.begin(o, wire.Opt[uint16]{})
}

// begin starts a session, in answer to one of the other side if answers says so.
func (c *Client) begin(o SessionOptions, answers wire.Opt[uint16]) *Session {
	if o.Window == 0 {
		o.Window = 2048
	}
	s := &Session{
		Client: c, opts: o, nextOut: o.FirstTransfer, nextDelivery: o.FirstDelivery,
		byRemote: make(map[uint32]end), sent: make(map[uint32]*Out), taken: make(map[uint32]*In),
		sentOver: make(map[uint32]bool), takenOver: make(map[uint32]bool),
	}
	s.local = uint16(place(&c.sessions, s))
	c.write(s.local, &wire.Begin{RemoteChannel: answers, NextOutgoingID: s.nextOut, IncomingWindow: o.Window, OutgoingWindow: 1 << 20, HandleMax: o.HandleMax})
	return s
}

// place puts v at the first free index.
func place[T comparable](list *[]T, v T) int {
	var zero T
	for i, o := range *list {
		if o == zero {
			(*list)[i] = v
			return i
		}
	}
	*list = append(*list, v)
	return len(*list) - 1
}

// End ends the session and all links on it.
func (s *Session) End(e *wire.Error) {
	if !s.ended && !s.over {
		s.ended = true
		s.Client.write(s.local, &wire.End{Error: e})
	}
}

// Usable says that the session may still be used.
func (s *Session) Usable() bool { return !s.ended && !s.over && !s.Client.Over() }

// Unsettled is the deliveries that are not over, out and in.
func (s *Session) Unsettled() (out, in int) { return len(s.sent), len(s.taken) }

// Taken is the deliveries that came and are not over, by delivery-id.
func (s *Session) Taken() []*In {
	list := make([]*In, 0, len(s.taken))
	for _, d := range s.taken {
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b *In) int { return int(int32(a.ID - b.ID)) })
	return list
}

// WindowOpen says that the other side may send at least one more frame.
func (s *Session) WindowOpen() bool { return s.granted != s.nextIn }

// Grant says that n more frames may come, if that is more than was said before.
func (s *Session) Grant(n uint32) {
	if end := s.nextIn + n; int32(end-s.granted) > 0 {
		s.granted = end
	}
	s.flow(nil)
}

// flow sends the session's state, and f's fields of a link if there are any.
func (s *Session) flow(f *wire.Flow) {
	if !s.Usable() {
		return
	}
	if f == nil {
		f = new(wire.Flow)
	}
	f.NextIncomingID = wire.Opt[uint32]{V: s.nextIn, OK: s.begun}
	f.IncomingWindow = s.opts.Window
	if s.begun {
		f.IncomingWindow = s.granted - s.nextIn
	}
	f.NextOutgoingID, f.OutgoingWindow = s.nextOut, 1<<20
	s.Client.write(s.local, f)
}

func (c *Client) recvBegin(ch uint16, p *wire.Begin) {
	if !p.RemoteChannel.OK && (c.opts.Accept != nil || c.opts.OnAttach != nil) {
		s := c.begin(c.opts.Session, wire.Some(ch))
		p.RemoteChannel = wire.Some(s.local)
	}
	if !p.RemoteChannel.OK || int(p.RemoteChannel.V) >= len(c.sessions) {
		c.fault("begin on channel %d that answers none of ours", ch)
		return
	}
	s := c.sessions[p.RemoteChannel.V]
	if s == nil || s.begun {
		c.fault("begin on channel %d answers channel %d, which waits for none", ch, p.RemoteChannel.V)
		return
	}
	s.begun, s.remote = true, ch
	s.nextIn = p.NextOutgoingID
	s.granted = s.nextIn + s.opts.Window
	s.window = p.IncomingWindow
	c.byRemote[ch] = s
	s.pump()
}

// recv handles one frame of the session.
func (s *Session) recv(code wire.Code, fields wire.List, payload []byte) error {
	switch code {
	case wire.CodeTransfer:
		var p wire.Transfer
		if err := p.Decode(fields); err != nil {
			return err
		}
		s.recvTransfer(&p, payload)
	case wire.CodeDisposition:
		var p wire.Disposition
		if err := p.Decode(fields); err != nil {
			return err
		}
		s.recvDisposition(&p)
	case wire.CodeFlow:
		var p wire.Flow
		if err := p.Decode(fields); err != nil {
			return err
		}
		s.recvFlow(&p)
	case wire.CodeAttach:
		var p wire.Attach
		if err := p.Decode(fields); err != nil {
			return err
		}
		s.recvAttach(&p)
	case wire.CodeDetach:
		var p wire.Detach
		if err := p.Decode(fields); err != nil {
			return err
		}
		s.recvDetach(&p)
	case wire.CodeEnd:
		var p wire.End
		if err := p.Decode(fields); err != nil {
			return err
		}
		s.recvEnd(&p)
	default:
		s.Client.fault("%v on a session", code)
	}
	return nil
}

func (s *Session) recvEnd(p *wire.End) {
	if !s.ended {
		s.End(nil)
	}
	delete(s.Client.byRemote, s.remote)
	s.Client.sessions[s.local] = nil
	s.finish(p.Error, false)
}

// finish ends what is on the session; lost means that the connection went away.
func (s *Session) finish(e *wire.Error, lost bool) {
	s.over = true
	for i, l := range s.links {
		if l != nil {
			s.links[i] = nil
			l.finish(e, lost)
		}
	}
	s.sent, s.taken = nil, nil
	if s.opts.OnEnd != nil {
		s.opts.OnEnd(e)
	}
}

func (s *Session) recvFlow(p *wire.Flow) {
	if p.NextOutgoingID != s.nextIn {
		s.Client.fault("flow: next-outgoing-id is %d, %d have come", p.NextOutgoingID, s.nextIn)
	}
	// [2.5.6] What is on its way still counts against the window.
	end := p.NextIncomingID.Or(s.opts.FirstTransfer) + p.IncomingWindow
	s.window = 0
	if left := int32(end - s.nextOut); left > 0 {
		s.window = uint32(left)
	}
	if p.Handle.OK {
		l := s.byRemote[p.Handle.V]
		if l == nil && (s.ended || s.thinking[p.Handle.V]) { // its attach was not taken
			return
		}
		if l == nil {
			s.Client.fault("flow on handle %d, which is not attached", p.Handle.V)
			return
		}
		l.recvFlow(p)
	}
	if p.Echo {
		s.flow(nil)
	}
	s.pump()
}

func (s *Session) recvDisposition(p *wire.Disposition) {
	last := p.Last.Or(p.First)
	if int32(last-p.First) < 0 || last-p.First > 1<<20 {
		s.Client.fault("disposition from %d to %d", p.First, last)
		return
	}
	for id := p.First; id != last+1; id++ {
		if p.Role == wire.RoleReceiver {
			s.recvOutcome(id, p)
		} else {
			s.recvSenderState(id, p)
		}
	}
}

// Disposition sends a state of deliveries as it is given: of those that we
// received or, with the role of the sender, that we sent. See [In.Settle] and
// [Out.Settle] for single ones.
func (s *Session) Disposition(role wire.Role, first, last uint32, settled bool, state wire.DeliveryState) {
	if !s.Usable() {
		return
	}
	for id := first; id != last+1; id++ {
		if in := s.taken[id]; role == wire.RoleReceiver && in != nil && settled {
			in.over()
		}
		if out := s.sent[id]; role == wire.RoleSender && out != nil && settled {
			out.over()
		}
	}
	d := wire.Disposition{Role: role, First: first, Settled: settled, State: state}
	if last != first {
		d.Last = wire.Some(last)
	}
	s.Client.write(s.local, &d)
}
