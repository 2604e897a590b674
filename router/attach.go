package router

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// OnAttach decides what a link that the peer wants is for. [2.6.3]
func (p *peer) OnAttach(b *amqp.Batch, r *amqp.AttachRequest) {
	var err *wire.Error
	if p.adj != nil && p.adj.stranger.Load() {
		err = p.adj.refuseStranger()
	} else if taken, no := p.routeLink(b, r); taken {
		err = no
	} else if p.adj != nil {
		err = p.adj.attachTrunk(b, r)
	} else if r.Attach.Role == wire.RoleSender {
		err = p.attachProducer(b, r)
	} else {
		err = p.attachConsumer(b, r)
	}
	if err != nil {
		r.Refuse(b, err)
	}
}

// attachProducer attaches a link by which messages come in: to an address, to a
// new one that is made for it, or to none, when each message says where it goes.
func (p *peer) attachProducer(b *amqp.Batch, r *amqp.AttachRequest) *wire.Error {
	t := r.Attach.Target
	switch {
	case t == nil:
		return refusal(wire.CondInvalidField, "the attach has no target")
	case t.Coordinator:
		return refusal(wire.CondPreconditionFailed, "transactions are not offered here: no coordinator is routed")
	}
	target := *t
	answer := amqp.Answer{
		Source: r.Attach.Source, Target: &target,
		SndSettleMode: r.Attach.SndSettleMode.Or(wire.SndMixed), RcvSettleMode: r.Attach.RcvSettleMode.Or(wire.RcvFirst),
		MaxMessageSize: p.largest,
	}
	keepsNothing(&target.Durable, &target.ExpiryPolicy, &target.Timeout)
	in := &ingress{peer: p, outcomes: outcomesOf(r.Attach.Source), lets: p.container == nil && acceptsByDefault(r.Attach.Source), sends: answer.SndSettleMode, flow: p.router.flows.Add(1)}
	in.waiting = &in.own
	switch {
	case t.Dynamic:
		name := dynamicTargetPrefix + temporaryName()
		target.Address = wire.Some("amqp:/" + name)
		in.addr = p.router.table.acquire(name)
	case t.Address.V != "":
		a, err := p.addressFor(t.Address.V, end{capabilities: t.Capabilities})
		if err != nil {
			return err
		}
		in.addr = a
	default:
		answer.Offered = []wire.Symbol{anonymousRelay}
	}
	link, err := r.AcceptReceiver(b, in, &answer)
	if err != nil {
		if in.addr != nil {
			p.router.table.release(in.addr)
		}
		return nil // the engine has answered
	}
	in.link = link
	p.links.addIn(in)
	if in.addr != nil {
		in.addr.addProducer(b, in)
	} else {
		link.SetWindow(b, p.anonymousWindow())
	}
	return nil
}

const dynamicTargetPrefix = "_$"

// attachConsumer attaches a link by which messages go out.
func (p *peer) attachConsumer(b *amqp.Batch, r *amqp.AttachRequest) *wire.Error {
	s := r.Attach.Source
	if s == nil {
		return refusal(wire.CondInvalidField, "the attach has no source")
	}
	source := *s
	keepsNothing(&source.Durable, &source.ExpiryPolicy, &source.Timeout)
	// [3.5.3] What the answer does not list is not applied, and no filter is.
	source.Filter = nil
	source.Outcomes = allOutcomes
	var a *address
	switch {
	case s.Dynamic:
		name := temporaryName()
		source.Address = wire.Some("amqp:/" + topoPrefix + "0/" + p.router.cfg.Router.ID + "/" + name)
		a = p.router.table.acquire(localPrefix + name)
	case s.Address.V == "":
		return refusal(wire.CondInvalidField, "the attach has a source without an address")
	default:
		var err *wire.Error
		if a, err = p.addressFor(s.Address.V, end{consumer: true, capabilities: s.Capabilities}); err != nil {
			return err
		}
	}
	answer := amqp.Answer{
		Source: &source, Target: r.Attach.Target,
		SndSettleMode: r.Attach.SndSettleMode.Or(wire.SndMixed), RcvSettleMode: r.Attach.RcvSettleMode.Or(wire.RcvFirst),
	}
	e := &egress{peer: p, addr: a, annotate: !p.stripOut, largest: r.Attach.MaxMessageSize.V}
	link, err := r.AcceptSender(b, e, &answer)
	if err != nil {
		p.router.table.release(a)
		return nil // the engine has answered
	}
	e.link = link
	p.links.addOut(e)
	a.addConsumer(e)
	a.advertise()
	a.consumersChanged(b)
	return nil
}

var allOutcomes = []wire.Symbol{
	wire.OutcomeSymbol(wire.StateAccepted), wire.OutcomeSymbol(wire.StateRejected),
	wire.OutcomeSymbol(wire.StateReleased), wire.OutcomeSymbol(wire.StateModified),
}

// end is which end of an address a link is for.
type end struct {
	consumer     bool
	capabilities []wire.Symbol // of the terminus
}

// key is that of the part of the address that the link is for.
func (e end) key(r *Router, address string) string {
	if !isMobile(address) {
		return address
	}
	t := r.treatmentOf(address)
	if e.consumer && slices.Contains(e.capabilities, capFallback) {
		return fallbackKey(address)
	}
	into, asked := phaseOf(e.capabilities)
	switch {
	case asked && e.consumer:
		return phaseKey(address, into-1)
	case asked:
		return phaseKey(address, into)
	case e.consumer:
		return phaseKey(address, t.egressPhase)
	}
	return phaseKey(address, t.ingressPhase)
}

// addressFor finds or makes the address that a terminus names, or says why it
// cannot be attached to.
func (p *peer) addressFor(name string, e end) (*address, *wire.Error) {
	key, err := p.managementKey(p.router.normalize(name))
	switch {
	case err != nil:
		return nil, err
	case e.consumer && isManagement(key) && !p.inside:
		return nil, refusal(wire.CondNotAllowed, "%q takes requests: only the router itself receives there", name)
	case key == "":
		return nil, refusal(wire.CondInvalidField, "the address %q is empty", name)
	case len(key) > maxAddressLength:
		return nil, longAddress(key)
	case strings.HasPrefix(key, meshPrefix):
		return nil, refusal(wire.CondUnauthorizedAccess, "%q is for routers among themselves", name)
	case isPart(key):
		return nil, marked(name)
	case e.consumer && strings.HasPrefix(key, everywherePrefix):
		key = egressName(key, "")
	case strings.HasPrefix(key, topoPrefix) && (p.router.mesh == nil || topoRouter(key) == "" || e.consumer):
		return nil, refusal(wire.CondNotFound, "%q is an address of another router", name)
	}
	a := p.router.table.acquire(e.key(p.router, key))
	if a.unavailable() {
		p.router.table.release(a)
		return nil, unavailable(name, "Node not found")
	}
	return a, nil
}

// keepsNothing says in an answer that the terminus ends with its link: a router
// owns nothing that could outlive it. [3.5.5]
func keepsNothing(durable *wire.TerminusDurability, expiry *wire.Opt[wire.Symbol], timeout *wire.Opt[uint32]) {
	*durable = 0
	*expiry = wire.Opt[wire.Symbol]{}
	*timeout = wire.Opt[uint32]{}
}

func refusal(cond wire.Symbol, format string, args ...any) *wire.Error {
	return &wire.Error{Condition: cond, Description: fmt.Sprintf(format, args...)}
}
