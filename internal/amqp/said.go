package amqp

import (
	"encoding/binary"
	"math"
	"slices"
	"sync"

	"github.com/meshway/meshway/internal/buf"
	"github.com/meshway/meshway/internal/wire"
)

// said is what all connections of one Config say alike, encoded once.
type said struct {
	once       sync.Once
	mechanisms []byte // sasl-mechanisms
	welcome    []byte // sasl-outcome
	open       []byte // with a number for NumberProperty in its last eight bytes, if it has that
}

// alike is what all connections of the Config say.
func (cfg *Config) alike() *said {
	s := &cfg.said
	s.once.Do(func() {
		var m wire.SASLMechanisms
		for _, mech := range cfg.Mechanisms {
			m.Mechanisms = append(m.Mechanisms, wire.Symbol(mech.Name()))
		}
		s.mechanisms = wire.AppendSASLFrame(nil, &m)
		s.welcome = wire.AppendSASLFrame(nil, &wire.SASLOutcome{Code: wire.SASLOk})
		s.open = wire.AppendFrame(nil, 0, cfg.open())
	})
	return s
}

// open is what our open says. The number in it is one that takes all of its eight bytes.
func (cfg *Config) open() *wire.Open {
	o := &wire.Open{
		ContainerID:         cfg.ContainerID,
		Hostname:            cfg.Hostname,
		MaxFrameSize:        wire.Some(cfg.MaxFrameSize),
		ChannelMax:          wire.Some(cfg.ChannelMax),
		OfferedCapabilities: cfg.Offered,
		DesiredCapabilities: cfg.Desired,
		Properties:          cfg.Properties,
	}
	if d := cfg.IdleTimeout; d > 0 {
		// [2.4.5] Half of the real timeout, so that a peer which is a little
		// late does not lose its connection.
		o.IdleTimeout = wire.Some(uint32(d.Milliseconds() / 2))
	}
	if cfg.NumberProperty != "" {
		o.Properties = append(slices.Clip(o.Properties), wire.Pair{Key: cfg.NumberProperty, Value: int64(math.MaxInt64)})
	}
	return o
}

// appendOpen encodes our open. The caller holds mu.
func (c *Conn) appendOpen() {
	c.openSent = true
	start := len(c.out.bytes)
	open := c.cfg.alike().open
	b := append(buf.Reserve(c.out.bytes, len(open)), open...)
	if c.cfg.NumberProperty != "" {
		binary.BigEndian.PutUint64(b[len(b)-8:], c.number)
	}
	c.out.bytes = b
	if !c.fits(start) {
		c.out.bytes = wire.AppendFrame(b[:start], 0, shortened(c.cfg.open()))
	}
}
