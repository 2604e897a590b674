package topoview

import (
	"fmt"
	"strings"
)

// DOT is the mesh for Graphviz: `meshway topology -o dot | dot -Tpng > mesh.png`.
func DOT(m Mesh) string {
	m = m.tidy().printable()
	var b strings.Builder
	b.WriteString("graph mesh {\n  layout=neato; overlap=false; splines=true\n")
	b.WriteString("  node [shape=box style=rounded fontname=\"sans-serif\"]\n  edge [fontname=\"sans-serif\" fontsize=10]\n")
	for _, r := range m.Routers {
		attributes := ""
		switch {
		case r.Unreachable, r.Silent, r.Unknown:
			attributes = " color=red style=\"rounded,dashed\""
		case r.Draining:
			attributes = " color=orange"
		case r.ID == m.Self:
			attributes = " penwidth=2"
		}
		fmt.Fprintf(&b, "  %s [label=%s%s]\n", quoted(r.ID), quoted(strings.Join(r.about(), "\n")), attributes)
	}
	for i, k := range m.brokers() {
		fmt.Fprintf(&b, "  broker%d [label=%s shape=cylinder]\n", i, quoted(k.Name))
		for _, at := range k.at {
			attributes := ""
			if !at.up {
				attributes = " [style=dashed color=red]"
			}
			fmt.Fprintf(&b, "  %s -- broker%d%s\n", quoted(at.router), i, attributes)
		}
	}
	most := busiest(m.Adjacencies)
	for _, a := range m.Adjacencies {
		w := look(a, most, true)
		attributes := fmt.Sprintf("label=%s", quoted(w.label))
		switch {
		case w.style == bad:
			attributes += " style=dashed color=red"
		case w.style == odd:
			attributes += " style=dashed color=orange"
		case w.pen == thick:
			attributes += " penwidth=3"
		}
		fmt.Fprintf(&b, "  %s -- %s [%s]\n", quoted(a.A), quoted(a.B), attributes)
	}
	b.WriteString("}\n")
	return b.String()
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// about is what is worth knowing of a router, its id first.
func (r Router) about() []string {
	lines := []string{r.ID}
	switch {
	case r.Unreachable:
		lines = append(lines, "unreachable")
	case r.Unknown:
		lines = append(lines, "no connection")
	case r.Silent:
		lines = append(lines, "no answer")
	case r.Draining:
		lines = append(lines, "draining")
	}
	if r.Consumers > 0 {
		lines = append(lines, count(r.Consumers, "consumer"))
	}
	return lines
}

// broker is a broker with the routers that are connected to it.
type broker struct {
	Broker
	at []attachment
}

type attachment struct {
	router string
	up     bool
}

// brokers collects the brokers of all routers, each once.
func (m Mesh) brokers() []broker {
	var list []broker
	at := map[string]int{}
	for _, r := range m.Routers {
		for _, k := range r.Brokers {
			i, ok := at[k.Name+"\x00"+k.Host]
			if !ok {
				i = len(list)
				at[k.Name+"\x00"+k.Host] = i
				list = append(list, broker{Broker: k})
			}
			list[i].at = append(list[i].at, attachment{r.ID, k.Up})
		}
	}
	return list
}
