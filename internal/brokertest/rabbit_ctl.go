package brokertest

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Ctl runs rabbitmqctl on the node and returns what it printed. It costs a second of
// processor time: it starts a virtual machine of its own.
func (r *Rabbit) Ctl(ctx context.Context, arguments ...string) (string, error) {
	template := r.command(filepath.Join(rabbitBin, "rabbitmqctl"))
	cmd := exec.CommandContext(ctx, template.Path, append([]string{"-q", "-n", r.nodeName()}, arguments...)...)
	cmd.Dir, cmd.Env = template.Dir, template.Env
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("rabbitmqctl %s: %w\n%s%s", strings.Join(arguments, " "), err, out, stderr.String())
	}
	return string(out), nil
}

// RabbitQueue is what a node says of a queue.
type RabbitQueue struct {
	Name     string `json:"name"`
	Durable  bool   `json:"durable"`
	Messages int    `json:"messages"`                // all of them
	Ready    int    `json:"messages_ready"`          // not given to a consumer
	Unacked  int    `json:"messages_unacknowledged"` // given to one, not settled
}

// Queues are the node's queues by name.
func (r *Rabbit) Queues(ctx context.Context) (map[string]RabbitQueue, error) {
	var list []RabbitQueue
	if err := r.list(ctx, &list, "list_queues", "name", "durable", "messages", "messages_ready", "messages_unacknowledged"); err != nil {
		return nil, err
	}
	queues := make(map[string]RabbitQueue, len(list))
	for _, q := range list {
		queues[q.Name] = q
	}
	return queues, nil
}

// Depth is the number of messages in a queue, given to a consumer or not. A queue that does
// not exist is an error.
func (r *Rabbit) Depth(ctx context.Context, queue string) (int, error) {
	queues, err := r.Queues(ctx)
	if err != nil {
		return 0, err
	}
	q, ok := queues[queue]
	if !ok {
		return 0, fmt.Errorf("RabbitMQ on port %d has no queue %q", r.Port, queue)
	}
	return q.Messages, nil
}

// Connections are the clients that are connected to the node now, by their host and port.
func (r *Rabbit) Connections(ctx context.Context) ([]string, error) {
	// list_connections knows those of AMQP 0-9-1 only, and list_amqp10_connections of this
	// version none at all. The table has a row for each session.
	out, err := r.Ctl(ctx, "eval", `lists:usort([proplists:get_value(name, Facts) || {_, Facts} <- ets:tab2list(connection_created)]).`)
	if err != nil {
		return nil, err
	}
	var clients []string
	for _, match := range connectionName.FindAllStringSubmatch(out, -1) {
		clients = append(clients, match[1])
	}
	return clients, nil
}

var connectionName = regexp.MustCompile(`<<"(\S+) -> \S+">>`)

// Accepted is the number of connections that clients have made since the node's last start, those
// included that are gone.
func (r *Rabbit) Accepted() int {
	lines, _, _ := r.vm.since(0)
	count := 0
	for _, line := range lines {
		if strings.Contains(line, "accepting AMQP connection") {
			count++
		}
	}
	return count
}

// DeclareQueue makes a queue, as an administrator would before routers come. One that is there
// with the same durability is left as it is.
func (r *Rabbit) DeclareQueue(ctx context.Context, name string, durable bool) error {
	_, err := r.Ctl(ctx, "eval", fmt.Sprintf(
		`{_, _} = rabbit_amqqueue:declare(rabbit_misc:r(<<"/">>, queue, <<%s/utf8>>), %t, false, [], none, <<"guest">>), ok.`,
		strconv.Quote(name), durable))
	return err
}

func (r *Rabbit) list(ctx context.Context, into any, arguments ...string) error {
	out, err := r.Ctl(ctx, append([]string{"--formatter", "json"}, arguments...)...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		return fmt.Errorf("rabbitmqctl %s: %w in %q", arguments[0], err, out)
	}
	return nil
}
