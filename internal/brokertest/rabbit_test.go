package brokertest

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/Azure/go-amqp"
)

func TestNodesThatStartAtOnceAreBrokersOfTheirOwn(t *testing.T) {
	nodes := StartRabbits(t, 2)
	const name = `a/b "c"`
	if err := nodes[0].DeclareQueue(t.Context(), name, true); err != nil {
		t.Fatal(err)
	}
	queues, err := nodes[0].Queues(t.Context())
	if err != nil || len(queues) != 1 || !queues[name].Durable {
		t.Fatalf("queues of the first: %v, %v", queues, err)
	}
	if _, err := nodes[1].Depth(t.Context(), name); err == nil {
		t.Fatal("the second has the queue of the first")
	}
	t.Run("and know their clients", func(t *testing.T) { testClientsAreCounted(t, nodes[0]) })
	t.Run("and keep what is durable when they are killed", func(t *testing.T) { testDurableMessagesSurvive(t, nodes[1]) })
	t.Run("and leave nothing behind when they are stopped", func(t *testing.T) { testNothingIsLeft(t, nodes[0]) })
}

func testClientsAreCounted(t *testing.T, r *Rabbit) {
	c := dial(t, r.Addr())
	c.sender("q", amqp.DurabilityNone)
	another, err := c.conn.NewSession(c.ctx, nil)
	if err == nil {
		_, err = another.NewSender(c.ctx, "q", nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	if list, err := r.Connections(t.Context()); err != nil || len(list) != 1 || r.Accepted() != 1 {
		t.Fatalf("connections: %v, %v; accepted: %d; there is one, with two sessions", list, err, r.Accepted())
	}
}

func testDurableMessagesSurvive(t *testing.T, r *Rabbit) {
	c := dial(t, r.Addr())
	send(t, c.sender("orders", amqp.DurabilityUnsettledState), "durable", true)
	send(t, c.sender("orders", amqp.DurabilityUnsettledState), "not durable", false)
	if n := depth(t, r, "orders"); n != 2 {
		t.Fatalf("%d messages in the queue, want 2", n)
	}
	// It writes down within seconds that there is such a queue, other than a durable message.
	if _, err := r.Ctl(t.Context(), "eval", "mnesia:sync_log()."); err != nil {
		t.Fatal(err)
	}
	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	if listens(r.Port) {
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

func testNothingIsLeft(t *testing.T, r *Rabbit) {
	vm, epmd := r.vm, r.epmd
	if err := r.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Process{vm, epmd} {
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
	NeedRabbit(t)
	ctx, cancel := context.WithTimeout(t.Context(), startPatience)
	defer cancel()
	_, err := LaunchRabbit(ctx, t.TempDir(), "no.such.setting = 1")
	if err == nil {
		t.Fatal("it started")
	}
	if !contains(err.Error(), "no.such.setting") {
		t.Errorf("the error does not show the log: %v", err)
	}
	if ctx.Err() != nil {
		t.Error("its end was not noticed")
	}
}
