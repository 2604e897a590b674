package addrtable

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestAllCopiesEqualTheOwnersTables(t *testing.T) {
	for _, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			m := shape.build(t, r)
			for range 30 {
				m.changes(r, 200)
				m.run(20 * time.Millisecond)
			}
			m.run(3 * time.Second)
			m.wantEqual("after many changes")
		})
	}
}
