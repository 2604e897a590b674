package main

import (
	"github.com/spf13/cobra"
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
			return a.asking(cmd.Context(), m, func(mesh agents) error {
				s, err := readNodes(cmd.Context(), mesh)
				if err != nil {
					return err
				}
				router := args[0]
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
