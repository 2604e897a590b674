package gossip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/hashicorp/go-msgpack/v2/codec"

	"github.com/meshway/meshway/linkstate"
)

// What memberlist's packets begin with. Others (compressed, encrypted, labelled)
// are not used here, and could unpack to far more than they are.
const (
	gossipPing = iota
	gossipIndirectPing
	gossipAck
	gossipSuspect
	gossipAlive
	gossipDead
	gossipPushPull
	gossipCompound
	gossipUser
	_
	_
	gossipNack
	gossipChecksum
	gossipError
)

const (
	checksumLen = 5
	// smallestGossip is the shortest message that memberlist broadcasts, with its
	// length: that a router with the shortest of names is suspect.
	smallestGossip = 31
	// maxCompound is how many messages fit into a packet of memberlist: a byte counts them.
	maxCompound = 255
)

// inspection is the check of a packet before memberlist gets it.
type inspection struct {
	neighbour string // from whom it came
	unknown   int    // messages of a later version
}

// packet says what is wrong with a packet of memberlist.
func (i *inspection) packet(b []byte) error {
	if len(b) >= checksumLen && b[0] == gossipChecksum {
		b = b[checksumLen:]
	}
	if len(b) == 0 || b[0] != gossipCompound {
		return i.part(b)
	}
	if len(b) < 2 || len(b) < 2+2*int(b[1]) {
		return errTruncated
	}
	lengths, rest := b[2:2+2*int(b[1])], b[2+2*int(b[1]):]
	for ; len(lengths) > 0; lengths = lengths[2:] {
		n := int(binary.BigEndian.Uint16(lengths))
		if n > len(rest) {
			return errTruncated
		}
		if err := i.part(rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	if len(rest) > 0 {
		return fmt.Errorf("%d bytes after the last part", len(rest))
	}
	return nil
}

// part says what is wrong with one message.
func (i *inspection) part(b []byte) error {
	if len(b) == 0 {
		return errors.New("an empty message")
	}
	switch b[0] {
	case gossipPing, gossipIndirectPing, gossipAck, gossipNack, gossipSuspect, gossipAlive, gossipDead:
		return nil
	case gossipUser:
		return i.message(b[1:])
	}
	return fmt.Errorf("a message of type %d", b[0])
}

// message says what is wrong with a message of a router's own: one to a
// neighbour says by whom it is, and that must be true.
func (i *inspection) message(b []byte) error {
	m, err := parseMessage(b)
	switch {
	case errors.Is(err, errVersion):
		i.unknown++
		return nil
	case err != nil:
		return fmt.Errorf("message: %w", err)
	case m.kind == messageBroadcast:
		return nil
	case m.kind == messageState:
		return errors.New("a state outside of a stream")
	case string(m.source) != i.neighbour:
		return fmt.Errorf("a message to a neighbour by %q, who is none", m.source)
	}
	return nil
}

// checkStreamHead says what is wrong with the beginning of a stream: memberlist
// makes room for as many members and bytes as the head announces.
func checkStreamHead(b []byte, answer bool) error {
	switch {
	case len(b) == 0:
		return errTruncated
	case b[0] == gossipError && answer:
		return nil
	case b[0] != gossipPushPull:
		return fmt.Errorf("a stream of type %d", b[0])
	}
	var head struct{ Nodes, UserStateLen int }
	if err := codec.NewDecoder(bytes.NewReader(b[1:]), &codec.MsgpackHandle{}).Decode(&head); err != nil {
		return fmt.Errorf("head of a stream: %w", err)
	}
	if head.Nodes < 0 || head.Nodes > 2*maxMembers || head.UserStateLen < 0 || head.UserStateLen > MaxState+linkstate.MaxID+3 {
		return fmt.Errorf("a stream of %d members and %d bytes of state: at most %d and %d are taken",
			head.Nodes, head.UserStateLen, 2*maxMembers, MaxState)
	}
	return nil
}
