package router_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
	"github.com/meshway/meshway/routing"
)

// hopHead is routing data for the consumers of q at a router, with so many hops left.
func hopHead(egress string, hops byte) []byte {
	head := append(make([]byte, 28), 'q')
	head[0], head[2], head[3] = 1, hops, 4
	binary.BigEndian.PutUint16(head[4:], uint16(len(head)))
	binary.BigEndian.PutUint16(head[6:], 1)
	binary.BigEndian.PutUint64(head[12:], uint64(routing.KeyOf("X")))
	binary.BigEndian.PutUint64(head[20:], uint64(routing.KeyOf(egress)))
	return head
}

// A neighbour X of A sends to C, which is two hops from A: without hops that are left a message
// is released, wherever it is, and goes no further.
func TestMeshAMessageThatRunsOutOfHopsIsReleased(t *testing.T) {
	for _, size := range []int{100, 200_000} {
		for hops := range byte(4) {
			t.Run(fmt.Sprint(size, " bytes, ", hops, " hops"), func(t *testing.T) {
				playMesh(t, "A-B B-C", nil, func(s *meshStage) {
					c := s.at("C", "receiver").consumer("q", 10)
					s.known()
					x, why := s.openAt("A", "X", neighbour(uint32(1), uint64(7), int32(1)), 0)
					var o *meshtest.Out
					x.Do(func() {
						l := x.Begin(meshtest.SessionOptions{}).AttachSender(meshtest.SenderOptions{Target: meshtest.To("$meshway.class.4")})
						o = l.Send(&meshtest.Out{Payload: append(hopHead("C", hops), long(size)...)})
					})
					s.advance(time.Second)
					x.Do(func() {
						if released := o.RemoteSettled && o.State.Kind == wire.StateReleased; released != (hops < 3) {
							t.Errorf("settled %v, %v", o.RemoteSettled, o.State)
						}
					})
					equal(s.stage, "came", c.count() > 0, hops >= 3)
					equal(s.stage, "the connection ended", why(), "")
					c.acceptAll()
					s.advance(100 * time.Millisecond)
					x.Kill()
					s.advance(time.Second)
				})
			})
		}
	}
}
