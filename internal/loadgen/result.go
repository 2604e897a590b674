package loadgen

import (
	"time"

	"github.com/meshway/meshway/internal/procstat"
	"github.com/meshway/meshway/internal/wire"
)

// Result is what a run measured.
type Result struct {
	Target  string `json:"target"`
	Address string `json:"address"`

	Seconds    float64  `json:"seconds"`    // measured
	Sent       uint64   `json:"sent"`       // messages, while measuring
	Received   uint64   `json:"received"`   // messages, while measuring
	Rate       float64  `json:"rate"`       // messages a second: received, or sent where nobody of ours receives
	Throughput float64  `json:"throughput"` // bytes a second, of encoded messages
	Latency    *Latency `json:"latencyMicroseconds,omitempty"`

	Total  Total   `json:"total"` // from the first to the last, warm-up included
	Order  *Order  `json:"order,omitempty"`
	Ledger *Ledger `json:"ledger,omitempty"`
	Idle   *Idle   `json:"idle,omitempty"`
	Early  bool    `json:"stoppedEarly,omitempty"`
	Broken string  `json:"brokeOff,omitempty"` // why it did, before its time

	Unsettled uint64    `json:"unsettled"` // not settled in time at the end
	Processes []Process `json:"processes,omitempty"`
}

// Total is what became of all messages of a run.
type Total struct {
	Sent     uint64 `json:"sent"`
	Received uint64 `json:"received"`
	Accepted uint64 `json:"accepted"`
	Rejected uint64 `json:"rejected"`
	Released uint64 `json:"released"`
	Modified uint64 `json:"modified"`
	Other    uint64 `json:"otherOutcomes"`
	Lost     uint64 `json:"lost"`    // sent, neither received nor given back; only where one of ours receives
	Corrupt  uint64 `json:"corrupt"` // streamed messages whose bytes were not those sent
	Aborted  uint64 `json:"aborted"`
}

// The outcomes that are counted apart.
const (
	outcomeAccepted = iota
	outcomeRejected
	outcomeReleased
	outcomeModified
	outcomeOther
	outcomeLost // the link ended first
	outcomes
)

func outcomeOf(k wire.StateKind) int {
	switch k {
	case wire.StateAccepted:
		return outcomeAccepted
	case wire.StateRejected:
		return outcomeRejected
	case wire.StateReleased:
		return outcomeReleased
	case wire.StateModified:
		return outcomeModified
	}
	return outcomeOther
}

// cameBack is how many messages ended without having reached anybody.
func (s *sender) cameBack() uint64 {
	var n uint64
	for _, o := range []int{outcomeRejected, outcomeReleased, outcomeModified, outcomeLost} {
		n += s.outcome[o].Load()
	}
	return n
}

// counts is how far all senders and receivers were at a time.
type counts struct {
	at             time.Time
	sent, received uint64
	bytes          uint64 // received, or sent where nobody of ours receives
	cpu            []time.Duration
	calls          []procstat.Calls
}

func (r *run) received() uint64 {
	var n uint64
	for _, l := range r.receivers {
		n += l.received.Load()
	}
	return n
}

func (r *run) sent() uint64 {
	var n uint64
	for _, s := range r.senders {
		n += s.sent.Load()
	}
	return n
}

func (r *run) bytes() uint64 {
	var n uint64
	for _, l := range r.receivers {
		n += l.bytes.Load()
	}
	if len(r.receivers) > 0 {
		return n
	}
	for _, s := range r.senders {
		n += s.bytes.Load()
	}
	return n
}

func (r *run) count(w *watch) counts {
	return counts{at: time.Now(), sent: r.sent(), received: r.received(), bytes: r.bytes(), cpu: w.cpu(), calls: w.calls()}
}

// result puts together what was measured. Every connection has ended.
func (r *run) result(from, to counts) *Result {
	res := &Result{
		Target: r.o.Target, Address: r.o.Address,
		Sent: to.sent - from.sent, Received: to.received - from.received,
		Early: r.user.Err() != nil,
	}
	messages := res.Received
	if len(r.receivers) == 0 {
		messages = res.Sent
	}
	if res.Seconds = to.at.Sub(from.at).Seconds(); res.Seconds > 0 {
		res.Rate = float64(messages) / res.Seconds
		res.Throughput = float64(to.bytes-from.bytes) / res.Seconds
	}
	res.Total = r.total()
	var all histogram
	var order Order
	for _, l := range r.receivers {
		all.merge(&l.latency)
		order.add(l.order)
	}
	res.Latency = all.latency()
	if r.o.CheckOrder {
		if r.o.Receivers > 1 {
			order.Missing = 0 // each receiver sees only its share
		}
		res.Order = &order
	}
	if r.o.Ledger {
		res.Ledger = r.ledger(from, to)
		res.Total.Lost = res.Ledger.Untold + res.Ledger.Pretended
	}
	return res
}

func (r *run) total() Total {
	t := Total{Sent: r.sent(), Received: r.received()}
	var back uint64
	for _, s := range r.senders {
		t.Accepted += s.outcome[outcomeAccepted].Load()
		t.Rejected += s.outcome[outcomeRejected].Load()
		t.Released += s.outcome[outcomeReleased].Load()
		t.Modified += s.outcome[outcomeModified].Load()
		t.Other += s.outcome[outcomeOther].Load()
		back += s.cameBack()
	}
	for _, l := range r.receivers {
		t.Corrupt += l.corrupt.Load()
		t.Aborted += l.aborted.Load()
	}
	if len(r.receivers) > 0 && t.Sent > t.Received+back {
		t.Lost = t.Sent - t.Received - back
	}
	return t
}
