package amqp

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/meshway/meshway/internal/wire"
)

// Handler is told what happens on a connection. All calls come from the
// connection's reader. If it has a method OnOpened(*Batch), that is called when both
// sides have sent open: from then on sessions can be begun.
type Handler interface {
	// OnOpen is called when the peer's open has arrived. As a server, ours has
	// not been sent yet: an error refuses the connection.
	OnOpen(c *Conn, b *Batch) *wire.Error
	// OnAttach is called when the peer attaches a link: answer with one of the
	// request's methods before returning. The answer is not written until then: whoever
	// hears it finds all done that was done for the link.
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
	peer      *Peer // theirs, from then on; set under mu
	theirs    Peer
	identity  string // who logged in; empty without SASL
	mechanism string

	// Owned by the reader.
	phase     phase
	sasl      *saslState // nil unless SASL is under way
	byChannel table[Session]
	closeErr  error // why the connection ends, when it is known before the read fails
	orderly   bool  // it is over, and was closed without an error
	parted    bool  // the peer closed it, for no other reason than that it was done
	lingers   bool  // our last words must arrive though the peer may go on sending
	lingering int   // reads that are left while they do
	ended     error // why it is over; set by detachAll

	// Set under mu, read anywhere: close was sent, and nothing is encoded after it.
	shut atomic.Bool

	done func(error) // hears why the connection has ended; set by Start

	lastRead atomic.Int64 // when bytes came last, in nanoseconds since epoch

	tap atomic.Pointer[Tap] // is told of frames; nil most often

	mu sync.Mutex // guards all below, and the fields of sessions and links that say so

	out      output // encoded, not yet handed to the socket
	rest     *rest  // of a write, that waits for the poller to find room
	writing  bool   // somebody is in a write; only that one swaps out
	withheld bool   // an answer in out must not be written yet: see Handler.OnAttach
	gone     bool   // all is over: whoever ends the last write closes the socket
	wroteNow bool   // something was written since the last timer tick
	dead     bool   // the socket is shut; nothing is encoded any more
	spoke    bool   // our AMQP header is out: frames may follow
	openSent bool
	drained  chan struct{}

	sessions table[Session] // by our channel
	finished bool           // its sessions have ended: one begun now would never hear of its end
	inRounds bool           // credit is told when all of it is used, see [Conn.CreditInRounds]
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
	timer      lookTimer
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
func NewServer(nc net.Conn, cfg *Config, h Handler) *Conn {
	c := new(Conn)
	c.InitServer(nc, cfg, h)
	return c
}

// NewClient makes the dialling side of a connection. Call Run next.
func NewClient(nc net.Conn, cfg *Config, h Handler) *Conn {
	c := new(Conn)
	c.InitClient(nc, cfg, h)
	return c
}

// InitServer is NewServer for a Conn that is part of something else, and zero.
func (c *Conn) InitServer(nc net.Conn, cfg *Config, h Handler) { c.init(nc, cfg, h, false) }

// InitClient is NewClient for a Conn that is part of something else, and zero.
func (c *Conn) InitClient(nc net.Conn, cfg *Config, h Handler) { c.init(nc, cfg, h, true) }

func (c *Conn) init(nc net.Conn, cfg *Config, h Handler, client bool) {
	c.cfg, c.h, c.client = cfg, h, client
	c.ender, _ = h.(BatchEnder)
	c.flights.most = cfg.MaxInFlight
	c.t.init(nc)
}

// SetNumber gives the connection a number for [Config.NumberProperty]. Call it before Run or
// Start.
func (c *Conn) SetNumber(n uint64) { c.number = n }

// Run serves the connection until it ends, and returns why: nil after an
// orderly close. When it returns, every link is detached, every delivery
// accounted for, and the socket closed.
func (c *Conn) Run() error {
	ended := make(chan error, 1)
	c.Start(func(err error) { ended <- err })
	return <-ended
}

// Start serves the connection by itself, and calls done with what Run would have
// returned, as the last thing. A poller sees to sockets where there is one for this system;
// all else has a goroutine that reads.
func (c *Conn) Start(done func(error)) {
	c.done = done
	if c.watched() {
		return
	}
	c.speakFirst()
	go c.serve() // ends with the connection
}

// speakFirst does what comes before the first read.
func (c *Conn) speakFirst() {
	c.startTimer()
	if c.client {
		c.startHandshake()
	}
}

// serve reads for as long as the connection lives.
func (c *Conn) serve() {
	for {
		if c.parks() {
			time.Sleep(parkFor)
		}
		over, err := true, c.t.read()
		if err != nil {
			err = c.readError(err)
		} else {
			w := getWork()
			over, err = c.handle(w)
			w.batch.Flush()
			putWork(w)
		}
		if over {
			c.teardown(err)
			return
		}
	}
}

// handle handles what has been read. What it touches is for the caller to flush.
func (c *Conn) handle(w *work) (over bool, err error) {
	c.lastRead.Store(now())
	over, err = c.recvBytes(w)
	if c.ender != nil {
		c.ender.OnBatchEnd(&w.batch)
	}
	w.batch.touch(c)
	return over || err != nil, err
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
	w := getWork()
	c.detachAll(w, err)
	w.batch.Flush()
	putWork(w)
	c.drainOut()
	if c.lingers {
		c.linger()
	}
	c.leave()
}

// detachAll ends what was on the connection. What it touches is for the caller to flush.
func (c *Conn) detachAll(w *work, err error) {
	c.stopTimer()
	c.ended = err
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
	w.batch.touch(c)
}

// leave closes the socket, gives back what the connection holds, and tells why it has ended.
func (c *Conn) leave() {
	if c.t.sock == nil {
		c.shutSocket(nil)
	}
	c.t.release()
	c.giveBack()
	c.done(c.ended)
}

// giveBack lets go of the socket, unless somebody is writing: that is its end then.
func (c *Conn) giveBack() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.free()
	c.dead, c.gone = true, true
	switch {
	case c.rest != nil:
		c.rest.out.free()
		c.rest = nil
		c.wrote()
	case c.writing:
		c.t.abandon()
	default:
		c.t.forget()
	}
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
func (c *Conn) LocalAddr() net.Addr { return c.t.local }

// RemoteAddr is the address of the peer's socket.
func (c *Conn) RemoteAddr() net.Addr { return c.t.remote }

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
	c.readFor(closeWriteTimeout) // whoever waits for the peer's close waits no longer than this
	b.touch(c)
}

