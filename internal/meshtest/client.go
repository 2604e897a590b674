package meshtest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/meshway/meshway/internal/wire"
)

// Client is an application's connection. It sends protocol header and open at
// once, and what else it is told; it answers what the specification wants
// answered (detach, end, close), and checks every frame that comes.
//
// Everything on a client is guarded by one lock, which [Client.Do] holds while
// its function runs, and which callbacks are called with. Methods of a [Session],
// [Sender], [Receiver] and of deliveries are for inside of those only.
type Client struct {
	// Immutable after NewClient.
	Name  string
	conn  net.Conn
	opts  ClientOptions
	ended chan struct{} // closed when the reader is done

	mu       sync.Mutex // guards all below, and all that is on the client
	peer     *wire.Open
	sessions []*Session // by our channel; nil once over
	byRemote map[uint16]*Session
	closing  bool // we sent close
	over     bool // nothing more comes or goes
	err      error
	out      []byte // scratch
	frames   int    // that have come
}

// ClientOptions are what differs between clients.
type ClientOptions struct {
	MaxFrame   uint32         // largest frame that we take; 0 is 65536
	ChannelMax uint16         // 0 is 255
	Session    SessionOptions // of those that the other side begins
	Properties wire.Map
	// Accept says how a sender that the other side attaches is received; nil refuses to
	// know of any.
	Accept func(*wire.Attach) ReceiverOptions
	// OnAttach is given an attach of the other side: answer it with [Session.TakeSender],
	// [Session.TakeReceiver] or [Session.Refuse], now or later. It goes before Accept.
	OnAttach func(s *Session, p *wire.Attach)
	// Fault is told what the other side does against the specification. It is
	// called with the client's lock held.
	Fault func(string)
	// OnClose is called when the connection is over, after the links' callbacks;
	// err is nil after an orderly close.
	OnClose func(err error)
}

// NewClient begins to speak over nc. The client lives until the connection ends:
// see [Client.Close] and [Client.Kill].
func NewClient(name string, nc net.Conn, o ClientOptions) *Client {
	if o.MaxFrame == 0 {
		o.MaxFrame = 64 << 10
	}
	if o.ChannelMax == 0 {
		o.ChannelMax = 255
	}
	c := &Client{Name: name, conn: nc, opts: o, ended: make(chan struct{}), byRemote: make(map[uint16]*Session)}
	c.out = append(c.out, wire.ProtoAMQP[:]...)
	c.write(0, &wire.Open{ContainerID: name, MaxFrameSize: wire.Some(o.MaxFrame), ChannelMax: wire.Some(o.ChannelMax), Properties: o.Properties})
	go c.read() // ends with the connection
	return c
}

