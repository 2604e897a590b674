package gossip

import (
	"crypto/sha256"
	"encoding/binary"
	"net"
	"strconv"
	"time"
)

// memberlist wants an IP address and a port for each router. They are made up:
// the address from the id, so that it never changes, and two ports that tell how
// a packet may travel.
const (
	portRelayed  = 1 // over other routers, if need be
	portAdjacent = 2 // to a neighbour or not at all

	adjacentSuffix = ":2" // of an address with portAdjacent
)

// addressOf is the made-up IP address of a router.
func addressOf(id string) net.IP {
	sum := sha256.Sum256([]byte(id))
	ip := make(net.IP, net.IPv6len)
	ip[0] = 0xfd
	copy(ip[1:], sum[:])
	return ip
}

// hostPort is the address of a router as memberlist spells it.
func hostPort(id string, port int) string {
	return net.JoinHostPort(addressOf(id).String(), strconv.Itoa(port))
}

// A router's boot id, which tells its lives apart, travels in what memberlist
// calls its meta data: version, boot id.
const (
	metaVersion = 1
	metaLen     = 9
	maxMeta     = 64 // of later versions
)

func encodeMeta(boot uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{metaVersion}, boot)
}

// bootOf says false for the meta data of another version.
func bootOf(meta []byte) (boot uint64, ok bool) {
	if len(meta) < metaLen || meta[0] != metaVersion {
		return 0, false
	}
	return binary.BigEndian.Uint64(meta[1:]), true
}

// What is left of a router's earlier life is heard of for a while after a restart;
// another living router of the same id is heard of for ever.
const (
	twinAfter = time.Minute      // how long it must be heard of
	twinGap   = 30 * time.Second // a longer silence begins anew
)

// twin notices another router that goes by our id.
type twin struct {
	boot        uint64 // of the other
	first, last time.Time
	told        time.Time
}

// heard takes a foreign boot id that is told under our id, and reports whether it
// is time to complain: at most once in twinAfter.
func (t *twin) heard(boot uint64, now time.Time) bool {
	if boot != t.boot || now.Sub(t.last) > twinGap {
		*t = twin{boot: boot, first: now, told: t.told}
	}
	t.last = now
	if now.Sub(t.first) < twinAfter || now.Sub(t.told) < twinAfter {
		return false
	}
	t.told = now
	return true
}
