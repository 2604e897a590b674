package routing

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func setOf(t testing.TB, ids ...string) Set {
	t.Helper()
	var keys []Key
	for _, id := range ids {
		keys = append(keys, KeyOf(id))
	}
	b, err := AppendSet(nil, keys)
	if err != nil {
		t.Fatal(err)
	}
	set, err := ParseSet(b)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// spreading is a multicast message on its way through a mesh in which each router
// splits by routes of its own.
type spreading struct {
	routes  map[string]*Routes
	copies  map[string]int // by egress router
	lost    map[Key]int    // members that ended without a path, or out of hops
	crossed map[string]int // copies by adjacency
}

func (s *spreading) arrive(t *testing.T, id string, set Set, hops int) {
	t.Helper()
	if _, err := ParseSet(set); err != nil {
		t.Fatalf("at %s: %v", id, err)
	}
	if hops == 0 {
		s.lose(set)
		return
	}
	r := s.routes[id]
	var p Parts
	r.Split(&p, set, 7)
	if p.Self {
		s.copies[id]++
	}
	s.lose(p.Lost)
	for _, part := range p.Hops {
		next := r.Topology().Node(part.Hop).ID
		s.crossed[id+" "+next]++
		if part.Egress.Len() == 0 {
			t.Fatalf("%s sends an empty set to %s", id, next)
		}
		if s.routes[next] == nil {
			s.lose(part.Egress) // a router that is gone
			continue
		}
		s.arrive(t, next, part.Egress, hops-1)
	}
}

func (s *spreading) lose(set Set) {
	for i := range set.Len() {
		s.lost[set.Key(i)]++
	}
}

func newSpreading() *spreading {
	return &spreading{routes: map[string]*Routes{}, copies: map[string]int{}, lost: map[Key]int{}, crossed: map[string]int{}}
}

func TestEveryEgressRouterGetsOneCopyThoughRoutersAreNumberedDifferently(t *testing.T) {
	for seed := range uint64(150) {
		rng := rand.New(rand.NewPCG(seed, 5))
		m := randomMesh(rng, true)
		s := newSpreading()
		for _, id := range m.ids() {
			view := topology(append(m.lines(), fmt.Sprintf("a%d", rng.IntN(3)), "only-here-"+id)...)
			s.routes[id] = Compute(view, id)
		}
		from := routerID(0)
		var egress []string
		for _, id := range m.ids() {
			if rng.IntN(2) == 0 {
				egress = append(egress, id)
			}
		}
		s.arrive(t, from, setOf(t, append(egress, "nobody")...), 64)
		want := map[Key]int{KeyOf("nobody"): 1}
		for _, id := range m.ids() {
			copies := 0
			if slices.Contains(egress, id) {
				to, _ := s.routes[from].Topology().Index(id)
				if _, reached := s.routes[from].Cost(to); reached {
					copies = 1
				} else {
					want[KeyOf(id)] = 1
				}
			}
			if s.copies[id] != copies {
				t.Fatalf("seed %d: %s got %d copies, want %d", seed, id, s.copies[id], copies)
			}
		}
		if fmt.Sprint(s.lost) != fmt.Sprint(want) {
			t.Fatalf("seed %d: without a path are %v, want %v", seed, s.lost, want)
		}
	}
}

func TestNoCopyIsDoubledAndEachMemberEndsOnceWhileRoutesChange(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 6))
		m := randomMesh(rng, true)
		s := newSpreading()
		all := m.ids()
		for _, id := range all {
			s.routes[id] = Compute(m.topology(), id)
		}
		for range 3 {
			m.change(m.randomChange(rng))
		}
		for _, id := range all {
			if _, stays := m.draining[id]; !stays && id != all[0] {
				delete(s.routes, id)
			} else if rng.IntN(2) == 0 {
				s.routes[id] = Update(s.routes[id], m.topology())
			}
		}
		s.arrive(t, all[0], setOf(t, all...), 20)
		for _, id := range all {
			if ends := s.copies[id] + s.lost[KeyOf(id)]; ends != 1 {
				t.Fatalf("seed %d: %s got %d copies and %d ended without", seed, id, s.copies[id], s.lost[KeyOf(id)])
			}
		}
	}
}

func (m *mesh) lines() []string {
	lines := m.ids()
	for _, id := range m.ids() {
		if m.draining[id] {
			lines = append(lines, "drain "+id)
		}
	}
	for _, pair := range m.pairs() {
		lines = append(lines, fmt.Sprintf("%s %s %d", pair[0], pair[1], m.edges[pair]))
	}
	return lines
}

