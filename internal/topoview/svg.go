package topoview

import (
	"fmt"
	"math"
	"strings"
)

// Sizes in a picture, in pixels.
const (
	svgHop     = 130.0 // between neighbours
	svgDense   = 80.0  // the same where there are many
	svgMargin  = 70.0
	svgLetter  = 7.5 // width of a letter, about
	svgLegend  = 64.0
	svgMinimum = 420.0
)

// svgStyle suits light and dark pages.
const svgStyle = `<style>
  svg { background: #fff; font: 13px system-ui, sans-serif }
  .r rect { fill: #f4f7fb; stroke: #4a6785; stroke-width: 1.5 } .r text { fill: #1c2733; text-anchor: middle }
  .id { font-weight: 600 } .sub { font-size: 10px }
  .self rect { stroke-width: 3 } .down rect { stroke: #c33; stroke-dasharray: 5 3; fill: #fdf1f1 } .odd rect { stroke: #c80; fill: #fff8ea }
  .b rect { fill: #eef6ee; stroke: #4b8a4b } .b text { fill: #1d3a1d; text-anchor: middle; font-size: 11px }
  line { stroke: #8296aa; stroke-width: 1.5 } line.thick { stroke-width: 4 }
  line.bad { stroke: #c33; stroke-dasharray: 5 4 } line.odd { stroke: #c80; stroke-dasharray: 5 4 } line.tie { stroke: #4b8a4b; stroke-dasharray: 2 3 }
  .c { fill: #33475b; text-anchor: middle; font-size: 11px; paint-order: stroke; stroke: #fff; stroke-width: 4px }
  .h { fill: #1c2733 } .h1 { font-size: 15px; font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    svg { background: #12181f } .h, .r text { fill: #dde6ef } .r rect { fill: #1d2833; stroke: #86a8ca } .c { fill: #b9c8d6; stroke: #12181f }
    .b rect { fill: #1b2a1b } .b text { fill: #cfe6cf } .down rect { fill: #331c1c } .odd rect { fill: #33290f }
  }
</style>
`

// SVG is the mesh as a picture by itself: no scripts, nothing from elsewhere. What a router
// or an adjacency is like shows when it is pointed at.
func SVG(m Mesh) string {
	m = m.tidy().printable()
	p := newPicture(m)
	var b strings.Builder
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n", p.wide, p.high, p.wide, p.high)
	head := strings.Join(m.summary(), ", ")
	fmt.Fprintf(&b, "<title>%s</title>\n%s", escape(head), svgStyle)
	fmt.Fprintf(&b, "<text class=\"h h1\" x=\"20\" y=\"28\">%s</text>\n", escape(head))
	p.lines(&b)
	p.brokers(&b)
	p.routers(&b)
	p.legend(&b)
	b.WriteString("</svg>\n")
	return b.String()
}

// picture is a mesh with places in pixels.
type picture struct {
	Mesh
	at         map[string]point
	wide, high int
}

func newPicture(m Mesh) *picture {
	places := scatter(m)
	hop := svgHop
	if len(places) > 30 {
		hop = svgDense
	}
	lo, hi := point{math.Inf(1), math.Inf(1)}, point{math.Inf(-1), math.Inf(-1)}
	for i, q := range places {
		q = point{float64(q.x * hop), float64(q.y * hop)}
		places[i] = q
		lo, hi = point{min(lo.x, q.x), min(lo.y, q.y)}, point{max(hi.x, q.x), max(hi.y, q.y)}
	}
	if len(places) == 0 {
		lo, hi = point{}, point{}
	}
	p := &picture{Mesh: m, at: map[string]point{}}
	shift := max(svgMinimum-(hi.x-lo.x)-2*svgMargin, 0) / 2
	for i, r := range m.Routers {
		p.at[r.ID] = point{math.Round(places[i].x - lo.x + svgMargin + shift), math.Round(places[i].y - lo.y + svgMargin + 20)}
	}
	p.wide = int(math.Round(hi.x - lo.x + 2*svgMargin + 2*shift))
	p.high = int(math.Round(hi.y-lo.y+2*svgMargin+20)) + int(svgLegend)
	return p
}

