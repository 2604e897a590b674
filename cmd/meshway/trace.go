package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meshway/meshway/internal/client"
	"github.com/meshway/meshway/internal/topoview"
	"github.com/meshway/meshway/routing"
)

func (a *app) traceCommand() *cobra.Command {
	var m managing
	var from, output string
	cmd := &cobra.Command{
		Use:   "trace ADDRESS",
		Short: "Show which way a message to an address would take, and why it would not arrive",
		Long: `Shows where a message to ADDRESS would go if it came in at the router of --url, or at
--from: how the address is treated, its consumers on every router, the hops to each and what
they cost, what would be used in their place, and if nobody could take it, why.

Nothing is sent.`,
		Example: `  meshway trace orders
  meshway trace alarms/fire --from C
  meshway trace orders -o json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.trace(cmd.Context(), m, args[0], from, output)
		},
	}
	m.flags(cmd.Flags())
	cmd.Flags().StringVar(&from, "from", "", "id of the router at which the message comes in (default: that of --url)")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text, or json")
	return cmd
}

// tracing is what is found out about an address.
type tracing struct {
	Address      string     `json:"address"`
	From         string     `json:"from"`
	Treatment    string     `json:"treatment"`
	Distribution string     `json:"distribution"`
	Legs         []traceLeg `json:"legs"`
	Verdict      string     `json:"verdict"`
	Delivered    bool       `json:"delivered"`

	mesh topoview.Mesh
}

func (a *app) trace(ctx context.Context, m managing, address, from, output string) error {
	if err := checkOutput(output); err != nil {
		return err
	}
	if err := checkAddress(address); err != nil {
		return err
	}
	return a.asking(ctx, m, func(mesh agents) error {
		s, err := readNodes(ctx, mesh)
		if err != nil {
			return err
		}
		t := &tracing{Address: address, From: cmp.Or(from, s.self), mesh: s.picture()}
		if !slices.Contains(s.ids, t.From) {
			return errors.New(notReachable(t.mesh, t.From))
		}
		if err := t.look(ctx, mesh, s); err != nil {
			return err
		}
		if output == "json" {
			err = a.printJSON(t)
		} else {
			err = a.print("%s", t.text())
		}
		if err == nil && !t.Delivered {
			err = errors.New("a message would not be delivered")
		}
		return err
	})
}

// look asks what decides about the address.
func (t *tracing) look(ctx context.Context, mesh agents, s *survey) error {
	at := s.via(t.From)
	if done, err := t.linkRoute(ctx, mesh, s); done || err != nil {
		return err
	}
	configured, err := treatmentOf(ctx, mesh, at, t.Address)
	if err != nil {
		return err
	}
	t.Distribution = configured.Text("distribution")
	t.Treatment = describeTreatment(configured)
	if t.Distribution == "unavailable" {
		t.Verdict = "it would be refused: the address is configured as unavailable"
		return nil
	}
	t.Legs = legsOf(t.Address, configured)
	for i := range t.Legs {
		if err := t.leg(ctx, mesh, s, &t.Legs[i]); err != nil {
			return err
		}
	}
	t.judge(configured)
	return nil
}

// linkRoute reports whether links to the address are routed as they are: then no message is
// routed by its address.
func (t *tracing) linkRoute(ctx context.Context, mesh agents, s *survey) (bool, error) {
	rows, err := mesh.Query(ctx, s.via(t.From), "router.address", "key", "containerCount", "remoteHostRouters")
	if err != nil {
		return false, err
	}
	route, ok := linkRoutesOf(rows).Match(t.Address)
	if !ok {
		return false, nil
	}
	t.Treatment = "links are routed as they are, by the link route for " + plainAddress(route.Text("key"))
	way := t.nearest(route)
	if t.Delivered = len(way.Hops) > 0; !t.Delivered {
		t.Verdict = "the sender's link would be refused: no container for it is connected at any router"
		return true, nil
	}
	t.Verdict = "the sender's link would be attached at " + cmp.Or(t.container(ctx, mesh, s.via(way.To)), "a container") + ", at router " + way.To
	if way.To != t.From {
		t.Verdict += ": " + pathLine(way)
	}
	return true, nil
}

// linkRoutesOf are, of the addresses of a router, the link routes by which senders' links go.
func linkRoutesOf(rows []client.Entity) *routing.Patterns[client.Entity] {
	var p routing.Patterns[client.Entity]
	for _, r := range rows {
		// What is wrong is none: the router has checked it.
		switch key := r.Text("key"); {
		case strings.HasPrefix(key, "C"):
			_ = p.AddPrefix(key[1:], r)
		case strings.HasPrefix(key, "E"):
			_ = p.AddPattern(key[1:], r)
		}
	}
	return &p
}

// nearest is the way to the nearest router with a container for a link route; it has no hops
// if there is none.
func (t *tracing) nearest(route client.Entity) (best topoview.Path) {
	routers := route.List("remoteHostRouters")
	if route.Number("containerCount") > 0 {
		routers = []string{t.From} // what is here is used first
	}
	for _, id := range routers {
		if way := pathBetween(t.mesh, t.From, id); len(way.Hops) > 0 && (len(best.Hops) == 0 || way.Cost < best.Cost) {
			best = way
		}
	}
	return best
}

// container names what a link would be attached at, as far as a router's configuration says.
func (t *tracing) container(ctx context.Context, mesh agents, router string) string {
	rows, err := mesh.Query(ctx, router, "router.config.linkRoute")
	if err != nil {
		return ""
	}
	for _, r := range rows {
		var p routing.Patterns[bool]
		if r.Text("operStatus") != "active" || r.Text("direction") == "out" || addPattern(&p, r, true) != nil {
			continue
		}
		if _, ok := p.Match(t.Address); ok {
			return cmp.Or(r.Text("connection"), r.Text("containerId"))
		}
	}
	return ""
}

// addPattern adds the prefix or the pattern of an entity.
func addPattern[T any](p *routing.Patterns[T], e client.Entity, v T) error {
	if e.Has("pattern") {
		return p.AddPattern(e.Text("pattern"), v)
	}
	return p.AddPrefix(e.Text("prefix"), v)
}

// treatmentOf is what is configured for an address at a router; its distribution is always
// there.
func treatmentOf(ctx context.Context, mesh agents, router, address string) (client.Entity, error) {
	rows, err := mesh.Query(ctx, router, "router.config.address")
	if err != nil {
		return nil, err
	}
	if e, ok := treatmentsOf(rows).Match(address); ok {
		return e, nil
	}
	status, err := mesh.Query(ctx, router, "router")
	if err != nil || len(status) == 0 {
		return nil, errors.Join(err, errors.New("the router does not say how it treats addresses"))
	}
	return client.Entity{"distribution": cmp.Or(status[0].Text("defaultDistribution"), "balanced")}, nil
}

// treatmentsOf are the configured addresses of a router.
func treatmentsOf(rows []client.Entity) *routing.Patterns[client.Entity] {
	var p routing.Patterns[client.Entity]
	for _, r := range rows {
		_ = addPattern(&p, r, r) // the router has checked it
	}
	return &p
}

func describeTreatment(e client.Entity) string {
	text := e.Text("distribution")
	switch {
	case e.Has("pattern"):
		text += ", by the pattern " + e.Text("pattern")
	case e.Has("prefix"):
		text += ", by the prefix " + e.Text("prefix")
	default:
		text += ", by default: nothing is configured for it"
	}
	if e.Text("waypoint") == "true" {
		text += "; a waypoint"
	}
	return text
}

// text is the trace for people.
func (t *tracing) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, sent at %s: %s\n", printable(t.Address), t.From, t.Treatment)
	for _, l := range t.Legs {
		if len(t.Legs) > 1 {
			fmt.Fprintf(&b, "\n%s (phase %s)\n", l.Title, l.Phase)
		}
		if len(l.Consumers) > 0 {
			b.WriteString("\n" + l.table())
		}
		for _, p := range l.Problems {
			b.WriteString("  ! " + printable(p) + "\n")
		}
	}
	fmt.Fprintf(&b, "\n%s", t.Verdict)
	return b.String()
}

// pathLine is a path in a line, with what each adjacency costs.
func pathLine(p topoview.Path) string {
	var b strings.Builder
	for _, h := range p.Hops {
		b.WriteString(h.Router)
		if h.Next > 0 {
			fmt.Fprintf(&b, " ─%d→ ", h.Next)
		}
	}
	return b.String()
}

// insteadLine is by which neighbours the first hop could be replaced.
func insteadLine(p topoview.Path) string {
	if len(p.Hops) == 0 {
		return ""
	}
	const most = 2
	var list []string
	for _, e := range p.Hops[0].Equal {
		list = append(list, fmt.Sprintf("via %s (%d)", e, p.Hops[0].Left))
	}
	for _, alt := range p.Hops[0].Alternates {
		list = append(list, fmt.Sprintf("via %s (%d)", alt.Via, alt.Cost))
	}
	return strings.Join(list[:min(len(list), most)], ", ")
}
