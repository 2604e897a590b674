package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshway/meshway/internal/client"
	"github.com/meshway/meshway/internal/topoview"
)

func (a *app) doctorCommand() *cobra.Command {
	var m managing
	var output string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong in the mesh, and say what to do",
		Long: `Asks every router of the mesh, and reports:

  routers that cannot be reached, or do not answer; two parts of a mesh
  adjacencies that only one end has, that are not in use, or whose ends say other costs
  connectors without a connection, shards and auto-links without their broker,
    auto-links whose queue takes nothing, or rejects
  addresses with senders and no consumer
  links that are blocked, or hold deliveries that nobody settles
  clocks and versions that differ

The exit code is 1 if anything is broken, 0 if there are at most remarks.`,
		Example: `  meshway doctor
  meshway doctor -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			return a.asking(cmd.Context(), m, func(mesh agents) error { return a.doctor(cmd.Context(), mesh, output, a.atRouter(m.url)) })
		},
	}
	m.flags(cmd.Flags())
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text, or json: one finding a line")
	return cmd
}

// finding is something that is wrong.
type finding struct {
	Broken bool   `json:"broken"` // else it is a remark
	Fault  string `json:"fault"`
	Where  string `json:"where"`
	What   string `json:"what"`
	Do     string `json:"do"`
}

// patient is all that routers said, for the checks.
type patient struct {
	*survey
	mesh      topoview.Mesh
	now       time.Time
	took      map[string]time.Duration // to answer when asked for the time
	clocks    map[string]time.Time
	addresses map[string][]client.Entity // by router
	autoLinks map[string][]client.Entity
	configs   map[string][]client.Entity // configured addresses
}

// checks are what is looked for, one fault each.
var checks = []func(*patient) []finding{
	(*patient).unreachable, (*patient).silent, (*patient).adjacenciesOdd, (*patient).connectorsDown, (*patient).shardsLost,
	(*patient).autoLinksFailed, (*patient).noConsumer, (*patient).blocked, (*patient).stuck, (*patient).clockSkew, (*patient).versionSkew, (*patient).drainingRouters,
}

func (a *app) doctor(ctx context.Context, mesh agents, output, flags string) error {
	p, err := a.examine(ctx, mesh)
	if err != nil {
		return err
	}
	var list []finding
	for _, check := range checks {
		list = append(list, check(p)...)
	}
	slices.SortStableFunc(list, func(x, y finding) int {
		switch {
		case x.Broken == y.Broken:
			return 0
		case x.Broken:
			return -1
		}
		return 1
	})
	for i := range list {
		list[i].Do = a.typed(list[i].Do, flags)
	}
	return a.report(p, list, output)
}

// report prints the findings, and fails if anything is broken.
func (a *app) report(p *patient, list []finding, output string) error {
	broken := 0
	for _, f := range list {
		mark := "!"
		if f.Broken {
			mark = "✗"
			broken++
		}
		var err error
		if output == "json" {
			err = a.printJSON(f)
		} else {
			err = a.print("%s %s: %s: %s\n    %s", mark, printable(f.Where), f.Fault, printable(f.What), f.Do)
		}
		if err != nil {
			return err
		}
	}
	if broken > 0 {
		return fmt.Errorf("%s broken, %s", howMany(broken, "thing is", "things are"), howMany(len(list)-broken, "remark", "remarks"))
	}
	if output == "json" {
		return nil
	}
	if len(list) > 0 {
		return a.print("%s asked: nothing is broken, %s", howMany(len(p.ids), "router", "routers"), howMany(len(list), "remark", "remarks"))
	}
	return a.print("%s asked: all is well", howMany(len(p.ids), "router", "routers"))
}

func howMany(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// examine asks every router everything.
func (a *app) examine(ctx context.Context, mesh agents) (*patient, error) {
	s, err := readNodes(ctx, mesh)
	if err != nil {
		return nil, err
	}
	s.readAll(ctx, mesh, true)
	p := &patient{survey: s, now: a.now(), took: map[string]time.Duration{}, clocks: map[string]time.Time{},
		addresses: map[string][]client.Entity{}, autoLinks: map[string][]client.Entity{}, configs: map[string][]client.Entity{}}
	p.mesh = s.picture()
	for _, id := range s.ids {
		if s.said[id].err != nil {
			continue
		}
		if err := p.ask(ctx, mesh, a.now, id); err != nil {
			s.said[id].err = err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return p, nil
}

// ask asks one router, for the time by itself, so that the answer is not late.
func (p *patient) ask(ctx context.Context, mesh agents, now func() time.Time, id string) (err error) {
	began := now()
	rows, err := mesh.Query(ctx, p.via(id), "router")
	if err != nil {
		return err
	}
	p.took[id] = now().Sub(began)
	if len(rows) > 0 && rows[0].Has("time") {
		sent := time.UnixMilli(int64(rows[0].Number("time")))
		p.clocks[id] = sent.Add(-began.Sub(p.now) - p.took[id]/2) // as if all had been asked at once
	}
	if p.addresses[id], err = mesh.Query(ctx, p.via(id), "router.address"); err != nil {
		return err
	}
	if p.autoLinks[id], err = mesh.Query(ctx, p.via(id), "router.config.autoLink"); err != nil {
		return err
	}
	p.configs[id], err = mesh.Query(ctx, p.via(id), "router.config.address")
	return err
}

// names are routers for people, a few of them.
func names(list []string) string {
	const most = 5
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}
