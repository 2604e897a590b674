package gossip

import "sync/atomic"

// Stats counts since the start.
type Stats struct {
	Packets, Bytes uint64 // handed to adjacencies, relayed ones included
	Received       uint64 // packets that came from adjacencies
	Relayed        uint64 // of those, sent on
	NoWay          uint64 // packets without an adjacency or a next hop towards their router
	Full           uint64 // packets that an adjacency, or our own inbox, had no room for
	Expired        uint64 // packets that had made their last hop
	Looped         uint64 // packets of our own that came back
	Malformed      uint64 // packets that break the format; dropped
	Unknown        uint64 // packets and messages of a later version; skipped
	Refused        uint64 // claims about members that we do not believe
	Streams        uint64 // streams that were begun, by either end
}

type counters struct {
	packets, bytes, received, relayed, noWay, full atomic.Uint64
	expired, looped, malformed, unknown, refused   atomic.Uint64
	streams                                        atomic.Uint64
}

func (c *counters) stats() Stats {
	return Stats{
		Packets: c.packets.Load(), Bytes: c.bytes.Load(), Received: c.received.Load(),
		Relayed: c.relayed.Load(), NoWay: c.noWay.Load(), Full: c.full.Load(),
		Expired: c.expired.Load(), Looped: c.looped.Load(), Malformed: c.malformed.Load(),
		Unknown: c.unknown.Load(), Refused: c.refused.Load(), Streams: c.streams.Load(),
	}
}
