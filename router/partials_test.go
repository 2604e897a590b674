package router_test

import (
	"fmt"
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// Thousands of messages that are begun and never ended, each on a link of its own:
// what the router keeps for them is bounded.
func TestManyMessagesThatNeverEnd(t *testing.T) {
	const links = 2_000
	c := rawDial(startRouter(t)).open()
	defer c.reset()
	var b []byte
	for h := range uint32(links) {
		b = append(b, encode(sender(fmt.Sprint(h), h, ""))...)
	}
	go c.bytes(b)
	for range links {
		if c.await(wire.CodeAttach).body == nil {
			t.Fatal(c.gone)
		}
	}
	before := heap()
	sent := uint32(0)
	for w := c.askWindow(sent); w > 0 && sent < links; w = c.askWindow(sent) {
		b = b[:0]
		for range min(w, links-sent) {
			b = append(b, encode(transfer(sent, sent, true, []byte{0}))...)
			sent++
		}
		c.bytes(b)
	}
	if now := heap(); now > before+8<<20 {
		t.Errorf("a byte each of %d messages makes the heap grow from %d to %d KiB", sent, before>>10, now>>10)
	}
}
