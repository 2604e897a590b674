package hosts

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/go-amqp"
)

// traffic is messages from a client of one host to a client of another, and an
// account of each.
type traffic struct {
	// Immutable after it has begun.
	lab      *lab
	from, to string
	rate     int
	receiver *amqp.Receiver
	stop     context.CancelFunc // ends sending
	sent     chan struct{}      // closed when nothing more is sent

	// Guarded by the lab's mutex.
	fates []fate // by number of the message
	ends  int    // messages with an outcome
	paths map[string]int
	wrong []string
}

// fate is what became of a message.
type fate struct {
	outcome  string // accepted, modified ...; "" as long as there is none
	received int
}

// usualRate is how many messages a second go out where a story does not say.
const usualRate = 500

// dial connects a client to the router of a host.
func (l *lab) dial(host string) *amqp.Conn {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	var nc net.Conn
	l.must(inNamespace(l.clients, func() (err error) {
		var d net.Dialer
		nc, err = d.DialContext(ctx, "tcp", net.JoinHostPort(l.hosts[host].address, strconv.Itoa(clientPort)))
		return err
	}))
	conn, err := amqp.NewConn(ctx, nc, nil)
	if err != nil {
		l.t.Fatalf("open a connection to %s: %v", host, err)
	}
	l.t.Cleanup(func() { conn.Close() })
	return conn
}

// send begins to send messages from one host to another, so many a second, until
// the traffic ends. The address is theirs alone.
func (l *lab) send(from, to string, rate int) *traffic {
	l.t.Helper()
	address := "from-" + from + "-to-" + to
	ctx := l.t.Context()
	out, err := l.dial(to).NewSession(ctx, nil)
	l.must(err)
	receiver, err := out.NewReceiver(ctx, address, &amqp.ReceiverOptions{Credit: 200})
	l.must(err)
	in, err := l.dial(from).NewSession(ctx, nil)
	l.must(err)
	sender, err := in.NewSender(ctx, address, nil)
	l.must(err)
	tr := &traffic{lab: l, from: from, to: to, rate: rate, receiver: receiver, sent: make(chan struct{}), paths: map[string]int{}}
	sending, stop := context.WithCancel(ctx)
	tr.stop = stop
	go tr.receive(ctx)             // ends with the test's connections
	go tr.sendOut(sending, sender) // ends with stop
	return tr
}

// sendOut sends, as the rate and credit allow.
func (tr *traffic) sendOut(ctx context.Context, sender *amqp.Sender) {
	defer close(tr.sent)
	tick := time.NewTicker(time.Second / time.Duration(tr.rate))
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		tr.lab.update(func() { tr.fates = append(tr.fates, fate{}) })
		receipt, err := sender.SendWithReceipt(ctx, amqp.NewMessage([]byte(strconv.Itoa(n))), nil)
		if ctx.Err() != nil && err != nil { // it waited for credit, and was not sent
			tr.lab.update(func() { tr.fates = tr.fates[:n] })
			return
		}
		if err != nil {
			tr.complain("send message %d: %v", n, err)
			return
		}
		go tr.settle(n, &receipt) // ends with the outcome, or the connection
	}
}

// settle waits for the outcome of a message.
func (tr *traffic) settle(n int, receipt *amqp.SendReceipt) {
	state, err := receipt.Wait(context.Background())
	if err != nil {
		tr.complain("outcome of message %d: %v", n, err)
		return
	}
	name := strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", state), "*encoding.State"))
	tr.lab.update(func() {
		tr.fates[n].outcome = name
		tr.ends++
	})
}

// receive takes and accepts messages until the connection ends.
func (tr *traffic) receive(ctx context.Context) {
	for {
		m, err := tr.receiver.Receive(ctx, nil)
		if err != nil {
			return
		}
		n, err := strconv.Atoi(string(m.GetData()))
		tr.lab.update(func() {
			if err != nil || n < 0 || n >= len(tr.fates) {
				tr.wrong = append(tr.wrong, fmt.Sprintf("a message was received that nobody sent: %q", m.GetData()))
				return
			}
			tr.fates[n].received++
			tr.paths[path(m)]++
		})
		if err := tr.receiver.AcceptMessage(ctx, m); err != nil {
			return
		}
	}
}

// path is the way that a message came, such as "A B D".
func path(m *amqp.Message) string {
	trace, _ := m.Annotations["x-opt-qd.trace"].([]any)
	var names []string
	for _, r := range trace {
		names = append(names, strings.TrimPrefix(fmt.Sprint(r), "0/"))
	}
	return strings.Join(names, " ")
}

func (tr *traffic) complain(format string, args ...any) {
	tr.lab.update(func() { tr.wrong = append(tr.wrong, fmt.Sprintf(format, args...)) })
}

// awaitMore returns when so many more messages have come by a path, "" being any.
func (tr *traffic) awaitMore(more int, by string) {
	tr.lab.t.Helper()
	count := func() (n int) {
		for p, times := range tr.paths {
			if p == by || by == "" {
				n += times
			}
		}
		return n
	}
	tr.lab.mu.Lock()
	want := count() + more
	tr.lab.mu.Unlock()
	what := fmt.Sprintf("%d more messages got from %s to %s", more, tr.from, tr.to)
	if by != "" {
		what += " by " + by
	}
	tr.lab.await(what, func() bool { return count() >= want })
}

// end stops the traffic, waits until every message has an outcome, and checks what
// always holds: that each has one, that what was accepted was received, and that
// nothing was received twice. It returns how many there were of each outcome.
func (tr *traffic) end() map[string]int {
	l := tr.lab
	l.t.Helper()
	tr.stop()
	<-tr.sent
	l.await("every message has an outcome", func() bool { return tr.ends+len(tr.wrong) >= len(tr.fates) })
	l.mu.Lock()
	defer l.mu.Unlock()
	outcomes := map[string]int{}
	received := 0
	for n, f := range tr.fates {
		outcomes[f.outcome]++
		received += f.received
		if f.outcome == "accepted" && f.received == 0 {
			tr.wrong = append(tr.wrong, fmt.Sprintf("message %d was accepted, and nobody received it", n))
		}
		if f.received > 1 {
			tr.wrong = append(tr.wrong, fmt.Sprintf("message %d was received %d times (%s)", n, f.received, f.outcome))
		}
	}
	l.t.Logf("%d messages: outcomes %v, received %d by %v", len(tr.fates), outcomes, received, tr.paths)
	for i, w := range tr.wrong {
		if i == 20 {
			l.t.Errorf("... and %d more", len(tr.wrong)-i)
			break
		}
		l.t.Error(w)
	}
	return outcomes
}

// endWhole ends traffic of which nothing may have been lost: all of it was accepted.
func (tr *traffic) endWhole() {
	tr.lab.t.Helper()
	outcomes := tr.end()
	if outcomes["accepted"] != len(tr.fates) {
		tr.lab.t.Errorf("of %d messages, not all were accepted: %v", len(tr.fates), outcomes)
	}
}
