package gossip

import (
	"log"
	"strings"
	"time"

	"github.com/hashicorp/memberlist"
	"go.uber.org/zap"

	"github.com/meshway/meshway/linkstate"
)

const (
	// packetSize is what memberlist fills a packet to, in bytes.
	packetSize = 8192
	// maxMembers bounds the living routers that are believed in.
	maxMembers = linkstate.MaxRouters
	// joinInterval is how often all is compared with a random neighbour.
	joinInterval = 10 * time.Second
	// streamTimeout bounds each half of a join.
	streamTimeout = 10 * time.Second
)

// settings are memberlist's for a router. Adjacencies notice failures in a
// fraction of a second; its probes only have to bury, so they are few.
func settings(c *Config, t *transport, d *delegate) *memberlist.Config {
	s := memberlist.DefaultWANConfig()
	s.Name = c.ID
	s.Transport = t
	s.BindPort = portRelayed
	s.AdvertisePort = portRelayed
	s.Delegate, s.Events, s.Alive = d, d, d
	s.Logger = log.New(logWriter{c.Log}, "", 0)
	// Names are what packets travel by.
	s.RequireNodeNames = true
	// An address never changes, so none is ever to be reclaimed.
	s.DeadNodeReclaimTime = 0

	s.ProbeInterval = 5 * time.Second
	s.ProbeTimeout = 3 * time.Second
	s.SuspicionMult = 4
	// The fallback of a probe would be a stream over several hops.
	s.DisableTcpPings = true
	s.GossipInterval = 200 * time.Millisecond
	s.GossipNodes = 3
	s.TCPTimeout = streamTimeout
	// A push-pull goes to any router, a join to a neighbour of our choice.
	s.PushPullInterval = 0
	// The adjacencies are the place for encryption, and compressed packets could not
	// be bounded before they are unpacked.
	s.EnableCompression = false
	// Adjacencies are streams, so a packet may be larger than a datagram, but a byte
	// counts the messages in it: GetBroadcasts keeps to that.
	s.UDPBufferSize = packetSize
	s.HandoffQueueDepth = 16384
	// Zero: versions are in our own envelopes, since memberlist refuses whoever does
	// not share them with every single member.
	s.DelegateProtocolMin, s.DelegateProtocolMax, s.DelegateProtocolVersion = 0, 0, 0
	return s
}

// logWriter takes memberlist's lines, which mostly tell of what is normal in a
// mesh, as debug entries.
type logWriter struct{ log *zap.Logger }

func (w logWriter) Write(line []byte) (int, error) {
	if e := w.log.Check(zap.DebugLevel, ""); e != nil {
		text := strings.TrimSpace(string(line))
		if _, after, ok := strings.Cut(text, "memberlist: "); ok {
			text = after
		}
		e.Message = text
		e.Write()
	}
	return len(line), nil
}
