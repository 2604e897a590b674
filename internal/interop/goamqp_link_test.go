package interop

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/Azure/go-amqp"
)

// goLink is one link of go-amqp's; sender or receiver is set.
type goLink struct {
	sender   *amqp.Sender
	settle   amqp.SenderSettleMode
	ended    atomic.Int64 // deliveries that have an outcome
	sendTurn chan struct{}

	receiver *amqp.Receiver
	socket   *goSocket
	second   bool
	telling  telling

	mu       sync.Mutex
	changed  chan struct{}       // closed and made anew at every change
	receipts []*amqp.SendReceipt // nil for a delivery sent settled
	messages []*amqp.Message
	came     []bool // settled, which go-amqp keeps to itself
	read     int
	settled  map[int]bool
	closed   error
}

// update changes the state that commands may be waiting for.
func (l *goLink) update(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	close(l.changed)
	l.changed = make(chan struct{})
}

// await returns when ready does, which is asked after every change.
func (l *goLink) await(ctx context.Context, ready func() (bool, error)) error {
	for {
		l.mu.Lock()
		done, err := ready()
		changed := l.changed
		l.mu.Unlock()
		if done || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (g *goClient) attach(ctx context.Context, c command) (reply, error) {
	if c.Coordinator {
		return reply{}, &lackError{"a target of type coordinator"}
	}
	session, err := g.conn(c).session(ctx, c.Session)
	if err != nil {
		return reply{}, err
	}
	l := &goLink{changed: make(chan struct{}), settled: map[int]bool{}, telling: telling(c.Typed), sendTurn: make(chan struct{}, 1), socket: g.conn(c).socket}
	name := c.Name
	if name == "" {
		name = c.Link
	}
	r := reply{}
	if c.Role == "sender" {
		if r, err = l.attachSender(ctx, session, name, c); err != nil {
			return r, err
		}
	} else {
		if r, err = l.attachReceiver(ctx, session, name, c); err != nil {
			return r, err
		}
		go l.readMessages()
	}
	g.mu.Lock()
	g.links[c.Link] = l
	g.mu.Unlock()
	return r, nil
}

var goSettleModes = map[string]amqp.SenderSettleMode{
	"unsettled": amqp.SenderSettleModeUnsettled,
	"settled":   amqp.SenderSettleModeSettled,
	"mixed":     amqp.SenderSettleModeMixed,
}

func (l *goLink) attachSender(ctx context.Context, s *amqp.Session, name string, c command) (r reply, err error) {
	options := &amqp.SenderOptions{
		Name:           name,
		DynamicAddress: c.Dynamic,
		Properties:     c.Properties,
		OnDeliveryStateChanged: func(state amqp.DeliveryState) {
			if outcomeOf(state).State != "" {
				l.ended.Add(1)
			}
		},
	}
	l.settle = amqp.SenderSettleModeMixed
	if c.Settle != "" {
		l.settle = goSettleModes[c.Settle]
		options.SettlementMode = &l.settle
	}
	if l.sender, err = s.NewSender(ctx, c.Address, options); err != nil {
		return r, err
	}
	return reply{Address: l.sender.Address(), Properties: plain.mapping(l.sender.Properties())}, nil
}

func (l *goLink) attachReceiver(ctx context.Context, s *amqp.Session, name string, c command) (r reply, err error) {
	options := &amqp.ReceiverOptions{
		Name:           name,
		Credit:         -1, // credit by hand
		DynamicAddress: c.Dynamic,
		Properties:     c.Properties,
	}
	if c.Settle != "" {
		options.RequestedSenderSettleMode = goSettleModes[c.Settle].Ptr()
	}
	if l.second = c.Second; l.second {
		options.SettlementMode = amqp.ReceiverSettleModeSecond.Ptr()
	}
	if l.receiver, err = s.NewReceiver(ctx, c.Address, options); err != nil {
		return r, err
	}
	return reply{Address: l.receiver.Address(), Properties: plain.mapping(l.receiver.Properties())}, nil
}

// readMessages ends when the link does; its error is how go-amqp tells that.
func (l *goLink) readMessages() {
	for {
		m, err := l.receiver.Receive(context.Background(), nil)
		if err != nil {
			l.update(func() { l.closed = err })
			return
		}
		settled := reflect.ValueOf(m).Elem().FieldByName("settled").Bool() // so far its sender alone
		l.update(func() { l.messages, l.came = append(l.messages, m), append(l.came, settled) })
	}
}

func (l *goLink) carryOut(ctx context.Context, c command) (reply, error) {
	switch c.Op {
	case "credit":
		return reply{}, l.receiver.IssueCredit(uint32(c.Count))
	case "drain":
		if c.Count > 0 {
			return reply{}, &lackError{"credit in the flow that drains"}
		}
		return reply{}, l.receiver.DrainCredit(ctx, nil)
	case "send":
		return l.send(ctx, c)
	case "abort":
		return reply{}, &lackError{"a way to abort"}
	case "outcomes":
		return l.outcomes(ctx, c)
	case "receive":
		return l.receive(ctx, c)
	case "settle":
		return reply{}, l.settleMessages(ctx, c)
	case "settled":
		return reply{}, l.awaitSettled(ctx, c)
	case "state":
		return l.state(), nil
	case "detach":
		if l.sender != nil {
			return reply{}, l.sender.Close(ctx)
		}
		return reply{}, l.receiver.Close(ctx)
	case "detached":
		return reply{}, l.detached(ctx)
	default:
		return reply{}, fmt.Errorf("no op %q", c.Op)
	}
}

func (l *goLink) detached(ctx context.Context) error {
	if l.sender != nil {
		return &lackError{"being told of the detach of an idle sender"}
	}
	return l.await(ctx, func() (bool, error) { return false, l.closed })
}

func (l *goLink) state() reply {
	l.mu.Lock()
	defer l.mu.Unlock()
	return reply{Credit: -1, Sent: len(l.receipts), Ended: int(l.ended.Load()), Received: len(l.messages), Settled: len(l.settled)}
}

// --- sending

func (l *goLink) send(ctx context.Context, c command) (r reply, err error) {
	l.sendTurn <- struct{}{} // one command after the other
	defer func() { <-l.sendTurn }()
	switch {
	case c.Bulk == nil:
		for _, m := range c.Messages {
			if err := l.sendOne(ctx, m.encode(), c.Settled); err != nil {
				return r, err
			}
		}
	case c.Bulk.Random > 0:
		body := make([]byte, c.Bulk.Random)
		rand.Read(body)
		r.SHA256 = hash(body)
		return r, l.sendOne(ctx, &amqp.Message{Data: [][]byte{body}}, c.Settled)
	default:
		for n := range c.Bulk.Count {
			if err := l.sendOne(ctx, &amqp.Message{Value: n}, c.Settled); err != nil {
				return r, err
			}
		}
	}
	return r, nil
}

// sendOne returns when there was credit and the message is written.
func (l *goLink) sendOne(ctx context.Context, m *amqp.Message, settled bool) error {
	var receipt *amqp.SendReceipt
	if settled || l.settle == amqp.SenderSettleModeSettled {
		if err := l.sender.Send(ctx, m, &amqp.SendOptions{Settled: settled}); err != nil {
			return err
		}
	} else {
		sent, err := l.sender.SendWithReceipt(ctx, m, nil)
		if err != nil {
			return err
		}
		receipt = &sent
	}
	l.update(func() { l.receipts = append(l.receipts, receipt) })
	return nil
}

func (l *goLink) outcomes(ctx context.Context, c command) (r reply, err error) {
	for n := c.First; n < c.First+c.Count; n++ {
		var receipt *amqp.SendReceipt
		if err := l.await(ctx, func() (bool, error) {
			if n < len(l.receipts) {
				receipt = l.receipts[n]
				return true, nil
			}
			return false, nil
		}); err != nil {
			return r, err
		}
		if receipt == nil {
			return r, fmt.Errorf("delivery %d was sent settled", n)
		}
		state, err := receipt.Wait(ctx)
		if err != nil {
			return r, err
		}
		r.Outcomes = append(r.Outcomes, outcomeOf(state))
	}
	return r, nil
}

// --- receiving

func (l *goLink) receive(ctx context.Context, c command) (r reply, err error) {
	err = l.await(ctx, func() (bool, error) {
		if len(l.messages)-l.read < c.Count {
			return false, l.closed
		}
		for n := l.read; n < l.read+c.Count; n++ {
			m := decode(l.messages[n], l.telling)
			m.Settled = &l.came[n]
			r.Messages = append(r.Messages, m)
		}
		l.read += c.Count
		return true, nil
	})
	return r, err
}

func (l *goLink) settleMessages(ctx context.Context, c command) error {
	if c.Pending != l.second {
		return &lackError{"choosing whether an outcome settles: the mode of the link does"}
	}
	for n := c.First; n < c.First+c.Count; n++ {
		l.mu.Lock()
		m := l.messages[n]
		l.mu.Unlock()
		if l.second {
			written := l.socket.nextWrite()
			go l.settleSecond(m, n, c.outcome)
			select {
			case <-written:
			case <-ctx.Done():
				return ctx.Err()
			}
		} else if err := l.settleOne(ctx, m, c.outcome); err != nil {
			return err
		}
	}
	return nil
}

// settleSecond waits, as go-amqp does in mode second, until the sender has settled.
func (l *goLink) settleSecond(m *amqp.Message, n int, o outcome) {
	err := l.settleOne(context.Background(), m, o)
	// The sender's disposition repeats the outcome, an error among them.
	var repeated *amqp.Error
	if err == nil || errors.As(err, &repeated) {
		l.update(func() { l.settled[n] = true })
	}
}

func (l *goLink) settleOne(ctx context.Context, m *amqp.Message, o outcome) error {
	switch o.State {
	case "accepted":
		return l.receiver.AcceptMessage(ctx, m)
	case "released":
		return l.receiver.ReleaseMessage(ctx, m)
	case "rejected":
		var e *amqp.Error
		if o.Condition != "" {
			e = &amqp.Error{Condition: amqp.ErrCond(o.Condition), Description: o.Description, Info: o.Info}
		}
		return l.receiver.RejectMessage(ctx, m, e)
	case "modified":
		return l.receiver.ModifyMessage(ctx, m, &amqp.ModifyMessageOptions{
			DeliveryFailed:    o.Failed,
			UndeliverableHere: o.Undeliverable,
			Annotations:       annotations(o.Annotations),
		})
	default:
		return fmt.Errorf("no outcome %q", o.State)
	}
}

func (l *goLink) awaitSettled(ctx context.Context, c command) error {
	return l.await(ctx, func() (bool, error) {
		for n := c.First; n < c.First+c.Count; n++ {
			if !l.settled[n] {
				return false, l.closed
			}
		}
		return true, nil
	})
}

func hash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
