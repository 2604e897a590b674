package linkstate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// speakerNet connects speakers: what one sends, the other receives.
type speakerNet struct {
	mu       sync.Mutex
	speakers map[string]*Speaker
	ends     map[string]error
	done     sync.WaitGroup
	cancel   context.CancelFunc
}

// node is the handler of one speaker. Log is called by the speaker's goroutine
// alone, like all of it; the test reads after that waits.
type node struct {
	net *speakerNet
	id  string
	log []string // what was done, in order
}

func (h *node) Send(neighbour string, msg []byte) {
	h.log = append(h.log, "send")
	if s := h.net.speakers[neighbour]; s != nil {
		s.Receive(h.id, msg)
	}
}
func (h *node) Broadcast(string, []byte) {}
func (h *node) Publish(u Update)         { h.log = append(h.log, fmt.Sprint("publish ", u.Topology.Len())) }
func (h *node) Log(Event)                {}

func startSpeakers(t *testing.T, ids ...string) (*speakerNet, map[string]*node) {
	net := &speakerNet{speakers: map[string]*Speaker{}, ends: map[string]error{}}
	nodes := map[string]*node{}
	for i, id := range ids {
		core := newTestCore(t, id, uint64(i), time.Now())
		nodes[id] = &node{net: net, id: id}
		net.speakers[id] = NewSpeaker(core, nodes[id])
	}
	ctx, cancel := context.WithCancel(t.Context())
	net.cancel = cancel
	for id, s := range net.speakers {
		net.done.Go(func() {
			err := s.Run(ctx)
			net.mu.Lock()
			defer net.mu.Unlock()
			net.ends[id] = err
		})
	}
	return net, nodes
}

// beat exchanges heartbeats between two speakers for a while.
func (n *speakerNet) beat(a, b string, times int) {
	for range times {
		n.speakers[a].Heartbeat(b, n.speakers[b].Hash())
		n.speakers[b].Heartbeat(a, n.speakers[a].Hash())
		time.Sleep(HeartbeatInterval)
	}
}

func (n *speakerNet) stop() {
	n.cancel()
	n.done.Wait()
}

func TestSpeakersTellTheNeighboursBeforeTheyPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, nodes := startSpeakers(t, "A", "B")
		a, b := net.speakers["A"], net.speakers["B"]
		a.AdjacencyUp("B", 1)
		b.AdjacencyUp("A", 1)
		net.beat("A", "B", 3)
		if a.Topology().Len() != 2 || !a.Topology().Equal(b.Topology()) || !a.Synced("B") || !b.Synced("A") {
			t.Fatalf("A sees\n%sB sees\n%s", drawing(a.Topology()), drawing(b.Topology()))
		}
		synctest.Wait()
		before := len(nodes["A"].log)
		a.SetDraining(true)
		synctest.Wait()
		if log := nodes["A"].log[before:]; len(log) < 2 || log[0] != "send" || log[1] != "publish 2" {
			t.Errorf("A does %v", log)
		}
		if !b.Topology().Node(0).Draining {
			t.Error("B does not know")
		}
		net.stop()
		// Nobody listens any more, and nobody is held up.
		for range 2 * inboxLength {
			a.AdjacencyDown("B")
		}
	})
}

func TestASpeakerTriesAgainIfNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, nodes := startSpeakers(t, "A")
		net.speakers["A"].AdjacencyUp("silent", 1)
		time.Sleep(time.Second)
		synctest.Wait()
		net.stop()
		// At once, after 200 ms, and after 400 more.
		if did := nodes["A"].log; !slices.Equal(did, []string{"publish 1", "send", "send", "send"}) {
			t.Errorf("in a second A does %v", did)
		}
	})
}

func TestTimeAnnouncesWhatHadToWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, _ := startSpeakers(t, "A", "B")
		defer net.stop()
		a, b := net.speakers["A"], net.speakers["B"]
		a.AdjacencyUp("B", 1)
		b.AdjacencyUp("A", 1)
		net.beat("A", "B", 3)
		a.Suspect("B", true)
		synctest.Wait()
		if a.Topology().Len() != 1 {
			t.Fatal("A uses B, which is suspect")
		}
		a.Suspect("B", false)
		time.Sleep(time.Second)
		synctest.Wait()
		if a.Topology().Len() != 2 {
			t.Error("A never announces B again")
		}
	})
}

// The loop is not there to take anything: messages are dropped within bounds, what
// is said of adjacencies is kept.
func TestAFullInboxDropsWhatCanBeRepaired(t *testing.T) {
	core := newTestCore(t, "A", 1, start)
	s := NewSpeaker(core, &node{net: &speakerNet{speakers: map[string]*Speaker{}}, id: "A"})
	for range 1000 {
		s.Receive("B", make([]byte, MaxMessage))
	}
	if held := s.queued.Load(); held > inboxBytes || s.Dropped() == 0 {
		t.Errorf("%d bytes are held, %d messages dropped", held, s.Dropped())
	}
	for range 10 * inboxLength {
		s.Heartbeat("B", 1)
	}
	for i := range inboxForAll {
		s.AdjacencyDown(fmt.Sprint(i)) // would wait for ever if it had no room
	}
	for len(s.inbox) > 0 {
		s.apply(<-s.inbox)
	}
	if held := s.queued.Load(); held != 0 {
		t.Errorf("%d bytes are held by an empty inbox", held)
	}
}

func TestASpeakerWhoseIDIsTakenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, _ := startSpeakers(t, "A")
		defer net.stop()
		rival := newTestCore(t, "A", 99, time.Now().Add(-time.Minute))
		for range 5 {
			raw, _ := encodeLSA(net.speakers["A"].core.db.records["A"].lsa)
			rival.ReceiveBroadcast(message(kindLSA, raw), time.Now())
			for _, b := range rival.Flush(time.Now()).Broadcasts {
				net.speakers["A"].ReceiveBroadcast(b.Data)
			}
			synctest.Wait()
		}
		net.mu.Lock()
		defer net.mu.Unlock()
		var duplicate *DuplicateIDError
		if !errors.As(net.ends["A"], &duplicate) {
			t.Errorf("it ends with %v", net.ends["A"])
		}
	})
}
