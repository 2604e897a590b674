package amqp

import (
	"unicode/utf8"

	"github.com/meshway/meshway/internal/wire"
)

// [2.7.1] "A peer MUST NOT send frames larger than its partner can handle."
// Messages are cut into frames that fit. Of everything else most is small; here is
// what is done with what may not be: reasons, and what comes from other peers.

// fits says whether what was encoded behind start is a frame that the peer takes.
// The caller holds mu.
func (c *Conn) fits(start int) bool {
	return c.peer == nil || uint64(len(c.out.bytes)-start) <= uint64(c.peer.MaxFrame)
}

// cutReason is how much is kept of a description for which there is no room.
const cutReason = 100

// shortened is a performative without what may be left out of it. An attach has
// nothing of that kind: see appendAttach.
func shortened(p wire.Performative) wire.Performative {
	switch p := p.(type) {
	case *wire.Open:
		o := *p
		o.Properties, o.OfferedCapabilities, o.DesiredCapabilities = nil, nil, nil
		return &o
	case *wire.Detach:
		return &wire.Detach{Handle: p.Handle, Closed: p.Closed, Error: shortenedError(p.Error)}
	case *wire.End:
		return &wire.End{Error: shortenedError(p.Error)}
	case *wire.Close:
		return &wire.Close{Error: shortenedError(p.Error)}
	}
	return p
}

func shortenedError(e *wire.Error) *wire.Error {
	if e == nil {
		return nil
	}
	text := e.Description
	if len(text) > cutReason {
		n := cutReason
		for n > 0 && !utf8.RuneStart(text[n]) {
			n--
		}
		text = text[:n]
	}
	condition := e.Condition
	if len(condition) > cutReason {
		condition = wire.CondInternalError // not one that anybody knows
	}
	return &wire.Error{Condition: condition, Description: text}
}

// shortenedState is a delivery state without its data: what became of the delivery
// stays.
func shortenedState(s wire.DeliveryState) wire.DeliveryState {
	switch s.Kind {
	case wire.StateRejected:
		if e, err := s.RejectedError(); err == nil {
			return wire.RejectedState(shortenedError(e))
		}
	case wire.StateModified:
		if m, err := s.Modified(); err == nil {
			return wire.ModifiedState(m.DeliveryFailed, m.UndeliverableHere, nil)
		}
	case wire.StateTransactional:
		if id, outcome, err := s.Transactional(); err == nil {
			return wire.TransactionalState(id, shortenedState(outcome))
		}
	case wire.StateOther:
		return wire.DeliveryState{}
	}
	return wire.DeliveryState{Kind: s.Kind}
}

// appendAttach encodes an attach, unless it does not fit. The caller holds mu.
func (s *Session) appendAttach(p *wire.Attach) bool {
	return s.conn.appendBy(func(b []byte) []byte { return wire.AppendAttachFrame(b, s.local, p) }, nil)
}
