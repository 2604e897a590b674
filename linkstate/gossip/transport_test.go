package gossip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/memberlist"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/meshway/meshway/linkstate"
)

// lone is the transport of router "me" with neighbours "left" and "right", and
// what it sends.
type lone struct {
	*transport
	full bool              // no adjacency has room
	hops map[string]string // destination -> next hop
	sent []string          // "neighbour: kind payload"
}

func newLone(log *zap.Logger) *lone {
	l := &lone{hops: map[string]string{}}
	l.transport = newTransport(&Config{
		ID: "me", Log: log,
		Send: func(neighbour string, packet []byte) bool {
			if l.full {
				return false
			}
			e, err := parseEnvelope(packet)
			if err != nil {
				panic(err)
			}
			l.sent = append(l.sent, neighbour+": "+string(rune('0'+e.kind))+" "+string(e.payload))
			return true
		},
		NextHop: func(dest string) (string, bool) { id, ok := l.hops[dest]; return id, ok },
	})
	l.up("left")
	l.up("right")
	return l
}

// packet is one on an adjacency.
func packet(kind byte, source, dest string, payload ...byte) []byte {
	return append(appendEnvelope(nil, kind, source, dest), payload...)
}

// user is a message of a router in a packet of memberlist.
func user(kind messageKind, source, key, text string) []byte {
	b := appendMessage([]byte{gossipUser}, kind, source)
	if kind == messageBroadcast {
		b = append(append(b, byte(len(key))), key...)
	}
	return append(b, text...)
}

func compound(parts ...[]byte) []byte {
	b := []byte{gossipCompound, byte(len(parts))}
	for _, p := range parts {
		b = binary.BigEndian.AppendUint16(b, uint16(len(p)))
	}
	return append(b, bytes.Join(parts, nil)...)
}

func TestAPacketForAnotherRouterGoesOnByTheNextHop(t *testing.T) {
	l := newLone(zap.NewNop())
	l.hops["far"] = "right"
	l.receive("left", packet(kindGossip, "origin", "far", []byte("ping")...))
	l.receive("left", packet(9, "origin", "far", []byte("later")...))        // a kind of a later version
	l.receive("left", packet(kindGossip, "origin", "right", []byte("x")...)) // a neighbour needs no route
	if want := []string{"right: 1 ping", "right: 9 later", "right: 1 x"}; !slices.Equal(l.sent, want) {
		t.Errorf("sent %q, want %q", l.sent, want)
	}
	if s := l.count.stats(); s.Relayed != 3 || s.Packets != 3 || s.Received != 3 {
		t.Errorf("counted %+v", s)
	}
}

func TestAPacketWithoutAWayIsDroppedAndCounted(t *testing.T) {
	l := newLone(zap.NewNop())
	l.hops["back"], l.hops["self"], l.hops["far"] = "left", "me", "right"
	for _, dest := range []string{"nowhere", "back", "self"} {
		l.receive("left", packet(kindGossip, "origin", dest))
	}
	l.full = true
	l.receive("left", packet(kindGossip, "origin", "far"))
	if s := l.count.stats(); s.NoWay != 3 || s.Full != 1 || s.Relayed != 0 || len(l.sent) != 0 {
		t.Errorf("counted %+v, sent %q", s, l.sent)
	}
}

func TestAPacketThatGoesInCirclesEnds(t *testing.T) {
	ring := map[string]string{"a": "b", "b": "c", "c": "a"}
	routers := map[string]*transport{}
	for id, next := range ring {
		routers[id] = newTransport(&Config{
			ID: id, Log: zap.NewNop(),
			Send: func(neighbour string, packet []byte) bool {
				routers[neighbour].receive(id, slices.Clone(packet))
				return true
			},
			NextHop: func(string) (string, bool) { return next, true },
		})
	}
	routers["a"].receive("elsewhere", packet(kindGossip, "origin", "ghost"))
	var sent, expired uint64
	for _, r := range routers {
		sent += r.count.packets.Load()
		expired += r.count.expired.Load()
	}
	if sent != maxHops-1 || expired != 1 {
		t.Errorf("it was sent %d times, and expired %d times", sent, expired)
	}
	routers["a"].receive("c", packet(kindGossip, "a", "ghost"))
	if n := routers["a"].count.looped.Load(); n != 1 {
		t.Errorf("its source let it pass: %d", n)
	}
}