func TestMembersWithTheSameNextHopsTravelAsOneCopy(t *testing.T) {
	lines := append(fan[:len(fan):len(fan)], "Z Z1 1", "Z Z2 1", "Z Z3 1")
	s := newSpreading()
	for _, id := range readMesh(lines...).ids() {
		s.routes[id] = Compute(topology(lines...), id)
	}
	s.arrive(t, "A", setOf(t, "Z", "Z1", "Z2", "Z3"), 64)
	if len(s.crossed) != 5 {
		t.Errorf("one copy an adjacency would cross 5 of them, but %v", s.crossed)
	}
}

func TestPartsThatAreUsedAgainKeepNothingOfTheLastSplit(t *testing.T) {
	var p Parts
	large, small := Compute(topology(fan...), "A"), Compute(topology("A B 1"), "A")
	small.Split(&p, setOf(t, "B"), 1)
	large.Split(&p, setOf(t, "A", "B1", "B2", "Z", "nobody"), 1)
	small.Split(&p, setOf(t, "B"), 1)
	if p.Self || p.Lost.Len() != 0 || len(p.Hops) != 1 || !bytes.Equal(p.Hops[0].Egress, setOf(t, "B")) {
		t.Errorf("after a larger set: %+v", p)
	}
	large.Split(&p, setOf(t, "B1", "B4"), 1)
	if len(p.Hops) != 2 || p.Hops[0].Egress.Len() != 1 || p.Hops[1].Egress.Len() != 1 {
		t.Errorf("after a smaller mesh: %+v", p)
	}
	Compute(topology("A B 1"), "Z").Split(&p, setOf(t, "A"), 1)
	if p.Self || len(p.Hops) != 0 || p.Lost.Len() != 1 {
		t.Errorf("a router that the topology does not know: %+v", p)
	}
}

func TestASetThatIsNoneIsRefused(t *testing.T) {
	key := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"a key cut short": {[]byte{1, 2, 3}, "3 bytes"},
		"a router twice":  {slices.Concat(key(7), key(7)), "key 1"},
		"out of order":    {slices.Concat(key(1), key(9), key(8)), "key 2"},
		"too long":        {make([]byte, (MaxSet+1)*8), "at most 32768"},
	} {
		if _, err := ParseSet(c.b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestASetIsMadeOfKeysInAnyOrderUpToItsBound(t *testing.T) {
	b, err := AppendSet([]byte("x"), []Key{9, 1, 9, 5})
	if err != nil || b[0] != 'x' {
		t.Fatal(b, err)
	}
	if set, err := ParseSet(b[1:]); err != nil || set.Len() != 3 || set.Key(0) != 1 || set.Key(1) != 5 || set.Key(2) != 9 {
		t.Errorf("set %v, error %v", set, err)
	}
	keys := make([]Key, MaxSet+1)
	for i := range keys {
		keys[i] = Key(i)
	}
	if b, err := AppendSet(nil, keys[:MaxSet]); err != nil || len(b) != MaxSet*8 {
		t.Errorf("the largest set: %d bytes, error %v", len(b), err)
	}
	if b, err := AppendSet([]byte("x"), keys); err == nil || string(b) != "x" {
		t.Errorf("one more: %d bytes, error %v", len(b), err)
	}
}

// Keys are on the wire: another hash would be another protocol.
func TestKeysAreTheFNV1aHashesOfIDs(t *testing.T) {
	for id, want := range map[string]Key{"": 0xcbf29ce484222325, "a": 0xaf63dc4c8601ec8c, "foobar": 0x85944171f73967e8} {
		if got := KeyOf(id); got != want {
			t.Errorf("the key of %q is %x, want %x", id, got, want)
		}
	}
}

func TestAKeyThatTwoRoutersShareNamesNeither(t *testing.T) {
	r := Compute(topology("A B 1", "A C 1"), "A")
	r.keys = keysBy(r.Topology(), func(id string) Key { return Key(len(id)) })
	if i, ok := r.ByKey(1); ok {
		t.Errorf("a key of three routers names router %d", i)
	}
}

func FuzzParseSet(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte(setOf(f, "A", "B1", "Z", "nobody")))
	f.Add([]byte("1234567"))
	r := Compute(topology(fan...), "A")
	f.Fuzz(func(t *testing.T, b []byte) {
		set, err := ParseSet(b)
		if err != nil {
			return
		}
		var p Parts
		r.Split(&p, set, 1)
		parts := []Set{p.Lost}
		if p.Self {
			parts = append(parts, setOf(t, "A"))
		}
		for _, part := range p.Hops {
			parts = append(parts, part.Egress)
		}
		var keys []Key
		for _, part := range parts {
			for i := range part.Len() {
				keys = append(keys, part.Key(i))
			}
		}
		whole, err := AppendSet(nil, keys)
		if err != nil || len(keys) != set.Len() || !bytes.Equal(whole, set) {
			t.Fatalf("the parts of %x are %x: %v", b, parts, err)
		}
	})
}
