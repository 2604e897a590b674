package interop

import "fmt"

// link is one link of a client's, seen from the client.
type link struct {
	*connection
	id      string
	address string // as the router answered: a dynamic one is known only then
	reply   reply
}

type (
	sender   struct{ link }
	receiver struct{ link }
)

// sender attaches a sender to an address.
func (c *connection) sender(address string, options ...option) *sender {
	c.Helper()
	return &sender{c.attached("sender", address, options)}
}

// receiver attaches a receiver to an address. It has no credit yet.
func (c *connection) receiver(address string, options ...option) *receiver {
	c.Helper()
	return &receiver{c.attached("receiver", address, options)}
}

func (c *connection) attached(role, address string, options []option) link {
	c.Helper()
	l, err := c.attach(role, address, options)
	c.check(fmt.Sprintf("%s: attach a %s to %q", c.kind, role, address), err)
	return l
}

func (c *connection) attach(role, address string, options []option) (link, error) {
	l := link{connection: c, id: c.unique("link")}
	cmd := command{Op: "attach", Conn: c.name, Link: l.id, Role: role, Address: address}
	for _, o := range options {
		o(&cmd)
	}
	r, err := c.client.do(c.ctx, cmd)
	l.address, l.reply = r.Address, r
	return l, err
}

// refusedAttach is why the router refused a link.
func (c *connection) refusedAttach(role, address string, options ...option) *peerError {
	c.Helper()
	_, err := c.attach(role, address, options)
	return c.refusal(fmt.Sprintf("attach a %s to %q", role, address), err)
}

func dynamic(c *command)     { c.Dynamic = true }
func anonymous(c *command)   { c.Anonymous = true }
func coordinator(c *command) { c.Coordinator = true }
func second(c *command)      { c.Second = true }

func settleMode(mode string) option { return func(c *command) { c.Settle = mode } }
func session(name string) option    { return func(c *command) { c.Session = name } }
func named(name string) option      { return func(c *command) { c.Name = name } }

func (l *link) do(cmd command) reply {
	l.Helper()
	cmd.Conn, cmd.Link = l.connection.name, l.id
	return l.connection.do(cmd.Op+" on "+l.address, cmd)
}

func (l *link) detach() {
	l.Helper()
	l.do(command{Op: "detach"})
}

// detached waits until the router has detached the link, and says why.
func (l *link) detached() *peerError {
	l.Helper()
	_, err := l.client.do(l.ctx, command{Op: "detached", Conn: l.connection.name, Link: l.id})
	return l.refusal("detached", err)
}

func (l *link) state() reply {
	l.Helper()
	return l.do(command{Op: "state"})
}

// noCredit fails when a sender has credit, as far as its client tells.
func (s *sender) noCredit(when string) {
	s.Helper()
	if n := s.state().Credit; n > 0 {
		s.Fatalf("%s: the sender has %d credit, want none", when, n)
	}
}

// atMostEnded fails when more deliveries have an outcome. A client may count
// one a little after it told of it.
func (s *sender) atMostEnded(n int) {
	s.Helper()
	if got := s.state().Ended; got > n {
		s.Fatalf("%d deliveries have ended, want %d", got, n)
	}
}

// send returns when all messages had credit and are written.
func (s *sender) send(messages ...message) {
	s.Helper()
	s.do(command{Op: "send", Messages: messages})
}

func (s *sender) sendSettled(messages ...message) {
	s.Helper()
	s.do(command{Op: "send", Messages: messages, Settled: true})
}

// sending is a send that is not waited for.
type sending struct {
	s    *sender
	done chan result
}

type result struct {
	reply
	err error
}

func (s *sender) start(cmd command) *sending {
	p := &sending{s, make(chan result, 1)}
	cmd.Op, cmd.Conn, cmd.Link = "send", s.connection.name, s.id
	go func() {
		r, err := s.client.do(s.ctx, cmd)
		p.done <- result{r, err}
	}()
	return p
}

// startSend begins to send; done waits for the end of it.
func (s *sender) startSend(messages ...message) *sending {
	return s.start(command{Messages: messages})
}

func (p *sending) wait() reply {
	p.s.Helper()
	r := <-p.done
	p.s.check("send to "+p.s.address, r.err)
	return r.reply
}

// outcomes waits until count deliveries from the first one have ended.
func (s *sender) outcomes(first, count int) []outcome {
	s.Helper()
	r := s.do(command{Op: "outcomes", First: first, Count: count})
	if len(r.Outcomes) != count {
		s.Fatalf("got %d outcomes, want %d", len(r.Outcomes), count)
	}
	return r.Outcomes
}

// endedBy fails when the peer said the outcomes of those deliveries and did, or did not,
// settle them with it, as far as the client tells.
func (s *sender) endedBy(settled bool, first, count int) {
	s.Helper()
	for i, got := range s.do(command{Op: "outcomes", First: first, Count: count}).Ends {
		if got != settled {
			s.Fatalf("delivery %d: the outcome came settled: %v, want %v", first+i, got, settled)
		}
	}
}

// wantOutcomes waits for the outcomes of the deliveries from the first one.
func (s *sender) wantOutcomes(first int, want ...outcome) {
	s.Helper()
	got := s.outcomes(first, len(want))
	for i := range want {
		s.equal(fmt.Sprintf("outcome of delivery %d", first+i), got[i], want[i])
	}
}

func (r *receiver) credit(n int) {
	r.Helper()
	r.do(command{Op: "credit", Count: n})
}

// drain returns when the router has given all credit back, grant included.
func (r *receiver) drain(grant int) {
	r.Helper()
	r.do(command{Op: "drain", Count: grant})
}

// receive waits for so many messages more.
func (r *receiver) receive(n int) []message {
	r.Helper()
	got := r.do(command{Op: "receive", Count: n}).Messages
	if len(got) != n {
		r.Fatalf("got %d messages, want %d", len(got), n)
	}
	return got
}

// wantBodies waits for messages with these values, in this order.
func (r *receiver) wantBodies(want ...string) {
	r.Helper()
	var got []string
	for _, m := range r.receive(len(want)) {
		got = append(got, fmt.Sprint(m.Value))
	}
	r.equal("bodies at "+r.address, got, want)
}

func (r *receiver) settle(first, count int, o outcome) {
	r.Helper()
	r.do(command{Op: "settle", First: first, Count: count, outcome: o})
}

// say sends an outcome and does not settle yet.
func (r *receiver) say(first, count int, o outcome) {
	r.Helper()
	r.do(command{Op: "settle", First: first, Count: count, outcome: o, Pending: true})
}

// awaitSettled waits until the sender's side has settled.
func (r *receiver) awaitSettled(first, count int) {
	r.Helper()
	r.do(command{Op: "settled", First: first, Count: count})
}

// received is how many messages have come so far.
func (r *receiver) received() int {
	r.Helper()
	return r.state().Received
}

var (
	accepted = outcome{State: "accepted"}
	released = outcome{State: "released"}
	failed   = outcome{State: "modified", Failed: true}
)

func texts(bodies ...string) []message {
	var out []message
	for _, b := range bodies {
		out = append(out, message{Value: b})
	}
	return out
}