func (p *picture) lines(b *strings.Builder) {
	most := busiest(p.Adjacencies)
	for _, a := range p.Adjacencies {
		from, to := p.at[a.A], p.at[a.B]
		w := look(a, most, true)
		class := map[style]string{bad: "bad", odd: "odd"}[w.style]
		if class == "" && w.pen == thick {
			class = "thick"
		}
		fmt.Fprintf(b, "<line class=\"%s\" x1=\"%.0f\" y1=\"%.0f\" x2=\"%.0f\" y2=\"%.0f\"><title>%s</title></line>\n",
			class, from.x, from.y, to.x, to.y, escape(a.about()))
		fmt.Fprintf(b, "<text class=\"c\" x=\"%.0f\" y=\"%.0f\">%s</text>\n", math.Round((from.x+to.x)/2), math.Round((from.y+to.y)/2)+4, escape(w.label))
	}
}

// about is all that is known of an adjacency, in a line.
func (a Adjacency) about() string {
	text := fmt.Sprintf("%s – %s: %s, cost %d", a.A, a.B, a.State, a.Cost())
	if a.RateAB >= 0 || a.RateBA >= 0 {
		text += fmt.Sprintf(", %s/s to %s, %s/s to %s", RateText(a.RateAB), a.B, RateText(a.RateBA), a.A)
	}
	if a.State != Up {
		text += because(a.oneWay())
	}
	return text
}

func (p *picture) routers(b *strings.Builder) {
	for _, r := range p.Routers {
		at := p.at[r.ID]
		lines := r.about()
		wide := 0
		for _, l := range lines {
			wide = max(wide, columns(l))
		}
		w, h := math.Round(float64(wide)*svgLetter)+22, float64(16*len(lines)+12)
		class := "r"
		switch {
		case r.Unreachable, r.Silent, r.Unknown:
			class = "r down"
		case r.Draining:
			class = "r odd"
		case r.ID == p.Self:
			class = "r self"
		}
		tip := strings.Join(append(lines, "version "+orDash(r.Version), count(r.Clients, "client")), ", ")
		fmt.Fprintf(b, "<g class=\"%s\"><title>%s</title><rect x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%.0f\" rx=\"7\"/>", class, escape(tip), at.x-math.Round(w/2), at.y-math.Round(h/2), w, h)
		for i, l := range lines {
			sub := "id"
			if i > 0 {
				sub = "sub"
			}
			fmt.Fprintf(b, "<text class=\"%s\" x=\"%.0f\" y=\"%.0f\">%s</text>", sub, at.x, at.y-h/2+float64(16*i)+18, escape(l))
		}
		b.WriteString("</g>\n")
	}
}

// brokers draws those of each router below it.
func (p *picture) brokers(b *strings.Builder) {
	for _, r := range p.Routers {
		at := p.at[r.ID]
		for i, k := range r.Brokers {
			w := math.Round(float64(columns(k.Name))*svgLetter*0.9) + 14
			x := at.x + float64(2*i-len(r.Brokers)+1)*math.Round(w/2+6)
			y := at.y + 52
			line, state := "tie", "up"
			if !k.Up {
				line, state = "bad", "down"+because(k.Why)
			}
			fmt.Fprintf(b, "<line class=\"%s\" x1=\"%.0f\" y1=\"%.0f\" x2=\"%.0f\" y2=\"%.0f\"/>", line, at.x, at.y, x, y)
			fmt.Fprintf(b, "<g class=\"b\"><title>%s</title><rect x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"20\" rx=\"3\"/><text x=\"%.0f\" y=\"%.0f\">%s</text></g>\n",
				escape("broker "+k.Name+" "+k.Host+": "+state), x-math.Round(w/2), y-10, w, x, y+4, escape(k.Name))
		}
	}
}

// legend names what is odd, as far as there is room, and explains the lines.
func (p *picture) legend(b *strings.Builder) {
	y := p.high - int(svgLegend) + 24
	var texts []string
	for _, o := range p.oddities() {
		texts = append(texts, o.kind+": "+o.what)
	}
	most := max(p.wide/8-8, 20)
	fmt.Fprintf(b, "<text class=\"h sub\" x=\"20\" y=\"%d\">%s</text>\n", y, escape(shorten(strings.Join(texts, "; "), most)))
	fmt.Fprintf(b, "<text class=\"h sub\" x=\"20\" y=\"%d\">numbers: cost; thick: busiest; dashed: not in use</text>\n", y+20)
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
