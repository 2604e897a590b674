package amqp

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meshway/meshway/internal/wire"
)

// peer is the scripted other side of one engine, in virtual time: it writes
// frames, and says which it wants to see next, and why.
//
//	p.write(&wire.Attach{...})
//	p.want("the link is answered", &wire.Attach{...})
//	p.heard("the handler is asked", `attach sender q`)
//	p.wantIdle("no credit without a window")
type peer struct {
	t    *testing.T
	conn *Conn
	h    *recorder
	cfg  *Config
	nc   *memConn      // our end
	done chan struct{} // closed when Run has returned
	err  error         // what Run returned

	number  uint64    // of the connection
	hello   wire.Open // what open says of us
	in      []byte    // written by the engine, not looked at yet
	tap     tapRecord // told of all frames
	wrote   []byte    // by us
	read    []byte    // written by the engine, and read by us
	eof     bool      // the engine has closed its half
	closed  bool      // its close was seen: nothing may follow
	anyEnd  bool      // how Run explains the end does not matter
	windows bool      // flows that tell of nothing but a session's window are seen
}

// option changes a dialogue before it begins.
type option func(*peer)

func config(f func(*Config)) option     { return func(p *peer) { f(p.cfg) } }
func handling(f func(*recorder)) option { return func(p *peer) { f(p.h) } }

// aboutWindows is for stories in which the flows of sessions matter.
func aboutWindows() option { return func(p *peer) { p.windows = true } }

// saying changes our open.
func saying(f func(*wire.Open)) option { return func(p *peer) { f(&p.hello) } }

// dialogue runs a story in which the engine is the server. It begins before the
// first byte.
func dialogue(t *testing.T, story func(p *peer), options ...option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { converse(t, false, story, options) })
}

// dialled runs a story in which the engine is the client.
func dialled(t *testing.T, story func(p *peer), options ...option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { converse(t, true, story, options) })
}

// opened runs a story that begins with an open connection and a session on
// channel 0 of both sides.
func opened(t *testing.T, story func(p *peer), options ...option) {
	t.Helper()
	dialogue(t, func(p *peer) {
		p.open()
		p.begin(0)
		p.h.take()
		story(p)
	}, options...)
}

func converse(t *testing.T, client bool, story func(p *peer), options []option) {
	p := newPeer(t, client, options)
	story(p)
	p.leave()
}

func newPeer(t *testing.T, client bool, options []option) *peer {
	p := &peer{
		t: t, h: newRecorder(), done: make(chan struct{}),
		cfg: &Config{
			ContainerID: "engine", MaxFrameSize: 4096, ChannelMax: 3, HandshakeTimeout: 10 * time.Second,
		},
		hello: wire.Open{ContainerID: "peer"},
	}
	for _, o := range options {
		o(p)
	}
	engine, nc := memPipe()
	p.nc = nc
	if client {
		p.conn = NewClient(engine, p.cfg, p.h)
	} else {
		p.conn = NewServer(engine, p.cfg, p.h)
	}
	p.conn.SetNumber(p.number)
	p.conn.SetTap(&p.tap)
	go func() {
		defer close(p.done)
		p.err = p.conn.Run()
	}()
	// Only for stories that fail: otherwise both have ended by then.
	t.Cleanup(func() {
		_ = nc.Close()
		p.conn.Abort(nil)
	})
	return p
}

// leave ends the story: the peer goes away, and the engine must leave nothing
// behind. That no goroutine stays is checked by the bubble itself.
func (p *peer) leave() {
	p.t.Helper()
	_ = p.nc.Close()
	// A peer that has stopped reading has stopped for good: what is written to it
	// fails, but a slow writer may have to give up first.
	<-p.done
	p.tap.compare(p.t, p.wrote, p.read)
	c := p.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out.bytes != nil || c.t.rbuf != nil {
		p.t.Errorf("buffers are kept by a connection that has ended: %d to write, %d to read", cap(c.out.bytes), cap(c.t.rbuf))
	}
	if !c.dead || c.timer != nil {
		p.t.Errorf("the connection has ended: dead is %v, timer %v", c.dead, c.timer != nil)
	}
}

// write sends frames: performatives, frames, or raw bytes.
func (p *peer) write(frames ...any) {
	var b []byte
	for _, f := range frames {
		if raw, ok := f.([]byte); ok {
			b = append(b, raw...)
			continue
		}
		b = asFrame(f).encode(b)
	}
	p.wrote = append(p.wrote, b...)
	_, _ = p.nc.Write(b) // the engine may be gone: what it wrote before counts
}

