package amqp

import "testing"

// What one connection holds stops the windows of all, and what it frees opens them.
func TestABudgetUsedUpClosesWindows(t *testing.T) {
	cfg := &Config{Budget: NewBudget(1000)}
	holder, other := &Conn{cfg: cfg}, &Conn{cfg: cfg}
	l := newReceiver(holder.prepare(new(Session)), "holder", nil, &Answer{})
	s := other.prepare(new(Session))
	if s.window() == 0 {
		t.Fatal("no window with nothing held")
	}
	l.Hold(1000)
	if got := s.window(); got != 0 {
		t.Errorf("window of another connection is %d with the budget used up, want 0", got)
	}
	l.Unhold(new(Batch), 1)
	if s.window() == 0 {
		t.Error("the window stays closed when some of the budget is free")
	}
	if held := cfg.Budget.Held(); held != 999 {
		t.Errorf("%d bytes are counted as held, want 999", held)
	}
}
