package loadgen

// Order is what a receiver found out about the sequence of messages.
type Order struct {
	Missing    uint64 `json:"missing"`    // sequence numbers that were passed over and never came
	Reordered  uint64 `json:"reordered"`  // messages that came behind a later one
	Duplicates uint64 `json:"duplicates"` // messages that came again
	Unknown    uint64 `json:"unknown"`    // messages without a sequence number of this run
}

func (o *Order) add(p Order) {
	o.Missing += p.Missing
	o.Reordered += p.Reordered
	o.Duplicates += p.Duplicates
	o.Unknown += p.Unknown
}

// ok says whether nothing was wrong.
func (o Order) ok() bool { return o == Order{} }

// orderCheck follows the messages of one sender at one receiver. It remembers
// which of the last orderMemory numbers have come, so as to tell a late message
// from a repeated one; what is further back counts as late.
type orderCheck struct {
	next uint64 // one past the highest number seen
	seen [orderMemory / 64]uint64
}

const orderMemory = 4096

// saw takes the next message's number into account.
func (c *orderCheck) saw(seq uint64, o *Order) {
	if seq >= c.next {
		skipped := seq - c.next
		o.Missing += skipped
		for range min(skipped, orderMemory) {
			c.set(c.next, false)
			c.next++
		}
		c.next = seq + 1
		c.set(seq, true)
		return
	}
	if c.next-seq <= orderMemory && c.has(seq) {
		o.Duplicates++
		return
	}
	o.Reordered++
	if o.Missing > 0 {
		o.Missing--
	}
	if c.next-seq <= orderMemory {
		c.set(seq, true)
	}
}

func (c *orderCheck) has(seq uint64) bool { return c.seen[seq%orderMemory/64]>>(seq%64)&1 == 1 }

func (c *orderCheck) set(seq uint64, v bool) {
	word, bit := &c.seen[seq%orderMemory/64], uint64(1)<<(seq%64)
	if v {
		*word |= bit
	} else {
		*word &^= bit
	}
}
