package router

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/meshway/meshway/routing"
)

// routingData stands in front of every message between two routers. It says to
// which router the message goes, and what that one has to know of it. Transit
// looks at the egress alone. All numbers are big-endian:
//
//	 0  version, 1
//	 1  flags
//	 2  hops that are left
//	 3  class of priority
//	 4  length of the whole, 2 bytes: what a later version adds at its end is skipped
//	 6  length of the address, 2 bytes
//	 8  flow label, 4 bytes: messages with the same one keep their order
//	12  ingress router, 8 bytes ([routing.Key])
//	20  egress router, 8 bytes; 0 for a multicast
//	28  the address
//	..  of a multicast, the egress routers: their number in 2 bytes, then 8 bytes each
//	..  of a traced message, the routers that it passed: their number in 1 byte, then 8 bytes each
type routingData struct {
	flags   uint8
	hops    uint8
	class   uint8
	flow    uint32
	ingress routing.Key
	egress  routing.Key
	address []byte
	set     []byte // keys of the egress routers of a multicast
	trace   []byte // keys of the routers passed
	size    int    // in bytes, of all this
}

const (
	flagMulticast  = 1 << iota
	flagPresettled // by its sender: it is settled as it leaves the mesh
	flagReleases   // what is lost is released
	flagTraced     // a consumer wants to know the way
	flagMoved      // it has been at an egress which lost its consumers
)

const (
	routingDataVersion = 1
	routingDataFixed   = 28
	maxHops            = 64   // routers that a message passes at most
	maxAddressLength   = 4096 // of any address; one that has consumers at other routers is shorter
	maxEgress          = 1500 // egress routers of a multicast: all of this goes into one frame, see leastFrameSize
	keySize            = 8
	hopsAt             = 2
)

var errRoutingData = errors.New("a message between routers has no routing data that can be read")

// parseRoutingData reads what stands in front of p. What it returns points into p.
func parseRoutingData(p []byte) (d routingData, err error) {
	if len(p) < routingDataFixed {
		return d, fmt.Errorf("%w: %d bytes", errRoutingData, len(p))
	}
	if p[0] != routingDataVersion {
		return d, fmt.Errorf("%w: version %d, this router reads %d", errRoutingData, p[0], routingDataVersion)
	}
	d.flags, d.hops, d.class = p[1], p[hopsAt], min(p[3], numClasses-1)
	d.size = int(binary.BigEndian.Uint16(p[4:]))
	n := int(binary.BigEndian.Uint16(p[6:]))
	d.flow = binary.BigEndian.Uint32(p[8:])
	d.ingress = routing.Key(binary.BigEndian.Uint64(p[12:]))
	d.egress = routing.Key(binary.BigEndian.Uint64(p[20:]))
	if d.size < routingDataFixed+n || d.size > len(p) || n == 0 || n > maxAddressLength {
		return d, fmt.Errorf("%w: its length %d, of the address %d, in %d bytes", errRoutingData, d.size, n, len(p))
	}
	d.address = p[routingDataFixed : routingDataFixed+n]
	if d.flags&(flagMulticast|flagTraced) == 0 {
		return d, nil
	}
	return d, d.parseLists(p[routingDataFixed+n : d.size])
}

func (d *routingData) parseLists(rest []byte) error {
	if d.flags&flagMulticast != 0 {
		if len(rest) < 2 || len(rest) < 2+keySize*int(binary.BigEndian.Uint16(rest)) {
			return fmt.Errorf("%w: its list of routers is cut off", errRoutingData)
		}
		end := 2 + keySize*int(binary.BigEndian.Uint16(rest))
		d.set, rest = rest[2:end], rest[end:]
	}
	if d.flags&flagTraced != 0 {
		if len(rest) < 1 || len(rest) < 1+keySize*int(rest[0]) {
			return fmt.Errorf("%w: its trace is cut off", errRoutingData)
		}
		d.trace = rest[1 : 1+keySize*int(rest[0])]
	}
	return nil
}

// append encodes d. The set and the trace must fit, as those that parse do; an
// address that a terminus or a message may have always does.
func (d *routingData) append(b []byte) []byte {
	start := len(b)
	b = append(b, routingDataVersion, d.flags, d.hops, d.class, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(d.address)))
	b = binary.BigEndian.AppendUint32(b, d.flow)
	b = binary.BigEndian.AppendUint64(b, uint64(d.ingress))
	b = binary.BigEndian.AppendUint64(b, uint64(d.egress))
	b = append(b, d.address...)
	if d.flags&flagMulticast != 0 {
		b = binary.BigEndian.AppendUint16(b, uint16(len(d.set)/keySize))
		b = append(b, d.set...)
	}
	if d.flags&flagTraced != 0 {
		b = append(b, byte(len(d.trace)/keySize))
		b = append(b, d.trace...)
	}
	binary.BigEndian.PutUint16(b[start+4:], uint16(len(b)-start))
	return b
}

// passed adds a router to the trace, as long as there is room.
func (d *routingData) passed(here routing.Key) {
	if len(d.trace)/keySize < 255 {
		d.trace = binary.BigEndian.AppendUint64(d.trace[:len(d.trace):len(d.trace)], uint64(here))
	}
}
