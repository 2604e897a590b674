package interop

import (
	"net"
	"strconv"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// Rows about what is lost: ends that vanish, links that are taken or refused.

// outstanding is a receiver that holds three deliveries while two more wait at
// the router.
func outstanding(s *stage, to *connection, options ...option) (*receiver, *sender) {
	s.Helper()
	address := s.address("q")
	r := to.receiver(address, options...)
	r.credit(3)
	from := s.sendingSide()
	out := from.sender(address)
	out.send(texts("a", "b", "c", "d", "e")...)
	r.wantBodies("a", "b", "c")
	from.barrier() // the router has read the other two as well
	return r, out
}

// lost are the outcomes of what outstanding had under way: sent on and not
// settled is modified, still waiting is released.
func wantLost(out *sender) {
	out.Helper()
	out.wantOutcomes(0, failed, failed, failed, released, released)
}

func receiverKilled(s *stage) {
	to := s.doomedReceiver()
	_, out := outstanding(s, to)
	to.kill()
	wantLost(out)

	// The address works again with the next consumer.
	r := s.receivingSide().receiver(out.address)
	r.credit(1)
	out.send(texts("f")...)
	r.wantBodies("f")
	r.settle(0, 1, accepted)
	out.wantOutcomes(5, accepted)
}

// receiverKilledMidway: the receiver takes the first frames of a long message, no more, and is
// gone. The sender, which is still writing, hears of it when it is done, and can go on.
func receiverKilledMidway(s *stage) {
	address := s.address("q")
	begun, kill := s.taker(address)
	out := s.sendingSide().sender(address)
	sending := out.start(longMessage)
	select {
	case <-begun:
	case <-s.ctx.Done():
		s.Fatal("the message has not begun")
	}
	kill()
	sending.wait()
	out.wantOutcomes(0, failed)

	r := s.receivingSide().receiver(address)
	r.credit(1)
	out.send(texts("next")...)
	r.wantBodies("next")
	r.settle(0, 1, accepted)
	out.wantOutcomes(1, accepted)
}

// taker is a receiver of our own that takes four frames and no more. begun is closed when the
// first has come.
func (s *stage) taker(address string) (begun <-chan struct{}, kill func()) {
	s.Helper()
	nc, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.router.ports[plainListener])))
	s.check("connect a taker", err)
	c := meshtest.NewClient(s.unique("taker"), nc, meshtest.ClientOptions{Fault: func(what string) { s.Error(what) }})
	s.Cleanup(c.Kill)
	first := make(chan struct{})
	attached := make(chan struct{})
	c.Do(func() {
		c.Begin(meshtest.SessionOptions{Window: 4, KeepWindow: true}).AttachReceiver(meshtest.ReceiverOptions{
			Source: meshtest.From(address), Snd: wire.SndMixed, Credit: 1,
			OnAttach: func(*wire.Attach) { close(attached) },
			OnTransfer: func(d *meshtest.In, payload []byte) {
				if d.Size == len(payload) {
					close(first)
				}
			},
		})
	})
	select {
	case <-attached:
	case <-c.Ended():
		s.Fatalf("the taker was not attached: %v", c.Err())
	}
	return first, c.Kill
}

func receiverDetached(s *stage) {
	r, out := outstanding(s, s.receivingSide())
	r.detach()
	wantLost(out)
}

func sessionEnded(s *stage) {
	to := s.receivingSide()
	_, out := outstanding(s, to, session("short"))
	to.end("short")
	wantLost(out)
}

// senderKilled: its deliveries are nobody's any more, the receiver's outcome is
// taken and forgotten, and its link works on.
func senderKilled(s *stage) {
	address := s.address("q")
	to := s.receivingSide()
	r := to.receiver(address)
	r.credit(3)
	doomed, err := s.connect(s.client(s.sending), s.sending, "doomed", nil)
	s.check("connect", err)
	doomed.sender(address).send(texts("a", "b")...)
	r.wantBodies("a", "b")
	doomed.kill()
	r.settle(0, 1, accepted)
	out := s.sendingSide().sender(address)
	out.send(texts("c")...)
	r.wantBodies("c")
	r.settle(1, 2, accepted)
	out.wantOutcomes(0, accepted)
	to.barrier()
}

// anotherConsumerTakesOver: what waited for a consumer that is gone goes to the
// next one, in order.
func anotherConsumerTakesOver(s *stage) {
	to := s.doomedReceiver()
	_, out := outstanding(s, to)
	other := s.receivingSide().receiver(out.address)
	other.credit(2)
	other.wantBodies("d", "e")
	to.kill()
	out.wantOutcomes(0, failed, failed, failed)
	other.settle(0, 2, accepted)
	out.wantOutcomes(3, accepted, accepted)
}

// linkNameStolen: a second attach by the same name takes the link over; the
// first one hears amqp:link:stolen. [2.6.1]
func linkNameStolen(s *stage) {
	address := s.address("q")
	to := s.receivingSide()
	first := to.receiver(address, named("mine"), session("one"))
	secondOne := to.receiver(address, named("mine"), session("two"))
	s.equal("condition", first.detached().Condition, "amqp:link:stolen")
	secondOne.credit(1)
	out := s.sendingSide().sender(address)
	out.send(texts("a")...)
	secondOne.wantBodies("a")
	secondOne.settle(0, 1, accepted)
	out.wantOutcomes(0, accepted)
}

func unavailableAddressIsRefused(s *stage) {
	address := "gone/" + s.address("q")
	from, to := s.sendingSide(), s.receivingSide()
	s.equal("condition for a sender", from.refusedAttach("sender", address).Condition, "amqp:not-found")
	s.equal("condition for a receiver", to.refusedAttach("receiver", address).Condition, "amqp:not-found")

	// The connections live on.
	r := to.receiver(s.address("there"))
	r.credit(1)
	from.sender(s.address("there")).send(texts("a")...)
	r.wantBodies("a")
}

// coordinatorIsRefused: a router has no transactions of its own.
func coordinatorIsRefused(s *stage) {
	from := s.sendingSide()
	refusal := from.refusedAttach("sender", "", coordinator)
	if refusal.Condition == "" || refusal.Description == "" {
		s.Fatalf("refused without a reason: %+v", refusal)
	}
	from.barrier()
}
