package gossip

import (
	"fmt"

	"github.com/meshway/meshway/linkstate"
)

// A message of the router's own, inside of memberlist's packets, is
//
//	version, kind, len(source), source, payload
//
// and a broadcast has len(key), key before the payload. A state that goes with a
// join has the same form.
const messageVersion = 1

type messageKind byte

const (
	messageAdjacent  messageKind = 1
	messageBroadcast messageKind = 2
	messageState     messageKind = 3
)

const (
	// MaxMessage bounds a message to a neighbour, in bytes: it is one of a speaker.
	MaxMessage = linkstate.MaxMessage
	// MaxBroadcast bounds a broadcast message, in bytes: it must fit into a packet of
	// memberlist together with its envelope.
	MaxBroadcast = packetSize - 512
	// MaxState bounds the state that goes with a join, in bytes.
	MaxState = 1 << 20
	// maxKey bounds what a broadcast is about, in bytes.
	maxKey = linkstate.MaxID
)

// message is a parsed message; its slices are parts of it.
type message struct {
	kind    messageKind
	source  []byte
	key     []byte
	payload []byte
}

func appendMessage(b []byte, kind messageKind, source string) []byte {
	b = append(b, messageVersion, byte(kind))
	return append(append(b, byte(len(source))), source...)
}

// parseMessage says errVersion for a message of a later router, which is to be
// skipped.
func parseMessage(b []byte) (m message, err error) {
	if len(b) < 2 {
		return m, errTruncated
	}
	m.kind = messageKind(b[1])
	if b[0] != messageVersion || m.kind == 0 || m.kind > messageState {
		return m, errVersion
	}
	if m.source, m.payload, err = cutID(b[2:]); err != nil {
		return m, fmt.Errorf("source: %w", err)
	}
	if m.kind == messageBroadcast {
		if m.key, m.payload, err = cutID(m.payload); err != nil {
			return m, fmt.Errorf("key: %w", err)
		}
	}
	return m, nil
}
