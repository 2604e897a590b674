package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshway/meshway/internal/topoview"
)

func (a *app) pingCommand() *cobra.Command {
	var m managing
	var times int
	var output string
	cmd := &cobra.Command{
		Use:   "ping ROUTER",
		Short: "Measure how long a request takes to each router on the way to another",
		Long: `Asks each router on the way to ROUTER something small, and measures how long the answer
takes. What a hop adds is the time to it less the time to the one before.`,
		Example: `  meshway ping C
  meshway ping C --count 20`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if times < 1 || times > 10000 {
				return usageError{fmt.Errorf("--count %d: it must be 1 to 10000", times)}
			}
			if err := checkOutput(output); err != nil {
				return err
			}
			return a.asking(cmd.Context(), m, func(mesh agents) error {
				return a.ping(cmd.Context(), mesh, args[0], times, output)
			})
		},
	}
	m.flags(cmd.Flags())
	cmd.Flags().IntVar(&times, "count", 5, "ask each so many times")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text, or json")
	return cmd
}

// pinged is how long a router took to answer.
type pinged struct {
	Router string        `json:"router"`
	Least  time.Duration `json:"leastNs"`
	Middle time.Duration `json:"medianNs"`
	Most   time.Duration `json:"mostNs"`
	Lost   int           `json:"lost"`
	Err    string        `json:"error,omitempty"`
}

func (a *app) ping(ctx context.Context, mesh agents, router string, times int, output string) error {
	s, err := readNodes(ctx, mesh)
	if err != nil {
		return err
	}
	path := pathBetween(s.picture(), s.self, router)
	if len(path.Hops) == 0 {
		return errors.New(path.Why)
	}
	var list []pinged
	for _, h := range path.Hops {
		p := pinged{Router: h.Router}
		if err := p.measure(ctx, mesh, s.via(h.Router), times); err != nil {
			return err
		}
		list = append(list, p)
	}
	if output == "json" {
		err = a.printJSON(list)
	} else {
		err = a.print("%s", pingText(path, list))
	}
	if last := list[len(list)-1]; err == nil && last.Lost > 0 {
		err = fmt.Errorf("%s did not answer %d of %d times: %s", last.Router, last.Lost, times, last.Err)
	}
	return err
}

// measure asks a router a few times. Its error is that of the user's context only.
func (p *pinged) measure(ctx context.Context, mesh agents, router string, times int) error {
	var took []time.Duration
	for range times {
		began := time.Now()
		if _, err := mesh.Query(ctx, router, "management", "identity"); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			p.Lost++
			p.Err = err.Error()
			continue
		}
		took = append(took, time.Since(began))
	}
	p.sum(took)
	return nil
}

// sum takes over how long the answers took.
func (p *pinged) sum(took []time.Duration) {
	if len(took) > 0 {
		slices.Sort(took)
		p.Least, p.Middle, p.Most = took[0], took[len(took)/2], took[len(took)-1]
	}
}

func pingText(path topoview.Path, list []pinged) string {
	var rows [][]string
	before := time.Duration(0)
	for i, p := range list {
		cost := "-"
		if i > 0 {
			cost = fmt.Sprint(path.Hops[i-1].Next)
		}
		if p.Middle == 0 && p.Lost > 0 {
			rows = append(rows, []string{fmt.Sprint(i), p.Router, cost, "no answer", "-", "-", "-", fmt.Sprint(p.Lost)})
			continue
		}
		rows = append(rows, []string{fmt.Sprint(i), p.Router, cost, short(p.Middle), "+" + short(max(p.Middle-before, 0)), short(p.Least), short(p.Most), fmt.Sprint(p.Lost)})
		before = p.Middle
	}
	right := []bool{true, false, true, true, true, true, true, true}
	text := tabular([]string{"HOP", "ROUTER", "COST", "MEDIAN", "ADDS", "LEAST", "MOST", "LOST"}, rows, right)
	return text[:len(text)-1]
}

// short is a time with three digits.
func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}
