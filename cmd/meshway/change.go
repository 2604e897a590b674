package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meshway/meshway/internal/client"
)

func (a *app) createCommand() *cobra.Command {
	var m managing
	cmd := &cobra.Command{
		Use:   "create KIND NAME ATTRIBUTE=VALUE...",
		Short: "Create a listener, connector, address, auto-link or link route while the router runs",
		Long: `Creates an entity in the running router. It lives until the router ends: what is to
stay belongs into the configuration (meshway config save). docs/configuration.md lists the attributes.`,
		Example: `  meshway create address-config events prefix=events distribution=multicast
  meshway create connector broker-2 host=broker-2.example port=5672 role=route-container
  meshway create auto-link orders-in address=orders direction=in connection=broker-2 --router B`,
		Args:              cobra.MinimumNArgs(2),
		ValidArgsFunction: completeKinds,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.change(cmd.Context(), m, args, func(ctx context.Context, mesh agents, k *kind, attributes map[string]any) error {
				if k.config == "" {
					return usageError{fmt.Errorf("%s cannot be created", k.name)}
				}
				e, err := mesh.Create(ctx, m.router, k.config, args[1], attributes)
				if err != nil {
					return err
				}
				return a.print("%s", describeEntity(e))
			})
		},
	}
	m.flags(cmd.Flags())
	m.oneRouter(cmd)
	return cmd
}

func (a *app) updateCommand() *cobra.Command {
	var m managing
	cmd := &cobra.Command{
		Use:   "update KIND NAME ATTRIBUTE=VALUE...",
		Short: "Change what can be changed while the router runs",
		Long: `Changes attributes of an entity of the running router. ATTRIBUTE= with nothing behind it
takes a value away.`,
		Example: `  meshway update log DEFAULT enable=debug+
  meshway update connection 7 adminStatus=deleted     # closes it`,
		Args:              cobra.MinimumNArgs(3),
		ValidArgsFunction: completeKinds,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.change(cmd.Context(), m, args, func(ctx context.Context, mesh agents, k *kind, attributes map[string]any) error {
				e, err := findOne(ctx, mesh, m.router, k, args[1])
				if err != nil {
					return err
				}
				e, err = mesh.Update(ctx, m.router, k.entity, client.Key{Identity: e.Text("identity")}, attributes)
				if err != nil {
					return err
				}
				return a.print("%s", describeEntity(e))
			})
		},
	}
	m.flags(cmd.Flags())
	m.oneRouter(cmd)
	return cmd
}

func (a *app) deleteCommand() *cobra.Command {
	var m managing
	cmd := &cobra.Command{
		Use:   "delete KIND NAME",
		Short: "Remove something while the router runs; a connection is closed",
		Long: `Removes an entity from the running router: what is configured comes back when the router
starts again. Deleting a connection closes it.`,
		Example: `  meshway delete auto-link orders-in
  meshway delete connection 7 --router B`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeKinds,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.change(cmd.Context(), m, args, func(ctx context.Context, mesh agents, k *kind, _ map[string]any) error {
				e, err := findOne(ctx, mesh, m.router, k, args[1])
				if err != nil {
					return err
				}
				key := client.Key{Identity: e.Text("identity")}
				if k.entity == "connection" {
					_, err = mesh.Update(ctx, m.router, k.entity, key, map[string]any{"adminStatus": "deleted"})
				} else {
					err = mesh.Delete(ctx, m.router, k.entity, key)
				}
				if err != nil {
					return err
				}
				return a.print("deleted %s", called(e))
			})
		},
	}
	m.flags(cmd.Flags())
	m.oneRouter(cmd)
	return cmd
}

// change reads what the three commands have in common: a kind, a name and attributes.
func (a *app) change(ctx context.Context, m managing, args []string, do func(context.Context, agents, *kind, map[string]any) error) error {
	k, err := findKind(args[0])
	if err != nil {
		return err
	}
	attributes, err := parseAttributes(args[2:])
	if err != nil {
		return err
	}
	return a.asking(ctx, m, func(mesh agents) error { return do(ctx, mesh, k, attributes) })
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
