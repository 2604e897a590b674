package amqp

import (
	"sync/atomic"
	"time"
)

// Budget bounds what the handlers of many connections hold together. Each
// connection is bounded by itself; ten thousand of them are not. When the budget
// is used up, no session's window is extended any more until some of it is free, and
// connections that hold much are read slowly. A nil Budget has no bound.
type Budget struct {
	limit int64
	held  atomic.Int64
}

// NewBudget makes a budget of so many payload bytes.
func NewBudget(bytes int64) *Budget { return &Budget{limit: bytes} }

// Held is how many bytes are held now.
func (b *Budget) Held() int64 { return b.held.Load() }

// Add counts n bytes more, or fewer, that are held for no connection.
func (b *Budget) Add(n int) { b.add(n) }

func (b *Budget) add(n int) {
	if b != nil {
		b.held.Add(int64(n))
	}
}

const (
	parkFrom = 64 << 10 // bytes that a connection holds to be read slowly
	parkFor  = 100 * time.Millisecond
)

// parks says whether a connection has to wait before it is read again, since the budget is used
// up and it has a good part of that: what the peers of ten thousand connections may send by windows
// that they have is more than there is memory for. It is read again even so, if slowly: it
// may be its own credit for which others wait. Connections of which each session holds by
// itself are not parked.
func (c *Conn) parks() bool {
	if !c.cfg.Budget.exhausted() {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held >= parkFrom && !c.shut.Load()
}

func (b *Budget) exhausted() bool { return b != nil && b.held.Load() >= b.limit }
