package amqp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meshway/meshway/internal/sasl"
	"github.com/meshway/meshway/internal/wire"
)

// Config is what the connections of one listener or connector have in common.
// It must not change while a connection uses it.
type Config struct {
	ContainerID string
	Hostname    string // the peer's virtual host, sent in open; empty is absent

	MaxFrameSize     uint32        // largest frame that we take, in bytes, at least 512
	ChannelMax       uint16        // highest channel that we take
	IdleTimeout      time.Duration // close when nothing came for this long; 0 never. Half of it is advertised. [2.4.5]
	HandshakeTimeout time.Duration // close when open did not arrive by then; 0 never
	Clock            *Clock        // tells how long deliveries take; nil if nobody wants to know
	// Delay hears how long a sample of incoming deliveries took, see count.go; nil if nobody
	// wants to know. It is called under locks: it must neither wait nor call back.
	Delay            func(time.Duration)
	Budget           *Budget // of the process, for what handlers hold; nil is no limit
	MaxSessionFrames uint32  // most frames of incoming-window; 0 leaves it to the engine
	NamesBySession   bool    // links are told apart by session and name, for a peer that speaks for many
	HoldBySession    bool    // what handlers hold narrows the window of its own session, not of all
	// Overrun lets a link send as much again as its window beyond its credit before that
	// costs it: some brokers lose count of what is on its way inside of them.
	Overrun     bool
	MaxInFlight uint32 // most unsettled deliveries that we have sent, over all links; 0 is no limit

	Offered    []wire.Symbol
	Desired    []wire.Symbol
	Properties wire.Map
	// NumberProperty is what open's properties call the number that [Conn.SetNumber] has
	// given the connection; empty leaves it out.
	NumberProperty wire.Symbol

	// As a server: the mechanisms offered; none at all leaves SASL out.
	Mechanisms  []sasl.Mechanism
	RequireSASL bool // refuse a peer that skips SASL

	// As a client: the mechanism to log in with; nil skips SASL.
	Login sasl.ClientMechanism
	// Those to take, the strongest first, from a server that does not offer Login.
	// Who is in between can bring about the weakest of them.
	WeakerLogins []sasl.ClientMechanism
}

// Handler is told what happens on a connection. All calls come from the
// connection's reader. If it has a method OnOpened(*Batch), that is called when both
// sides have sent open: from then on sessions can be begun.
type Handler interface {
	// OnOpen is called when the peer's open has arrived. As a server, ours has
	// not been sent yet: an error refuses the connection.
	OnOpen(c *Conn, b *Batch) *wire.Error
	// OnAttach is called when the peer attaches a link: answer with one of the
	// request's methods before returning.
	OnAttach(b *Batch, r *AttachRequest)
	// OnFault is called once for each violation that was answered with an error
	// on the wire; scope is "connection", "session N" or "link NAME".
	OnFault(c *Conn, scope string, err *wire.Error)
}

// BatchEnder is implemented by handlers that want to act once for all frames of a
// read: settle what came in, say.
type BatchEnder interface {
	// OnBatchEnd is called by the reader after the last frame of a read, before
	// what the batch touched is written.
	OnBatchEnd(b *Batch)
}

// Peer is what the other side said in its open.
type Peer struct {
	ContainerID string
	Hostname    string
	MaxFrame    uint32 // never less than 512
	ChannelMax  uint16
	IdleTimeout time.Duration // 0: it does not care
	Offered     []wire.Symbol
	Desired     []wire.Symbol
	Properties  wire.Map
}

// Conn is one AMQP connection.
type Conn struct {
	// Immutable after New.
	cfg    *Config
	h      Handler
	ender  BatchEnder // h, if it is one
	client bool
	number uint64 // see SetNumber
	t      transport

	// Written by the reader before OnOpen is called, then immutable.
	peer      *Peer  // set under mu
	identity  string // who logged in; empty without SASL
	mechanism string

	// Owned by the reader.
	phase     phase
	sasl      *saslState // nil unless SASL is under way
	byChannel table[Session]
	started   bool  // the client's first bytes are sent
	fresh     bool  // the reader has just been renewed
	work      *work // set while a batch of frames is handled
	closeErr  error // why the connection ends, when it is known before the read fails
	orderly   bool  // it is over, and was closed without an error
	parted    bool  // the peer closed it, for no other reason than that it was done
	lingers   bool  // our last words must arrive though the peer may go on sending

	// Set under mu, read anywhere: close was sent, and nothing is encoded after it.
	shut atomic.Bool

	// The reader's stack: it is renewed when it may have grown and nothing comes.
	renews bool        // immutable after Start
	grown  atomic.Bool // frames were handled on it
	renew  atomic.Bool // it is asked to leave

	lastRead atomic.Int64 // when bytes came last, in nanoseconds since epoch

	tap atomic.Pointer[Tap] // is told of frames; nil most often

	mu sync.Mutex // guards all below, and the fields of sessions and links that say so

	out      output // encoded, not yet handed to the socket
	writing  bool   // somebody is in a write; only that one swaps out
	wroteNow bool   // something was written since the last timer tick
	dead     bool   // the socket is shut; nothing is encoded any more
	drained  chan struct{}

	sessions table[Session] // by our channel
	finished bool           // its sessions have ended: one begun now would never hear of its end
	noCredit bool           // StopCredit was called
	held     int            // payload bytes that the handler holds for this connection, or of all its sessions
	flights  flights        // what we have sent and is not settled

	lastDelivery uint32 // when a delivery began last, by the clock
	anyDelivery  bool   // one has
	sample       sample

	disp       []dispositionRun // outcomes not encoded yet
	flowLinks  []*Receiver      // links whose credit is to be told
	rawFlows   []*RawLink       // raw links with a flow that is to be told
	flowSess   []*Session       // sessions whose window is to be told
	blocked    []*Sender        // senders that wait for the output buffer
	timer      *time.Timer
	spoke      bool // our AMQP header is out: frames may follow
	openSent   bool
	deadlineAt int64 // of the handshake; 0 when past it
	dueAt      int64 // when the timer is to fire
}

