package gossip

import (
	"sync/atomic"
	"testing"
	"time"
)

// FuzzReceive gives whatever a neighbour may send to a router with memberlist
// behind it: nothing panics there, and the router goes on.
func FuzzReceive(f *testing.F) {
	alive := encoded(gossipAlive, map[string]any{"Incarnation": 7, "Node": "far", "Addr": []byte(addressOf("far")), "Port": portRelayed,
		"Meta": encodeMeta(2), "Vsn": []byte{1, 5, 2, 0, 0, 0}})
	about := map[string]any{"Incarnation": 7, "Node": "far", "From": "left"}
	probe := map[string]any{"SeqNo": 1, "Node": "me", "Target": []byte(addressOf("far")), "Port": portRelayed, "Nack": true,
		"SourceAddr": []byte(addressOf("left")), "SourcePort": portRelayed, "SourceNode": "left"}
	for _, payload := range [][]byte{
		alive, encoded(gossipSuspect, about), encoded(gossipDead, about), encoded(gossipPing, probe), encoded(gossipIndirectPing, probe),
		encoded(gossipAck, map[string]any{"SeqNo": 1, "Payload": []byte("x")}), encoded(gossipNack, map[string]any{"SeqNo": 1}),
		compound(alive, encoded(gossipSuspect, about)), {gossipChecksum, 0, 0, 0, 0, gossipDead},
		user(messageAdjacent, "left", "", "text"), user(messageBroadcast, "far", "key", "text"),
	} {
		f.Add(packet(kindGossip, "left", "me", payload...))
	}
	f.Add(packet(kindGossip, "left", "far", gossipPing))
	f.Add(packet(kindStream, "left", "me", append([]byte{frameData | frameByOpener, 0, 0, 0, 1, 0, 0, 0, 0}, head(1, 2)...)...))

	var marks atomic.Int64
	g, err := New(Config{
		ID: "me", Send: func(string, []byte) bool { return true }, NextHop: func(string) (string, bool) { return "right", true },
		OnMessage: func(from string, msg []byte, _ bool) bool {
			if from == "right" && string(msg) == "mark" {
				marks.Add(1)
			}
			return true
		},
		OnDead: func(string) {},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(g.Close)
	g.AdjacencyUp("left")
	g.AdjacencyUp("right")
	mark := packet(kindGossip, "right", "me", user(messageAdjacent, "right", "", "mark")...)
	f.Fuzz(func(t *testing.T, b []byte) {
		g.Receive("left", b)
		before := marks.Load()
		for end := time.Now().Add(10 * time.Second); marks.Load() == before; {
			g.Receive("right", append([]byte(nil), mark...))
			if time.Sleep(20 * time.Microsecond); time.Now().After(end) {
				t.Fatal("the router takes no messages any more")
			}
		}
	})
}
