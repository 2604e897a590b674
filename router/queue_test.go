package router

import "testing"

// A sender may settle what waits just when it is offered to the consumers. If none takes it, it
// waits on as one that is settled: also where it has become a stream meanwhile, or waits
// aside, for larger consumers, from then on.
func TestWhatIsSettledInTheDrainersHandStaysSettled(t *testing.T) {
	for _, c := range []struct {
		name          string
		stream, aside bool
	}{{name: "as it was"}, {name: "now a stream", stream: true}, {name: "aside", aside: true}, {name: "a stream, aside", stream: true, aside: true}} {
		t.Run(c.name, func(t *testing.T) {
			a := &address{router: new(Router), key: "0queue"}
			a.treatment.Store(new(treatment))
			a.consumers.Store(noConsumers)
			in := &ingress{addr: a, peer: new(peer)}
			in.waiting = &in.own
			sent := message{in: in, id: 7, payload: []byte("a message")}
			q := in.queueFor(a, &sent)
			q.push(&sent)

			inHand := q.items[q.head]
			if c.stream {
				inHand.stream, inHand.payload, inHand.held = &stream{in: in, id: 7}, nil, 0
			}
			in.settledWaiting(7)
			q.takeBack(&inHand)
			if c.aside {
				q.putAside(&inHand)
			}

			in.waiting.each(func(q *queue) {
				m := q.items[q.head]
				if !m.settled || !m.counted || (m.stream != nil) != c.stream || q.aside != c.aside {
					t.Errorf("settled %v, counted %v, a stream %v, aside %v waits", m.settled, m.counted, m.stream != nil, q.aside)
				}
			})
		})
	}
}

// A sender may be lost just when what it sent is put elsewhere: whoever ends what it left behind
// does not find it, and it does not begin to wait any more. Else it would be there when its
// sender sends it again.
func TestWhatIsLostWithItsSenderDoesNotBeginToWait(t *testing.T) {
	r := new(Router)
	a := &address{router: r, key: "0queue"}
	a.treatment.Store(new(treatment))
	a.consumers.Store(noConsumers)
	in := &ingress{addr: a, peer: &peer{router: r}, lost: []uint32{3, 7}}
	in.waiting = &in.own
	in.over.Store(true)
	for id, waits := range map[uint32]bool{3: false, 5: true, 7: false, 9: true} {
		m := message{in: in, id: id}
		if q := in.queueFor(a, &m); (q != nil) != waits {
			t.Errorf("delivery %d of a link that was lost with 3 and 7: it waits %v", id, !waits)
		}
	}
}