func TestMalformedPacketsAreDroppedAndTheNeighbourIsNamedOnceAMinute(t *testing.T) {
	good := packet(kindGossip, "left", "me", user(messageAdjacent, "left", "", "hello")...)
	bad := map[string][]byte{
		"nothing":                          {},
		"a version alone":                  {envelopeVersion},
		"no source":                        {envelopeVersion, kindGossip, 9, 0},
		"half a source":                    {envelopeVersion, kindGossip, 9, 4, 'l'},
		"an id too long":                   packet(kindGossip, strings.Repeat("x", linkstate.MaxID+1), "me", gossipAck),
		"no destination":                   {envelopeVersion, kindGossip, 9, 1, 'x'},
		"too long":                         packet(kindGossip, "left", "me", make([]byte, maxPacket)...),
		"no payload":                       packet(kindGossip, "left", "me"),
		"compressed":                       packet(kindGossip, "left", "me", 9, 1, 2),
		"encrypted":                        packet(kindGossip, "left", "me", 10, 1, 2),
		"labelled":                         packet(kindGossip, "left", "me", 244, 1, 'x', 0),
		"a push-pull in a packet":          packet(kindGossip, "left", "me", gossipPushPull),
		"half a compound":                  packet(kindGossip, "left", "me", gossipCompound, 2, 0),
		"a compound that is short":         packet(kindGossip, "left", "me", gossipCompound, 1, 0, 9, gossipAck),
		"a compound that is long":          packet(kindGossip, "left", "me", append(compound([]byte{gossipAck}), 1)...),
		"an empty part":                    packet(kindGossip, "left", "me", compound(nil)...),
		"compounds in a compound":          packet(kindGossip, "left", "me", compound(compound([]byte{gossipAck}))...),
		"half a message":                   packet(kindGossip, "left", "me", gossipUser, messageVersion, byte(messageAdjacent), 9, 'x'),
		"a broadcast without key":          packet(kindGossip, "left", "me", user(messageBroadcast, "left", "", "")...),
		"a state in a packet":              packet(kindGossip, "left", "me", user(messageState, "left", "", "")...),
		"a message in the name of another": packet(kindGossip, "left", "me", user(messageAdjacent, "right", "", "hello")...),
		"a message to a neighbour from somewhere":         packet(kindGossip, "far", "me", user(messageAdjacent, "far", "", "hello")...),
		"a stream from somewhere":                         packet(kindStream, "far", "me", append([]byte{frameData | frameByOpener, 0, 0, 0, 1, 0, 0, 0, 0}, head(0, 0)...)...),
		"a short frame":                                   packet(kindStream, "left", "me", frameData, 0, 0, 0, 1, 0, 0, 0),
		"a stream of user messages":                       packet(kindStream, "left", "me", frameData|frameByOpener, 0, 0, 0, 1, 0, 0, 0, 0, gossipUser),
		"a compressed stream":                             packet(kindStream, "left", "me", frameData|frameByOpener, 0, 0, 0, 1, 0, 0, 0, 0, 9, 0),
		"a stream that is nothing":                        packet(kindStream, "left", "me", frameData|frameByOpener, 0, 0, 0, 1, 0, 0, 0, 0),
		"a stream that is an answer without any question": packet(kindStream, "left", "me", frameData|frameByOpener, 0, 0, 0, 1, 0, 0, 0, 0, gossipError),
	}
	synctest.Test(t, func(t *testing.T) {
		core, lines := observer.New(zap.WarnLevel)
		l := newLone(zap.New(core))
		n := uint64(0)
		for what, b := range bad {
			l.receive("left", b)
			if n++; l.count.malformed.Load() != n || len(l.inbox) > 0 || len(l.streams.accepted) > 0 {
				t.Fatalf("%s: passed", what)
			}
		}
		l.receive("left", good)
		if l.count.malformed.Load() != n || len(l.inbox) != 1 {
			t.Error("a good packet was dropped")
		}
		if lines.Len() != 1 || lines.All()[0].ContextMap()["neighbour"] != "left" {
			t.Errorf("logged %v", lines.All())
		}
		time.Sleep(complaintInterval)
		l.receive("left", bad["nothing"])
		if lines.Len() != 2 || lines.All()[1].ContextMap()["since the last such line"] != n-1 {
			t.Errorf("logged later %v", lines.All())
		}
	})
}

