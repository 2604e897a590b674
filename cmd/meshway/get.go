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

// getOptions are the flags of `meshway get`.
type getOptions struct {
	managing
	all     bool
	output  string
	sort    string
	filters []string
	watch   time.Duration
}

// routerAttribute is added to entities of several routers: where they are.
const routerAttribute = "atRouter"

func (a *app) getCommand() *cobra.Command {
	var o getOptions
	cmd := &cobra.Command{
		Use:   "get KIND",
		Short: "List what routers know: connections, links, addresses, brokers and more",
		Long: `Lists what a router knows, or with --all every router of the mesh. KIND is one of:

` + kindTable(),
		Example: `  meshway get connections
  meshway get links --router B --sort -unsettledCount -o wide
  meshway get addresses --all --filter key~orders
  meshway get links --filter creditAvailable=0 --filter linkDir=in -o json
  meshway get status --all --watch=5s`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeKinds(kind.isShown),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.get(cmd.Context(), o, args[0]) },
	}
	f := cmd.Flags()
	o.flags(f)
	o.oneRouter(cmd)
	f.BoolVarP(&o.all, "all", "a", false, "ask every router of the mesh")
	f.StringVarP(&o.output, "output", "o", "table", strings.Join(formats, ", "))
	f.StringVar(&o.sort, "sort", "", "attribute to sort by; with a - in front from the largest")
	f.StringArrayVar(&o.filters, "filter", nil, "only what has ATTRIBUTE=VALUE; also !=, ~ (contains), <, <=, >, >=; may be repeated")
	f.DurationVarP(&o.watch, "watch", "w", 0, "list again every so often")
	f.Lookup("watch").NoOptDefVal = "2s"
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (o *getOptions) check() ([]filter, error) {
	var list []filter
	for _, text := range o.filters {
		f, err := parseFilter(text)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	switch {
	case !slices.Contains(formats, o.output):
		return nil, usageError{fmt.Errorf("--output %q: it must be one of %s%s", o.output, strings.Join(formats, ", "), meant(o.output, formats))}
	case o.all && o.router != "":
		return nil, usageError{errors.New("--all asks every router; leave --router out")}
	case o.watch < 0:
		return nil, usageError{fmt.Errorf("--watch %v: it must not be negative", o.watch)}
	}
	return list, nil
}

func (a *app) get(ctx context.Context, o getOptions, name string) error {
	k, err := findKind(name)
	if err != nil {
		return err
	}
	filters, err := o.check()
	if err != nil {
		return err
	}
	return a.asking(ctx, o.managing, func(mesh agents) error {
		return a.repeat(ctx, o.watch, func() error { return a.getOnce(ctx, mesh, o, k, filters) })
	})
}

// emptyPage begins anew on a terminal. What is above the screen, of other commands, stays.
const emptyPage = "\x1b[H\x1b[2J"

// repeat does something once, or every so often until it is interrupted. On a terminal each
// time begins on an empty page.
func (a *app) repeat(ctx context.Context, every time.Duration, do func() error) error {
	for {
		if every > 0 && a.outTerm {
			if err := a.print("%s%s", emptyPage, a.now().Format(time.TimeOnly)); err != nil {
				return err
			}
		}
		if err := do(); err != nil || every <= 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(every):
		}
	}
}

func (a *app) getOnce(ctx context.Context, mesh agents, o getOptions, k *kind, filters []filter) error {
	rows, failed, err := collect(ctx, mesh, o, k)
	if err != nil {
		return explainQuery(k, err)
	}
	rows, err = filtered(rows, filters)
	if err != nil {
		return err
	}
	by := o.sort
	if by == "" && slices.Contains(entityNames(rows), k.sort) {
		by = k.sort
	}
	if by != "" {
		if rows, err = sorted(rows, by); err != nil {
			return err
		}
	}
	if o.all && o.sort == "" {
		slices.SortStableFunc(rows, func(x, y client.Entity) int { return cmp.Compare(x.Text(routerAttribute), y.Text(routerAttribute)) })
	}
	if k.noise != nil && o.output == "table" && len(filters) == 0 {
		all := len(rows)
		rows = slices.DeleteFunc(rows, k.noise)
		if n := all - len(rows); n > 0 {
			a.say("%d more between routers: -o wide", n)
		}
	}
	if len(rows) == 0 && (o.output == "table" || o.output == "wide") {
		why := a.typed(k.none, "")
		if len(filters) > 0 {
			why = " that meet the filter"
		}
		a.say("no %s%s", k.name, why)
		return failed
	}
	text, err := writeEntities(o.output, k, rows, o.all)
	if err != nil {
		return err
	}
	return errors.Join(a.print("%s", strings.TrimSuffix(text, "\n")), failed)
}

// collect asks one router, or all. Failed says which of all did not answer.
func collect(ctx context.Context, mesh agents, o getOptions, k *kind) (rows []client.Entity, failed, err error) {
	keep := func(list []client.Entity) []client.Entity {
		if k.only != nil {
			list = slices.DeleteFunc(list, func(e client.Entity) bool { return !k.only(e) })
		}
		return list
	}
	if !o.all {
		rows, err := mesh.Query(ctx, o.router, k.entity)
		return keep(rows), nil, err
	}
	self, err := ownID(ctx, mesh, "")
	if err != nil {
		return nil, nil, err
	}
	ids, err := everyRouter(ctx, mesh)
	if err != nil {
		return nil, nil, err
	}
	lists := make([][]client.Entity, len(ids))
	errs := each(ids, func(i int, id string) (err error) {
		lists[i], err = mesh.Query(ctx, via(ids, self, id), k.entity)
		return err
	})
	for i, list := range lists {
		for _, e := range keep(list) {
			e[routerAttribute] = ids[i]
			rows = append(rows, e)
		}
	}
	return rows, errors.Join(errs...), nil
}

// explainQuery tells a router that does not know a kind from other failures.
func explainQuery(k *kind, err error) error {
	if client.HasStatus(err, client.StatusNotFound) {
		return fmt.Errorf("that router knows no %s: %w", k.name, err)
	}
	return err
}
