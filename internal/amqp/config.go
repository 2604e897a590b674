package amqp

import (
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
	// HoldBySession lets what handlers hold narrow the window of its own session, not of all.
	HoldBySession bool
	// WideWindows lets windows follow the size of frames and credit alone, however much that may
	// be in large ones: for a peer whose messages never wait here.
	WideWindows bool
	// BetweenRouters is for a peer that speaks for many, as we do to it:
	//   - Links are told apart by session and name, and the peer may begin sessions that count by
	//     themselves, see propertyAlone.
	//   - HoldBySession goes without saying: who waits for one consumer must not hold up the rest.
	//   - So does WideWindows: long messages have sessions of their own, see [Session.ForLong].
	//   - Outcomes may be told before the last frame: the peer is ready for that, see early.
	BetweenRouters bool
	// Overrun lets a link send as much again as its window beyond its credit before that
	// costs it, and a raw link more: some brokers lose count of what is on its way in them.
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

	said said
}
