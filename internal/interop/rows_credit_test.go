package interop

// Rows about credit: who may send, and when.

func drainOfNothing(s *stage) {
	address := s.address("q")
	to := s.receivingSide()
	r := to.receiver(address)
	r.credit(10)
	r.drain(0)
	s.equal("messages", r.received(), 0)
	if n := r.state().Credit; n > 0 {
		s.Fatalf("%d credit left after the drain", n)
	}

	// What is sent now has to wait for new credit.
	from := s.sendingSide()
	sending := from.sender(address).startSend(texts("a", "b")...)
	from.barrier()
	to.barrier()
	s.equal("messages without credit", r.received(), 0)
	r.credit(1)
	r.wantBodies("a")
	to.barrier()
	s.equal("messages on a credit of 1", r.received(), 1)
	r.credit(1)
	r.wantBodies("b")
	sending.wait()
}

func drainOfSome(s *stage) {
	address := s.address("q")
	to := s.receivingSide()
	r := to.receiver(address)
	r.credit(10)
	from := s.sendingSide()
	out := from.sender(address)
	out.send(texts("a", "b", "c")...)
	r.wantBodies("a", "b", "c")
	r.drain(0)
	if n := r.state().Credit; n > 0 {
		s.Fatalf("%d credit left after the drain", n)
	}
	sending := out.startSend(texts("d", "e")...)
	from.barrier()
	to.barrier()
	s.equal("messages without credit", r.received(), 3)
	r.credit(1)
	r.wantBodies("d")
	to.barrier()
	s.equal("messages on a credit of 1 after the drain", r.received(), 4)
	r.credit(1)
	r.wantBodies("e")
	sending.wait()
	r.settle(0, 5, accepted)
	out.wantOutcomes(0, accepted, accepted, accepted, accepted, accepted)
}

// drainTakesWhatWaits: what waits at the router comes before the drain is
// answered, the rest of the credit goes back. [2.6.7]
func drainTakesWhatWaits(s *stage) {
	address := s.address("q")
	r := s.receivingSide().receiver(address)
	r.credit(1)
	from := s.sendingSide()
	out := from.sender(address)
	out.send(texts("a", "b", "c", "d")...) // the router's credit is larger than one
	from.barrier()
	r.wantBodies("a")
	r.drain(10)
	s.equal("messages when the drain is answered", r.received(), 4)
	r.wantBodies("b", "c", "d")
	if n := r.state().Credit; n > 0 {
		s.Fatalf("%d credit left after the drain", n)
	}
}

func creditComesWithTheConsumer(s *stage) {
	address := s.address("q")
	from := s.sendingSide()
	out := from.sender(address)
	from.barrier()
	out.noCredit("nobody there")
	sending := out.startSend(texts("a")...)
	from.barrier()
	s.equal("sent without a consumer", out.state().Sent, 0)

	to := s.receivingSide()
	r := to.receiver(address)
	to.barrier()
	from.barrier()
	out.noCredit("a consumer without credit")
	s.equal("sent to a consumer without credit", out.state().Sent, 0)

	r.credit(1)
	r.wantBodies("a")
	sending.wait()
	r.settle(0, 1, accepted)
	out.wantOutcomes(0, accepted)
}

func creditIsNeverExceeded(s *stage) {
	address := s.address("q")
	to := s.receivingSide()
	r := to.receiver(address)
	r.credit(3)
	from := s.sendingSide()
	sending := from.sender(address).startSend(texts("a", "b", "c", "d", "e")...)
	r.wantBodies("a", "b", "c")
	from.barrier()
	to.barrier()
	s.equal("messages on a credit of 3", r.received(), 3)
	r.credit(1)
	r.wantBodies("d")
	to.barrier()
	s.equal("messages on a credit of 4", r.received(), 4)
	r.credit(1)
	r.wantBodies("e")
	sending.wait()
}
