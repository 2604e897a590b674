package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/meshway/meshway/internal/client"
)

// The commands about a running router's configuration file.

func (a *app) reloadCommand() *cobra.Command {
	var m managing
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have a router take over its configuration file",
		Long: `Has a router read its configuration file again and take over what changed: all of it,
or nothing if anything is wrong. Connections that nothing changed for stay. It needs a
listener with management: full.`,
		Example: `  meshway reload --dry-run
  meshway reload --router B`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.asking(cmd.Context(), m, func(mesh agents) error { return a.reload(cmd.Context(), mesh, m.router, dryRun) })
		},
	}
	m.flags(cmd.Flags())
	m.oneRouter(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would change")
	return cmd
}

func (a *app) reload(ctx context.Context, mesh agents, router string, dryRun bool) error {
	body, err := mesh.Node(ctx, router, "RELOAD", map[string]any{"dryRun": dryRun})
	if err != nil {
		return err
	}
	list, ok := body.([]any)
	if !ok {
		return fmt.Errorf("the router answered RELOAD with %T, which is no list", body)
	}
	for _, change := range list {
		if err := a.print("%s", client.Text(change)); err != nil {
			return err
		}
	}
	switch {
	case len(list) == 0:
		return a.print("nothing has changed")
	case dryRun:
		return a.print("%s to make", plural(len(list), "change"))
	}
	return a.print("%s made", plural(len(list), "change"))
}

func (a *app) configSaveCommand() *cobra.Command {
	var m managing
	cmd := &cobra.Command{
		Use:   "save",
		Short: "Have a router write what it runs with to its file",
		Long: `Has a router write its running configuration, with all that was created and deleted
since it was started, to its configuration file. What was there is kept beside it, with
".old" behind the name; comments are not taken over. It needs a listener with management:
full.`,
		Example: `  meshway config save
  meshway config save --router B`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.asking(cmd.Context(), m, func(mesh agents) error {
				body, err := mesh.Node(cmd.Context(), m.router, "SAVE-CONFIG", nil)
				if err != nil {
					return err
				}
				return a.print("saved as %s", client.Text(body))
			})
		},
	}
	m.flags(cmd.Flags())
	m.oneRouter(cmd)
	return cmd
}
