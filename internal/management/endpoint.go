package management

import (
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// Source is an address at which requests arrive, and what clients may do that send them there.
type Source struct {
	Address string
	Access  Access
}

// OriginSize is how many bytes stand in front of each request: the number of the connection
// by which it came into this router, most significant byte first. The router puts them there.
const OriginSize = 8

const (
	// requestLimit is how many bytes a request may have; one that is larger is rejected.
	requestLimit = 1 << 20
	// requestWindow is how many requests of one source may be in hand.
	requestWindow = 32
)

// Endpoint is the agent's end of a connection to its router. Requests come in by a link from
// each source; for each address that wants answers there is a link of its own, so that one
// that nobody reads is in nobody's way.
type Endpoint struct {
	// Immutable after NewEndpoint.
	agent    *Agent
	log      *zap.Logger
	sources  []Source
	requests chan *incoming // has room for all that links may have in hand

	replies replies // owned by Run

	mu   sync.Mutex
	able map[*replyLink]struct{} // may have become able to send
	wake chan struct{}           // has room for one
	over chan struct{}           // closed with the connection
	conn *amqp.Conn              // once it is open

	attached int           // how many sources are attached; owned by the reader
	ready    chan struct{} // closed once all are
}

// NewEndpoint makes the handler of a connection by which the agent reaches its router.
func NewEndpoint(a *Agent, log *zap.Logger, sources ...Source) *Endpoint {
	e := &Endpoint{
		agent: a, log: log, sources: sources,
		requests: make(chan *incoming, requestWindow*len(sources)),
		able:     make(map[*replyLink]struct{}),
		wake:     make(chan struct{}, 1),
		over:     make(chan struct{}),
		ready:    make(chan struct{}),
	}
	e.replies.endpoint = e
	return e
}

// Closed says that the connection is over: Run returns.
func (e *Endpoint) Closed() { close(e.over) }

// Await returns once requests can arrive, or when the connection is over before.
func (e *Endpoint) Await() {
	select {
	case <-e.ready:
	case <-e.over:
	}
}

// OnOpen attaches the links by which requests come in.
func (e *Endpoint) OnOpen(c *amqp.Conn, b *amqp.Batch) *wire.Error {
	e.mu.Lock()
	e.conn = c
	e.mu.Unlock()
	s, err := c.Begin(b)
	for _, src := range e.sources {
		if err != nil {
			break
		}
		in := &source{endpoint: e, access: src.Access}
		var l *amqp.Receiver
		l, err = s.AttachReceiver(b, src.Address, in, &amqp.Answer{
			Source: &wire.Source{Address: wire.Some(src.Address)}, Target: &wire.Target{},
			SndSettleMode: wire.SndMixed, RcvSettleMode: wire.RcvFirst,
		})
		if err == nil {
			in.link = l
			l.SetWindow(b, requestWindow)
		}
	}
	if err != nil {
		c.Abort(err)
	}
	return nil
}

// OnAttach refuses links: the agent attaches its own.
func (e *Endpoint) OnAttach(b *amqp.Batch, r *amqp.AttachRequest) {
	r.Refuse(b, &wire.Error{Condition: wire.CondNotAllowed, Description: "the management agent attaches its links itself"})
}

// OnFault logs what should not happen.
func (e *Endpoint) OnFault(_ *amqp.Conn, scope string, err *wire.Error) {
	e.log.Error("the management agent and its router do not understand each other", zap.String("scope", scope), zap.Error(err))
}

// incoming is a request that has arrived.
type incoming struct {
	from    *source
	id      uint32
	settled bool
	payload []byte
}

// source is a link by which requests come in.
type source struct {
	endpoint *Endpoint
	access   Access
	link     *amqp.Receiver

	payload  []byte // of the request that is arriving; owned by the reader
	tooLarge bool
}

// OnAttached counts the source in. [2.6.3]
func (s *source) OnAttached(*amqp.Batch, *wire.Attach) {
	e := s.endpoint
	if e.attached++; e.attached == len(e.sources) {
		close(e.ready)
	}
}

var errTooLarge = &wire.Error{Condition: wire.CondMessageSizeExceeded, Description: "management request: it has more than 1 MiB"}

// OnTransfer puts a request together. [2.7.5]
func (s *source) OnTransfer(b *amqp.Batch, d *amqp.Delivery) {
	if d.First {
		s.payload, s.tooLarge = nil, false
	}
	if d.Aborted {
		s.payload = nil
		return
	}
	s.tooLarge = s.tooLarge || len(s.payload)+len(d.Payload) > requestLimit+OriginSize
	if s.tooLarge {
		s.payload = nil
	} else {
		s.payload = append(s.payload, d.Payload...)
	}
	if d.More {
		return
	}
	in := &incoming{from: s, id: d.ID, settled: d.Settled, payload: s.payload}
	s.payload = nil
	if s.tooLarge {
		in.end(b, errTooLarge)
		return
	}
	select {
	case s.endpoint.requests <- in: // never full: the window sees to it
	default:
		in.end(b, &wire.Error{Condition: wire.CondResourceLimitExceeded, Description: "management request: too many at once"})
	}
}

// OnSenderState is of no interest: a request is answered also when its sender has settled it.
func (s *source) OnSenderState(*amqp.Batch, amqp.InDelivery, bool, wire.DeliveryState) {}

// OnDetach is called when the link is over.
func (s *source) OnDetach(_ *amqp.Batch, _ []amqp.InDelivery, e *wire.Error) {
	if e != nil {
		s.endpoint.log.Error("no management requests arrive any more", zap.Error(e))
	}
}

// end settles the request: accepted, or rejected with the reason.
func (in *incoming) end(b *amqp.Batch, reject *wire.Error) {
	if in.settled {
		in.from.link.Finish(b, 0)
		return
	}
	state := wire.DeliveryState{Kind: wire.StateAccepted}
	if reject != nil {
		state = wire.RejectedState(reject)
	}
	in.from.link.Update(b, []uint32{in.id}, true, state)
}

// tendEvery is how often answers that nobody takes are looked at.
const tendEvery = 5 * time.Second

// Run handles requests one after the other, and sends the answers, until the connection is
// over.
func (e *Endpoint) Run() {
	tend := time.NewTicker(tendEvery)
	defer tend.Stop()
	for {
		var b amqp.Batch
		select {
		case <-e.over:
			return
		case in := <-e.requests:
			e.serve(&b, in)
		case <-e.wake:
			e.mu.Lock()
			able := e.able
			e.able = make(map[*replyLink]struct{})
			e.mu.Unlock()
			for l := range able {
				l.pump(&b)
			}
		case now := <-tend.C:
			e.replies.tend(&b, now)
		}
		b.Flush()
	}
}

// wakeFor has Run look at a link.
func (e *Endpoint) wakeFor(l *replyLink) {
	e.mu.Lock()
	e.able[l] = struct{}{}
	e.mu.Unlock()
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// serve answers one request.
func (e *Endpoint) serve(b *amqp.Batch, in *incoming) {
	if len(in.payload) < OriginSize {
		in.end(b, &wire.Error{Condition: wire.CondDecodeError, Description: "management request: empty"})
		return
	}
	client := Client{Access: in.from.access, Connection: binary.BigEndian.Uint64(in.payload)}
	r, reject, bad := Parse(in.payload[OriginSize:], client)
	if reject != nil {
		e.log.Debug("management request rejected", zap.Error(reject))
		in.end(b, reject)
		return
	}
	// The request is settled first: what it does may end the connection that it came by.
	in.end(b, nil)
	b.Flush()
	var answer *Response
	if bad != nil {
		answer = failed(bad)
	} else {
		answer = e.agent.Handle(r)
	}
	payload, err := answer.Encode(r.ReplyTo, r.CorrelationID)
	if err == nil && len(payload) > replyLimit {
		err = errors.New("the answer would have more than 32 MiB: ask in pages, with offset and count")
	}
	if err != nil {
		payload, err = failed(err).Encode(r.ReplyTo, r.CorrelationID)
	}
	if err != nil {
		e.log.Error("an answer to a management request cannot be encoded", zap.Error(err))
		return
	}
	e.replies.send(b, e.agent.node.Now(), r.ReplyTo, payload)
}