func TestWhatALaterVersionSaysIsSkipped(t *testing.T) {
	l := newLone(zap.NewNop())
	later := packet(kindGossip, "left", "me", gossipAck)
	later[0] = envelopeVersion + 1
	l.receive("left", later)
	l.receive("left", packet(99, "left", "me", []byte("whatever")...))
	l.receive("left", packet(kindStream, "left", "me", 17, 0, 0, 0, 1, 0, 0, 0, 1))
	message := user(messageBroadcast, "left", "key", "text")
	message[1]++
	l.receive("left", packet(kindGossip, "left", "me", compound(message, user(99, "left", "", ""))...))
	if s := l.count.stats(); s.Unknown != 4 || s.Malformed != 0 || len(l.inbox) != 1 {
		t.Errorf("counted %+v, handed on %d", s, len(l.inbox))
	}
}

func TestTheBufferOfAReceivedPacketIsNotKept(t *testing.T) {
	l := newLone(zap.NewNop())
	buffer := packet(kindGossip, "left", "me", gossipAck, 1, 2, 3)
	l.receive("left", buffer)
	clear(buffer)
	if got := (<-l.inbox).Buf; !bytes.Equal(got, []byte{gossipAck, 1, 2, 3}) {
		t.Errorf("memberlist gets %v", got)
	}
}

func TestAFullInboxDropsAndDoesNotWait(t *testing.T) {
	l := newLone(zap.NewNop())
	for range inboxDepth + 5 {
		l.receive("left", packet(kindGossip, "left", "me", gossipAck))
	}
	if s := l.count.stats(); s.Full != 5 {
		t.Errorf("counted %+v", s)
	}
}

func TestAProbeThatCannotBeSentIsNoError(t *testing.T) {
	l := newLone(zap.NewNop())
	for _, id := range []string{"far", "left", "no/id", "", "me"} {
		l.full = id == "left"
		if _, err := l.WriteToAddress([]byte{gossipPing}, memberlist.Address{Addr: hostPort(id, portRelayed), Name: id}); err != nil {
			t.Errorf("to %q: %v", id, err)
		}
	}
	if s := l.count.stats(); s.NoWay+s.Full < 5 || len(l.sent) > 0 {
		t.Errorf("counted %+v, sent %q", s, l.sent)
	}
}

func TestAMessageToANeighbourIsNeverRelayed(t *testing.T) {
	l := newLone(zap.NewNop())
	l.hops["far"] = "right"
	_, err := l.WriteToAddress([]byte{gossipUser}, memberlist.Address{Addr: hostPort("far", portAdjacent), Name: "far"})
	if !errors.Is(err, errNotAdjacent) || len(l.sent) > 0 {
		t.Errorf("%v, sent %q", err, l.sent)
	}
	l.full = true
	_, err = l.WriteToAddress([]byte{gossipUser}, memberlist.Address{Addr: hostPort("left", portAdjacent), Name: "left"})
	if !errors.Is(err, errFull) {
		t.Errorf("to a neighbour without room: %v", err)
	}
}
