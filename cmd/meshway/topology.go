package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshway/meshway/internal/topoview"
)

// topologyOptions are the flags of `meshway topology`.
type topologyOptions struct {
	managing
	output string
	path   string
	rates  bool
	watch  time.Duration
	color  string
	width  int
	height int
}

var topologyFormats = []string{"text", "dot", "mermaid", "svg", "json"}

func (a *app) topologyCommand() *cobra.Command {
	var o topologyOptions
	cmd := &cobra.Command{
		Use:     "topology",
		Aliases: []string{"topo"},
		Short:   "Draw the mesh: routers, costs, what is down; or the path between two routers",
		Long: `Draws the mesh that a router belongs to: every router, the adjacencies and their costs,
brokers, and whatever is down or strange. Large meshes are drawn in groups.

With --path it shows the way from one router to another, and what would be used in its
place. With --watch it goes on, and prints each change on a line.`,
		Example: `  meshway topology
  meshway topology --rates
  meshway topology --watch
  meshway topology --path A C
  meshway topology -o svg > mesh.svg
  meshway topology -o dot | dot -Tpdf > mesh.pdf`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case o.path != "" && len(args) != 1:
				return errors.New("--path needs two routers: --path FROM TO")
			case o.path == "" && len(args) > 0:
				return fmt.Errorf("%q is not expected here; a path is shown with --path FROM TO", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.topology(cmd.Context(), o, args) },
	}
	f := cmd.Flags()
	o.flags(f)
	f.StringVarP(&o.output, "output", "o", "text", strings.Join(topologyFormats, ", "))
	f.StringVar(&o.path, "path", "", "show the way from this `router` to the one that follows")
	f.BoolVar(&o.rates, "rates", false, "measure for a second what goes by each adjacency")
	f.DurationVarP(&o.watch, "watch", "w", 0, "look again every so often, and print what has changed")
	f.Lookup("watch").NoOptDefVal = "1s"
	f.StringVar(&o.color, "color", "auto", "auto: on a terminal; always, never")
	f.IntVar(&o.width, "width", 80, "columns of the drawing")
	f.IntVar(&o.height, "height", 60, "lines of the drawing")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(topologyFormats, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// colored says whether output gets colours.
func (a *app) colored(flag string) bool {
	return flag == "always" || flag == "auto" && a.outTerm && a.color
}

func (o *topologyOptions) check() error {
	switch {
	case !slices.Contains(topologyFormats, o.output):
		return usageError{fmt.Errorf("--output %q: it must be one of %s%s", o.output, strings.Join(topologyFormats, ", "), meant(o.output, topologyFormats))}
	case !slices.Contains([]string{"auto", "always", "never"}, o.color):
		return usageError{fmt.Errorf("--color %q: it must be auto, always or never", o.color)}
	case o.width < 0 || o.height < 0:
		return usageError{fmt.Errorf("--width %d and --height %d: they must not be negative", o.width, o.height)}
	case o.watch < 0:
		return usageError{fmt.Errorf("--watch %v: it must not be negative", o.watch)}
	case o.watch > 0 && o.output != "text":
		return usageError{errors.New("--watch prints text; leave --output out")}
	case o.path != "" && o.output != "text" && o.output != "json":
		return usageError{errors.New("a path is shown as text or json")}
	}
	return nil
}

func (a *app) topology(ctx context.Context, o topologyOptions, args []string) error {
	if err := o.check(); err != nil {
		return err
	}
	return a.asking(ctx, o.managing, func(mesh agents) error {
		if o.path != "" {
			return a.showPath(ctx, mesh, o, args[0])
		}
		m, err := readMesh(ctx, mesh, o.rates)
		if err != nil {
			return err
		}
		if err := a.showMesh(m, o); err != nil || o.watch == 0 {
			return err
		}
		return a.watchMesh(ctx, mesh, m, o)
	})
}

func (a *app) showMesh(m topoview.Mesh, o topologyOptions) error {
	var text string
	var err error
	switch o.output {
	case "dot":
		text = topoview.DOT(m)
	case "mermaid":
		text = topoview.Mermaid(m)
	case "svg":
		text = topoview.SVG(m)
	case "json":
		text, err = topoview.JSON(m)
	default:
		text = topoview.Text(m, a.page(o))
	}
	if err != nil {
		return err
	}
	return a.print("%s", strings.TrimSuffix(text, "\n"))
}

func (a *app) page(o topologyOptions) topoview.Options {
	return topoview.Options{Width: o.width, Height: o.height, Color: a.colored(o.color)}
}

func (a *app) showPath(ctx context.Context, mesh agents, o topologyOptions, to string) error {
	s, err := readNodes(ctx, mesh)
	if err != nil {
		return err
	}
	p := pathBetween(s.picture(), o.path, to)
	if o.output == "json" {
		text, err := json.MarshalIndent(p, "", "  ")
		if err != nil {
			return err
		}
		return a.print("%s", text)
	}
	if err := a.print("%s", strings.TrimSuffix(topoview.PathText(p, a.page(o)), "\n")); err != nil {
		return err
	}
	if len(p.Hops) == 0 {
		return errors.New("there is no path")
	}
	return nil
}

// watchMesh prints changes until it is interrupted. A router that does not answer for once
// is no end to it.
func (a *app) watchMesh(ctx context.Context, mesh agents, before topoview.Mesh, o topologyOptions) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(o.watch):
		}
		after, err := readMesh(ctx, mesh, false)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		for _, line := range topoview.Changes(before, after, a.colored(o.color)) {
			if err := a.print("%s  %s", a.now().Format(time.TimeOnly), line); err != nil {
				return err
			}
		}
		before = after
	}
}

