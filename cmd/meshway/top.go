package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshway/meshway/internal/client"
	"github.com/meshway/meshway/internal/topoview"
)

func (a *app) topCommand() *cobra.Command {
	var m managing
	var every time.Duration
	var times, rows int
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Show live rates of routers and addresses",
		Long: `Shows what goes through each router and to each address, in messages a second, and goes on
until it is interrupted. Addresses are sorted by what comes in for them.`,
		Example: `  meshway top
  meshway top --every 5s --rows 30
  meshway top --count 1      # once, for scripts`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case every < 100*time.Millisecond:
				return usageError{fmt.Errorf("--every %v: it must be 100ms or more", every)}
			case times < 0 || rows < 1:
				return usageError{fmt.Errorf("--count must not be negative, and --rows 1 or more")}
			}
			return a.asking(cmd.Context(), m, func(mesh agents) error { return a.top(cmd.Context(), mesh, every, times, rows) })
		},
	}
	m.flags(cmd.Flags())
	f := cmd.Flags()
	f.DurationVar(&every, "every", 2*time.Second, "measure for so long")
	f.IntVar(&times, "count", 0, "show so many times; 0: until interrupted")
	f.IntVar(&rows, "rows", 15, "addresses at most")
	return cmd
}

// sample is counters at a moment.
type sample struct {
	at      time.Time
	ids     []string
	routers map[string]client.Entity
	address map[string]client.Entity // by key; the counters of all routers together, but not of what we ask
}

// topCounters are what is added up over routers.
var topCounters = []string{"deliveriesIngress", "deliveriesEgress", "deliveriesTransit", "subscriberCount"}

func (a *app) top(ctx context.Context, mesh agents, every time.Duration, times, rows int) error {
	before, err := takeSample(ctx, mesh)
	if err != nil {
		return err
	}
	for n := 0; times == 0 || n < times; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(every):
		}
		now, err := takeSample(ctx, mesh)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		page := topText(before, now, rows)
		if a.outTerm {
			page = emptyPage + a.now().Format(time.TimeOnly) + "\n\n" + page
		}
		if err := a.print("%s", page); err != nil {
			return err
		}
		before = now
	}
	return nil
}

// takeSample asks all routers. One that does not answer is left out.
func takeSample(ctx context.Context, mesh agents) (*sample, error) {
	self, err := ownID(ctx, mesh, "")
	if err != nil {
		return nil, err
	}
	ids, err := everyRouter(ctx, mesh)
	if err != nil {
		return nil, err
	}
	s := &sample{at: time.Now(), ids: ids, routers: map[string]client.Entity{}, address: map[string]client.Entity{}}
	status := make([]client.Entity, len(ids))
	addresses := make([][]client.Entity, len(ids))
	each(ids, func(i int, id string) error {
		rows, err := mesh.Query(ctx, via(ids, self, id), "router")
		if err != nil || len(rows) == 0 {
			return err
		}
		status[i] = rows[0]
		addresses[i], err = mesh.Query(ctx, via(ids, self, id), "router.address", append([]string{"key"}, topCounters...)...)
		return err
	})
	reply := mesh.ReplyTo()
	reply = reply[strings.LastIndex(reply, "/")+1:] // at its router it goes by the name alone
	for i, id := range ids {
		if status[i] != nil {
			s.routers[id] = status[i]
		}
		for _, e := range addresses[i] {
			key := e.Text("key")
			if strings.Contains(key, "$management") || strings.HasSuffix(key, reply) {
				continue
			}
			if s.address[key] == nil {
				s.address[key] = client.Entity{}
			}
			for _, c := range topCounters {
				s.address[key][c] = s.address[key].Number(c) + e.Number(c)
			}
		}
	}
	return s, nil
}

// perSecond is how fast a counter rises.
func perSecond(before, now client.Entity, name string, seconds float64) float64 {
	return max(now.Number(name)-before.Number(name), 0) / seconds
}

// topText is a page of rates between two samples.
func topText(before, now *sample, most int) string {
	seconds := max(now.at.Sub(before.at).Seconds(), 1e-3)
	var rows [][]string
	for _, id := range now.ids {
		e, old := now.routers[id], before.routers[id]
		switch {
		case e == nil:
			rows = append(rows, []string{id, "no answer", "", "", "", "", "", "", ""})
			continue
		case old == nil:
			old = e
		}
		r := func(name string) string { return topoview.RateText(perSecond(old, e, name, seconds)) }
		rows = append(rows, []string{id, r("deliveriesIngress"), r("deliveriesEgress"), r("deliveriesTransit"), r("releasedDeliveries"), r("rejectedDeliveries"),
			e.Text("connectionCount"), e.Text("linksBlocked"), e.Text("deliveriesStuck")})
	}
	var b strings.Builder
	b.WriteString(tabular([]string{"ROUTER", "IN/S", "OUT/S", "TRANSIT/S", "RELEASED/S", "REJECTED/S", "CONNS", "BLOCKED", "STUCK"}, rows,
		[]bool{false, true, true, true, true, true, true, true, true}))
	b.WriteString("\n" + topAddresses(before, now, most, seconds))
	return strings.TrimRight(b.String(), "\n")
}

func topAddresses(before, now *sample, most int, seconds float64) string {
	type line struct {
		key     string
		in, out float64
		e       client.Entity
	}
	var list []line
	for key, e := range now.address {
		old := before.address[key]
		if old == nil {
			old = client.Entity{} // it is new: all of it is of this time
		}
		l := line{key, perSecond(old, e, "deliveriesIngress", seconds), perSecond(old, e, "deliveriesEgress", seconds), e}
		if l.in+l.out > 0 {
			list = append(list, l)
		}
	}
	slices.SortFunc(list, func(x, y line) int {
		return cmp.Or(cmp.Compare(y.in, x.in), cmp.Compare(y.out, x.out), cmp.Compare(x.key, y.key))
	})
	var rows [][]string
	for _, l := range list[:min(len(list), most)] {
		rows = append(rows, []string{printable(plainAddress(l.key)), addressClass(l.key), topoview.RateText(l.in), topoview.RateText(l.out), l.e.Text("subscriberCount")})
	}
	if len(rows) == 0 {
		return "no address has traffic\n"
	}
	text := tabular([]string{"ADDRESS", "CLASS", "IN/S", "OUT/S", "CONSUMERS"}, rows, []bool{false, false, true, true, true})
	if len(list) > most {
		text += fmt.Sprintf("and %d more\n", len(list)-most)
	}
	return text
}
