package router_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/meshway/meshway/internal/wire"
)

// rawClient says whatever it wants to a router, over TCP. What it hears it reads
// only when asked. Its methods do not fail a test: the router may well have thrown
// it out.
type rawClient struct {
	nc   net.Conn
	in   []byte
	most int   // largest frame that the client takes; 0 is any
	gone error // why nothing can be said or heard any more
}

// rawDial connects, and says nothing yet.
func rawDial(address string) *rawClient {
	nc, err := net.Dial("tcp", address)
	return &rawClient{nc: nc, gone: err}
}

// frame is a frame on any channel, with or without payload.
type frame struct {
	ch      uint16
	body    wire.Performative
	payload []byte
}

func (c *rawClient) bytes(b []byte) {
	if c.gone == nil {
		_ = c.nc.SetWriteDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.nc.Write(b); err != nil {
			c.gone = err
		}
	}
}

// write says performatives on channel 0, or frames.
func (c *rawClient) write(frames ...any) { c.bytes(encode(frames...)) }

func encode(frames ...any) (b []byte) {
	for _, v := range frames {
		f, ok := v.(frame)
		if !ok {
			f.body = v.(wire.Performative)
		}
		var start int
		b, start = wire.BeginFrame(b, wire.FrameAMQP, f.ch)
		b = wire.EndFrame(append(f.body.Append(b), f.payload...), start)
	}
	return b
}

// open opens the connection and begins a session, in one write, and hears the
// answers.
func (c *rawClient) open() *rawClient {
	c.bytes(append(wire.ProtoAMQP[:], encode(&wire.Open{ContainerID: "raw"}, session())...))
	c.await(wire.CodeBegin)
	return c
}

func session() *wire.Begin { return &wire.Begin{IncomingWindow: 1 << 20, OutgoingWindow: 1 << 20} }

// next hears the next frame within the time; a nil body is none, or a heartbeat.
func (c *rawClient) next(within time.Duration) (f frame, code wire.Code) {
	if len(c.in) >= 4 && string(c.in[:4]) == "AMQP" && c.need(8, within) {
		c.in = c.in[8:]
	}
	if !c.need(8, within) {
		return frame{}, 0
	}
	if string(c.in[:4]) == "AMQP" {
		return c.next(within)
	}
	size := int(binary.BigEndian.Uint32(c.in))
	if c.most > 0 && size > c.most {
		c.gone = fmt.Errorf("the router wrote a frame of %d bytes, where %d are taken", size, c.most)
	}
	if !c.need(size, within) {
		return frame{}, 0
	}
	raw := c.in[:size]
	c.in = c.in[size:]
	if size == 8 {
		return frame{}, 0
	}
	code, fields, payload, err := wire.ParsePerformative(raw[8:])
	if err != nil {
		c.gone = fmt.Errorf("what the router wrote cannot be read: %w", err)
		return frame{}, 0
	}
	f = frame{ch: binary.BigEndian.Uint16(raw[6:]), payload: append([]byte(nil), payload...)}
	switch code {
	case wire.CodeTransfer:
		p := new(wire.Transfer)
		err, f.body = p.Decode(fields), p
	case wire.CodeDisposition:
		p := new(wire.Disposition)
		err, f.body = p.Decode(fields), p
		p.State = p.State.Clone()
	case wire.CodeFlow:
		p := new(wire.Flow)
		err, f.body = p.Decode(fields), p
	case wire.CodeAttach:
		p := new(wire.Attach)
		err, f.body = p.Decode(fields), p
	case wire.CodeDetach:
		p := new(wire.Detach)
		err, f.body = p.Decode(fields), p
	case wire.CodeEnd:
		p := new(wire.End)
		err, f.body = p.Decode(fields), p
	case wire.CodeClose:
		p := new(wire.Close)
		err, f.body = p.Decode(fields), p
	}
	if err != nil {
		c.gone = fmt.Errorf("what the router wrote cannot be read: %w", err)
	}
	return f, code
}

