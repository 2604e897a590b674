package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/Azure/go-amqp"
)

// session is a connection to a router, as far as the commands need one. Its
// errors are fit to be shown.
type session interface {
	// sender attaches to address, or to none: then each message says in its
	// "to" where it goes.
	sender(ctx context.Context, address string, settled bool) (sender, error)
	receiver(ctx context.Context, o receiverOptions) (receiver, error)
	close()
}

type receiverOptions struct {
	address string // empty: the router makes one, for replies
	settled bool   // ask for messages that are settled already
}

// sender sends on one link.
type sender interface {
	// send returns when there was credit and the message is on its way.
	send(ctx context.Context, m *amqp.Message) (pending, error)
}

// pending is a message on its way.
type pending interface {
	// Wait returns how it ended.
	Wait(ctx context.Context) (amqp.DeliveryState, error)
}

// receiver receives on one link.
type receiver interface {
	address() string
	// credit allows so many more messages.
	credit(n uint32) error
	receive(ctx context.Context) (*amqp.Message, error)
	settle(ctx context.Context, m *amqp.Message, o outcome) error
}

// amqpSession is a session over the network.
type amqpSession struct {
	conn    *amqp.Conn
	session *amqp.Session
}

func (s amqpSession) close() { _ = s.conn.Close() }

func (s amqpSession) sender(ctx context.Context, address string, settled bool) (sender, error) {
	o := &amqp.SenderOptions{}
	if settled {
		o.SettlementMode = amqp.SenderSettleModeSettled.Ptr()
	}
	snd, err := s.session.NewSender(ctx, address, o)
	if err != nil {
		return nil, explainAttach(address, err)
	}
	return amqpSender{snd, settled}, nil
}

type amqpSender struct {
	*amqp.Sender
	settled bool
}

func (s amqpSender) send(ctx context.Context, m *amqp.Message) (pending, error) {
	if s.settled {
		return nobody{}, explainLoss(ctx, s.Send(ctx, m, nil))
	}
	receipt, err := s.SendWithReceipt(ctx, m, nil)
	if err != nil {
		return nil, explainLoss(ctx, err)
	}
	return amqpPending{&receipt}, nil
}

// nobody will say how a message ended that was sent settled.
type nobody struct{}

func (nobody) Wait(context.Context) (amqp.DeliveryState, error) { return nil, nil }

type amqpPending struct{ *amqp.SendReceipt }

func (p amqpPending) Wait(ctx context.Context) (amqp.DeliveryState, error) {
	state, err := p.SendReceipt.Wait(ctx)
	return state, explainLoss(ctx, err)
}

func (s amqpSession) receiver(ctx context.Context, o receiverOptions) (receiver, error) {
	options := &amqp.ReceiverOptions{Credit: -1, DynamicAddress: o.address == ""}
	if o.settled {
		options.RequestedSenderSettleMode = amqp.SenderSettleModeSettled.Ptr()
	}
	rcv, err := s.session.NewReceiver(ctx, o.address, options)
	if err != nil {
		return nil, explainAttach(o.address, err)
	}
	return amqpReceiver{rcv}, nil
}

type amqpReceiver struct{ *amqp.Receiver }

func (r amqpReceiver) address() string       { return r.Address() }
func (r amqpReceiver) credit(n uint32) error { return r.IssueCredit(n) }

func (r amqpReceiver) receive(ctx context.Context) (*amqp.Message, error) {
	m, err := r.Receive(ctx, nil)
	return m, explainLoss(ctx, explainUnread(err))
}

// explainUnread tells of a message that go-amqp cannot decode, such as one with a
// decimal or a char in it. It ends the link for that itself, with the words that a
// peer would use.
func explainUnread(err error) error {
	if l, ok := errors.AsType[*amqp.LinkError](err); ok && l.RemoteErr == nil {
		if why, ours := strings.CutPrefix(l.Error(), string(amqp.ErrCondInternalError)+": "); ours {
			return fmt.Errorf("a message has come that this command cannot read (%s); its sender hears that it was not delivered", why)
		}
	}
	return err
}

func (r amqpReceiver) settle(ctx context.Context, m *amqp.Message, o outcome) error {
	var err error
	switch o {
	case outcomeReject:
		err = r.RejectMessage(ctx, m, nil)
	case outcomeRelease:
		err = r.ReleaseMessage(ctx, m)
	case outcomeModify:
		err = r.ModifyMessage(ctx, m, &amqp.ModifyMessageOptions{DeliveryFailed: true})
	default:
		err = r.AcceptMessage(ctx, m)
	}
	return explainLoss(ctx, err)
}

// explainAttach turns the refusal of a link into words.
func explainAttach(address string, err error) error {
	if refusal, ok := errors.AsType[*amqp.Error](err); ok {
		if _, lost := errors.AsType[*amqp.ConnError](err); !lost {
			return fmt.Errorf("the router refused the address %q: %s", address, describeError(refusal))
		}
	}
	return explainLoss(context.Background(), err)
}

// explainLoss says who ended what; the end of ctx stays what it is.
func explainLoss(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if c, ok := errors.AsType[*amqp.ConnError](err); ok {
		if c.RemoteErr != nil {
			return fmt.Errorf("the router closed the connection: %s", describeError(c.RemoteErr))
		}
		return fmt.Errorf("the connection to the router was lost: %w", err)
	}
	if s, ok := errors.AsType[*amqp.SessionError](err); ok && s.RemoteErr != nil {
		return fmt.Errorf("the router ended the session: %s", describeError(s.RemoteErr))
	}
	if l, ok := errors.AsType[*amqp.LinkError](err); ok && l.RemoteErr != nil {
		return fmt.Errorf("the router detached the link: %s", describeError(l.RemoteErr))
	}
	return err
}

// describeError gives an AMQP error as "condition: description", with the reason that a
// router puts into the error's map where its description has none.
func describeError(e *amqp.Error) string {
	if e == nil {
		return "without a reason"
	}
	words := string(e.Condition)
	if e.Description != "" {
		words += ": " + e.Description
	}
	if reason, ok := e.Info["reason"].(string); ok {
		words += ", " + reason
	}
	return words
}
