package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/Azure/go-amqp"
	"github.com/spf13/cobra"
)

// sendOptions are the flags of `meshway send`.
type sendOptions struct {
	envelope envelope
	bodies   bodyFlags
	url      string
	settle   string
	output   string
	rate     float64
	timeout  time.Duration
	request  bool
	relay    bool
	quiet    bool
}

// inFlight bounds how many messages are sent ahead of their outcomes.
const inFlight = 1000

func (a *app) sendCommand() *cobra.Command {
	var o sendOptions
	cmd := &cobra.Command{
		Use:   "send ADDRESS [MESSAGE...]",
		Short: "Send messages, and say how each ended",
		Long: `Sends each MESSAGE to ADDRESS, or else each line of standard input, and prints
how each ended: a router says "accepted" only when a receiver has said so. The
exit code is 0 only if all were accepted.

While the address has no consumer the router takes no message: send then waits,
says so, and gives up after --timeout.`,
		Example: `  meshway send hello "Hello, world"
  meshway send orders --count 1000 --size 200 --rate 100 --quiet
  meshway send quotes --request "price of tea"
  tail -f events.log | meshway send events`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.bodies.counted = cmd.Flags().Changed("count")
			return a.send(cmd.Context(), o, args[0], args[1:])
		},
	}
	f := cmd.Flags()
	urlFlag(f, &o.url)
	o.envelope.flags(f)
	f.IntVar(&o.bodies.count, "count", 1, "send the messages so many times")
	f.IntVar(&o.bodies.size, "size", -1, "send a made-up message of so many bytes; -1 is none")
	f.BoolVar(&o.bodies.whole, "stdin-whole", false, "send all of standard input as one message")
	f.BoolVar(&o.bodies.data, "data", false, "send text as a data section, not as a string value")
	f.StringVar(&o.settle, "settle", "unsettled", "unsettled: hear how each message ended; settled: send and forget")
	f.BoolVar(&o.request, "request", false, "wait for a reply to each message, and print it")
	f.BoolVar(&o.relay, "anonymous", false, "send over a link without an address: each message says in its \"to\" where it goes")
	f.Float64Var(&o.rate, "rate", 0, "at most so many messages a second; 0 is no limit")
	f.DurationVar(&o.timeout, "timeout", 30*time.Second, "give up when a consumer, an outcome or a reply does not come for so long; 0 never")
	f.StringVarP(&o.output, "output", "o", "text", "text, or json: one object a line")
	f.BoolVar(&o.quiet, "quiet", false, "print only what was not accepted, and the sum")
	completes(cmd, map[string][]string{"settle": {"unsettled", "settled"}, "output": {"text", "json"}})
	return cmd
}

func (o *sendOptions) check() error {
	switch {
	case o.settle != "settled" && o.settle != "unsettled":
		return usageError{fmt.Errorf("--settle %q: it must be unsettled or settled", o.settle)}
	case o.request && o.envelope.replyTo != "":
		return usageError{errors.New("--request sets the address for replies itself; leave --reply-to out")}
	}
	return errors.Join(checkOutput(o.output), checkTimeout(o.timeout), checkRate(o.rate), o.envelope.check())
}

func checkOutput(format string) error {
	if !slices.Contains([]string{"text", "json"}, format) {
		return usageError{fmt.Errorf("--output %q: it must be text or json", format)}
	}
	return nil
}

func checkTimeout(d time.Duration) error {
	if d < 0 {
		return usageError{fmt.Errorf("--timeout %v: it must not be negative", d)}
	}
	return nil
}

// checkAddress refuses what no router could be asked for.
func checkAddress(address string) error {
	switch {
	case address == "":
		return usageError{errors.New("the address is empty")}
	}
	return checkText("the address", address)
}

// checkText refuses what cannot go into a string of AMQP.
func checkText(what, text string) error {
	if !utf8.ValidString(text) {
		return usageError{fmt.Errorf("%s %q is no text in UTF-8", what, text)}
	}
	return nil
}

// sending is one run of `meshway send`.
type sending struct {
	*app
	sendOptions
	address string // where the messages go
	link    sender

	// Owned by the goroutine that reports:
	counts map[string]int // messages by how they ended
	total  int
	failed int
}

func (a *app) send(ctx context.Context, o sendOptions, address string, messages []string) error {
	if err := o.check(); err != nil {
		return err
	}
	if err := checkAddress(address); err != nil && (address != "" || o.envelope.to == "") {
		return err
	}
	next, err := o.bodies.source(a, messages)
	if err != nil {
		return err
	}
	t, err := a.parseTarget(o.url)
	if err != nil {
		return err
	}
	linkAddress := address
	if o.relay {
		linkAddress = ""
		if o.envelope.to == "" {
			o.envelope.to = address
		}
	}
	if linkAddress == "" {
		address = o.envelope.to
	}
	conn, err := a.dial(ctx, t)
	if err != nil {
		return interrupted(ctx, err)
	}
	defer conn.close()
	link, err := conn.sender(ctx, linkAddress, o.settle == "settled")
	if err != nil {
		return interrupted(ctx, err)
	}
	s := &sending{app: a, sendOptions: o, address: address, link: link, counts: map[string]int{}}
	if o.request {
		err = s.requests(ctx, conn, next)
	} else {
		err = s.all(ctx, next)
	}
	if err != nil {
		return interrupted(ctx, err)
	}
	return s.sum()
}

