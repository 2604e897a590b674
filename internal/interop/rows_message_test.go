package interop

import (
	"fmt"
	"strings"
)

// Rows about what a message carries, how many there are and how large they are.

func sectionsAreUnchanged(s *stage) {
	address := s.address("q")
	r := s.receivingSide().receiver(address)
	r.credit(1)
	from := s.sendingSide().sender(address)
	priority := 7
	sent := message{
		Value:   "with everything",
		Durable: true, Priority: &priority, TTL: 600_000,
		MessageID: "id-1", UserID: "guest", To: "somewhere/else", Subject: "greeting – größer",
		ReplyTo: "me", CorrelationID: 77, ContentType: "text/plain", GroupID: "g", GroupSequence: 12,
		Annotations: map[string]any{"x-opt-one": "1", "x-opt-two": 2},
		Application: map[string]any{
			"text": "ä€", "number": -5, "large": 5_000_000_000, "real": 2.5, "yes": true,
		},
	}
	from.send(sent)
	got := r.receive(1)[0]
	got.Settled = nil
	s.equal("message", got, sent)
	r.settle(0, 1, accepted)
	from.wantOutcomes(0, accepted)
}

func bodiesAreUnchanged(s *stage) {
	address := s.address("q")
	r := s.receivingSide().receiver(address)
	r.credit(20)
	from := s.sendingSide().sender(address)
	values := []any{
		"text", strings.Repeat("long ", 500), 42, -1, 1.5, true,
		[]any{"a", 1, []any{"nested"}},
		map[string]any{"k": "v", "n": 1, "deep": map[string]any{"er": true}},
	}
	sent := []message{{Data: "some bytes"}, {Sequence: []any{"one", 2, "three"}}}
	for _, v := range values {
		sent = append(sent, message{Value: v})
	}
	from.send(sent...)
	for i, got := range r.receive(len(sent)) {
		what := fmt.Sprintf("body %d", i)
		s.equal(what, got.Value, sent[i].Value)
		s.equal(what, got.Data, sent[i].Data)
		s.equal(what, got.Sequence, sent[i].Sequence)
	}
}

func tenThousandInOrder(s *stage) {
	// A batch is less than the router's linkCapacity: what is not settled is not
	// credited anew.
	const count, batch = 10_000, 200
	address := s.address("q")
	r := s.receivingSide().receiver(address)
	from := s.sendingSide().sender(address)
	sending := from.start(command{Bulk: &bulk{Count: count}})
	for first := 0; first < count; first += batch {
		r.credit(batch)
		for i, m := range r.receive(batch) {
			if fmt.Sprint(m.Value) != fmt.Sprint(first+i) {
				s.Fatalf("message %v came when %d was due", m.Value, first+i)
			}
		}
		r.settle(first, batch, accepted)
	}
	sending.wait()
	for i, o := range from.outcomes(0, count) {
		if o.State != "accepted" {
			s.Fatalf("message %d ended as %q", i, o.State)
		}
	}
}

// presettledToASlowReceiver: what is sent settled is under the same flow control
// as the rest, and not dropped while a consumer lives.
func presettledToASlowReceiver(s *stage) {
	const count, batch = 1_000, 50
	address := s.address("q")
	to := s.receivingSide()
	r := to.receiver(address)
	from := s.sendingSide().sender(address, settleMode("settled"))
	sending := from.start(command{Bulk: &bulk{Count: count}, Settled: true})
	for first := 0; first < count; first += batch {
		r.credit(batch)
		for i, m := range r.receive(batch) {
			if fmt.Sprint(m.Value) != fmt.Sprint(first+i) {
				s.Fatalf("message %v came when %d was due", m.Value, first+i)
			}
		}
	}
	sending.wait()
}

func largeMessage(s *stage) {
	const size = 64 << 20
	address := s.address("q")
	r := s.receivingSide().receiver(address)
	r.credit(2)
	from := s.sendingSide().sender(address)
	sending := from.start(command{Bulk: &bulk{Random: size}})
	got := r.receive(1)[0]
	sent := sending.wait()
	s.equal("size", got.Size, size)
	s.equal("hash", got.SHA256, sent.SHA256)
	r.settle(0, 1, accepted)
	from.wantOutcomes(0, accepted)

	// The links are as good as new.
	from.send(texts("small")...)
	r.wantBodies("small")
}

// smallestFrames: a peer may announce 512 bytes, the least that the
// specification allows; every frame to it must fit. [2.4.1]
func smallestFrames(s *stage) {
	smallest := func(c *command) { c.MaxFrame = 512 }
	address := s.address("q")
	r := s.receivingSide(smallest).receiver(address)
	r.credit(2)
	from := s.sendingSide(smallest).sender(address)
	sending := from.start(command{Bulk: &bulk{Random: 20_000}})
	got := r.receive(1)[0]
	s.equal("hash", got.SHA256, sending.wait().SHA256)

	// A disposition must fit too: the description is cut, or the frame would not.
	r.settle(0, 1, outcome{State: "rejected", Condition: "example:no", Description: "short"})
	from.wantOutcomes(0, outcome{State: "rejected", Condition: "example:no", Description: "short"})
}

func abortedDeliveryNeverArrives(s *stage) {
	address := s.address("q")
	r := s.receivingSide().receiver(address)
	r.credit(3)
	from := s.sendingSide().sender(address)
	from.send(texts("before")...)
	from.do(command{Op: "abort"})
	from.send(texts("after")...)
	r.wantBodies("before", "after")
	r.settle(0, 2, accepted)
	from.wantOutcomes(0, accepted, accepted)
}