// need reads until n bytes are there.
func (c *rawClient) need(n int, within time.Duration) bool {
	for c.gone == nil && len(c.in) < n {
		_ = c.nc.SetReadDeadline(time.Now().Add(within))
		b := make([]byte, 64<<10)
		k, err := c.nc.Read(b)
		c.in = append(c.in, b[:k]...)
		if err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				c.gone = err
			}
			return len(c.in) >= n
		}
	}
	return len(c.in) >= n
}

const rawPatience = 10 * time.Second // for what comes at once, on a machine that is busy

// await hears frames until one of this kind, which it returns; a zero frame when
// the router closes instead, or says nothing for long.
func (c *rawClient) await(code wire.Code) frame {
	for end := time.Now().Add(rawPatience); c.gone == nil && time.Now().Before(end); {
		switch f, got := c.next(rawPatience); got {
		case code:
			return f
		case wire.CodeClose:
			return frame{}
		}
	}
	return frame{}
}

// close leaves in good order.
func (c *rawClient) close() {
	if c.nc == nil {
		return
	}
	c.write(&wire.Close{})
	_ = c.nc.Close()
}

// reset leaves as a process that was killed, with a reset where the system does that.
func (c *rawClient) reset() {
	if tc, ok := c.nc.(*net.TCPConn); ok {
		_ = tc.SetLinger(0)
		_ = tc.Close()
	}
}

// ended says whether the router has shut the connection, or does within our patience.
func (c *rawClient) ended() bool {
	if c.nc == nil || c.gone != nil && !errors.Is(c.gone, os.ErrDeadlineExceeded) {
		return true
	}
	_ = c.nc.SetReadDeadline(time.Now().Add(rawPatience))
	_, err := io.Copy(io.Discard, c.nc)
	return err == nil || !errors.Is(err, os.ErrDeadlineExceeded)
}

// sender attaches a link by which the client sends; no address makes it anonymous.
func sender(name string, handle uint32, address string) *wire.Attach {
	a := &wire.Attach{Name: name, Handle: handle, Role: wire.RoleSender, InitialDeliveryCount: wire.Some[uint32](0),
		Source: &wire.Source{}, Target: &wire.Target{}}
	if address != "" {
		a.Target.Address = wire.Some(address)
	}
	return a
}

// receiver attaches a link by which the client receives.
func receiver(name string, handle uint32, address string) *wire.Attach {
	return &wire.Attach{Name: name, Handle: handle, Role: wire.RoleReceiver, Source: &wire.Source{Address: wire.Some(address)}, Target: &wire.Target{}}
}

// grant gives a link of the router's credit.
func grant(handle, n uint32) *wire.Flow {
	return &wire.Flow{NextIncomingID: wire.Some[uint32](0), IncomingWindow: 1 << 20, OutgoingWindow: 1 << 20,
		Handle: wire.Some(handle), DeliveryCount: wire.Some[uint32](0), LinkCredit: wire.Some(n)}
}

// transfer is one frame; more says that it is not the last.
func transfer(handle, id uint32, more bool, payload []byte) frame {
	return frame{body: &wire.Transfer{Handle: handle, DeliveryID: wire.Some(id), DeliveryTag: []byte("tag"), More: more}, payload: payload}
}

// settled marks a transfer.
func settled(f frame) frame {
	f.body.(*wire.Transfer).Settled = wire.Some(true)
	return f
}

// to is a message with an address in its properties.
func to(address, body string) []byte {
	p := wire.MessageProperties{To: wire.Some(address)}
	return append(p.Append(nil), data(body)...)
}

// data is a message that is nothing but a body.
func data(body string) []byte {
	b := binary.BigEndian.AppendUint32([]byte{0, 0x53, 0x75, 0xb0}, uint32(len(body)))
	return append(b, body...)
}
