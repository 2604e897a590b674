package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meshway/meshway/internal/client"
)

// onEntity is the command line of a command on one entity of a router.
type onEntity struct {
	router     string // "" is the one that we are connected to
	kind       *kind
	name       string
	attributes map[string]any
}

// entityCommand completes a command whose arguments are KIND NAME ATTRIBUTE=VALUE...: do
// carries it out.
func (a *app) entityCommand(cmd *cobra.Command, do func(context.Context, agents, onEntity) error) *cobra.Command {
	var m managing
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		k, err := findKind(args[0])
		if err != nil {
			return err
		}
		attributes, err := parseAttributes(args[2:])
		if err != nil {
			return err
		}
		return a.asking(cmd.Context(), m, func(mesh agents) error {
			return do(cmd.Context(), mesh, onEntity{m.router, k, args[1], attributes})
		})
	}
	m.flags(cmd.Flags())
	m.oneRouter(cmd)
	return cmd
}

func (a *app) createCommand() *cobra.Command {
	return a.entityCommand(&cobra.Command{
		Use:   "create KIND NAME ATTRIBUTE=VALUE...",
		Short: "Create a listener, connector, address, auto-link or link route while the router runs",
		Long: `Creates an entity in the running router. It lives until the router ends: what is to
stay belongs into the configuration (meshway config save). docs/configuration.md lists the attributes.`,
		Example: `  meshway create address-config events prefix=events distribution=multicast
  meshway create connector broker-2 host=broker-2.example port=5672 role=route-container
  meshway create auto-link orders-in address=orders direction=in connection=broker-2 --router B`,
		Args:              cobra.MinimumNArgs(2),
		ValidArgsFunction: completeKinds(kind.isCreated),
	}, func(ctx context.Context, mesh agents, on onEntity) error {
		if !on.kind.isCreated() {
			return usageError{fmt.Errorf("%s cannot be created", on.kind.name)}
		}
		e, err := mesh.Create(ctx, on.router, on.kind.config, on.name, on.attributes)
		if err != nil {
			return err
		}
		return a.print("%s", describeEntity(e))
	})
}

func (a *app) updateCommand() *cobra.Command {
	return a.entityCommand(&cobra.Command{
		Use:   "update KIND NAME ATTRIBUTE=VALUE...",
		Short: "Change what can be changed while the router runs",
		Long: `Changes attributes of an entity of the running router. ATTRIBUTE= with nothing behind it
takes a value away.`,
		Example: `  meshway update log DEFAULT enable=debug+
  meshway update connection 7 adminStatus=deleted     # closes it`,
		Args:              cobra.MinimumNArgs(3),
		ValidArgsFunction: completeKinds(kind.isShown),
	}, func(ctx context.Context, mesh agents, on onEntity) error {
		key, _, err := on.find(ctx, mesh)
		if err != nil {
			return err
		}
		e, err := mesh.Update(ctx, on.router, on.kind.entity, key, on.attributes)
		if err != nil {
			return err
		}
		return a.print("%s", describeEntity(e))
	})
}

func (a *app) deleteCommand() *cobra.Command {
	return a.entityCommand(&cobra.Command{
		Use:   "delete KIND NAME",
		Short: "Remove something while the router runs; a connection is closed",
		Long: `Removes an entity from the running router: what is configured comes back when the router
starts again. Deleting a connection closes it.`,
		Example: `  meshway delete auto-link orders-in
  meshway delete connection 7 --router B`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeKinds(kind.isDeleted),
	}, func(ctx context.Context, mesh agents, on onEntity) error {
		key, e, err := on.find(ctx, mesh)
		if err != nil {
			return err
		}
		if on.kind.entity == "connection" {
			_, err = mesh.Update(ctx, on.router, on.kind.entity, key, map[string]any{"adminStatus": "deleted"})
		} else {
			err = mesh.Delete(ctx, on.router, on.kind.entity, key)
		}
		if err != nil {
			return err
		}
		return a.print("deleted %s", called(e))
	})
}

// find finds the one entity that is meant, and by what its router knows it.
func (on onEntity) find(ctx context.Context, mesh agents) (client.Key, client.Entity, error) {
	e, err := findOne(ctx, mesh, on.router, on.kind, on.name)
	return client.Key{Identity: e.Text("identity")}, e, err
}

// parseAttributes reads ATTRIBUTE=VALUE. Whole numbers and true and false are sent as such, all
// else as text, nothing as null.
func parseAttributes(args []string) (map[string]any, error) {
	out := map[string]any{}
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return nil, usageError{fmt.Errorf("%q: it must be ATTRIBUTE=VALUE", arg)}
		}
		if _, twice := out[name]; twice {
			return nil, usageError{fmt.Errorf("%s is given twice", name)}
		}
		out[name] = parseValue(value)
	}
	return out, nil
}

func parseValue(text string) any {
	if text == "" {
		return nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(n, 10) == text {
		return n
	}
	switch text {
	case "true":
		return true
	case "false":
		return false
	}
	return text
}
