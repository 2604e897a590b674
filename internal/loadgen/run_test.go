package loadgen

import (
	"context"
	"errors"
	"math"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// mustRun runs o against the hub, and fails the test when that takes for ever.
func mustRun(t *testing.T, h *hub, o Options) *Result {
	t.Helper()
	o.Target = h.target()
	o.Quiet = 200 * time.Millisecond
	if o.Address == "" {
		o.Address = "q"
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	res, err := Run(ctx, o)
	if err != nil {
		t.Fatalf("run: %v", err)
	}
	if ctx.Err() != nil {
		t.Fatalf("the run did not end: %+v", res)
	}
	return res
}

func wantAll(t *testing.T, res *Result, n uint64) {
	t.Helper()
	if res.Sent != n || res.Received != n || res.Total.Lost != 0 || res.Unsettled != 0 {
		t.Errorf("want %d messages sent, received and settled, got %+v", n, res)
	}
}

func TestUnsettledMessagesArriveInOrder(t *testing.T) {
	res := mustRun(t, newHub(t), Options{Size: 100, Credit: 30, Count: 5000, CheckOrder: true, SampleEvery: 1})
	wantAll(t, res, 5000)
	if res.Total.Accepted != 5000 || !res.Order.ok() {
		t.Errorf("got %+v, order %+v", res.Total, res.Order)
	}
	if res.Latency == nil || res.Latency.Samples != 5000 || res.Latency.P50 <= 0 {
		t.Errorf("latency: got %+v", res.Latency)
	}
}

func TestPresettledMessagesArrive(t *testing.T) {
	res := mustRun(t, newHub(t), Options{Size: 24, Presettled: true, Count: 5000, CheckOrder: true})
	wantAll(t, res, 5000)
	if res.Total.Accepted != 0 {
		t.Errorf("got %d outcomes of messages that have none", res.Total.Accepted)
	}
}

func TestReceiversConnectToARouterOfTheirOwn(t *testing.T) {
	senders, receivers := newHub(t), newHub(t)
	senders.node("q")
	receivers.nodes = senders.nodes // as if the two were one mesh
	res := mustRun(t, senders, Options{ReceiveTarget: receivers.target(), Senders: 2, Receivers: 3, Size: 100, Count: 50})
	wantAll(t, res, 100)
	if senders.conns != 2 || receivers.conns != 3 {
		t.Errorf("got %d connections of senders and %d of receivers, want 2 and 3", senders.conns, receivers.conns)
	}
}

func TestBodiesTooShortForAHead(t *testing.T) {
	res := mustRun(t, newHub(t), Options{Size: 5, Count: 100})
	wantAll(t, res, 100)
	if res.Latency != nil {
		t.Errorf("latency of messages without a time: %+v", res.Latency)
	}
}

func TestMessagesOfSeveralFrames(t *testing.T) {
	res := mustRun(t, newHub(t), Options{Size: 100_000, Count: 50, CheckOrder: true})
	wantAll(t, res, 50)
}

func TestOneInFlight(t *testing.T) {
	res := mustRun(t, newHub(t), Options{Size: 100, Window: 1, Count: 300})
	wantAll(t, res, 300)
	if res.Latency.Samples != 300 {
		t.Errorf("with one in flight every message is timed, got %d of 300", res.Latency.Samples)
	}
}

func TestGroupsFanInAndFanOut(t *testing.T) {
	h := newHub(t)
	res := mustRun(t, h, Options{Groups: 3, Senders: 4, Receivers: 2, Size: 100, Count: 200, CheckOrder: true})
	wantAll(t, res, 3*4*200)
	if res.Order.Duplicates != 0 {
		t.Errorf("order: got %+v", res.Order)
	}
	if h.conns != 3*(4+2) {
		t.Errorf("got %d connections, want 18", h.conns)
	}
	for _, address := range []string{"q/0", "q/1", "q/2"} {
		if n := h.nodes[address].seen; n != 4*200 {
			t.Errorf("%s: got %d messages, want 800", address, n)
		}
	}
}

func TestPacedSenders(t *testing.T) {
	res := mustRun(t, newHub(t), Options{Senders: 5, Receivers: 1, Size: 100, Rate: 2000, Count: 100, CheckOrder: true})
	wantAll(t, res, 500)
	if res.Latency.Samples != 500 {
		t.Errorf("a paced message is timed each time, got %d of 500", res.Latency.Samples)
	}
	if res.Seconds < 99./2000 {
		t.Errorf("100 messages at 2,000 a second in %v s", res.Seconds)
	}
}

func TestWarmUpIsNotCounted(t *testing.T) {
	res := mustRun(t, newHub(t), Options{Size: 100, Warmup: 20 * time.Millisecond, Duration: 50 * time.Millisecond})
	if res.Total.Received <= res.Received || res.Total.Lost != 0 || res.Unsettled != 0 || res.Received == 0 {
		t.Errorf("got %+v", res)
	}
}

func TestStreamedMessageIsCompared(t *testing.T) {
	res := mustRun(t, newHub(t), Options{Stream: 3 << 20, ReadRate: 100 << 20})
	wantAll(t, res, 1)
	if res.Total.Corrupt != 0 {
		t.Errorf("%d corrupt", res.Total.Corrupt)
	}
}

// A receiver that would sleep for years over what it has read wakes up at the run's end.
func TestARunEndsHoweverSlowlyItsReceiversRead(t *testing.T) {
	o := Options{Target: newHub(t).target(), Address: "q", Size: 100, ReadRate: 1e-6, Duration: time.Millisecond, Patience: time.Millisecond}
	// The hub does not end before the receiver does, so that failing here would only hang.
	asleep := time.AfterFunc(time.Minute, func() { panic("the run did not end: its receiver sleeps on") })
	defer asleep.Stop()
	if res, err := Run(t.Context(), o); err != nil || res.Unsettled == 0 {
		t.Errorf("got %+v, %v; want messages that nobody has read", res, err)
	}
}

func TestSpoiledStreamIsFound(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"one byte changed": func(p []byte) []byte { p[500_000]++; return p },
		"cut":              func(p []byte) []byte { return p[:900_000] },
		"longer":           func(p []byte) []byte { return append(p, 'x') },
	} {
		h := newHub(t)
		h.spoil = func(_ int, p []byte) [][]byte { return [][]byte{spoil(p)} }
		if res := mustRun(t, h, Options{Stream: 1 << 20}); res.Total.Corrupt != 1 {
			t.Errorf("%s: not found: %+v", name, res.Total)
		}
	}
}

func TestReleasedMessagesAreNotLost(t *testing.T) {
	h := newHub(t)
	h.spoil = func(n int, p []byte) [][]byte {
		if n%10 == 3 {
			return nil
		}
		return [][]byte{p}
	}
	res := mustRun(t, h, Options{Size: 100, Count: 1000, CheckOrder: true})
	if res.Total.Released != 100 || res.Received != 900 || res.Total.Lost != 0 || res.Order.Missing != 100 {
		t.Errorf("got %+v, order %+v", res.Total, res.Order)
	}
}

func TestDroppedPresettledMessagesAreLost(t *testing.T) {
	h := newHub(t)
	h.spoil = func(n int, p []byte) [][]byte {
		if n == 500 {
			return nil
		}
		return [][]byte{p}
	}
	res := mustRun(t, h, Options{Size: 100, Presettled: true, Count: 1000, CheckOrder: true})
	if res.Total.Lost != 1 || res.Total.Received != 999 || res.Order.Missing != 1 {
		t.Errorf("got %+v, order %+v", res.Total, res.Order)
	}
}

func TestSendOnlyAndReceiveOnly(t *testing.T) {
	h := newHub(t)
	sent := make(chan *Result, 1)
	receiving := make(chan struct{}, 1)
	go func() {
		<-receiving
		res, err := Run(t.Context(), Options{Target: h.target(), Address: "q", Senders: 1, Size: 100, Count: 700})
		if err != nil {
			t.Error(err)
		}
		sent <- res
	}()
	receiving <- struct{}{}
	res := mustRun(t, h, Options{Receivers: 1, Count: 700})
	if res.Received != 700 || res.Sent != 0 || res.Latency == nil {
		t.Errorf("receiving: got %+v", res)
	}
	if s := <-sent; s == nil || s.Sent != 700 || s.Rate == 0 {
		t.Errorf("sending: got %+v", s)
	}
}

func TestIdleConnectionsAreOpenedAndClosed(t *testing.T) {
	h := newHub(t)
	res := mustRun(t, h, Options{Idle: 50, Concurrency: 4, Watch: watchable()})
	if res.Idle == nil || res.Idle.Connections != 50 || h.conns != 50 {
		t.Fatalf("got %+v, %d connections", res.Idle, h.conns)
	}
	if h.nodes["q/49"] == nil || h.nodes["q"] != nil {
		t.Errorf("want an address for each connection, got %d", len(h.nodes))
	}
	for _, c := range res.Idle.Costs {
		if c.Before <= 0 || c.Held <= 0 || c.After <= 0 {
			t.Errorf("memory: got %+v", c)
		}
	}
}

// watchable is a process whose figures can be read, where any can.
func watchable() []int {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		return nil
	}
	return []int{os.Getpid()}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target := l.Addr().String()
	l.Close()
	for _, o := range []Options{{}, {Idle: 3}} {
		o.Target, o.Address = target, "q"
		_, err = Run(t.Context(), o)
		if e, ok := errors.AsType[*UnreachableError](err); !ok || e.Target != target {
			t.Errorf("got %v, want nobody to listen", err)
		}
	}
}

