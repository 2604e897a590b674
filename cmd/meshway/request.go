package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/Azure/go-amqp"
)

// requests sends one message after the other, each with an address for the
// reply that the router made up, and waits for that reply.
func (s *sending) requests(ctx context.Context, conn session, next bodies) error {
	replies, err := conn.receiver(ctx, receiverOptions{})
	if err != nil {
		return err
	}
	s.envelope.replyTo = replies.address()
	return s.each(ctx, next, func(m *amqp.Message) error { return s.request(ctx, replies, m) })
}

// request sends one request and prints the reply. One that was not accepted
// is not worth waiting for.
func (s *sending) request(ctx context.Context, replies receiver, m *amqp.Message) error {
	if m.Properties.MessageID == nil {
		m.Properties.MessageID = rand.Text()
	}
	if err := replies.credit(1); err != nil {
		return err
	}
	sent, err := s.transfer(ctx, m)
	if err != nil {
		return err
	}
	// Both are waited for at once: a replier may settle the request only when
	// its reply has been taken.
	type answer struct {
		m   *amqp.Message
		err error
	}
	replyCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	replied := make(chan answer, 1)
	// Ends with the reply, with --timeout or with this function.
	go func() {
		m, err := s.reply(replyCtx, replies, correlation(m))
		replied <- answer{m, err}
	}()
	e, err := s.await(ctx, sent)
	if err == nil && e.ok() {
		a := <-replied
		if a.err != nil {
			return a.err
		}
		return s.show(e, a.m)
	}
	cancel()
	<-replied // nobody else may use the link while it is waited on
	if err != nil {
		return err
	}
	return s.show(e, nil)
}

// correlation is what a reply refers to a request by: its correlation-id, or
// else its message-id.
func correlation(request *amqp.Message) any {
	if p := request.Properties; p != nil {
		if p.CorrelationID != nil {
			return p.CorrelationID
		}
		return p.MessageID
	}
	return nil
}

// reply waits for the reply to a request. One to an earlier request that was
// given up is passed over.
func (s *sending) reply(ctx context.Context, replies receiver, id any) (*amqp.Message, error) {
	bounded, cancel := within(ctx, s.timeout)
	defer cancel()
	for {
		m, err := replies.receive(bounded)
		if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("the request was accepted, and %v later there was no reply", s.timeout)
		}
		if err != nil {
			return nil, err
		}
		if err := replies.settle(bounded, m, outcomeAccept); err != nil {
			return nil, err
		}
		// A replier that does not know of correlation answers all the same.
		if m.Properties == nil || m.Properties.CorrelationID == nil || fmt.Sprint(m.Properties.CorrelationID) == fmt.Sprint(id) {
			return m, nil
		}
		if err := replies.credit(1); err != nil {
			return nil, err
		}
	}
}
