package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/meshway/meshway/internal/client"
)

func (a *app) describeCommand() *cobra.Command {
	var output string
	cmd := a.entityCommand(&cobra.Command{
		Use:   "describe KIND NAME",
		Short: "Show all that a router knows of one thing",
		Long: `Shows every attribute of one entity. NAME is its name, its identity, its id, or an
address as clients write it. The kinds are those of "meshway get".`,
		Example: `  meshway describe address orders
  meshway describe connection 7 --router B
  meshway describe broker broker-1 -o json`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeKinds(kind.isShown),
		PreRunE:           func(*cobra.Command, []string) error { return checkOutput(output) },
	}, func(ctx context.Context, mesh agents, on onEntity) error { return a.describe(ctx, mesh, on, output) })
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text, or json")
	return cmd
}

// describe shows all entities that the name may mean.
func (a *app) describe(ctx context.Context, mesh agents, on onEntity, output string) error {
	found, err := find(ctx, mesh, on.router, on.kind, on.name)
	if err != nil {
		return err
	}
	for i, e := range found {
		if output == "json" {
			err = a.printJSON(plain(map[string]any(e)))
		} else {
			if i > 0 {
				_ = a.print("") // an error shows with the next line
			}
			err = a.print("%s", describeEntity(e))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// describeEntity is an attribute a line; those that are not known are left out, and of what is
// empty it says so as tables do.
func describeEntity(e client.Entity) string {
	names := entityNames([]client.Entity{e})
	wide := 0
	for _, n := range names {
		wide = max(wide, utf8.RuneCountInString(n))
	}
	var lines []string
	for _, n := range names {
		if e.Has(n) {
			lines = append(lines, fmt.Sprintf("%-*s  %s", wide, n, cmp.Or(printable(e.Text(n)), "-")))
		}
	}
	return strings.Join(lines, "\n")
}

// goesBy reports whether people may mean the entity by a name.
func goesBy(e client.Entity, name string) bool {
	for _, at := range []string{"name", "identity", "id", "linkName", "module", "container"} {
		if e.Text(at) == name {
			return true
		}
	}
	return e.Has("key") && plainAddress(e.Text("key")) == name
}

// find finds the entities that a name means, one at least.
func find(ctx context.Context, mesh agents, router string, k *kind, name string) ([]client.Entity, error) {
	rows, err := mesh.Query(ctx, router, k.entity)
	if err != nil {
		return nil, explainQuery(k, err)
	}
	var found []client.Entity
	var names []string
	for _, e := range rows {
		if k.only != nil && !k.only(e) {
			continue
		}
		if goesBy(e, name) {
			found = append(found, e)
		}
		if e.Has("key") {
			names = append(names, plainAddress(e.Text("key")))
		}
		names = append(names, called(e))
	}
	if len(rows) == 0 && k.none != "" {
		return nil, fmt.Errorf("there are no %s%s", k.name, k.none)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("there is no %q among the %s%s", name, k.name, meant(name, names))
	}
	return found, nil
}

// findOne is find for what must be one.
func findOne(ctx context.Context, mesh agents, router string, k *kind, name string) (client.Entity, error) {
	found, err := find(ctx, mesh, router, k, name)
	if err != nil {
		return nil, err
	}
	if len(found) > 1 {
		var ids []string
		for _, e := range found {
			ids = append(ids, e.Text("identity"))
		}
		return nil, fmt.Errorf("%d of the %s go by %q; name one by its identity: %s", len(found), k.name, name, strings.Join(ids, ", "))
	}
	if !found[0].Has("identity") {
		return nil, errors.New("the router does not say by which identity it knows it")
	}
	return found[0], nil
}
