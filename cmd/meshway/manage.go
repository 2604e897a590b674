package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/Azure/go-amqp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/meshway/meshway/internal/client"
)

// agents is what commands need of the management agents of a mesh. A router is named by its
// id; "" is the one that we are connected to.
type agents interface {
	Query(ctx context.Context, router, kind string, attributes ...string) ([]client.Entity, error)
	Read(ctx context.Context, router, kind string, key client.Key) (client.Entity, error)
	Create(ctx context.Context, router, kind, name string, attributes map[string]any) (client.Entity, error)
	Update(ctx context.Context, router, kind string, key client.Key, attributes map[string]any) (client.Entity, error)
	Delete(ctx context.Context, router, kind string, key client.Key) error
	Node(ctx context.Context, router, operation string, properties map[string]any) (any, error)
	Routers(ctx context.Context, router string) ([]string, error)
	Log(ctx context.Context, router string, limit int) ([]client.LogLine, error)
	ReplyTo() string
	Close()
}

// dialAgents connects to a router for management.
func dialAgents(ctx context.Context, t target, timeout time.Duration) (agents, error) {
	conn, err := dialConn(ctx, t)
	if err != nil {
		return nil, err
	}
	c, err := client.New(ctx, conn, timeout)
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("%s: %w", t.address, err)
	}
	return connected{c, conn}, nil
}

// connected is a client with the connection that is its own.
type connected struct {
	*client.Client
	conn *amqp.Conn
}

func (c connected) Close() {
	c.Client.Close()
	_ = c.conn.Close()
}

// managing is the flags of all commands that ask routers.
type managing struct {
	url     string
	router  string
	timeout time.Duration
}

func (m *managing) flags(f *pflag.FlagSet) {
	urlFlag(f, &m.url)
	f.DurationVar(&m.timeout, "timeout", client.DefaultTimeout, "give up when a router does not answer for so long")
}

// oneRouter adds --router, for commands that ask one.
func (m *managing) oneRouter(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&m.router, "router", "r", "", "id of another router of the mesh, which is asked through the one of --url")
}

// connect connects to the router that the flags name.
func (a *app) connect(ctx context.Context, m managing) (agents, error) {
	if m.timeout <= 0 {
		return nil, usageError{fmt.Errorf("--timeout %v: it must be more than 0", m.timeout)}
	}
	t, err := a.parseTarget(m.url)
	if err != nil {
		return nil, err
	}
	return a.manage(ctx, t, m.timeout)
}

// asking runs a command body with a connection.
func (a *app) asking(ctx context.Context, m managing, body func(agents) error) error {
	mesh, err := a.connect(ctx, m)
	if err != nil {
		return err
	}
	defer mesh.Close()
	return body(mesh)
}

// widely is how many routers are asked at a time.
const widely = 8

// each asks several routers at a time, and returns their errors in the order of the routers.
func each(routers []string, ask func(i int, router string) error) []error {
	errs := make([]error, len(routers))
	var wait sync.WaitGroup
	slots := make(chan struct{}, widely)
	for i, r := range routers {
		slots <- struct{}{}
		wait.Go(func() { // ends with the answer, or the client's timeout
			defer func() { <-slots }()
			errs[i] = ask(i, r)
		})
	}
	wait.Wait()
	return errs
}

// everyRouter is the ids of all routers of the mesh. A router that is in none is known by
// its own id.
func everyRouter(ctx context.Context, mesh agents) ([]string, error) {
	ids, err := mesh.Routers(ctx, "")
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		id, err := ownID(ctx, mesh, "")
		if err != nil {
			return nil, err
		}
		return []string{id}, nil
	}
	slices.Sort(ids)
	return ids, nil
}

// ownID is the id of a router.
func ownID(ctx context.Context, mesh agents, router string) (string, error) {
	rows, err := mesh.Query(ctx, router, "router", "id")
	if err != nil {
		return "", err
	}
	if len(rows) != 1 || rows[0].Text("id") == "" {
		return "", errors.New("the router does not say what its id is")
	}
	return rows[0].Text("id"), nil
}

// alone reports whether the router is in no mesh: then others cannot be asked by id.
func alone(ids []string, self string) bool { return len(ids) == 1 && ids[0] == self }

// via is how a router of the list is asked: one that is alone has no address in a mesh.
func via(ids []string, self, id string) string {
	if id == self || alone(ids, self) {
		return ""
	}
	return id
}

// nearest finds the word most like the one that was typed; "" if none is.
func nearest(word string, words []string) string {
	best, least := "", len(word)/2+1
	for _, w := range words {
		if d := distance(word, w); d < least {
			best, least = w, d
		}
	}
	return best
}

// distance is how many letters have to be changed, left out or added.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// meant adds what may have been meant to a complaint.
func meant(word string, words []string) string {
	if n := nearest(word, words); n != "" {
		return fmt.Sprintf("; did you mean %s?", n)
	}
	return ""
}

// textArgs also wants arguments that can go into a request.
func textArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		for _, arg := range args {
			if err := checkText("the argument", arg); err != nil {
				return err
			}
		}
		return check(cmd, args)
	}
}

// managementCommands are the commands that ask routers, or change them.
func (a *app) managementCommands() []*cobra.Command {
	list := []*cobra.Command{
		a.getCommand(), a.describeCommand(), a.createCommand(), a.updateCommand(), a.deleteCommand(),
		a.topologyCommand(), a.traceCommand(), a.pingCommand(), a.shardCommand(),
		a.topCommand(), a.logCommand(), a.doctorCommand(), a.drainCommand(), a.reloadCommand(),
	}
	for _, cmd := range list {
		cmd.Args = textArgs(cmd.Args)
	}
	return list
}
