package gossip

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxID bounds the id of a router, in bytes.
const maxID = 127

// Identity tells two lives of a router from each other.
type Identity struct {
	Incarnation uint64 // higher is later
	Boot        uint64 // random
}

// checkID says what is wrong with the id of a router.
func checkID(id string) error {
	switch {
	case id == "":
		return fmt.Errorf("a router's id must not be empty")
	case len(id) > maxID:
		return fmt.Errorf("router id of %d bytes: it must not be longer than %d", len(id), maxID)
	case !utf8.ValidString(id):
		return fmt.Errorf("router id %q is not UTF-8", id)
	}
	for _, r := range id {
		if r == '/' || unicode.IsSpace(r) || unicode.IsControl(r) {
			return fmt.Errorf("router id %q: %q must not be part of it", id, r)
		}
	}
	return nil
}

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

// A router's identity travels in what memberlist calls its meta data:
// version, incarnation, boot.
const (
	metaVersion = 1
	metaLen     = 17
	maxMeta     = 64 // of later versions
)

func (i Identity) encode() []byte {
	b := append(make([]byte, 0, metaLen), metaVersion)
	b = binary.BigEndian.AppendUint64(b, i.Incarnation)
	return binary.BigEndian.AppendUint64(b, i.Boot)
}

// parseIdentity says false for the meta data of another version.
func parseIdentity(b []byte) (Identity, bool) {
	if len(b) < metaLen || b[0] != metaVersion {
		return Identity{}, false
	}
	return Identity{binary.BigEndian.Uint64(b[1:]), binary.BigEndian.Uint64(b[9:])}, true
}

// What is left of a router's earlier life is heard of for a while after a restart;
// another living router of the same id is heard of for ever.
const (
	twinAfter = time.Minute      // how long it must be heard of
	twinGap   = 30 * time.Second // a longer silence begins anew
)

// twin notices another router that goes by our id.
type twin struct {
	theirs      Identity
	first, last time.Time
	told        time.Time
}

// heard takes a foreign identity that is told under our id, and reports whether
// it is time to complain: at most once in twinAfter.
func (t *twin) heard(theirs Identity, now time.Time) bool {
	if theirs != t.theirs || now.Sub(t.last) > twinGap {
		*t = twin{theirs: theirs, first: now, told: t.told}
	}
	t.last = now
	if now.Sub(t.first) < twinAfter || now.Sub(t.told) < twinAfter {
		return false
	}
	t.told = now
	return true
}
