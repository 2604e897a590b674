package interop

import (
	"fmt"
	"slices"
)

// Rows about addresses: dynamic, anonymous, multicast, several sessions.

func requestAndResponse(s *stage) {
	address := s.address("service")
	service := s.receivingSide()
	requests := service.receiver(address)
	requests.credit(3)
	responses := service.sender("", anonymous)

	client := s.sendingSide()
	inbox := client.receiver("", dynamic)
	if inbox.address == "" {
		s.Fatal("a dynamic source was attached without an address")
	}
	inbox.credit(3)
	other := client.receiver("", dynamic)
	other.credit(1)
	if other.address == inbox.address {
		s.Fatalf("two dynamic sources have the address %q", inbox.address)
	}
	out := client.sender(address)
	for i := range 3 {
		out.send(message{Value: fmt.Sprintf("question %d", i), ReplyTo: inbox.address, CorrelationID: fmt.Sprint(i)})
		request := requests.receive(1)[0]
		responses.send(message{
			Value: fmt.Sprintf("answer to %v", request.Value), To: request.ReplyTo, CorrelationID: request.CorrelationID,
		})
		requests.settle(i, 1, accepted)
		response := inbox.receive(1)[0]
		s.equal("response", response.Value, fmt.Sprintf("answer to question %d", i))
		s.equal("correlation", response.CorrelationID, fmt.Sprint(i))
		inbox.settle(i, 1, accepted)
		responses.wantOutcomes(i, accepted)
		out.wantOutcomes(i, accepted)
	}

	// A sender on the address itself is as good as an anonymous one.
	direct := service.sender(inbox.address)
	inbox.credit(1)
	direct.send(texts("one more thing")...)
	inbox.wantBodies("one more thing")

	// What is for one inbox does not come to another.
	service.sender(other.address).send(texts("yours")...)
	other.wantBodies("yours")

	// The address goes with its link.
	inbox.detach()
	responses.send(message{Value: "too late", To: inbox.address})
	responses.wantOutcomes(3, released)
}

func dynamicTarget(s *stage) {
	from := s.sendingSide()
	out := from.sender("", dynamic)
	if out.address == "" {
		s.Fatal("a dynamic target was attached without an address")
	}
	r := s.receivingSide().receiver(out.address)
	r.credit(1)
	out.send(texts("found")...)
	r.wantBodies("found")
	r.settle(0, 1, accepted)
	out.wantOutcomes(0, accepted)
}

func anonymousRelay(s *stage) {
	to := s.receivingSide()
	left, right := to.receiver(s.address("left")), to.receiver(s.address("right"))
	left.credit(5)
	right.credit(5)
	from := s.sendingSide()
	if offered := from.reply.Offered; offered != nil && !slices.Contains(offered, "ANONYMOUS-RELAY") {
		s.Fatalf("the router offers %v, and not ANONYMOUS-RELAY", offered)
	}
	out := from.sender("", anonymous)
	var messages []message
	for i := range 5 {
		messages = append(messages,
			message{Value: fmt.Sprintf("left %d", i), To: s.address("left")},
			message{Value: fmt.Sprintf("right %d", i), To: s.address("right")})
	}
	out.send(messages...)
	left.wantBodies("left 0", "left 1", "left 2", "left 3", "left 4")
	right.wantBodies("right 0", "right 1", "right 2", "right 3", "right 4")
	left.settle(0, 5, accepted)
	right.settle(0, 5, released)
	for i, o := range out.outcomes(0, 10) {
		s.equal(fmt.Sprintf("outcome %d", i), o, []outcome{accepted, released}[i%2])
	}
}

func unroutableIsReleased(s *stage) {
	address := s.address("q")
	r := s.receivingSide().receiver(address)
	r.credit(2)
	out := s.sendingSide().sender("", anonymous)
	out.send(
		message{Value: "first", To: address},
		message{Value: "lost", To: s.address("nobody")},
		message{Value: "second", To: address})
	r.wantBodies("first", "second")
	r.settle(0, 2, accepted)
	out.wantOutcomes(0, accepted, released, accepted)
}

func withoutAddressIsRejected(s *stage) {
	address := s.address("q")
	r := s.receivingSide().receiver(address)
	r.credit(1)
	out := s.sendingSide().sender("", anonymous)
	out.send(message{Value: "whither"}, message{Value: "hither", To: address})
	r.wantBodies("hither")
	r.settle(0, 1, accepted)
	got := out.outcomes(0, 2)
	s.equal("state", got[0].State, "rejected")
	if got[0].Condition == "" {
		s.Error("rejected without a condition")
	}
	s.equal("the next one", got[1], accepted)
}