// phase is how far a connection has got. Its name is what is awaited next.
//
//	header -> sasl -> amqpHeader -> open -> up
//	   \____________________________^
type phase uint8

const (
	phaseHeader     phase = iota // the peer's first protocol header is awaited
	phaseSASL                    // SASL frames
	phaseAMQPHeader              // SASL is done, the AMQP header is awaited
	phaseOpen                    // the peer's open is awaited
	phaseUp                      // open on both sides
)

func (p phase) String() string {
	switch p {
	case phaseHeader:
		return "protocol header"
	case phaseSASL:
		return "SASL"
	case phaseAMQPHeader:
		return "AMQP header after SASL"
	case phaseOpen:
		return "open"
	case phaseUp:
		return "close"
	}
	return fmt.Sprintf("phase %d", uint8(p))
}

// epoch is the origin of the engine's own clock, which is monotonic.
var epoch = time.Now()

// now is nanoseconds since epoch.
func now() int64 { return int64(time.Since(epoch)) }

// NewServer makes the accepting side of a connection. Call Run next.
func NewServer(nc net.Conn, cfg *Config, h Handler) *Conn { return newConn(nc, cfg, h, false) }

// NewClient makes the dialling side of a connection. Call Run next.
func NewClient(nc net.Conn, cfg *Config, h Handler) *Conn { return newConn(nc, cfg, h, true) }

func newConn(nc net.Conn, cfg *Config, h Handler, client bool) *Conn {
	c := &Conn{cfg: cfg, h: h, client: client}
	c.ender, _ = h.(BatchEnder)
	c.flights.most = cfg.MaxInFlight
	c.t.init(nc)
	return c
}

// SetNumber gives the connection a number for [Config.NumberProperty]. Call it before Run or
// Start.
func (c *Conn) SetNumber(n uint64) { c.number = n }

// Run serves the connection until it ends, and returns why: nil after an
// orderly close. When it returns, every link is detached, every delivery
// accounted for, and the socket closed.
func (c *Conn) Run() error {
	c.startTimer()
	err := c.serve()
	c.teardown(err)
	return err
}

// Start is Run on goroutines of its own, one at a time; done is called with what
// Run would have returned, as the last thing. A goroutine whose stack has grown
// with traffic leaves its place to a fresh one when the connection falls idle:
// stacks are half of what ten thousand idle connections cost.
func (c *Conn) Start(done func(error)) {
	c.renews = c.t.raw != nil && renewsReaders
	c.startTimer()
	go c.reader(done)
}

func (c *Conn) reader(done func(error)) {
	if c.fresh {
		c.awaitTraffic()
	}
	growStack()
	err := c.serve()
	if errors.Is(err, errRenew) {
		c.fresh = true
		go c.reader(done)
		return
	}
	c.teardown(err)
	done(err)
}

// growStack makes a new stack as large as handling frames makes it, while there is
// next to nothing on it to copy: grown on the way it would be copied twice, frame
// by frame.
//
//go:noinline
func growStack() {
	var room [5 << 10]byte
	keepOnStack(&room)
}

//go:noinline
func keepOnStack(*[5 << 10]byte) {}

// errRenew ends a reader whose place another one takes.
var errRenew = errors.New("a fresh reader goes on")

// renewed says whether a read failed only so that the reader may be renewed, and
// takes back what made it fail.
func (c *Conn) renewed(err error) bool {
	if !c.renew.CompareAndSwap(true, false) || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	_ = c.t.nc.SetReadDeadline(time.Time{})
	if c.shut.Load() {
		// Close meant a deadline of its own, which this may have undone.
		_ = c.t.nc.SetReadDeadline(time.Now().Add(closeWriteTimeout))
	}
	return true
}

