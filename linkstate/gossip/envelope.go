package gossip

import (
	"errors"
	"fmt"

	"github.com/meshway/meshway/linkstate"
)

// A packet on an adjacency is
//
//	version, kind, hops that are left, len(source), source, len(dest), dest, payload
//
// Routers on the way relay kinds that they do not know.
const (
	envelopeVersion = 1
	hopsAt          = 2 // where the hops are
	maxHops         = 255

	kindGossip byte = 1 // a packet of memberlist
	kindStream byte = 2 // a frame of a stream, between neighbours only
)

// maxPacket bounds a packet on an adjacency: the longest message, and what is
// wrapped around it.
const maxPacket = MaxMessage + 1024

// envelope is a parsed packet; its slices are parts of it.
type envelope struct {
	kind, hops   byte
	source, dest []byte
	payload      []byte
}

var (
	errTruncated = errors.New("truncated")
	errVersion   = errors.New("unknown version")
)

func appendEnvelope(b []byte, kind byte, source, dest string) []byte {
	b = append(b, envelopeVersion, kind, maxHops)
	b = append(append(b, byte(len(source))), source...)
	return append(append(b, byte(len(dest))), dest...)
}

func parseEnvelope(b []byte) (e envelope, err error) {
	if len(b) > maxPacket {
		return e, fmt.Errorf("%d bytes, more than %d", len(b), maxPacket)
	}
	if len(b) < hopsAt+1 {
		return e, errTruncated
	}
	if b[0] != envelopeVersion {
		return e, errVersion
	}
	e.kind, e.hops = b[1], b[hopsAt]
	if e.source, b, err = cutID(b[hopsAt+1:]); err != nil {
		return e, fmt.Errorf("source: %w", err)
	}
	if e.dest, e.payload, err = cutID(b); err != nil {
		return e, fmt.Errorf("destination: %w", err)
	}
	return e, nil
}

// cutID takes an id with its length in front off b.
func cutID(b []byte) (id, rest []byte, err error) {
	if len(b) == 0 {
		return nil, nil, errTruncated
	}
	n := int(b[0])
	switch {
	case n == 0 || n > linkstate.MaxID:
		return nil, nil, fmt.Errorf("an id of %d bytes", n)
	case len(b) < 1+n:
		return nil, nil, errTruncated
	}
	return b[1 : 1+n], b[1+n:], nil
}