// longWithoutAddressIsRejected: the router knows that of a long message when its beginning has
// come, and says so behind its end. The client is not ready for it before.
func longWithoutAddressIsRejected(s *stage) {
	address := s.address("q")
	r := s.receivingSide().receiver(address)
	r.credit(1)
	out := s.sendingSide().sender("", anonymous)
	out.start(longMessage).wait()
	out.send(message{Value: "hither", To: address})
	r.wantBodies("hither")
	r.settle(0, 1, accepted)
	got := out.outcomes(0, 2)
	s.equal("state", got[0].State, "rejected")
	s.equal("the next one", got[1], accepted)
}

// longMessage is one that comes in many windows.
var longMessage = command{Bulk: &bulk{Random: 16 << 20}}

// multicastMixedOutcomes: one copy to each; rejected > accepted > modified >
// released, and nothing is said before the last has spoken.
func multicastMixedOutcomes(s *stage) {
	address := "multicast/" + s.address("q")
	to := s.receivingSide()
	three := []*receiver{to.receiver(address), to.receiver(address), s.receivingSide().receiver(address)}
	from := s.sendingSide()
	out := from.sender(address)
	rejected := outcome{State: "rejected", Condition: "example:no", Description: "not this one"}
	modified := outcome{State: "modified", Failed: true, Annotations: map[string]any{"x-opt-reason": "too hot"}}
	cases := []struct {
		said [3]outcome
		want outcome
	}{
		{[3]outcome{accepted, accepted, accepted}, accepted},
		{[3]outcome{released, modified, accepted}, accepted},
		{[3]outcome{accepted, rejected, released}, rejected},
		{[3]outcome{rejected, modified, accepted}, rejected},
		{[3]outcome{released, modified, released}, modified},
		{[3]outcome{released, released, released}, released},
	}
	for _, r := range three {
		r.credit(len(cases))
	}
	to.barrier()
	for i, c := range cases {
		body := fmt.Sprintf("message %d", i)
		out.send(texts(body)...)
		for n, r := range three {
			r.wantBodies(body)
			out.atMostEnded(i) // not before all have spoken
			r.settle(i, 1, c.said[n])
		}
		s.equal(fmt.Sprintf("what %s became", asJSON(c.said)), out.outcomes(i, 1)[0], c.want)
	}
}

// twoConsumersShare: each message goes to one of them, and neither is left out.
func twoConsumersShare(s *stage) {
	address := s.address("q")
	both := []*receiver{s.receivingSide().receiver(address), s.receivingSide().receiver(address)}
	for _, r := range both {
		r.credit(5)
	}
	from := s.sendingSide()
	out := from.sender(address)
	var want []outcome
	for i := range 10 {
		out.send(texts(fmt.Sprint(i))...)
		want = append(want, accepted)
	}
	for _, r := range both {
		r.receive(5) // ten messages, five credits each
		r.settle(0, 5, accepted)
	}
	out.wantOutcomes(0, want...)
}

func severalSessions(s *stage) {
	from, to := s.sendingSide(), s.receivingSide()
	names := []string{"one", "two", "three"}
	var out []*sender
	var in []*receiver
	for _, n := range names {
		r := to.receiver(s.address(n), session(n))
		r.credit(2)
		in, out = append(in, r), append(out, from.sender(s.address(n), session(n)))
	}
	for i, n := range names {
		out[i].send(texts("to "+n, "again to "+n)...)
	}
	for i, n := range names {
		in[i].wantBodies("to "+n, "again to "+n)
	}
	// The end of one session is nothing to the others.
	from.end("one")
	to.end("one")
	for i := 1; i < len(names); i++ {
		in[i].settle(0, 2, accepted)
		out[i].wantOutcomes(0, accepted, accepted)
	}
}

func linkProperties(s *stage) {
	address := s.address("q")
	with := func(c *command) { c.Properties = map[string]any{"purpose": "interop", "level": 3} }
	r := s.receivingSide().receiver(address, with)
	r.credit(1)
	out := s.sendingSide().sender(address, with)
	out.send(texts("hello")...)
	r.wantBodies("hello")
	r.settle(0, 1, accepted)
	out.wantOutcomes(0, accepted)
}
