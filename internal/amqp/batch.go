package amqp

import (
	"sync"

	"github.com/meshway/meshway/internal/wire"
)

// Batch remembers which connections have something new to write. Whoever makes
// output fills a batch and flushes it: one write for each connection, however
// many frames there are. A batch belongs to one goroutine. The zero Batch is
// ready to use.
type Batch struct {
	conns []*Conn
	index map[*Conn]struct{} // only when there are many
}

// batchIndexed is how many connections are found by looking at each.
const batchIndexed = 16

func (b *Batch) touch(c *Conn) {
	n := len(b.conns)
	if n > 0 && b.conns[n-1] == c {
		return
	}
	if n < batchIndexed {
		for _, t := range b.conns {
			if t == c {
				return
			}
		}
		b.conns = append(b.conns, c)
		return
	}
	if n == batchIndexed || b.index == nil {
		if b.index == nil {
			b.index = make(map[*Conn]struct{}, 4*batchIndexed)
		}
		for _, t := range b.conns {
			b.index[t] = struct{}{}
		}
	}
	if _, ok := b.index[c]; ok {
		return
	}
	b.index[c] = struct{}{}
	b.conns = append(b.conns, c)
}

// Flush writes what the batch touched. Writing can free room that somebody
// waited for, whose deliveries then join the batch: it ends when nothing is left.
func (b *Batch) Flush() {
	for i := 0; i < len(b.conns); i++ {
		c := b.conns[i]
		// From here on the connection may be touched anew, behind us.
		b.conns[i] = nil
		if len(b.index) > 0 {
			delete(b.index, c)
		}
		c.flush(b)
	}
	b.conns = b.conns[:0]
	if len(b.index) > 0 {
		clear(b.index)
	}
}

// work is what a reader needs while it handles frames. It is pooled, so that a
// connection which waits holds none of it.
type work struct {
	batch       Batch
	transfer    wire.Transfer
	flow        wire.Flow
	disposition wire.Disposition
	delivery    Delivery
	attach      wire.Attach
	termini     wire.Termini // of attach
	request     AttachRequest
	raw         RawFrame
	ended       []endedOut // outgoing records removed, whose origins must hear
	ids         []uint32
	wake        []*Sender
}

// workKeep is how long a scratch list may be and still be kept.
const workKeep = 4096

var workPool = sync.Pool{New: func() any { return new(work) }}

func getWork() *work { return workPool.Get().(*work) }

// putWork gives w back, with nothing in it that would keep a connection or a
// frame alive.
func putWork(w *work) {
	w.clear()
	workPool.Put(w)
}

// forgetAttach is called when an attach has been handled.
func (w *work) forgetAttach() {
	w.attach, w.termini, w.request = wire.Attach{}, wire.Termini{}, AttachRequest{}
}

func (w *work) clear() {
	w.transfer, w.flow, w.disposition, w.delivery = wire.Transfer{}, wire.Flow{}, wire.Disposition{}, Delivery{}
	if cap(w.ended) > workKeep {
		w.ended, w.ids = nil, nil
	}
}