func TestWatchedProcessThatIsNotThere(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processes are watched on Linux only")
	}
	_, err := Run(t.Context(), Options{Target: "127.0.0.1:1", Address: "q", Watch: []int{math.MaxInt32}})
	if err == nil || !strings.Contains(err.Error(), "there is no process 2147483647") {
		t.Errorf("got %v", err)
	}
}

func TestRefusedLinkIsTheError(t *testing.T) {
	h := newHub(t)
	h.refuse = &wire.Error{Condition: wire.CondNotFound, Description: "no such node"}
	for _, o := range []Options{{}, {Idle: 3}} {
		o.Target, o.Address = h.target(), "q"
		_, err := Run(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), "no such node") {
			t.Errorf("got %v, want the peer's reason", err)
		}
	}
}

func TestALoginThatIsRefusedIsSaidToBe(t *testing.T) {
	err := connectionError("h:1", &amqp.HandshakeError{Reason: "SASL: no", Login: true})
	if want := "h:1 did not let the client in: handshake: SASL: no"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

// A router that dies or leaves in the middle is the error, not the links that go with it.
func TestARouterThatGoesAwayIsTheError(t *testing.T) {
	forced := &wire.Error{Condition: wire.CondConnectionForced, Description: "going down"}
	for want, end := range map[string]func(*amqp.Batch, *amqp.Conn){
		"was lost":              func(_ *amqp.Batch, c *amqp.Conn) { c.Abort(nil) },
		"closed the connection": func(b *amqp.Batch, c *amqp.Conn) { c.Close(b, nil) },
		"going down":            func(b *amqp.Batch, c *amqp.Conn) { c.Close(b, forced) },
	} {
		for kind, o := range map[string]Options{"load": {Size: 100}, "idle": {Idle: 3, Hold: time.Minute}} {
			t.Run(want+", "+kind, func(t *testing.T) {
				h := newHub(t)
				h.spoil = func(n int, p []byte) [][]byte { // of load only
					if n == 100 {
						go h.endAll(end)
					}
					return [][]byte{p}
				}
				h.attached = func(n int) {
					if n == 6 { // two links for each of three idle connections
						go h.endAll(end)
					}
				}
				o.Target, o.Address = h.target(), "q"
				res, err := Run(t.Context(), o)
				if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), h.target()) {
					t.Errorf("got %v, want %q of %s", err, want, h.target())
				}
				if kind == "load" && (res == nil || res.Received < 99 || res.Broken != err.Error()) {
					t.Errorf("measured until then: %+v", res)
				}
			})
		}
	}
}

func TestStoppedEarlyTellsWhatWasMeasured(t *testing.T) {
	h := newHub(t)
	ctx, stop := context.WithCancel(t.Context())
	var once bool
	h.spoil = func(n int, p []byte) [][]byte {
		if n > 1000 && !once {
			once = true
			stop()
		}
		return [][]byte{p}
	}
	res, err := Run(ctx, Options{Target: h.target(), Address: "q", Size: 100})
	if err != nil || !res.Early || res.Received == 0 || res.Unsettled != 0 || res.Total.Lost != 0 {
		t.Errorf("got %+v, %v", res, err)
	}
}
