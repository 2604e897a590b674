package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/meshway/meshway/internal/client"
)

func (a *app) drainCommand() *cobra.Command {
	var m managing
	cmd := &cobra.Command{
		Use:   "drain ROUTER",
		Short: "Have a router finish what is in flight, and end",
		Long: `Has a router leave the mesh in good order, as SIGTERM does: others go around it, it takes no
new messages, lets those in flight settle, and ends; its clients are told to go elsewhere.
It needs a listener with management: full.`,
		Example: `  meshway drain B`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] == "" {
				return usageError{errors.New("the id of the router is empty")}
			}
			return a.asking(cmd.Context(), m, func(mesh agents) error {
				router := args[0]
				s, err := readNodes(cmd.Context(), mesh)
				if err != nil {
					return err
				}
				if router != s.self && s.via(router) == "" { // this router is alone: it must not end for another one
					return &client.UnreachableError{Router: router}
				}
				if _, err := mesh.Node(cmd.Context(), s.via(router), "DRAIN", nil); err != nil {
					return err
				}
				return a.print("%s drains", router)
			})
		},
	}
	m.flags(cmd.Flags())
	return cmd
}