// readMesh asks every router, twice if rates are wanted.
func readMesh(ctx context.Context, mesh agents, rates bool) (topoview.Mesh, error) {
	s, err := readNodes(ctx, mesh)
	if err != nil {
		return topoview.Mesh{}, err
	}
	s.readAll(ctx, mesh, false)
	m := s.picture()
	if rates {
		err = s.measure(ctx, mesh, m.Adjacencies)
	}
	return m, err
}

// rateTime is for how long rates are measured.
const rateTime = time.Second

// measure reads the counters of the connections between routers twice.
func (s *survey) measure(ctx context.Context, mesh agents, list []topoview.Adjacency) error {
	first := s.carried(ctx, mesh)
	began := time.Now()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(rateTime):
	}
	second := s.carried(ctx, mesh)
	seconds := time.Since(began).Seconds()
	for i := range list {
		adj := &list[i]
		adj.RateAB = rate(first, second, [2]string{adj.A, adj.B}, seconds)
		adj.RateBA = rate(first, second, [2]string{adj.B, adj.A}, seconds)
	}
	return nil
}

func rate(first, second map[[2]string]float64, way [2]string, seconds float64) float64 {
	before, ok1 := first[way]
	after, ok2 := second[way]
	if !ok1 || !ok2 || after < before {
		return -1
	}
	return (after - before) / seconds
}

// carried is how many deliveries routers have sent to each of their neighbours.
func (s *survey) carried(ctx context.Context, mesh agents) map[[2]string]float64 {
	lists := make([]map[string]float64, len(s.ids))
	each(s.ids, func(i int, id string) error {
		rows, err := mesh.Query(ctx, s.via(id), "connection")
		lists[i] = map[string]float64{}
		for _, c := range rows {
			if c.Text("role") == "inter-router" && c.Has("deliveriesOut") {
				lists[i][c.Text("container")] += c.Number("deliveriesOut")
			}
		}
		return err // who does not answer has no rates
	})
	out := map[[2]string]float64{}
	for i, from := range s.ids {
		for to, n := range lists[i] {
			out[[2]string{from, to}] = n
		}
	}
	return out
}
