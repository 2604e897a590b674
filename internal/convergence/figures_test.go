package convergence

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/procstat"
	"github.com/meshway/meshway/linkstate"
	"github.com/meshway/meshway/routing"
)

var (
	figuresFlag = flag.Bool("figures", false, "measure how long large meshes take, and what they cost; see -kinds and -sizes")
	kindsFlag   = flag.String("kinds", "random,ring,line", "which meshes `are` measured")
	sizesFlag   = flag.String("sizes", "10,50,100,200", "of how many `routers`")
	briefFlag   = flag.Bool("brief", false, "measure adjacencies that are lost or new only")
	pageFlag    = flag.String("page", "", "write the table into this `file`")
)

// figures are what was measured in one mesh. Times are of the worst of some trials.
type figures struct {
	Kind    string `json:"kind"`
	Routers int    `json:"routers"`

	// Until all routers have new routes, and may use all of them, in milliseconds.
	Cold   float64 `json:"cold"`   // since the last router started
	Lost   float64 `json:"lost"`   // an adjacency, that is closed
	Added  float64 `json:"added"`  // an adjacency, since it was dialled
	Silent float64 `json:"silent"` // an adjacency, that nobody closes
	Killed float64 `json:"killed"` // a router
	Healed float64 `json:"healed"` // two halves, since the first adjacency between them was dialled again

	// Bytes a second that a router sends while nothing changes.
	Heartbeats float64 `json:"heartbeats"` // the hash of the database is in them
	Gossip     float64 `json:"gossip"`
	Rest       float64 `json:"rest"`

	Change float64 `json:"change"` // bytes of link state that a router sends because of a lost adjacency

	// CPU, in milliseconds.
	Compute float64 `json:"compute"`  // of new routes at one router after a lost adjacency: the median of all
	ColdCPU float64 `json:"cold-cpu"` // of all that one router does until it knows the mesh

	before, after *linkstate.Topology // of a lost adjacency
}

// TestFigures measures large meshes:
//
//	go test ./internal/convergence -run Figures -v -timeout 3h -figures
func TestFigures(t *testing.T) {
	if !*figuresFlag {
		t.Skip("-figures measures")
	}
	var all []figures
	for _, text := range strings.Split(*sizesFlag, ",") {
		size, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("-sizes: %v", err)
		}
		for _, kind := range strings.Split(*kindsFlag, ",") {
			f := figures{Kind: kind, Routers: size}
			inMesh(t, kind, size, 3, 1, f.measure)
			f.compute()
			line, err := json.Marshal(f)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Println(string(line))
			all = append(all, f)
		}
	}
	if *pageFlag != "" {
		if err := writePage(*pageFlag, all); err != nil {
			t.Fatal(err)
		}
	}
}

const (
	trials   = 3
	settling = 30 * time.Second // after a start, until gossip has nothing to tell any more
	idling   = 30 * time.Second // for which what is sent meanwhile is counted
	split    = 5 * time.Second  // for which two halves are apart
)

// measure does all that is measured to a mesh, one after the other. What tears it apart
// comes last.
func (f *figures) measure(m *mesh) {
	cpu := used()
	m.startAll()
	f.Cold = m.usable(10*time.Minute, "the start", same)
	f.ColdCPU = milliseconds(used()-cpu) / float64(f.Routers)
	if *briefFlag {
		time.Sleep(changeTime)
	} else {
		time.Sleep(settling)
		f.idle(m)
	}
	f.lose(m)
	for _, p := range m.spare {
		m.mend(p)
		f.Added = max(f.Added, m.usable(time.Minute, "an adjacency is new", same))
		time.Sleep(changeTime)
	}
	if !*briefFlag {
		f.silence(m)
		f.heal(m)
		f.kill(m)
	}
}

// usable is how long it takes until all routers may use all of their routes.
func (m *mesh) usable(limit time.Duration, what string, right func(have, want *linkstate.Topology) bool) float64 {
	m.t.Helper()
	_, d := m.took(limit, what, right)
	return milliseconds(d)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// used is the CPU that the process has used; 0 where that is not known.
func used() time.Duration {
	d, _ := procstat.CPU(os.Getpid())
	return d
}

func (f *figures) idle(m *mesh) {
	before := m.meter.read()
	time.Sleep(idling)
	n := m.meter.since(before)
	per := float64(f.Routers) * idling.Seconds()
	f.Heartbeats, f.Gossip = float64(n[trafficHeartbeats])/per, float64(n[trafficGossip])/per
	f.Rest = float64(n[trafficLinkState]+n[trafficTables]+n[trafficOther]) / per
}

// lose loses adjacencies, and lets them come back. What is counted is the last of them.
func (f *figures) lose(m *mesh) {
	list := m.inHalves()
	for range trials {
		p := anyOf(m, list)
		list = slices.DeleteFunc(list, func(o ends) bool { return o == p }) // it was lost once
		routes, _ := m.routers[p[0]].Routes()
		f.before = routes.Topology()
		before := m.meter.read()
		m.lose(p)
		f.Lost = max(f.Lost, m.usable(time.Minute, "an adjacency is lost", same))
		routes, _ = m.routers[p[0]].Routes()
		f.after = routes.Topology()
		time.Sleep(changeTime)
		f.Change = float64(m.meter.since(before)[trafficLinkState]) / float64(f.Routers)
		m.mend(p)
		m.usable(time.Minute, "an adjacency is back", same)
		time.Sleep(changeTime)
	}
}

func (f *figures) silence(m *mesh) {
	p := anyOf(m, m.inHalves())
	m.silence(p)
	f.Silent = m.usable(time.Minute, "an adjacency is silent", same)
	time.Sleep(changeTime)
	m.mend(p)
	m.usable(time.Minute, "an adjacency speaks again", same)
	time.Sleep(changeTime)
}

// heal tears the mesh into halves, and lets them find each other again.
func (f *figures) heal(m *mesh) {
	cut := m.across()
	for _, p := range cut {
		m.lose(p)
	}
	m.usable(time.Minute, "a split", same)
	time.Sleep(split)
	m.mend(cut...)
	f.Healed = m.usable(time.Minute, "a healed split", reaches)
	m.usable(5*time.Minute, "all adjacencies of a healed split", same)
	time.Sleep(changeTime)
}

func (f *figures) kill(m *mesh) {
	for range trials {
		m.kill(anyOf(m, m.ids))
		f.Killed = max(f.Killed, m.usable(time.Minute, "a killed router", same))
		time.Sleep(changeTime)
	}
}

// compute measures the computation of new routes, in the time of the machine.
func (f *figures) compute() {
	var all []float64
	for i := range f.before.Len() {
		id := f.before.Node(i).ID
		if _, ok := f.after.Index(id); !ok {
			continue // the adjacency was the only way to it
		}
		old := routing.Compute(f.before, id)
		began := time.Now()
		routing.Update(old, f.after).Waits(old)
		all = append(all, milliseconds(time.Since(began)))
	}
	slices.Sort(all)
	f.Compute = all[len(all)/2]
}
