package router

import "testing"

// A sender may settle what waits just when it is offered to the consumers. If none takes it, it
// waits on as one that is settled: also where it has become a stream meanwhile, or waits
// aside, for larger consumers, from then on. Else it would be dropped with its sender.
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
			in.over.Store(true)
			if left := a.takeOut((*message).abandoned); len(left) > 0 {
				t.Error("it was dropped when its sender was lost")
			}
		})
	}
}
