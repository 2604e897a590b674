package topoview

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Mesh is a mesh as one of its routers sees it.
type Mesh struct {
	Self        string      `json:"self,omitempty"` // the router that was asked
	Routers     []Router    `json:"routers"`
	Adjacencies []Adjacency `json:"adjacencies"`
}

// Router is a router of the mesh.
type Router struct {
	ID          string   `json:"id"`
	Version     string   `json:"version,omitempty"`
	Unreachable bool     `json:"unreachable,omitempty"`
	Silent      bool     `json:"silent,omitempty"`   // it is reachable, and did not answer
	Unknown     bool     `json:"unknown,omitempty"`  // whoever is at this host and port, which a connector does not reach
	Draining    bool     `json:"draining,omitempty"` // it takes transit only where there is no other way
	Clients     int      `json:"clients"`            // connections of applications
	Consumers   int      `json:"consumers"`          // links by which applications receive
	Brokers     []Broker `json:"brokers,omitempty"`
}

// Broker is a broker, or another container, that a router is connected to.
type Broker struct {
	Name string `json:"name"`
	Host string `json:"host,omitempty"`
	Up   bool   `json:"up"`
	Why  string `json:"why,omitempty"` // it is not
}

// State is what an adjacency is good for.
type State string

// The states.
const (
	Up      State = "up"
	Down    State = "down"    // it is configured, or was there, and is lost
	Suspect State = "suspect" // connected, and silent lately: nothing new goes by it
	OneWay  State = "one-way" // only one end reports it
)

// Adjacency is a connection of two routers. Which end is A does not matter.
type Adjacency struct {
	A      string  `json:"a"`
	B      string  `json:"b"`
	State  State   `json:"state"`
	CostAB uint32  `json:"costAB,omitempty"` // what A says; 0: nothing
	CostBA uint32  `json:"costBA,omitempty"` // what B says; 0: nothing
	RateAB float64 `json:"rateAB"`           // messages a second from A to B; negative: not known
	RateBA float64 `json:"rateBA"`
	Why    string  `json:"why,omitempty"` // it is not up
}

// Cost is what counts: the larger of what both ends say.
func (a Adjacency) Cost() uint32 { return max(a.CostAB, a.CostBA) }

// CostsDiffer reports whether the ends contradict each other. Who says 1, which is the
// default, says nothing.
func (a Adjacency) CostsDiffer() bool {
	return a.State == Up && a.CostAB != a.CostBA && a.CostAB > 1 && a.CostBA > 1
}

// pair orders the ends.
func (a Adjacency) pair() [2]string { return [2]string{min(a.A, a.B), max(a.A, a.B)} }

// rate is what goes by it both ways; 0 if that is not known.
func (a Adjacency) rate() float64 { return max(a.RateAB, 0) + max(a.RateBA, 0) }

// compareNames orders "r2" before "r10".
func compareNames(a, b string) int {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		m, n := digits(a[i:]), digits(b[j:])
		if m == 0 || n == 0 {
			if c := cmp.Compare(a[i], b[j]); c != 0 {
				return c
			}
			i, j = i+1, j+1
			continue
		}
		x, y := strings.TrimLeft(a[i:i+m], "0"), strings.TrimLeft(b[j:j+n], "0")
		if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
			return c
		}
		i, j = i+m, j+n
	}
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// digits is how many of them s begins with.
func digits(s string) int {
	return len(s) - len(strings.TrimLeft(s, "0123456789"))
}

// tidy is the mesh in the order in which everything is shown, with each pair of routers
// once, the smaller id as A, and with a router for every end of an adjacency.
func (m Mesh) tidy() Mesh {
	out := Mesh{Self: m.Self, Routers: []Router{}, Adjacencies: []Adjacency{}}
	known := map[string]bool{}
	for _, r := range m.Routers {
		if !known[r.ID] {
			known[r.ID] = true
			out.Routers = append(out.Routers, r)
		}
	}
	seen := map[[2]string]bool{}
	for _, a := range m.Adjacencies {
		if compareNames(a.A, a.B) > 0 {
			a.A, a.B, a.CostAB, a.CostBA, a.RateAB, a.RateBA = a.B, a.A, a.CostBA, a.CostAB, a.RateBA, a.RateAB
		}
		if a.A == a.B || seen[a.pair()] {
			continue
		}
		seen[a.pair()] = true
		out.Adjacencies = append(out.Adjacencies, a)
		for _, id := range []string{a.A, a.B} {
			if !known[id] {
				known[id] = true
				out.Routers = append(out.Routers, Router{ID: id, Unreachable: true})
			}
		}
	}
	slices.SortFunc(out.Routers, func(x, y Router) int { return compareNames(x.ID, y.ID) })
	slices.SortFunc(out.Adjacencies, func(x, y Adjacency) int {
		return cmp.Or(compareNames(x.A, y.A), compareNames(x.B, y.B))
	})
	return out
}

