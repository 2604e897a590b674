package topoview

import (
	"fmt"
	"math/rand/v2"
)

func up(a, b string, cost uint32) Adjacency {
	return Adjacency{A: a, B: b, State: Up, CostAB: cost, CostBA: cost, RateAB: -1, RateBA: -1}
}

func routers(n int) []Router {
	var list []Router
	for i := range n {
		list = append(list, Router{ID: id(i), Version: "1.2.0"})
	}
	return list
}

func id(i int) string { return fmt.Sprintf("r%d", i+1) }

// three is the smallest mesh with a choice of paths.
func three() Mesh {
	return Mesh{
		Self: "A",
		Routers: []Router{{ID: "A", Consumers: 3, Clients: 4}, {ID: "C", Clients: 2},
			{ID: "B", Consumers: 12, Clients: 20, Brokers: []Broker{{Name: "rabbit-1", Host: "rabbit-1.example:5672", Up: true}}}},
		Adjacencies: []Adjacency{
			{A: "A", B: "B", State: Up, CostAB: 1, CostBA: 1, RateAB: 1234, RateBA: 3},
			{A: "C", B: "B", State: Up, CostAB: 2, CostBA: 2, RateAB: 0, RateBA: 12},
			{A: "A", B: "C", State: Up, CostAB: 10, CostBA: 10},
		},
	}
}

// troubled is a mesh in which everything that can be wrong is wrong.
func troubled() Mesh {
	m := Mesh{
		Self: "A",
		Routers: []Router{
			{ID: "A", Version: "1.2.0", Consumers: 1, Clients: 1},
			{ID: "B", Version: "1.2.0", Draining: true, Consumers: 7},
			{ID: "C", Version: "1.1.0", Brokers: []Broker{{Name: "rabbit-1", Host: "h1:5672", Up: true}, {Name: "rabbit-2", Host: "h2:5672", Why: "connection refused"}}},
			{ID: "D", Version: "1.2.0", Silent: true},
			{ID: "E", Unreachable: true},
		},
		Adjacencies: []Adjacency{
			{A: "A", B: "B", State: Up, CostAB: 2, CostBA: 4},
			up("B", "C", 1),
			{A: "C", B: "A", State: OneWay, CostAB: 3},
			{A: "A", B: "D", State: Suspect, CostAB: 2, CostBA: 2, Why: "silent for 0.8 s"},
			{A: "D", B: "E", State: Down, Why: "connection refused"},
			{A: "B", B: "D", State: Down, Why: "no route to host"},
		},
	}
	return m
}

// random is a connected mesh, the same every time.
func random(n, more int) Mesh {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	m := Mesh{Self: "r1", Routers: routers(n)}
	for i := 1; i < n; i++ {
		m.Adjacencies = append(m.Adjacencies, up(id(r.IntN(i)), id(i), 1+uint32(r.IntN(3))))
	}
	for range more {
		m.Adjacencies = append(m.Adjacencies, up(id(r.IntN(n)), id(r.IntN(n)), 1+uint32(r.IntN(12))))
	}
	return m
}

func ring(n int) Mesh {
	m := Mesh{Self: "r1", Routers: routers(n)}
	for i := range n {
		m.Adjacencies = append(m.Adjacencies, up(id(i), id((i+1)%n), 1))
	}
	return m
}

func star(n int) Mesh {
	m := Mesh{Self: "r2", Routers: routers(n)}
	for i := 1; i < n; i++ {
		m.Adjacencies = append(m.Adjacencies, up(id(0), id(i), 1))
	}
	return m
}

func full(n int) Mesh {
	m := Mesh{Self: "r1", Routers: routers(n)}
	for i := range n {
		for j := range i {
			m.Adjacencies = append(m.Adjacencies, up(id(j), id(i), 1))
		}
	}
	return m
}

// sites is eight places with a dozen routers each, and four more in a ninth.
func sites() Mesh {
	m := Mesh{Self: "fra-1"}
	names := []string{"ams", "fra", "lon", "nyc", "sfo", "sin", "syd", "tyo", "zrh"}
	for s, site := range names {
		n := 12
		if site == "zrh" {
			n = 4
		}
		for i := range n {
			id := fmt.Sprintf("%s-%d", site, i+1)
			m.Routers = append(m.Routers, Router{ID: id, Version: "1.2.0", Clients: 10 * i})
			if i > 1 {
				m.Adjacencies = append(m.Adjacencies, up(id, site+"-1", 1), up(id, site+"-2", 1))
			}
		}
		m.Adjacencies = append(m.Adjacencies, up(site+"-1", site+"-2", 1))
		for j := 1; j <= 2; j++ {
			m.Adjacencies = append(m.Adjacencies, up(site+"-1", names[(s+j)%len(names)]+"-2", uint32(10*j+s)))
		}
	}
	return m
}

// broken takes every k-th router of a mesh away, and what it had.
func broken(m Mesh, k int) Mesh {
	gone := map[string]bool{}
	for i := range m.Routers {
		if i%k == k-1 {
			m.Routers[i].Unreachable = true
			gone[m.Routers[i].ID] = true
		}
	}
	for i, a := range m.Adjacencies {
		if gone[a.A] || gone[a.B] {
			m.Adjacencies[i].State, m.Adjacencies[i].Why = Down, "connection refused"
		}
	}
	return m
}