// listen waits until the engine has nothing more to do, and takes what it wrote.
func (p *peer) listen() {
	synctest.Wait()
	checkCredit(p.t, p.conn)
	data, eof := p.nc.in.take()
	p.in = append(p.in, data...)
	p.read = append(p.read, data...)
	p.eof = p.eof || eof
}

// next takes the next frame. Flows of sessions are passed over, unless the story
// is about them: they come now and then in any other.
func (p *peer) next() (frame, bool) {
	p.t.Helper()
	for {
		f, ok := p.any()
		flow, isFlow := f.body.(*wire.Flow)
		if !ok || !isFlow || flow.Handle.OK || p.windows {
			return f, ok
		}
	}
}

// any takes the next frame, whatever it is.
func (p *peer) any() (frame, bool) {
	p.t.Helper()
	p.listen()
	limit := p.hello.MaxFrameSize.Or(1<<32 - 1)
	f, n, err := wire.ParseFrame(p.in, limit)
	switch {
	case err != nil:
		p.t.Fatalf("the engine wrote what is no frame for us: %v\n% x", err, p.in)
	case n == 0:
		return frame{}, false
	case p.closed:
		p.t.Fatalf("the engine wrote a frame behind its close: % x", p.in)
	}
	got := decodeFrame(p.t, f)
	p.in = p.in[n:]
	_, p.closed = got.body.(*wire.Close)
	return got, true
}

// want checks that these frames come next, in this order.
func (p *peer) want(why string, frames ...any) {
	p.t.Helper()
	for _, w := range frames {
		wanted := asFrame(w)
		got, ok := p.next()
		switch {
		case !ok:
			p.t.Fatalf("%s:\ngot nothing%s\nwant %v", why, p.ending(), wanted)
		case !same(got, wanted):
			p.t.Fatalf("%s:\ngot  %v\nwant %v", why, got, wanted)
		}
	}
}

func (p *peer) ending() string {
	if p.eof {
		return ", and the connection is shut"
	}
	return ""
}

// wantHeader checks that a protocol header comes next.
func (p *peer) wantHeader(why string, h [8]byte) {
	p.t.Helper()
	p.listen()
	if len(p.in) < len(h) || !bytes.Equal(p.in[:len(h)], h[:]) {
		p.t.Fatalf("%s:\ngot  % x%s\nwant % x", why, p.in, p.ending(), h)
	}
	p.in = p.in[len(h):]
}

// wantIdle checks that the engine says nothing, and stays.
func (p *peer) wantIdle(why string) {
	p.t.Helper()
	if f, ok := p.next(); ok {
		p.t.Fatalf("%s:\ngot  %v\nwant nothing", why, f)
	}
	if len(p.in) > 0 || p.eof {
		p.t.Fatalf("%s: want nothing, got % x%s", why, p.in, p.ending())
	}
}

// wantShut checks that nothing more comes and that the socket is shut; Run's
// error must contain the text.
func (p *peer) wantShut(why, text string) {
	p.t.Helper()
	if f, ok := p.next(); ok {
		p.t.Fatalf("%s:\ngot  %v\nwant the end", why, f)
	}
	if len(p.in) > 0 {
		p.t.Fatalf("%s: want the end, got % x", why, p.in)
	}
	if !p.eof {
		p.t.Fatalf("%s: the engine keeps the connection", why)
	}
	_ = p.nc.Close()
	<-p.done
	if p.anyEnd {
		return
	}
	if text == "" && p.err != nil || text != "" && (p.err == nil || !strings.Contains(p.err.Error(), text)) {
		p.t.Fatalf("%s: Run returned %v, want %q", why, p.err, text)
	}
}

// wantClose checks that the connection is closed with this condition; the close
// is answered, and that ends it.
func (p *peer) wantClose(why string, condition wire.Symbol) {
	p.t.Helper()
	p.want(why, &wire.Close{Error: refused(condition)})
	p.write(&wire.Close{})
	text := string(condition)
	p.wantShut(why, text)
}

// refused is an error of which only the condition counts; none is none.
func refused(condition wire.Symbol) *wire.Error {
	if condition == "" {
		return nil
	}
	return &wire.Error{Condition: condition}
}

// heard checks that these, and no others, are the lines that the handler wrote.
func (p *peer) heard(why string, lines ...string) {
	p.t.Helper()
	synctest.Wait()
	if got := p.h.take(); !slices.Equal(got, lines) {
		p.t.Fatalf("%s: the handler heard\n\t%s\nwant\n\t%s", why, strings.Join(got, "\n\t"), strings.Join(lines, "\n\t"))
	}
}

