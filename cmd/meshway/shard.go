package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meshway/meshway/internal/client"
	"github.com/meshway/meshway/routing"
)

func (a *app) shardCommand() *cobra.Command {
	var m managing
	cmd := &cobra.Command{
		Use:   "shard ADDRESS KEY",
		Short: "Show which shard of an address a key belongs to, and where that is",
		Long: `Shows to which of its shards an address that is spread over several brokers sends the
messages with a key, whether that broker is connected and at which routers, and where the
key goes if it is lost.`,
		Example: `  meshway shard invoices customer-42`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkAddress(args[0]); err != nil {
				return err
			}
			return a.asking(cmd.Context(), m, func(mesh agents) error {
				return a.shard(cmd.Context(), mesh, args[0], args[1])
			})
		},
	}
	m.flags(cmd.Flags())
	return cmd
}

// shardKey is the key of what goes to one shard of an address.
func shardKey(address, connection string) string { return "S" + address + "@" + connection }

// sharding is how an address is spread over brokers.
type sharding struct {
	address     client.Entity
	connections []string
	key         string // what of a message is its key; "" is nothing
	onLoss      string
}

// shardingOf reads the sharding of a configured address; nil if it has none.
func shardingOf(e client.Entity) *sharding {
	shards := client.Entity(e.Map("shards"))
	names := shards.List("connections")
	if names == nil {
		names = strings.FieldsFunc(shards.Text("connections"), func(r rune) bool { return r == ' ' || r == ',' })
	}
	if len(names) == 0 {
		return nil
	}
	return &sharding{address: e, connections: names, key: shards.Text("key"), onLoss: shards.Text("onLoss")}
}

// fate is what the keys of a lost shard do.
func (sh *sharding) fate() string {
	if sh.onLoss == "move" {
		return "go to the others"
	}
	return "wait"
}

func (a *app) shard(ctx context.Context, mesh agents, address, key string) error {
	configured, err := treatmentOf(ctx, mesh, "", address)
	if err != nil {
		return err
	}
	sh := shardingOf(configured)
	switch {
	case sh == nil:
		return fmt.Errorf("the address %q has no shards: it is %s", address, describeTreatment(configured))
	case sh.key == "":
		return fmt.Errorf("the shards of %q are chosen by load, not by a key", address)
	}
	s, err := readNodes(ctx, mesh)
	if err != nil {
		return err
	}
	s.readAll(ctx, mesh, false)
	up := s.containers()
	shards := routing.NewShards(sh.connections)
	first := shards.Choose([]byte(key), nil)
	name := sh.connections[first]
	if err := a.print("%s %q of %s belongs to shard %s", sh.key, key, address, name); err != nil {
		return err
	}
	if at := up[name]; len(at) > 0 {
		return a.print("%s is connected at %s", name, strings.Join(at, ", "))
	}
	return a.lostShard(sh, shards, key, name, up)
}

// lostShard says what becomes of the keys of a shard that is not connected.
func (a *app) lostShard(sh *sharding, shards *routing.Shards, key, name string, up map[string][]string) error {
	if sh.onLoss != "move" {
		_ = a.print("%s is connected nowhere: the key waits for it (onLoss: %s)", name, sh.onLoss)
		return errors.New("the shard is lost")
	}
	next := shards.Choose([]byte(key), func(i int) bool { return len(up[sh.connections[i]]) > 0 })
	if next < 0 {
		_ = a.print("%s is connected nowhere, and neither is any other shard", name)
		return errors.New("all shards are lost")
	}
	other := sh.connections[next]
	return a.print("%s is connected nowhere: until it is, the key goes to %s, at %s", name, other, strings.Join(up[other], ", "))
}

// containers are the routers at which each broker is connected, by the name of its connector,
// or of the listener that it has come by.
func (s *survey) containers() map[string][]string {
	up := map[string][]string{}
	add := func(name, at string) {
		if name != "" && !slices.Contains(up[name], at) {
			up[name] = append(up[name], at)
		}
	}
	for _, id := range s.ids {
		d := s.said[id]
		if d == nil {
			continue
		}
		for _, c := range d.connectors {
			if c.Text("role") == "route-container" && c.Text("connectionStatus") == "SUCCESS" {
				add(c.Text("name"), id)
			}
		}
		for _, c := range d.connections {
			if c.Text("role") == "route-container" {
				add(c.Text("place"), id)
			}
		}
	}
	return up
}