// interrupted says so in one word when the user ended the command.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return err
}

// all sends ahead, and reports the outcomes in the order of the messages.
func (s *sending) all(ctx context.Context, next bodies) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue := make(chan pending, inFlight)
	reported := make(chan error, 1)
	// Ends when the queue is closed below.
	go func() {
		err := s.report(ctx, queue)
		if err != nil {
			cancel() // no sense in sending on
		}
		reported <- err
	}()
	sendErr := s.feed(ctx, next, queue)
	close(queue)
	// What went wrong with an outcome explains why sending stopped, not the
	// other way round.
	if err := <-reported; err != nil {
		return err
	}
	return sendErr
}

// feed sends every message, and queues what is to become of it.
func (s *sending) feed(ctx context.Context, next bodies, queue chan<- pending) error {
	return s.each(ctx, next, func(m *amqp.Message) error {
		sent, err := s.transfer(ctx, m)
		if err != nil {
			return err
		}
		select {
		case queue <- sent:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// each makes a message of every body, and calls f when it is due.
func (s *sending) each(ctx context.Context, next bodies, f func(*amqp.Message) error) error {
	p := newPace(s.rate)
	for {
		b, err := next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read standard input: %w", err)
		}
		if err := p.wait(ctx); err != nil {
			return err
		}
		if err := f(s.envelope.message(b)); err != nil {
			return err
		}
	}
}

// transfer sends one message as soon as there is credit, and says so when that
// takes long: a router gives none while nobody could take the message.
func (s *sending) transfer(ctx context.Context, m *amqp.Message) (pending, error) {
	bounded, cancel := within(ctx, s.timeout)
	defer cancel()
	said := make(chan struct{})
	notice := time.AfterFunc(s.patience, func() {
		defer close(said)
		s.say("waiting for a consumer on %q; start one with: %s", s.address, s.remedy())
	})
	defer func() {
		if !notice.Stop() {
			<-said // not after what comes of it
		}
	}()
	sent, err := s.link.send(bounded, m)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("no consumer on %q took messages for %v; start one with: %s", s.address, s.timeout, s.remedy())
	}
	return sent, err
}

// remedy is the command that starts a consumer of the address.
func (s *sending) remedy() string {
	return s.name + " receive" + s.atRouter(s.url) + " " + shellWord(s.address)
}

// report waits for the outcome of each message. After an error it still
// empties the queue, so that nobody is left waiting to put something in.
func (s *sending) report(ctx context.Context, queue <-chan pending) error {
	var first error
	for sent := range queue {
		if first == nil {
			first = s.reportOne(ctx, sent)
		}
	}
	return first
}

func (s *sending) reportOne(ctx context.Context, sent pending) error {
	e, err := s.await(ctx, sent)
	if err != nil {
		return err
	}
	return s.show(e, nil)
}

// await waits for the outcome of one message.
func (s *sending) await(ctx context.Context, sent pending) (ending, error) {
	bounded, cancel := within(ctx, s.timeout)
	defer cancel()
	state, err := sent.Wait(bounded)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return ending{}, fmt.Errorf("a message was sent, and %v later nobody had settled it", s.timeout)
	}
	return newEnding(state, s.settle == "settled"), err
}

// show prints how one message ended, and the reply to it if it was a request.
func (s *sending) show(e ending, reply *amqp.Message) error {
	s.total++
	s.counts[e.state]++
	if !e.ok() {
		s.failed++
	} else if s.quiet && reply == nil {
		return nil
	}
	if s.output == "json" {
		return s.printJSON(s.record(e, reply))
	}
	if reply != nil {
		return s.print("%s", text(body(reply), s.outTerm))
	}
	return s.print("message %d: %s", s.total, e.describe(s.app, s.address, s.remedy()))
}

func (s *sending) record(e ending, reply *amqp.Message) record {
	r := record{"message": s.total, "outcome": e.state}
	if e.detail != "" {
		r["detail"] = e.detail
	}
	if e.err != nil {
		r["error"] = record{"condition": string(e.err.Condition), "description": e.err.Description}
	}
	if reply != nil {
		r["reply"] = newRecord(reply)
	}
	return r
}

// sum ends the command: with an error unless every message was accepted.
func (s *sending) sum() error {
	if s.total > 1 || s.quiet {
		s.say("%s", s.sumLine())
	}
	switch {
	case s.failed == 0:
		return nil
	case s.total == 1:
		return errors.New("the message was not accepted")
	default:
		return fmt.Errorf("%d of %d messages were not accepted", s.failed, s.total)
	}
}

func (s *sending) sumLine() string {
	line := fmt.Sprintf("%d sent", s.total)
	for _, state := range []string{"accepted", "settled", "rejected", "released", "modified"} {
		if n := s.counts[state]; n > 0 {
			line += fmt.Sprintf(", %d %s", n, state)
		}
	}
	return line
}

// within bounds ctx; 0 is no bound.
func within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}
