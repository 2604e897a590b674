package amqp

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/wire"
)

func TestOpenTellsBothSidesOfEachOther(t *testing.T) {
	caps, wishes := []wire.Symbol{"ANONYMOUS-RELAY"}, []wire.Symbol{"SHARED-SUBS", "CRYSTAL"}
	props := wire.Map{{Key: wire.Symbol("product"), Value: "test"}}
	dialogue(t, func(p *peer) {
		p.write(wire.ProtoAMQP[:], &p.hello)
		p.wantHeader("the header", wire.ProtoAMQP)
		p.want("what the engine says of itself", &wire.Open{
			ContainerID: "engine", MaxFrameSize: wire.Some[uint32](4096), ChannelMax: wire.Some[uint16](3),
			IdleTimeout: wire.Some[uint32](15000), OfferedCapabilities: caps, DesiredCapabilities: wishes, Properties: props,
		})
		p.heard("the handler is told", "open peer")
		got := *p.conn.Peer()
		want := Peer{
			ContainerID: "peer", Hostname: "virtual", MaxFrame: 512, ChannelMax: 7, IdleTimeout: time.Minute,
			Offered: caps, Desired: wishes, Properties: props,
		}
		if !reflect.DeepEqual(got, want) {
			p.t.Errorf("the peer is\n%+v, want\n%+v", got, want)
		}
	}, config(func(c *Config) {
		c.IdleTimeout, c.Offered, c.Desired, c.Properties = 30*time.Second, caps, wishes, props
	}), saying(func(o *wire.Open) {
		o.Hostname, o.MaxFrameSize, o.ChannelMax = "virtual", wire.Some[uint32](512), wire.Some[uint16](7)
		o.IdleTimeout, o.OfferedCapabilities, o.DesiredCapabilities, o.Properties = wire.Some[uint32](60000), caps, wishes, props
	}))
}

// [2.4.1] Nothing may come before open, also of a server that has much to say.
func TestASessionBegunAtOnceComesBehindOpen(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.h.onOpened = func(b *Batch) { _, _ = p.conn.Begin(b) }
		p.write(wire.ProtoAMQP[:], &p.hello)
		p.wantHeader("the header", wire.ProtoAMQP)
		p.want("open comes first", &wire.Open{ContainerID: "engine"}, &wire.Begin{})
		p.heard("before anything else the handler hears of the open", "open peer")
	})
}

// [2.7.1] What open leaves out has a default.
func TestAnOpenThatSaysNothing(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		if got := p.conn.Peer(); got.MaxFrame != 1<<32-1 || got.ChannelMax != 65535 || got.IdleTimeout != 0 {
			p.t.Errorf("the defaults are %+v", got)
		}
	})
}

// A connection that has a number says it among the properties, and changes nothing that the
// others of its listener say.
func TestOpenSaysTheNumberOfTheConnection(t *testing.T) {
	cfg := &Config{ContainerID: "engine", MaxFrameSize: 4096, NumberProperty: "connection",
		Properties: wire.Map{{Key: wire.Symbol("product"), Value: "test"}}}
	for _, n := range []uint64{7, 1 << 40, 0} {
		dialogue(t, func(p *peer) {
			p.write(wire.ProtoAMQP[:], &p.hello)
			p.wantHeader("the header", wire.ProtoAMQP)
			p.want("what it says of itself", &wire.Open{ContainerID: "engine",
				Properties: wire.Map{cfg.Properties[0], {Key: wire.Symbol("connection"), Value: int64(n)}}})
		}, func(p *peer) { p.cfg, p.number = cfg, n })
	}
}

// [2.4.1] A peer that says much in its open goes beyond the 512 bytes that it may count
// on: whoever takes larger frames later takes that one.
func TestALongOpen(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		if got := p.conn.Peer().Properties; len(got) != 1 {
			p.t.Errorf("its properties are %v", got)
		}
	}, saying(func(o *wire.Open) {
		o.Properties = wire.Map{{Key: wire.Symbol("product"), Value: strings.Repeat("long", 500)}}
	}))
}

// refusedOpen says that what the peer wrote instead of a proper open is answered
// by open and close. [2.4.3]
func refusedOpen(t *testing.T, condition wire.Symbol, description string, options []option, frames ...any) {
	t.Helper()
	dialogue(t, func(p *peer) {
		p.write(wire.ProtoAMQP[:])
		p.write(frames...)
		p.wantHeader("the header was in order", wire.ProtoAMQP)
		p.want("a close must not be the first frame [2.7.1]", &wire.Open{ContainerID: "engine"})
		p.want("the reason", &wire.Close{Error: &wire.Error{Condition: condition, Description: description}})
		p.write(&wire.Close{})
		p.wantShut("", string(condition))
	}, options...)
}

