package interop

import "slices"

// Rows about settlement: who settles, and what the sender hears of it.

func unsettledIsForwarded(s *stage) {
	address := s.address("q")
	r := s.receivingSide().receiver(address)
	r.credit(5)
	sendingSide := s.sendingSide()
	from := sendingSide.sender(address, settleMode("unsettled"))
	from.send(texts("a", "b", "c", "d", "e")...)
	r.wantBodies("a", "b", "c", "d", "e")

	// Nobody but the receiver settles.
	sendingSide.barrier()
	from.atMostEnded(0)

	r.settle(0, 5, accepted)
	from.wantOutcomes(0, accepted, accepted, accepted, accepted, accepted)
	from.endedBy(true, 0, 5)
}

func presettledIsForwarded(s *stage) {
	address := s.address("q")
	r := s.receivingSide().receiver(address)
	r.credit(6)
	from := s.sendingSide().sender(address, settleMode("settled"))
	from.sendSettled(texts("a", "b", "c")...)
	messages := r.receive(3)

	// A link of mode mixed may send either kind.
	mixed := s.sendingSide().sender(address, settleMode("mixed"))
	mixed.sendSettled(texts("d")...)
	messages = append(messages, r.receive(1)...)
	mixed.send(texts("e")...)
	last := r.receive(1)[0]
	r.settle(4, 1, accepted)
	mixed.wantOutcomes(1, accepted)

	for i, want := range []string{"a", "b", "c", "d"} {
		s.equal("body", messages[i].Value, want)
		if messages[i].Settled != nil && !*messages[i].Settled {
			s.Errorf("message %q was sent settled and arrived unsettled", want)
		}
	}
	if last.Settled != nil && *last.Settled {
		s.Errorf("message %q was sent unsettled and arrived settled", "e")
	}
}

// outcomeComesBack has the receiver say an outcome of the second of three
// deliveries, and the sender hear exactly that; the others stay as they are.
func outcomeComesBack(s *stage, o outcome) {
	address := s.address("q")
	r := s.receivingSide().receiver(address)
	r.credit(3)
	from := s.sendingSide().sender(address)
	from.send(texts("a", "b", "c")...)
	r.wantBodies("a", "b", "c")
	r.settle(1, 1, o)
	from.wantOutcomes(1, o)
	from.atMostEnded(1)
	r.settle(0, 1, accepted)
	r.settle(2, 1, accepted)
	from.wantOutcomes(0, accepted, o, accepted)
}

func acceptedComesBack(s *stage) { outcomeComesBack(s, accepted) }
func releasedComesBack(s *stage) { outcomeComesBack(s, released) }

func rejectedComesBackWithItsError(s *stage) {
	outcomeComesBack(s, outcome{
		State:       "rejected",
		Condition:   "example:out-of-stock",
		Description: "no more of these – try tomorrow",
		Info:        map[string]any{"warehouse": "north", "left": 0, "retry": true},
	})
}

func modifiedComesBackWithItsData(s *stage) {
	outcomeComesBack(s, outcome{
		State: "modified", Failed: true, Undeliverable: true,
		Annotations: map[string]any{"x-opt-reason": "too hot", "x-opt-attempt": 3},
	})
}

// receiverAsksForSettled: the receiver wants no settlement, the sender hears
// accepted all the same.
func receiverAsksForSettled(s *stage) {
	address := s.address("q")
	r := s.receivingSide().receiver(address, settleMode("settled"))
	r.credit(2)
	from := s.sendingSide().sender(address, settleMode("unsettled"))
	from.send(texts("a", "b")...)
	from.wantOutcomes(0, accepted, accepted)
	for _, m := range r.receive(2) {
		if m.Settled != nil && !*m.Settled {
			s.Errorf("message %v arrived unsettled", m.Value)
		}
	}
}

// threeWayAcknowledgement: the receiver says an outcome, the sender settles,
// and only then does the receiver forget. [2.6.12]
func threeWayAcknowledgement(s *stage) {
	address := s.address("q")
	to, sendingSide := s.receivingSide(), s.sendingSide()
	r := to.receiver(address, second)
	r.credit(4)
	from := sendingSide.sender(address, settleMode("unsettled"))
	from.send(texts("a", "b", "c", "d")...)
	r.wantBodies("a", "b", "c", "d")
	rejected := outcome{State: "rejected", Condition: "example:no", Description: "not this one"}
	said := []outcome{accepted, rejected, released, {State: "modified", Failed: true}}
	// Out of order, so that no range of ids hides a mistake.
	for done, n := range []int{2, 0, 3, 1} {
		sendingSide.hold(true)
		r.say(n, 1, said[n])
		to.barrier()
		if got := r.state().Settled; got != done {
			s.Fatalf("%d deliveries are settled, want %d: their sender has not settled %q yet", got, done, said[n].State)
		}
		sendingSide.hold(false)
		from.wantOutcomes(n, said[n])
		from.endedBy(false, n, 1)
		r.awaitSettled(n, 1)
	}
	s.equal("outcomes", from.outcomes(0, 4), slices.Clone(said))
}
