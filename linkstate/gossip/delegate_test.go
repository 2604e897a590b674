package gossip

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/memberlist"
	"go.uber.org/zap"
)

func newTestDelegate() *delegate {
	c := &Config{ID: "me", Send: func(string, []byte) bool { return true }, NextHop: func(string) (string, bool) { return "", false },
		OnMessage: func(string, []byte, bool) bool { return true }, OnDead: func(string) {}, Log: zap.NewNop()}
	if err := c.complete(); err != nil {
		panic(err)
	}
	return newDelegate(c, new(counters))
}

func member(id string) *memberlist.Node {
	return &memberlist.Node{Name: id, Addr: addressOf(id), Port: portRelayed, PMin: 1, PMax: 5, PCur: 2, Meta: encodeMeta(2)}
}

func TestClaimsAboutMembersThatDoNotFitAreRefused(t *testing.T) {
	for what, spoil := range map[string]func(n *memberlist.Node){
		"the address of another":      func(n *memberlist.Node) { n.Addr = addressOf("another") },
		"another port":                func(n *memberlist.Node) { n.Port = portAdjacent },
		"a name that is no id":        func(n *memberlist.Node) { *n = *member("a/b") },
		"a version that we cannot":    func(n *memberlist.Node) { n.PMin = 3 },
		"a version that it cannot":    func(n *memberlist.Node) { n.PCur = 77 },
		"a version of the delegate's": func(n *memberlist.Node) { n.DMin, n.DMax, n.DCur = 1, 1, 1 },
		"a lot of meta data":          func(n *memberlist.Node) { n.Meta = make([]byte, maxMeta+1) },
	} {
		d := newTestDelegate()
		n := member("far")
		if err := d.NotifyAlive(n); err != nil {
			t.Fatal(err)
		}
		spoil(n)
		if err := d.NotifyAlive(n); err == nil || d.count.refused.Load() != 1 {
			t.Errorf("%s: accepted", what)
		}
	}
}

func TestThereIsRoomForSoManyMembersLivingOrJustBuried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTestDelegate()
		for i := range maxMembers {
			d.NotifyJoin(member(name(i)))
		}
		one := member("one-more")
		if d.NotifyAlive(one) == nil {
			t.Error("one more than bounded is believed in")
		}
		if err := d.NotifyAlive(member(name(7))); err != nil {
			t.Errorf("one of them is not: %v", err)
		}
		for i := range maxMembers {
			d.NotifyLeave(member(name(i)))
		}
		if d.NotifyAlive(one) == nil {
			t.Error("the buried take no room")
		}
		if err := d.NotifyAlive(member(name(7))); err != nil {
			t.Errorf("a buried one cannot come back: %v", err)
		}
		d.NotifyJoin(member(name(7)))
		if len(d.buried) != maxMembers-1 {
			t.Error("one that came back is still buried")
		}
		time.Sleep(buriedFor + time.Second)
		for i := range maxMembers - 1 {
			d.NotifyJoin(member("new-" + name(i)))
			d.NotifyLeave(member("new-" + name(i)))
		}
		if err := d.NotifyAlive(one); err != nil {
			t.Errorf("the buried take room for ever: %v", err)
		}
	})
}

func TestADeathThatWasAMistakeIsNotTold(t *testing.T) {
	d := newTestDelegate()
	told := make(chan string, 3)
	d.config.OnDead = func(id string) { told <- id }
	for _, id := range []string{"a", "b", "c"} {
		d.NotifyLeave(member(id))
	}
	d.NotifyJoin(member("b"))
	done := make(chan struct{})
	defer close(done)
	go d.tell(done)
	if first, second := <-told, <-told; first != "a" || second != "c" {
		t.Errorf("told of %q and %q", first, second)
	}
}

func TestATwinIsOneThatDoesNotFallSilent(t *testing.T) {
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	heard := func(every time.Duration, times int, boot func(i int) uint64) (told int) {
		var tw twin
		for i := range times {
			if tw.heard(boot(i), start.Add(time.Duration(i)*every)) {
				told++
			}
		}
		return told
	}
	one := func(int) uint64 { return 1 }
	for _, c := range []struct {
		what string
		told int
		want int
	}{
		{"for a while after a restart", heard(time.Second, 59, one), 0},
		{"now and then", heard(twinGap+time.Second, 100, one), 0},
		{"of always another life", heard(time.Second, 100, func(i int) uint64 { return uint64(i) }), 0},
		{"for a minute", heard(time.Second, 61, one), 1},
		{"for five minutes", heard(time.Second, 301, one), 5},
	} {
		if c.told != c.want {
			t.Errorf("heard %s: told %d times, want %d", c.what, c.told, c.want)
		}
	}
}

func TestBroadcastsFitIntoAPacketAndAByteCountsThem(t *testing.T) {
	d := newTestDelegate()
	for i := range 2000 {
		key := fmt.Sprint(i)
		d.enqueue(&broadcast{key: key, message: user(messageBroadcast, "a", key, "")[1:]})
	}
	for _, limit := range []int{0, 1, 100, 1000, packetSize / 2, packetSize} {
		bytes, own := 0, (packetSize-limit)/smallestGossip
		got := d.GetBroadcasts(3, limit)
		for _, b := range got {
			bytes += 3 + len(b)
		}
		if bytes > limit || len(got) > maxBroadcasts || len(got) > 0 && 1+own+len(got) > maxCompound {
			t.Errorf("limit %d: %d messages, %d bytes", limit, len(got), bytes)
		}
		if limit == packetSize && len(got) < maxBroadcasts/2 {
			t.Errorf("only %d messages in a whole packet", len(got))
		}
	}
}

func TestOfBroadcastsAboutOneThingTheLastIsSentAndNotTooManyWait(t *testing.T) {
	d := newTestDelegate()
	d.enqueue(&broadcast{key: "k", message: []byte("old")})
	d.enqueue(&broadcast{key: "k", message: []byte("new")})
	if got := d.GetBroadcasts(3, packetSize); len(got) != 1 || string(got[0]) != "new" {
		t.Errorf("sent %q", got)
	}
	for i := range maxQueued + 10 {
		d.enqueue(&broadcast{key: fmt.Sprint(i), message: []byte("x")})
	}
	if n := d.queue.NumQueued(); n != maxQueued {
		t.Errorf("%d wait", n)
	}
}

func TestAStateThatIsTooLongIsLeftOut(t *testing.T) {
	d := newTestDelegate()
	state := strings.Repeat("x", MaxState)
	d.config.State = func() []byte { return []byte(state) }
	var got int
	d.config.MergeState = func(_ string, b []byte) { got = len(b) }
	d.MergeRemoteState(d.LocalState(true), true)
	if got != MaxState {
		t.Errorf("of the longest, %d bytes arrived", got)
	}
	if err := checkStreamHead(head(0, len(d.LocalState(true))), false); err != nil {
		t.Errorf("the longest is refused: %v", err)
	}
	state += "x"
	if n := len(d.LocalState(true)); n > 100 {
		t.Errorf("%d bytes go with a join", n)
	}
}
