package amqp

import "sync/atomic"

// Budget bounds what the handlers of many connections hold together. Each
// connection is bounded by itself; ten thousand of them are not. When the budget
// is used up, no session's window is extended any more until some of it is free.
// A nil Budget has no bound.
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

func (b *Budget) exhausted() bool { return b != nil && b.held.Load() >= b.limit }
