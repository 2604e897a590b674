package topoview

import (
	"fmt"
	"strings"
)

// Mermaid is the mesh as a flowchart, for pages that are written in Markdown.
func Mermaid(m Mesh) string {
	m = m.tidy().printable()
	var b strings.Builder
	b.WriteString("flowchart TD\n")
	at := map[string]int{}
	classes := map[string][]string{}
	for i, r := range m.Routers {
		at[r.ID] = i
		fmt.Fprintf(&b, "  r%d(\"%s\")\n", i, mermaidText(strings.Join(r.about(), "\n")))
		class := ""
		switch {
		case r.Unreachable, r.Silent, r.Unknown:
			class = "down"
		case r.Draining:
			class = "odd"
		case r.ID == m.Self:
			class = "self"
		}
		if class != "" {
			classes[class] = append(classes[class], fmt.Sprintf("r%d", i))
		}
	}
	most := busiest(m.Adjacencies)
	for _, a := range m.Adjacencies {
		w := look(a, most, true)
		line := "---"
		switch {
		case w.dashed:
			line = "-.-"
		case w.pen == thick:
			line = "==="
		}
		fmt.Fprintf(&b, "  r%d %s|\"%s\"| r%d\n", at[a.A], line, mermaidText(w.label), at[a.B])
	}
	for i, k := range m.brokers() {
		fmt.Fprintf(&b, "  b%d[(\"%s\")]\n", i, mermaidText(k.Name))
		for _, to := range k.at {
			line := "---"
			if !to.up {
				line = "-.-"
			}
			fmt.Fprintf(&b, "  r%d %s b%d\n", at[to.router], line, i)
		}
	}
	for _, c := range [][2]string{{"down", "stroke:#c22,stroke-dasharray:4"}, {"odd", "stroke:#c80"}, {"self", "stroke-width:3px"}} {
		if ids := classes[c[0]]; len(ids) > 0 {
			fmt.Fprintf(&b, "  classDef %s %s\n  class %s %s\n", c[0], c[1], strings.Join(ids, ","), c[0])
		}
	}
	return b.String()
}

// mermaidText escapes what would end a text or begin markup.
func mermaidText(s string) string {
	return strings.NewReplacer("&", "&amp;", `"`, "&quot;", "<", "&lt;", ">", "&gt;", "#", "&num;", "`", "&#96;", "\n", "<br/>").Replace(s)
}
