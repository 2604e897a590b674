package main

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/meshtest"
)

// Each fault that the doctor names, in a mesh of real routers that has it. Nothing is found
// before; then that fault, and nothing that is not its consequence; and nothing once it is
// mended. The faults for which it takes real processes are in doctor_process_test.go.

// fault is something that goes wrong.
type fault struct {
	happens func(s *ward)
	asked   []string // flags of the doctor
	says    string   // of all that there is to find
	code    int
	mended  func(s *ward)
}

var faults = map[string]fault{
	"a router that the network no longer reaches": {
		happens: func(s *ward) { s.net.Between("C", "D").Cut(); s.pass(time.Second) },
		says: `
✗ D: unreachable: other routers know it, and no path leads there
    see that it runs, and that one of its neighbours can connect: meshway log on those, and their connectors
stderr: meshway: 1 thing is broken, 0 remarks`,
		code:   1,
		mended: func(s *ward) { s.net.Between("C", "D").Heal() },
	},
	"a router that has just fallen silent": {
		happens: func(s *ward) { s.net.Between("C", "D").Silence() },
		asked:   []string{"--timeout", "500ms"},
		says: `
✗ D: no answer: router "D" has not answered for 500ms: it was lost in the middle, or is very busy
    if it is not just busy, look at its process and its log; ask again with --timeout 30s
stderr: meshway: 1 thing is broken, 0 remarks`,
		code:   1,
		mended: func(s *ward) { s.net.Between("C", "D").Heal() },
	},
	"an end that does not hear that the other has closed": {
		happens: func(s *ward) {
			path, lost := s.net.Between("A", "B"), meshtest.Line{Delay: time.Hour}
			path.Set(meshtest.Line{}, lost) // what B says
			s.pass(1500 * time.Millisecond)
			path.Set(lost, lost)
			s.pass(200 * time.Millisecond)
			path.Silence() // the end of the connection too
			s.pass(time.Second)
		},
		says: `
✗ A–B: one-way adjacency: B has a connection, A has none
    the other end has lost the connection without a word: a firewall or a proxy between them, most often; it is closed within seconds, or look at both logs
stderr: meshway: 1 thing is broken, 0 remarks`,
		code: 1,
		mended: func(s *ward) {
			path := s.net.Between("A", "B")
			path.Set(meshtest.Line{}, meshtest.Line{})
			path.Heal()
		},
	},
	"an adjacency by which nothing has come lately": {
		happens: func(s *ward) { s.net.Between("A", "B").Silence(); s.pass(time.Second) },
		says: `
! A–B: adjacency not in use: connected, and not in use: silent lately, or not agreed yet
    if it stays so, look for packet loss between the two, and at their logs
4 routers asked: nothing is broken, 1 remark`,
		mended: func(s *ward) { s.net.Between("A", "B").Heal() },
	},
	"two ends with costs of their own": {
		happens: func(s *ward) {
			s.command("delete connector to-B -r C")
			s.command("create connector to-B -r C host=B port=55672 role=inter-router cost=7")
			s.pass(5 * time.Second)
		},
		says: `
! B–C: costs differ: B says 3, C says 7
    the larger counts; set the cost of the connector and of the listener alike
4 routers asked: nothing is broken, 1 remark`,
		mended: func(s *ward) {
			s.command("delete connector to-B -r C")
			s.command("create connector to-B -r C host=B port=55672 role=inter-router cost=3")
		},
	},
	"a connector to where nobody listens": {
		happens: func(s *ward) {
			s.command("create connector to-E -r D host=E port=55672 role=inter-router")
			s.pass(time.Second)
		},
		says: `
✗ D: no connection: connector to-E to E:55672 is connecting: Connection to E:55672 failed: dial sim E:55672: connection refused
    see that something listens there and lets the router in: host, port, login; meshway log --router D
stderr: meshway: 1 thing is broken, 0 remarks`,
		code:   1,
		mended: func(s *ward) { s.command("delete connector to-E -r D") },
	},
	"the broker of a shard is gone": {
		happens: func(s *ward) { s.stop("raven"); s.pass(5 * time.Second) },
		says: `
✗ C: no connection: connector raven to raven:amqp is connecting: Connection to raven:5672 failed: dial sim raven:5672: connection refused
    see that something listens there and lets the router in: host, port, login; meshway log --router C
✗ A: shard lost: raven of invoices is connected at no router; its keys wait
    bring the broker back, or see why no router connects to it: meshway get brokers --all
stderr: meshway: 2 things are broken, 0 remarks`,
		code:   1,
		mended: func(s *ward) { s.starts("raven") },
	},
	"a broker that refuses an auto-link": {
		happens: func(s *ward) {
			s.command("create auto-link closed-out -r C address=closed direction=out connection=rabbit")
			s.pass(time.Second)
		},
		says: `
✗ C: auto-link not active: auto-link out of closed is failed: Node not found
    see that the queue is there and that the login may use it; without a connection it waits for the broker: meshway get brokers --router C
stderr: meshway: 1 thing is broken, 0 remarks`,
		code:   1,
		mended: func(s *ward) { s.command("delete auto-link closed-out -r C") },
	},
	"a broker that does not answer an attach": {
		happens: func(s *ward) {
			s.net.Between("C", "rabbit").Silence()
			s.command("create auto-link late-out -r C address=late direction=out connection=rabbit")
			s.pass(time.Second)
		},
		says: `
! C: auto-link not active: auto-link out of late is attaching
    see that the queue is there and that the login may use it; without a connection it waits for the broker: meshway get brokers --router C
4 routers asked: nothing is broken, 1 remark`,
		mended: func(s *ward) { s.net.Between("C", "rabbit").Heal(); s.command("delete auto-link late-out -r C") },
	},
	"a queue that takes nothing": {
		happens: func(s *ward) {
			s.command("create auto-link dry-out -r C address=dry direction=out connection=rabbit")
			s.pass(90 * time.Second)
		},
		says: `
! C: auto-link ails: auto-link out of dry is active: the broker grants no credit since *
    look whether the queue is full and who consumes from it, and into the broker's log: meshway log --router C
4 routers asked: nothing is broken, 1 remark`,
		mended: func(s *ward) {
			s.takes(s.app("drainer", "rabbit"), "dry", 10)
			s.pass(time.Minute)
			s.command("delete auto-link dry-out -r C")
		},
	},
	"senders without a consumer": {
		happens: func(s *ward) {
			s.sends(s.app("one", "A"), "lonely", 0)
			s.sends(s.app("second", "A"), "lonely", 0)
			s.sends(s.app("third", "D"), "lonely", 0)
		},
		says: `
! lonely: no consumer: 3 senders at A, D, and nobody receives
    start a consumer, or see whether it uses another address: meshway trace lonely
4 routers asked: nothing is broken, 1 remark`,
		mended: func(s *ward) { s.takes(s.app("company", "B"), "lonely", 1) },
	},
	"a consumer that takes no more": {
		happens: func(s *ward) {
			s.idler = s.takes(s.app("idler", "D"), "work", 2)
			s.pass(time.Second)
			s.leaves(s.app("maker", "A"), "work", 5)
			s.settles(2)
			s.pass(11 * time.Second)
		},
		says: `
! D: blocked link: link * of work (container idler, connection *) has had no credit for 12s, and 3 messages wait
    its receiver takes nothing: see what it is busy with, or start another
4 routers asked: nothing is broken, 1 remark`,
		mended: func(s *ward) { s.more(3); s.settles(3) },
	},
	"a consumer that settles nothing": {
		happens: func(s *ward) {
			s.idler = s.takes(s.app("idler", "D"), "work", 10)
			s.pass(time.Second)
			s.leaves(s.app("maker", "A"), "work", 3)
			s.pass(12 * time.Second)
		},
		says: `
! D: stuck deliveries: link * of work (container idler, connection *) 3 deliveries are not settled for more than 10 seconds
    its receiver has them and does not settle: see what it is busy with; closing its connection gives them back: meshway delete connection
4 routers asked: nothing is broken, 1 remark`,
		mended: func(s *ward) { s.settles(3) },
	},
	"a clock that is fast": {
		happens: func(s *ward) { s.ahead["D"].Store(int64(90 * time.Second)) },
		says: `
! D: clock skew: its clock is 1m30s ahead of that of the others
    have the clocks set by NTP: times in logs and expiry of messages are wrong
4 routers asked: nothing is broken, 1 remark`,
		mended: func(s *ward) { s.ahead["D"].Store(0) },
	},
	"a clock that is slow": {
		happens: func(s *ward) { s.ahead["A"].Store(int64(-2100 * time.Millisecond)) },
		says: `
! A: clock skew: its clock is 2.1s behind that of the others
    have the clocks set by NTP: times in logs and expiry of messages are wrong
4 routers asked: nothing is broken, 1 remark`,
		mended: func(s *ward) { s.ahead["A"].Store(int64(-2 * time.Second)) }, // which is borne
	},
	"a router that is about to leave": {
		happens: func(s *ward) {
			s.idler = s.takes(s.app("idler", "D"), "work", 10)
			s.pass(time.Second)
			s.leaves(s.app("maker", "A"), "work", 1)
			go s.stop("D") // ends when that is settled
			s.pass(time.Second)
		},
		says: `
! D: draining: it takes no transit where there is another way
    it is leaving, and ends when what is in flight has settled; or it has just started, and this is over in a moment
4 routers asked: nothing is broken, 1 remark`,
		mended: func(s *ward) {
			s.settles(1)
			s.takes(s.app("successor", "B"), "work", 10)
			s.pass(10 * time.Second)
			s.starts("D")
		},
	},
}

func TestADoctorFindsTheFaultThatIsThere(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(faults)) {
		t.Run(name, func(t *testing.T) {
			f := faults[name]
			hospital(t, func(s *ward) {
				s.well("before")
				f.happens(s)
				s.finds(f.says, f.code, f.asked...)
				f.mended(s)
				s.pass(20 * time.Second)
				s.well("when it is mended")
			})
		})
	}
}
