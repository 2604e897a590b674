package amqp

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// idleConns are connections of which a batch has nothing to write.
func idleConns(n int) []*Conn {
	list := make([]*Conn, n)
	for i := range list {
		engine, _ := memPipe()
		list[i] = NewServer(engine, &Config{}, newRecorder())
		list[i].writing = true // nobody writes: a flush looks at it and leaves
	}
	return list
}

// A batch remembers each connection once, however often it is touched and however
// many there are, and none after the flush.
func TestABatchRemembersEachOnce(t *testing.T) {
	for _, n := range []int{1, 2, batchIndexed - 1, batchIndexed, batchIndexed + 1, 3 * batchIndexed, 20 * batchIndexed} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(uint64(n), 3))
			conns := idleConns(n)
			var b Batch
			for range 4 { // a batch is used again and again
				want := map[*Conn]bool{}
				for range 3 * n {
					c := conns[rnd.IntN(n)]
					b.touch(c)
					want[c] = true
				}
				got := map[*Conn]int{}
				for _, c := range b.conns {
					got[c]++
				}
				if len(got) != len(want) || len(b.conns) != len(want) {
					t.Fatalf("%d of %d places for %d connections", len(got), len(b.conns), len(want))
				}
				b.Flush()
				if len(b.conns) != 0 || len(b.index) != 0 {
					t.Fatalf("%d places, %d of them indexed, are left after the flush", len(b.conns), len(b.index))
				}
				for _, c := range b.conns[:cap(b.conns)] {
					if c != nil {
						t.Fatal("a connection is kept alive by a batch that is done with it")
					}
				}
			}
		})
	}
}