// do lets the application behind the engine act.
func (p *peer) do(f func(b *Batch)) {
	var b Batch
	f(&b)
	b.Flush()
}

// receiver and sender are links that the handler took.
func (p *peer) receiver(name string) *Receiver {
	p.t.Helper()
	synctest.Wait()
	var l *Receiver
	p.h.keep(func() { l = p.h.receivers[name] })
	if l == nil {
		p.t.Fatalf("the handler has taken no receiver %q", name)
	}
	return l
}

func (p *peer) sender(name string) *Sender {
	p.t.Helper()
	synctest.Wait()
	var l *Sender
	p.h.keep(func() { l = p.h.senders[name] })
	if l == nil {
		p.t.Fatalf("the handler has taken no sender %q", name)
	}
	return l
}

// open opens the connection.
func (p *peer) open() {
	p.t.Helper()
	p.write(wire.ProtoAMQP[:], &p.hello)
	p.wantHeader("the header is answered", wire.ProtoAMQP)
	p.want("open is answered", &wire.Open{ContainerID: "engine"})
}

// begin begins a session on our channel ch, with the window of a peer that takes
// all there is; the engine's answer must come on the same channel.
func (p *peer) begin(ch uint16) {
	p.t.Helper()
	p.write(on(ch, &wire.Begin{IncomingWindow: 1000, OutgoingWindow: 1000}))
	p.want("begin is answered", on(ch, &wire.Begin{RemoteChannel: wire.Some(ch)}))
}

// attachSender attaches a link by which we send, and returns the credit it got.
func (p *peer) attachSender(name string, handle uint32) {
	p.t.Helper()
	p.write(sending(name, handle))
	p.want("the link is answered", &wire.Attach{Name: name, Handle: handle, Role: wire.RoleReceiver,
		Source: &wire.Source{}, Target: &wire.Target{}})
	if p.h.window > 0 {
		p.want("credit of the handler's window", credit(handle, 0, p.h.window))
	}
	p.heard("the handler takes the link", "attach sender "+name)
}

// attachReceiver attaches a link by which we receive.
func (p *peer) attachReceiver(name string, handle uint32) {
	p.t.Helper()
	p.write(receiving(name, handle))
	p.want("the link is answered", &wire.Attach{Name: name, Handle: handle, Role: wire.RoleSender,
		Source: &wire.Source{}, Target: &wire.Target{}, InitialDeliveryCount: wire.Some[uint32](0)})
	p.heard("the handler takes the link", "attach receiver "+name)
}

// sending is the attach of a link by which the peer sends.
func sending(name string, handle uint32) *wire.Attach {
	return &wire.Attach{Name: name, Handle: handle, Role: wire.RoleSender, InitialDeliveryCount: wire.Some[uint32](0),
		Source: &wire.Source{}, Target: &wire.Target{Address: wire.Some(name)}}
}

// receiving is the attach of a link by which the peer receives.
func receiving(name string, handle uint32) *wire.Attach {
	return &wire.Attach{Name: name, Handle: handle, Role: wire.RoleReceiver,
		Source: &wire.Source{Address: wire.Some(name)}, Target: &wire.Target{}}
}

// credit is the flow of a receiver.
func credit(handle, deliveryCount, n uint32) *wire.Flow {
	return &wire.Flow{Handle: wire.Some(handle), DeliveryCount: wire.Some(deliveryCount), LinkCredit: wire.Some(n)}
}

// grant is credit as the peer writes it: with a window that takes all there is.
func grant(handle, deliveryCount, n uint32) *wire.Flow {
	f := credit(handle, deliveryCount, n)
	f.NextIncomingID, f.IncomingWindow, f.OutgoingWindow = wire.Some[uint32](0), 1<<20, 1<<20
	return f
}

// message is the transfer of a whole unsettled message.
func message(handle, id uint32, payload string) frame {
	return with(&wire.Transfer{Handle: handle, DeliveryID: wire.Some(id), DeliveryTag: tag(id)}, payload)
}

func tag(id uint32) []byte { return fmt.Appendf(nil, "tag-%d", id) }

// sent is a whole unsettled message as the engine sends it.
func sent(handle, id uint32, payload string) frame {
	return with(&wire.Transfer{Handle: handle, DeliveryID: wire.Some(id)}, payload)
}

// outcome is what a receiver says of deliveries, settled.
func outcome(first, last uint32, kind wire.StateKind) *wire.Disposition {
	d := &wire.Disposition{Role: wire.RoleReceiver, First: first, Settled: true, State: wire.DeliveryState{Kind: kind}}
	if last != first {
		d.Last = wire.Some(last)
	}
	return d
}
