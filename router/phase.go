package router

import (
	"strings"

	"github.com/meshway/meshway/internal/wire"
)

// An address can have parts that are kept apart: in phase 0 senders put messages in front
// of a broker, in phase 1 consumers take what comes out behind it, and so on in chains.
// Each part has a key of its own in the address table and among routers: a mark, a class,
// and the address. That of phase 0 is the address itself. No client can name a marked key.

const (
	partMark      = '\x1f'
	fallbackClass = 'F'
	shardClass    = 'S'

	lastPhase = 9
)

// phaseKey is the key of an address in a phase, 0 to 9.
func phaseKey(address string, phase uint8) string {
	if phase == 0 {
		return address
	}
	return string([]byte{partMark, '0' + phase}) + address
}

// fallbackKey is the key of those consumers of an address that get what no other takes.
func fallbackKey(address string) string {
	return string([]byte{partMark, fallbackClass}) + address
}

// shardKey is the key of the shard of an address that lies behind a connection.
func shardKey(address, connection string) string {
	return string([]byte{partMark, shardClass}) + connection + string(rune(partMark)) + address
}

// part takes a key apart: the address that it belongs to, and its class, which is '0' for
// phase 0.
func part(key string) (address string, class byte) {
	if !isPart(key) {
		return key, '0'
	}
	class, address = key[1], key[2:]
	if class == shardClass {
		_, address, _ = strings.Cut(address, string(rune(partMark)))
	}
	return address, class
}

// shardConnection is the connection behind which the shard lies that has the key.
func shardConnection(key string) string {
	connection, _, _ := strings.Cut(key[2:], string(rune(partMark)))
	return connection
}

func isPart[K string | []byte](key K) bool { return len(key) > 2 && key[0] == partMark }

// Capabilities of a terminus by which a client says which part of an address it means: it
// is a waypoint, or takes what no other consumer does.
const (
	capWaypoint = "qd.waypoint"
	capFallback = "qd.fallback"
)

// phaseOf is the phase that a terminus asks for by a capability: that into which it sends;
// it takes from the one before.
func phaseOf(capabilities []wire.Symbol) (phase uint8, ok bool) {
	for _, c := range capabilities {
		rest, ok := strings.CutPrefix(string(c), capWaypoint)
		switch {
		case !ok:
		case rest == "":
			return 1, true
		case len(rest) == 2 && rest[0] == '.' && '1' <= rest[1] && rest[1] <= '0'+lastPhase:
			return rest[1] - '0', true
		}
	}
	return 0, false
}