// Abort shuts the socket without a word, with err as the reason that Run
// returns. It may be called from any goroutine.
func (c *Conn) Abort(err error) { c.shutSocket(err) }

// shutSocket closes the socket; the reader then finds out and tears down.
func (c *Conn) shutSocket(err error) {
	c.mu.Lock()
	first, nc, sock := !c.dead, c.t.nc, c.t.sock
	c.dead = true
	if c.closeErr == nil {
		c.closeErr = err
	}
	c.mu.Unlock()
	if first {
		hangUp(nc, sock)
	}
}

// hangUp ends the socket: whoever reads or writes has an error.
func hangUp(nc net.Conn, sock *socket) {
	if sock != nil {
		sock.shut(syscall.SHUT_RDWR)
		return
	}
	_ = nc.Close()
}

// readFor ends reading after so long, 0 at once: whoever reads has an error then.
func (c *Conn) readFor(d time.Duration) {
	c.mu.Lock()
	nc, sock := c.t.nc, c.t.sock
	c.mu.Unlock()
	switch {
	case sock == nil:
		_ = nc.SetReadDeadline(time.Now().Add(d))
	case d == 0:
		c.t.expire()
	default:
		time.AfterFunc(d, c.t.expire)
	}
}

// saslContext bounds a step of a login by the handshake deadline.
func (c *Conn) saslContext() (context.Context, context.CancelFunc) {
	if c.cfg.HandshakeTimeout > 0 {
		return context.WithTimeout(context.Background(), c.cfg.HandshakeTimeout)
	}
	return context.WithCancel(context.Background())
}

// Unread says whether something has come that nobody has read yet: the peer lives, and
// this side is late. Where that cannot be seen it is false.
func (c *Conn) Unread() (some bool) {
	c.mu.Lock()
	sock, raw := c.t.sock, c.t.raw
	c.mu.Unlock()
	if sock != nil {
		return sock.unread()
	}
	if raw != nil {
		_ = raw.Control(func(fd uintptr) { some = rawUnread(fd) })
	}
	return some
}

// Held is how many bytes of what has come wait for somebody to take them, those left out
// that count by their session.
func (c *Conn) Held() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held
}

// Backlog is how many bytes wait for the socket to take them.
func (c *Conn) Backlog() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.len()
}