func (c *Conn) serve() error {
	if c.client && c.phase == phaseHeader && !c.started {
		c.started = true
		if err := c.startHandshake(); err != nil {
			return err
		}
	}
	for {
		if c.cfg.Budget.exhausted() {
			c.park()
		}
		if err := c.t.read(); err != nil {
			if c.renewed(err) {
				return errRenew
			}
			return c.readError(err)
		}
		c.lastRead.Store(now())
		if !c.grown.Load() { // most often it is, and a load is cheaper
			c.grown.Store(true)
		}
		w := getWork()
		c.work = w
		done, err := c.recvBytes(w)
		if c.ender != nil {
			c.ender.OnBatchEnd(&w.batch)
		}
		w.batch.touch(c)
		w.batch.Flush()
		c.work = nil
		putWork(w)
		if err != nil || done {
			return err
		}
	}
}

// readError explains a failed read: what we already knew about the end goes
// before what the socket says.
func (c *Conn) readError(err error) error {
	c.mu.Lock()
	known, shut := c.closeErr, c.shut.Load()
	c.mu.Unlock()
	if known != nil {
		return known
	}
	if shut { // we closed, and waited for the peer's close long enough
		return nil
	}
	if isClosed(err) {
		return fmt.Errorf("%w while waiting for: %s", ErrPeerGone, c.phase)
	}
	return fmt.Errorf("read: %w", err)
}

// teardown runs on the reader, once, as the last thing: it detaches every link,
// so that each unsettled delivery ends, and closes the socket.
func (c *Conn) teardown(err error) {
	c.stopTimer()
	w := getWork()
	c.work = w
	var sessions []*Session
	c.mu.Lock()
	c.finished = true
	c.sessions.each(func(_ uint32, s *Session) { sessions = append(sessions, s) })
	c.mu.Unlock()
	var cause *wire.Error
	if err != nil {
		cause = asWireError(err)
	}
	c.orderly = err == nil
	for _, s := range sessions {
		s.finish(w, cause, false)
	}
	w.batch.Flush()
	c.work = nil
	putWork(w)

	c.drainOut()
	if c.lingers {
		c.linger()
	}
	c.shutSocket(nil)
	c.t.release()
	c.mu.Lock()
	c.out.free()
	c.mu.Unlock()
}

// Over says that the connection has ended: its links end for that reason, and none for
// another one. It may be called from any goroutine.
func (c *Conn) Over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.finished
}

// Peer is what the other side said in its open; nil before that. It may be called from any
// goroutine.
func (c *Conn) Peer() *Peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.peer
}

// Identity is who the peer logged in as, and how; both empty without SASL.
func (c *Conn) Identity() (user, mechanism string) { return c.identity, c.mechanism }

// LastRead is when bytes came last; before the first ones, when the process began.
func (c *Conn) LastRead() time.Time { return epoch.Add(time.Duration(c.lastRead.Load())) }

// LocalAddr and RemoteAddr are those of the socket.
func (c *Conn) LocalAddr() net.Addr { return c.t.nc.LocalAddr() }

// RemoteAddr is the address of the peer's socket.
func (c *Conn) RemoteAddr() net.Addr { return c.t.nc.RemoteAddr() }

// Close asks for an orderly end with the given error, nil for none. Links stay
// until the peer's close, or until the time for it has passed. It may be called
// from any goroutine.
func (c *Conn) Close(b *Batch, e *wire.Error) {
	c.mu.Lock()
	said := c.appendClose(e)
	c.mu.Unlock()
	if !said {
		c.shutSocket(&HandshakeError{Reason: "given up by this side"})
		return
	}
	// A reader that waits for the peer's close waits no longer than this.
	_ = c.t.nc.SetReadDeadline(time.Now().Add(closeWriteTimeout))
	b.touch(c)
}

// Abort shuts the socket without a word, with err as the reason that Run
// returns. It may be called from any goroutine.
func (c *Conn) Abort(err error) { c.shutSocket(err) }

// shutSocket closes the socket; the reader then finds out and tears down.
func (c *Conn) shutSocket(err error) {
	c.mu.Lock()
	first := !c.dead
	c.dead = true
	if c.closeErr == nil {
		c.closeErr = err
	}
	c.mu.Unlock()
	if first {
		_ = c.t.nc.Close()
	}
}

// saslContext bounds a login by the handshake deadline.
func (c *Conn) saslContext() (context.Context, context.CancelFunc) {
	if c.cfg.HandshakeTimeout > 0 {
		return context.WithTimeout(context.Background(), c.cfg.HandshakeTimeout)
	}
	return context.WithCancel(context.Background())
}

// Unread says whether something has come that nobody has read yet: the peer lives, and
// this side is late. Where that cannot be seen it is false.
func (c *Conn) Unread() (some bool) {
	if c.t.raw != nil {
		_ = c.t.raw.Control(func(fd uintptr) { some = rawUnread(fd) })
	}
	return some
}

// Backlog is how many bytes wait for the socket to take them.
func (c *Conn) Backlog() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.len()
}
