package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshway/meshway/internal/client"
)

// logOptions are the flags of `meshway log`.
type logOptions struct {
	managing
	all    bool
	follow bool
	limit  int
	module string
	level  string

	frames  string        // a connection whose frames are shown; empty is none
	lasting time.Duration // for how long; 0 until interrupted
}

// followEvery is how often a log that is followed is read.
const followEvery = time.Second

func (a *app) logCommand() *cobra.Command {
	var o logOptions
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Show the newest lines of a router's log",
		Long: `Shows the newest lines that a router keeps of its log, up to 1,000; with --follow it goes
on with those that come. Levels are changed with "meshway update log".

With --frames it shows what one connection says and hears from now on, a line for each frame,
and nothing else; the router logs that only while the command runs, which needs a listener with
management: full. "meshway get connections" says which connections there are.`,
		Example: `  meshway log --limit 20
  meshway log --router B --level warn
  meshway log --follow --all
  meshway log --frames 7
  meshway log --frames sensor-1 --for 30s --router B
  meshway update log DEFAULT enable=debug+`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.log(cmd.Context(), o) },
	}
	f := cmd.Flags()
	o.flags(f)
	o.oneRouter(cmd)
	f.BoolVarP(&o.all, "all", "a", false, "of every router of the mesh")
	f.BoolVarP(&o.follow, "follow", "f", false, "go on with the lines that come")
	f.IntVarP(&o.limit, "limit", "n", 100, "newest lines; 0 is all that are kept")
	f.StringVar(&o.module, "module", "", "only lines of this module")
	f.StringVar(&o.level, "level", "", "only lines of this level and worse: debug, info, warn, error")
	f.StringVar(&o.frames, "frames", "", "show the frames of this connection, by its id or container")
	f.DurationVar(&o.lasting, "for", 0, "with --frames: end after so long")
	return cmd
}

// severity orders the names of levels; an unknown one is the worst.
func severity(level string) int {
	switch strings.ToLower(level) {
	case "trace":
		return 0
	case "debug":
		return 1
	case "info":
		return 2
	case "notice":
		return 3
	case "warn", "warning":
		return 4
	case "error":
		return 5
	}
	return 6
}

// logged is a line with the router that wrote it.
type logged struct {
	router string
	client.LogLine
}

func (a *app) log(ctx context.Context, o logOptions) error {
	switch {
	case o.limit < 0:
		return usageError{fmt.Errorf("--limit %d: it must not be negative", o.limit)}
	case o.all && o.router != "":
		return usageError{errors.New("--all asks every router; leave --router out")}
	case o.level != "" && severity(o.level) > 5:
		return usageError{fmt.Errorf("--level %q: it must be debug, info, warn or error", o.level)}
	case o.frames != "" && (o.all || o.follow || o.level != "" || o.module != ""):
		return usageError{errors.New("--frames shows the frames of one connection; leave --all, --follow, --level and --module out")}
	case o.lasting < 0 || o.lasting > 0 && o.frames == "":
		return usageError{errors.New("--for says for how long --frames goes on; it must be more than 0")}
	}
	return a.asking(ctx, o.managing, func(mesh agents) error {
		if o.frames != "" {
			return a.frames(ctx, mesh, o)
		}
		if err := knownModule(ctx, mesh, o.router, o.module); err != nil {
			return err
		}
		routers, self := []string{o.router}, ""
		if o.all {
			var err error
			if self, err = ownID(ctx, mesh, ""); err != nil {
				return err
			}
			if routers, err = everyRouter(ctx, mesh); err != nil {
				return err
			}
		}
		f := &following{logOptions: o, mesh: mesh, routers: routers, self: self, had: make([][]client.LogLine, len(routers))}
		lines, err := f.read(ctx)
		if o.limit > 0 && len(lines) > o.limit {
			lines = lines[len(lines)-o.limit:]
		}
		for {
			for _, l := range lines {
				if err := a.print("%s", l.text(o.all)); err != nil {
					return err
				}
			}
			if err != nil || !o.follow {
				return err
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(followEvery):
			}
			if lines, err = f.read(ctx); ctx.Err() != nil {
				return nil
			}
		}
	})
}

// knownModule refuses a module that would never log anything; "" is all of them.
func knownModule(ctx context.Context, mesh agents, router, module string) error {
	if module == "" {
		return nil
	}
	rows, err := mesh.Query(ctx, router, "log", "module")
	if err != nil {
		return err
	}
	var names []string
	for _, row := range rows {
		name := strings.ToLower(row.Text("module"))
		if strings.EqualFold(name, module) {
			return nil
		}
		names = append(names, name)
	}
	return usageError{fmt.Errorf("--module %q: there is no such module%s", module, meant(module, names))}
}

// following is logs that are read again and again.
type following struct {
	logOptions
	mesh    agents
	routers []string
	self    string
	had     [][]client.LogLine // what each router had last
}

// read is the lines of all routers that have not been read before, in the order of time.
func (f *following) read(ctx context.Context) ([]logged, error) {
	news := make([][]client.LogLine, len(f.routers))
	errs := each(f.routers, func(i int, id string) error {
		ask := id
		if f.all {
			ask = via(f.routers, f.self, id)
		}
		lines, err := f.mesh.Log(ctx, ask, 0)
		if err != nil {
			return err
		}
		news[i] = after(f.had[i], lines)
		f.had[i] = lines
		return nil
	})
	var out []logged
	for i, lines := range news {
		for _, l := range lines {
			if f.wants(l) {
				out = append(out, logged{f.routers[i], l})
			}
		}
	}
	slices.SortStableFunc(out, func(x, y logged) int { return cmp.Compare(x.Seconds, y.Seconds) })
	return out, errors.Join(errs...)
}

func (f *following) wants(l client.LogLine) bool {
	return (f.module == "" || strings.EqualFold(f.module, l.Module)) && (f.level == "" || severity(l.Level) >= severity(f.level))
}

// after is what has come since: the older lines of before may have been dropped.
func after(before, now []client.LogLine) []client.LogLine {
	for from := range before {
		if rest := before[from:]; len(rest) <= len(now) && slices.Equal(rest, now[:len(rest)]) {
			return now[len(rest):]
		}
	}
	return now
}

func (l logged) text(router bool) string {
	where := ""
	if router {
		where = l.router + "  "
	}
	return fmt.Sprintf("%s  %s%-5s  %-10s  %s", time.Unix(l.Seconds, 0).UTC().Format(time.DateTime), where,
		printable(strings.ToLower(l.Level)), printable(l.Module), printable(l.Text))
}