func TestOpensThatAreRefused(t *testing.T) {
	open := func(f func(*wire.Open)) *wire.Open {
		o := &wire.Open{ContainerID: "peer"}
		f(o)
		return o
	}
	t.Run("max-frame-size below 512", func(t *testing.T) {
		refusedOpen(t, wire.CondInvalidField, "max-frame-size is 511", nil,
			open(func(o *wire.Open) { o.MaxFrameSize = wire.Some[uint32](511) }))
	})
	t.Run("max-frame-size 0", func(t *testing.T) {
		refusedOpen(t, wire.CondInvalidField, "max-frame-size is 0", nil,
			open(func(o *wire.Open) { o.MaxFrameSize = wire.Some[uint32](0) }))
	})
	t.Run("an idle-time-out that no timer can serve [2.4.5]", func(t *testing.T) {
		refusedOpen(t, wire.CondNotAllowed, "idle-time-out is 1 ms", nil,
			open(func(o *wire.Open) { o.IdleTimeout = wire.Some[uint32](1) }))
	})
	t.Run("the handler does not want it", func(t *testing.T) {
		refusedOpen(t, wire.CondUnauthorizedAccess, "not today",
			[]option{handling(func(h *recorder) {
				h.refuseOpen = &wire.Error{Condition: wire.CondUnauthorizedAccess, Description: "not today"}
			})}, open(func(*wire.Open) {}))
	})
	t.Run("begin comes first", func(t *testing.T) {
		refusedOpen(t, wire.CondNotAllowed, "begin was not expected", nil, &wire.Begin{})
	})
	t.Run("a transfer comes first", func(t *testing.T) {
		refusedOpen(t, wire.CondNotAllowed, "transfer was not expected", nil, message(0, 0, "hello"))
	})
	t.Run("on another channel than 0 [2.4.1]", func(t *testing.T) {
		refusedOpen(t, wire.CondNotAllowed, "open on channel 1", nil, on(1, open(func(*wire.Open) {})))
	})
	t.Run("no container-id", func(t *testing.T) {
		refusedOpen(t, wire.CondInvalidField, "container-id", nil, []byte{0, 0, 0, 12, 2, 0, 0, 0, 0, 0x53, 0x10, 0x45})
	})
	t.Run("an AMQP header again", func(t *testing.T) {
		dialogue(t, func(p *peer) {
			p.write(wire.ProtoAMQP[:], wire.ProtoAMQP[:])
			p.wantHeader("the first was in order", wire.ProtoAMQP)
			p.want("the second is no frame", &wire.Open{ContainerID: "engine"}, &wire.Close{Error: refused(wire.CondFramingError)})
			p.wantShut("", "size 1095586128")
		})
	})
}

func TestAZeroIdleTimeOutIsNone(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		time.Sleep(time.Hour)
		p.wantIdle("[2.7.1] zero is the same as if it was not set")
	}, saying(func(o *wire.Open) { o.IdleTimeout = wire.Some[uint32](0) }))
}

func TestOpenTwice(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		p.write(&p.hello)
		p.wantClose("a connection is opened once", wire.CondNotAllowed)
		p.heard("the fault is told once", "open peer", "fault connection amqp:not-allowed")
	})
}

// A peer may think better of it before it has opened.
func TestCloseInsteadOfOpen(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.write(wire.ProtoAMQP[:], &wire.Close{})
		p.wantHeader("the header", wire.ProtoAMQP)
		p.want("close comes behind open, even so [2.4.3]", &wire.Open{ContainerID: "engine"}, &wire.Close{})
		p.wantShut("", "")
	})
}

// [2.7.1] "A peer that receives an oversized frame MUST close the Connection with
// the framing-error error-code."
func TestAFrameLargerThanMaxFrameSize(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		overhead := len(message(0, 1, "").encode(nil))
		p.write(message(0, 1, strings.Repeat("x", 4096-overhead)))
		p.heard("4096 bytes are what was agreed", `q 1 4072 bytes`)
		p.write(message(0, 2, strings.Repeat("x", 4097-overhead)))
		p.want("4097 are not", &wire.Close{Error: &wire.Error{Condition: wire.CondFramingError, Description: "size 4097 exceeds"}})
		p.wantShut("", "framing-error")
		p.heard("the link goes with its connection", "fault connection amqp:connection:framing-error", "detach q lost 1 amqp:connection:framing-error")
	})
}

// The size is enough: an engine that waited for the rest would hold a buffer for
// whoever claims to send one.
func TestAnOversizedFrameIsRefusedByItsFirstBytes(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		p.write([]byte{0xff, 0xff, 0xff, 0xff})
		p.want("no more is needed", &wire.Close{Error: refused(wire.CondFramingError)})
		p.wantShut("", "size 4294967295 exceeds")
	})
}
