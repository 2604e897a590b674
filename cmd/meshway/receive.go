package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/Azure/go-amqp"
	"github.com/spf13/cobra"

	"github.com/meshway/meshway/internal/loadgen"
)

// receiveOptions are the flags of `meshway receive`.
type receiveOptions struct {
	url     string
	count   int
	credit  int
	settle  string
	outcome string
	output  string
	rate    float64
	timeout time.Duration
	reply   bool
	answer  *string // the text of every reply; nil echoes the request
	quiet   bool
}

func (a *app) receiveCommand() *cobra.Command {
	var o receiveOptions
	var answer string
	cmd := &cobra.Command{
		Use:   "receive ADDRESS",
		Short: "Receive messages and print them",
		Long: `Receives what is sent to ADDRESS, prints each message and accepts it, or does
with it what --outcome says. It ends after --count messages, or on Ctrl-C.`,
		Example: `  meshway receive hello
  meshway receive orders --count 10 -o json
  meshway receive orders --outcome reject
  meshway receive quotes --reply-with "three pounds"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("reply-with") {
				o.reply, o.answer = true, &answer
			}
			return a.receive(cmd.Context(), o, args[0])
		},
	}
	f := cmd.Flags()
	urlFlag(f, &o.url)
	f.IntVar(&o.count, "count", 0, "end after so many messages; 0 goes on")
	f.IntVar(&o.credit, "credit", 100, "most messages that the router may send ahead")
	f.StringVar(&o.settle, "settle", "unsettled", "unsettled: say how each message ended; settled: ask for messages that are settled already")
	f.StringVar(&o.outcome, "outcome", string(outcomeAccept), "what to do with each message: "+strings.Join(outcomes, ", "))
	f.BoolVar(&o.reply, "reply", false, "answer each request with what it said")
	f.StringVar(&answer, "reply-with", "", "answer each request with this `TEXT`")
	f.Float64Var(&o.rate, "rate", 0, "at most so many messages a second; 0 is no limit")
	f.DurationVar(&o.timeout, "timeout", 0, "give up when no message comes for so long; 0 never")
	f.StringVarP(&o.output, "output", "o", "text", "text, or json: one object a line")
	f.BoolVar(&o.quiet, "quiet", false, "print only the number of messages at the end")
	completes(cmd, map[string][]string{"settle": {"unsettled", "settled"}, "output": {"text", "json"}, "outcome": outcomes})
	return cmd
}

func (o *receiveOptions) check() error {
	switch {
	case o.count < 0:
		return usageError{fmt.Errorf("--count %d: it must not be negative", o.count)}
	case o.credit < 1 || o.credit > loadgen.MaxCredit:
		return usageError{fmt.Errorf("--credit %d: it must be from 1 to %d", o.credit, loadgen.MaxCredit)}
	case o.settle != "settled" && o.settle != "unsettled":
		return usageError{fmt.Errorf("--settle %q: it must be unsettled or settled", o.settle)}
	case !slices.Contains(outcomes, o.outcome):
		return usageError{fmt.Errorf("--outcome %q: it must be one of %s", o.outcome, strings.Join(outcomes, ", "))}
	case o.settle == "settled" && outcome(o.outcome) != outcomeAccept:
		return usageError{errors.New("--outcome says nothing about messages that are settled already; leave one of --settle and --outcome out")}
	case o.answer != nil && checkText("--reply-with", *o.answer) != nil:
		return checkText("--reply-with", *o.answer)
	}
	return errors.Join(checkOutput(o.output), checkTimeout(o.timeout), checkRate(o.rate))
}

// receiving is one run of `meshway receive`.
type receiving struct {
	*app
	receiveOptions
	address string
	link    receiver
	replies sender // nil unless --reply

	granted int // messages allowed so far
	got     int
}

func (a *app) receive(ctx context.Context, o receiveOptions, address string) error {
	if err := o.check(); err != nil {
		return err
	}
	if err := checkAddress(address); err != nil {
		return err
	}
	t, err := a.parseTarget(o.url)
	if err != nil {
		return err
	}
	conn, err := a.dial(ctx, t)
	if err != nil {
		return interrupted(ctx, err)
	}
	defer conn.close()
	r := &receiving{app: a, receiveOptions: o, address: address}
	if r.link, err = conn.receiver(ctx, receiverOptions{address: address, settled: o.settle == "settled"}); err != nil {
		return interrupted(ctx, err)
	}
	if o.reply {
		// Requests name all kinds of addresses: one link without an address
		// serves them all.
		if r.replies, err = conn.sender(ctx, "", false); err != nil {
			return interrupted(ctx, err)
		}
	}
	if a.errTerm && o.count == 0 {
		a.say("receiving from %q; Ctrl-C ends", address)
	}
	return r.end(ctx, r.all(ctx))
}

// end says how many messages there were. That the user ended a command which
// has no end of its own is no failure.
func (r *receiving) end(ctx context.Context, err error) error {
	if r.quiet {
		r.say("%d received", r.got)
	}
	if ctx.Err() == nil {
		return err
	}
	if r.count > 0 {
		return fmt.Errorf("interrupted after %d of %d messages", r.got, r.count)
	}
	return nil
}

func (r *receiving) all(ctx context.Context) error {
	p := newPace(r.rate)
	for r.count == 0 || r.got < r.count {
		if err := p.wait(ctx); err != nil {
			return err
		}
		if err := r.grant(); err != nil {
			return err
		}
		m, err := r.next(ctx)
		if err != nil {
			return err
		}
		r.got++
		if err := r.take(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// grant keeps the router supplied with credit: renewed when half of it is used,
// and never for more messages than are wanted, which would take them away from
// other receivers.
func (r *receiving) grant() error {
	ahead := r.granted - r.got
	if ahead > r.receiveOptions.credit/2 {
		return nil
	}
	n := r.receiveOptions.credit - ahead
	if r.count > 0 {
		n = min(n, r.count-r.granted)
	}
	if n <= 0 {
		return nil
	}
	r.granted += n
	return r.link.credit(uint32(n))
}

func (r *receiving) next(ctx context.Context) (*amqp.Message, error) {
	bounded, cancel := within(ctx, r.timeout)
	defer cancel()
	m, err := r.link.receive(bounded)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("no message on %q for %v", r.address, r.timeout)
	}
	return m, err
}

// take prints a message, answers it and settles it, in that order: what was
// accepted has been dealt with.
func (r *receiving) take(ctx context.Context, m *amqp.Message) error {
	if err := r.show(m); err != nil {
		return err
	}
	if r.reply {
		if err := r.respond(ctx, m); err != nil {
			return err
		}
	}
	return r.link.settle(ctx, m, outcome(r.outcome))
}

func (r *receiving) show(m *amqp.Message) error {
	switch {
	case r.quiet:
		return nil
	case r.output == "json":
		rec := newRecord(m)
		rec["address"] = r.address
		rec["outcome"] = outcome(r.outcome).past()
		if r.settle == "settled" {
			rec["outcome"] = "settled"
		}
		return r.printJSON(rec)
	default:
		return r.print("%s", text(body(m), r.outTerm))
	}
}

// respond answers a request. A message that names no address for it is none.
func (r *receiving) respond(ctx context.Context, m *amqp.Message) error {
	if m.Properties == nil || m.Properties.ReplyTo == nil || *m.Properties.ReplyTo == "" {
		r.say("message %d names no address for a reply", r.got)
		return nil
	}
	// One client that asks and does not take the answer must not keep the
	// others waiting.
	bounded, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	sent, err := r.replies.send(bounded, r.response(m))
	if err != nil {
		return err
	}
	state, err := sent.Wait(bounded)
	switch {
	case err != nil && ctx.Err() == nil && bounded.Err() != nil:
		r.say("nobody took the reply to message %d for %v", r.got, replyTimeout)
	case err != nil:
		return err
	default:
		if e := newEnding(state, false); !e.ok() {
			r.say("the reply to message %d was %s", r.got, e.state)
		}
	}
	return nil
}

// replyTimeout bounds how long a reply may take to be settled.
const replyTimeout = 10 * time.Second

// response has the body of the request, or the text that --reply-with gives.
func (r *receiving) response(request *amqp.Message) *amqp.Message {
	m := &amqp.Message{Properties: &amqp.MessageProperties{To: request.Properties.ReplyTo, CorrelationID: correlation(request)}}
	if r.answer != nil {
		m.Value = *r.answer
		return m
	}
	m.Data, m.Value, m.Sequence = request.Data, request.Value, request.Sequence
	m.ApplicationProperties = request.ApplicationProperties
	return m
}
