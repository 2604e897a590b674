package brokertest

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/Azure/go-amqp"
)

func TestADurableMessageSurvivesTheDeathOfTheVirtualMachine(t *testing.T) {
	r := StartRabbit(t)
	c := dial(t, r.Addr())
	send(t, c.sender("orders", amqp.DurabilityUnsettledState), "durable", true)
	send(t, c.sender("orders", amqp.DurabilityUnsettledState), "not durable", false)
	if n := depth(t, r, "orders"); n != 2 {
		t.Fatalf("%d messages in the queue, want 2", n)
	}

	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	if conn, err := net.Dial("tcp", r.Addr()); err == nil {
		conn.Close()
		t.Fatal("somebody listens on the port of a broker that was killed")
	}
	RestartRabbit(t, r)

	if n := depth(t, r, "orders"); n != 1 {
		t.Fatalf("%d messages in the queue after the restart, want the durable one", n)
	}
	m := receive(t, dial(t, r.Addr()).receiver("orders", amqp.DurabilityUnsettledState))
	if string(m.GetData()) != "durable" {
		t.Fatalf("received %q", m.GetData())
	}
}

func TestNodesThatStartAtOnceAreBrokersOfTheirOwn(t *testing.T) {
	nodes := StartRabbits(t, 2)
	if err := nodes[0].DeclareQueue(t.Context(), "a/b \"c\"", true); err != nil {
		t.Fatal(err)
	}
	queues, err := nodes[0].Queues(t.Context())
	if err != nil || len(queues) != 1 || !queues[`a/b "c"`].Durable {
		t.Fatalf("queues of the first: %v, %v", queues, err)
	}
	if _, err := nodes[1].Depth(t.Context(), `a/b "c"`); err == nil {
		t.Fatal("the second has the queue of the first")
	}

	c := dial(t, nodes[1].Addr())
	c.sender("q", amqp.DurabilityNone)
	another, err := c.conn.NewSession(c.ctx, nil)
	if err == nil {
		_, err = another.NewSender(c.ctx, "q", nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	if list, err := nodes[1].Connections(t.Context()); err != nil || len(list) != 1 || nodes[1].Accepted() != 1 {
		t.Fatalf("connections of the second: %v, %v; accepted: %d", list, err, nodes[1].Accepted())
	}
	if list, err := nodes[0].Connections(t.Context()); err != nil || len(list) != 0 || nodes[0].Accepted() != 0 {
		t.Fatalf("connections of the first: %v, %v; accepted: %d", list, err, nodes[0].Accepted())
	}
}

func TestAStoppedNodeLeavesNothingBehind(t *testing.T) {
	need(t, RabbitMissing())
	r, err := LaunchRabbit(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	vm, epmd := r.vm, r.epmd
	if err := r.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*child{vm, epmd} {
		if err := c.cmd.Process.Signal(os.Interrupt); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("%s is still there: %v", c.name, err)
		}
	}
	for _, port := range []int{r.Port, r.epmdPort, r.distPort} {
		if listens(port) {
			t.Errorf("somebody listens on port %d", port)
		}
	}
}

func TestANodeThatCannotStartSaysWhy(t *testing.T) {
	need(t, RabbitMissing())
	ctx, cancel := context.WithTimeout(t.Context(), startPatience)
	defer cancel()
	start := time.Now()
	_, err := LaunchRabbit(ctx, t.TempDir(), "no.such.setting = 1")
	if err == nil {
		t.Fatal("it started")
	}
	if !contains(err.Error(), "no.such.setting") {
		t.Errorf("the error does not show the log: %v", err)
	}
	if ctx.Err() != nil {
		t.Errorf("its end was noticed after %v only", time.Since(start))
	}
}
