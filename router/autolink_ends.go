package router

import (
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/broker-link"
	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/logging"
	"github.com/meshway/meshway/internal/wire"
)

// autoEgress is the end of an auto-link by which messages go to the broker. It is a
// consumer of its address from the broker's answer on.
type autoEgress struct {
	*egress
	end *autoEnd
	at  *brokerlink.Attachment

	// Owned by the reader.
	consumes bool
	rejected logging.Repeat
	lost     int // deliveries that were not settled when it ended
}

func (e *autoEnd) attachOut(b *amqp.Batch, s *amqp.Session, at *brokerlink.Attachment, a *address, name string) error {
	p, l := e.container.peer, e.link
	out := &autoEgress{egress: &egress{peer: p, addr: a, annotate: !p.stripOut}, end: e, at: at}
	e.out = nil
	_, err := s.AttachSender(b, name, out, &amqp.Answer{
		Source:        &wire.Source{Address: wire.Some(l.cfg.Address), Outcomes: e.outcomesFor()},
		Target:        &wire.Target{Address: wire.Some(l.cfg.ExternalAddress), Durable: l.durability(), Capabilities: l.capabilities()},
		SndSettleMode: wire.SndMixed, RcvSettleMode: wire.RcvFirst,
	})
	if err == nil {
		e.out = out
	}
	return err
}

// OnAttached makes the broker a consumer. An answer without a target is a refusal, whose
// reason follows in a detach. [2.6.3]
func (e *autoEgress) OnAttached(b *amqp.Batch, p *wire.Attach) {
	if p.Target == nil || p.Target.Address.V == "" {
		return
	}
	if !e.at.Answered(b, e.link) {
		return
	}
	e.consumes, e.largest = true, p.MaxMessageSize.V
	e.addr.addConsumer(e.egress)
	e.addr.advertise()
	e.addr.consumersChanged(b)
}

// OnSendable is called when the broker may be able to take something.
func (e *autoEgress) OnSendable(b *amqp.Batch, l *amqp.Sender) {
	if e.consumes { // set before the address knows of it
		e.egress.OnSendable(b, l)
	}
}

// rejectedEvery is how often it is said that a broker rejects messages, or that some were
// lost with its link.
const rejectedEvery = time.Minute

// lost logs what was under way by a link that has ended: so many unsettled messages, and
// whether one was half way.
func (e *autoEnd) lost(what string, unsettled int, half bool, err *wire.Error, more ...zap.Field) {
	l := e.link
	l.mu.Lock()
	left, write := l.said.Write(what, time.Now(), rejectedEvery)
	l.mu.Unlock()
	if write {
		e.log.Warn(what, append(more, zap.Int("unsettled", unsettled), zap.Bool("one of them half", half), zap.Error(asError(err)), zap.Int("not logged before", left))...)
	}
}

// OnRejected logs that the broker rejects messages, which their senders hear too.
func (e *autoEgress) OnRejected(_ *amqp.Batch, n int, err *wire.Error) {
	text := ""
	if err != nil {
		text = string(err.Condition)
	}
	now := time.Now()
	if left, write := e.rejected.Write(text, now, rejectedEvery); write {
		why := "the broker rejected messages at " + now.Format(time.DateTime)
		if err != nil {
			why += ": " + err.Error()
		}
		e.at.Ails(why)
		e.end.log.Warn("the broker rejects messages", zap.Int("messages", n), zap.Error(asError(err)), zap.Int("dispositions not logged before", left),
			zap.String("do", "look into the broker's log, and at the limits of the queue; the senders are told, and must decide"))
	}
}

// asError is e as an error, nil if it is.
func asError(e *wire.Error) error {
	if e == nil {
		return nil
	}
	return e
}

// OnLoss notes how much is lost.
func (e *autoEgress) OnLoss(n int) { e.lost = n }

// OnDetach takes the broker out.
func (e *autoEgress) OnDetach(b *amqp.Batch, err *wire.Error) {
	if e.consumes {
		if half := e.stream.Load() != nil; half || e.lost > 0 {
			e.end.lost("messages were on their way to the broker when its link ended", e.lost, half, err,
				zap.Stringer("outcome", lossOutcome(e.addr.treated().releases).Kind),
				zap.String("do", "nothing, if their senders send them again: they have heard of it, but of presettled ones; what the broker had taken comes twice then"))
		}
		e.egress.OnDetach(b, err)
	} else {
		e.peer.links.removeOut(e.egress)
		e.peer.router.table.release(e.addr)
	}
	e.at.Ended(b, err)
}

// autoIngress is the end of an auto-link by which messages come from the broker. It is a
// sender to its address from the broker's answer on.
type autoIngress struct {
	*ingress
	end   *autoEnd
	at    *brokerlink.Attachment
	asked []wire.Symbol // the outcomes

	produces bool // owned by the reader
}

func (e *autoEnd) attachIn(b *amqp.Batch, s *amqp.Session, at *brokerlink.Attachment, a *address, name string) error {
	p, l := e.container.peer, e.link
	in := &autoIngress{
		ingress: &ingress{peer: p, addr: a, flow: p.router.flows.Add(1), kept: l.cfg.Fallback},
		end:     e, at: at, asked: e.outcomesFor(),
	}
	in.waiting = &in.own
	source := &wire.Source{Address: wire.Some(l.cfg.ExternalAddress), Durable: l.durability(), Capabilities: l.capabilities(), Outcomes: in.asked}
	if source.Durable > 0 {
		source.ExpiryPolicy = wire.Some[wire.Symbol]("never")
	}
	_, err := s.AttachReceiver(b, name, in, &amqp.Answer{
		Source: source, Target: &wire.Target{Address: wire.Some(l.cfg.Address)},
		SndSettleMode: wire.SndMixed, RcvSettleMode: wire.RcvFirst,
	})
	return err
}

// Attaching gets the link before anybody else.
func (i *autoIngress) Attaching(l *amqp.Receiver) { i.link = l }

// OnAttached makes the broker a sender. An answer without a source is a refusal, whose
// reason follows in a detach. [2.6.3] What the source lists decides which outcomes the
// broker hears; where it lists none, those that were asked for.
func (i *autoIngress) OnAttached(b *amqp.Batch, p *wire.Attach) {
	if p.Source == nil || p.Source.Address.V == "" {
		return
	}
	if !i.at.Answered(b, i.link) {
		return
	}
	i.produces = true
	i.peer.links.addIn(i.ingress)
	i.ingress.sends = p.SndSettleMode.Or(wire.SndMixed)
	if i.outcomes = outcomesOf(p.Source); len(p.Source.Outcomes) == 0 {
		i.outcomes = outcomesOf(&wire.Source{Outcomes: i.asked})
	}
	i.addr.addProducer(b, i.ingress)
}

// OnDetach takes the broker out.
func (i *autoIngress) OnDetach(b *amqp.Batch, lost []amqp.InDelivery, err *wire.Error) {
	if i.produces {
		if half := i.partial != nil; half || len(lost) > 0 {
			i.end.lost("messages were on their way from the broker when its link ended", len(lost), half, err,
				zap.String("do", "nothing, if the broker keeps them: it delivers them again, also such as a receiver had accepted just before; of one that came half, receivers have seen the abort"))
		}
		i.ingress.OnDetach(b, lost, err)
	} else {
		i.peer.router.table.release(i.addr)
	}
	i.at.Ended(b, err)
}