// Do runs f under the client's lock.
func (c *Client) Do(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// Ended is closed when the connection is over.
func (c *Client) Ended() <-chan struct{} { return c.ended }

// Err is why the connection ended, nil after an orderly close.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Peer is what the other side said in its open; nil until it did. Within Do only.
func (c *Client) Peer() *wire.Open { return c.peer }

// Over says that the connection has ended. Within Do only.
func (c *Client) Over() bool { return c.over || c.closing }

// Close asks for an orderly end. Within Do only.
func (c *Client) Close(e *wire.Error) {
	if !c.Over() {
		c.write(0, &wire.Close{Error: e})
		c.closing = true
	}
}

// Kill ends the connection without a word, as a process does that is killed:
// what is on the way, either way, is lost.
func (c *Client) Kill() {
	if sim, ok := c.conn.(*Conn); ok {
		sim.Cut()
		return
	}
	if tcp, ok := c.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.conn.Close()
}

// Stall makes the client read nothing; off lets it go on. It needs a simulated
// connection.
func (c *Client) Stall(on bool) { c.conn.(*Conn).Stall(on) }

// Raw sends bytes as they are. Within Do only.
func (c *Client) Raw(b []byte) { _, _ = c.conn.Write(b) }

// write sends one frame.
func (c *Client) write(ch uint16, p wire.Performative) {
	c.out = wire.AppendFrame(c.out, ch, p)
	c.send()
}

// send writes what is encoded. A failure is the reader's to find.
func (c *Client) send() {
	if !c.over && !c.closing {
		_, _ = c.conn.Write(c.out)
	}
	c.out = c.out[:0]
}

// fault reports a violation by the other side.
func (c *Client) fault(format string, args ...any) {
	if c.opts.Fault != nil {
		c.opts.Fault(c.Name + ": " + fmt.Sprintf(format, args...))
	}
}

// read is the client's reader, from the first byte to the last.
func (c *Client) read() {
	defer close(c.ended)
	err := c.readFrames()
	_ = c.conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	c.err = err
	for _, s := range c.sessions {
		if s != nil {
			s.finish(nil, true)
		}
	}
	if c.opts.OnClose != nil {
		c.opts.OnClose(err)
	}
}

// errClosed is the orderly end, inside of readFrames.
var errClosed = errors.New("closed")

func (c *Client) readFrames() error {
	var header [8]byte
	if _, err := io.ReadFull(c.conn, header[:]); err != nil {
		return err
	}
	if header != wire.ProtoAMQP {
		return fmt.Errorf("protocol header %x", header)
	}
	var in []byte
	buffer := make([]byte, 16<<10)
	for {
		n, err := c.conn.Read(buffer)
		if err != nil {
			return err
		}
		in = append(in, buffer[:n]...)
		used, err := c.recv(in)
		if errors.Is(err, errClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		in = append(in[:0], in[used:]...)
	}
}

// recv handles the whole frames of b, each under the lock by itself.
func (c *Client) recv(b []byte) (used int, err error) {
	for {
		f, n, err := wire.ParseFrame(b[used:], c.opts.MaxFrame)
		if err != nil {
			c.Do(func() { c.fault("a frame that cannot be read: %v", err) })
			return used, err
		}
		if n == 0 {
			return used, nil
		}
		used += n
		c.Do(func() { err = c.recvFrame(f) })
		if err != nil {
			return used, err
		}
	}
}

func (c *Client) recvFrame(f wire.Frame) error {
	c.frames++
	if len(f.Body) == 0 {
		return nil // [2.4.5] a heartbeat
	}
	code, fields, payload, err := wire.ParsePerformative(f.Body)
	if err != nil {
		c.fault("a performative that cannot be read: %v", err)
		return err
	}
	if (code == wire.CodeOpen) != (c.peer == nil) {
		c.fault("%v where it does not belong", code)
	}
	switch code {
	case wire.CodeOpen:
		p := new(wire.Open)
		if err = p.Decode(fields); err == nil {
			c.peer = p
		}
	case wire.CodeClose:
		var p wire.Close
		if err = p.Decode(fields); err == nil {
			return c.recvClose(&p)
		}
	case wire.CodeBegin:
		var p wire.Begin
		if err = p.Decode(fields); err == nil {
			c.recvBegin(f.Channel, &p)
		}
	default:
		s := c.byRemote[f.Channel]
		if s == nil {
			c.fault("%v on channel %d, on which no session is", code, f.Channel)
			return nil
		}
		err = s.recv(code, fields, payload)
	}
	if err != nil {
		c.fault("%v: %v", code, err)
	}
	return err
}

func (c *Client) recvClose(p *wire.Close) error {
	if !c.closing {
		c.write(0, &wire.Close{})
		c.closing = true
	}
	if p.Error != nil {
		return p.Error
	}
	return errClosed
}

// maxFrame is the largest frame that the other side takes.
func (c *Client) maxFrame() int {
	if c.peer == nil {
		return wire.MinMaxFrameSize
	}
	return int(min(c.peer.MaxFrameSize.Or(1<<20), 1<<20))
}