// JSON is the mesh for programs, indented, in a fixed order.
func JSON(m Mesh) (string, error) {
	text, err := json.MarshalIndent(m.tidy(), "", "  ")
	return string(text) + "\n", err
}

// oddity is something that people should look at.
type oddity struct {
	bad  bool   // red, else yellow
	kind string // what it is called
	what string // who has it
	why  string
}

// oddities lists what is down or strange, the worst first.
func (m Mesh) oddities() []oddity {
	var list []oddity
	lost := map[string]bool{} // what leads to it is down for that reason
	for _, r := range m.Routers {
		lost[r.ID] = r.Unreachable
		switch {
		case r.Unreachable:
			list = append(list, oddity{bad: true, kind: "unreachable", what: r.ID})
		case r.Silent:
			list = append(list, oddity{bad: true, kind: "does not answer", what: r.ID})
		}
	}
	for _, a := range m.Adjacencies {
		if a.State == Down && !lost[a.A] && !lost[a.B] {
			list = append(list, oddity{true, "adjacency down", a.A + "–" + a.B, a.Why})
		}
	}
	for _, r := range m.Routers {
		for _, b := range r.Brokers {
			if !b.Up {
				list = append(list, oddity{true, "broker down", b.Name + " at " + r.ID, b.Why})
			}
		}
	}
	for _, a := range m.Adjacencies {
		switch {
		case a.State == Suspect:
			list = append(list, oddity{false, "suspect", a.A + "–" + a.B, a.Why})
		case a.State == OneWay:
			list = append(list, oddity{false, "one-way", a.A + "–" + a.B, a.oneWay()})
		case a.CostsDiffer():
			list = append(list, oddity{false, "costs differ", a.A + "–" + a.B,
				fmt.Sprintf("%s says %d, %s says %d; the larger counts", a.A, a.CostAB, a.B, a.CostBA)})
		}
	}
	for _, r := range m.Routers {
		if r.Draining && !r.Unreachable {
			list = append(list, oddity{kind: "draining", what: r.ID})
		}
	}
	return append(list, m.oldVersions()...)
}

// oneWay says who reports what.
func (a Adjacency) oneWay() string {
	switch {
	case a.Why != "":
		return a.Why
	case a.CostBA == 0:
		return a.A + " reports it, " + a.B + " does not"
	case a.CostAB == 0:
		return a.B + " reports it, " + a.A + " does not"
	}
	return ""
}

// oldVersions names the routers whose version is not the one that most have.
func (m Mesh) oldVersions() []oddity {
	count := map[string]int{}
	for _, r := range m.Routers {
		if r.Version != "" {
			count[r.Version]++
		}
	}
	most := ""
	for v, n := range count {
		if n > count[most] || n == count[most] && v > most {
			most = v
		}
	}
	var list []oddity
	for _, r := range m.Routers {
		if r.Version != "" && r.Version != most {
			list = append(list, oddity{kind: "version " + r.Version, what: r.ID, why: "most have " + most})
		}
	}
	return list
}

// RateText is a rate in as few characters as tell it.
func RateText(rate float64) string {
	switch {
	case rate < 0:
		return "-"
	case rate == 0:
		return "0"
	case rate < 9.95:
		return strconv.FormatFloat(rate, 'f', 1, 64)
	case rate < 999.5:
		return strconv.FormatFloat(rate, 'f', 0, 64)
	case rate < 9.95e3:
		return strconv.FormatFloat(rate/1e3, 'f', 1, 64) + "k"
	case rate < 999.5e3:
		return strconv.FormatFloat(rate/1e3, 'f', 0, 64) + "k"
	}
	return strconv.FormatFloat(rate/1e6, 'f', 1, 64) + "M"
}

// count is "1 router" or "3 routers".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if stem, ok := strings.CutSuffix(what, "y"); ok {
		what = stem + "ie"
	}
	return fmt.Sprintf("%d %ss", n, what)
}
