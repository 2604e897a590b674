package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/go-amqp"
	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/loadgen"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// announcing tells where a router listens once it does.
type announcing struct {
	runner
	where chan<- []endpoint
}

func (r announcing) Listening() []endpoint {
	list := r.runner.Listening()
	r.where <- list
	return list
}

// runRouter executes `meshway run -c FILE` in this process until the test
// ends, and returns the URLs of its listeners.
func runRouter(t *testing.T, configuration string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "meshway.yaml")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	urls, stop := startRouter(t, file)
	t.Cleanup(stop)
	return urls
}

// startRouter is runRouter with an end of its own.
func startRouter(t *testing.T, file string) (urls []string, stop func()) {
	t.Helper()
	a := newTestApp("")
	where, exit := make(chan []endpoint, 1), make(chan int, 1)
	a.newRouter = func(cfg config.Config, log *zap.Logger) (runner, error) {
		r, err := newRouter(cfg, log)
		return announcing{r, where}, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { exit <- a.run(ctx, []string{"run", "-c", file}) }()
	stop = func() {
		cancel()
		if code := <-exit; code != 0 {
			t.Errorf("meshway run ended with %d and said\n%s%s", code, a.out, a.err)
		}
	}
	select {
	case list := <-where:
		for _, e := range list {
			urls = append(urls, "amqp://"+e.Addr.String())
		}
	case <-exit:
		cancel()
		t.Fatalf("meshway run ended at once:\n%s%s", a.out, a.err)
	}
	return urls, stop
}

// networked is the program with a network.
func networked(url string) *testApp {
	a := newTestApp("")
	a.dial = dialAMQP
	a.getenv = func(name string) string { return map[string]string{urlEnv: url}[name] }
	return a
}

// background executes a command line beside the test; the function returned
// waits for its end and checks the exit code.
func (a *testApp) background(t *testing.T, code int, args ...string) (wait func()) {
	t.Helper()
	done := make(chan int, 1)
	go func() { done <- a.run(t.Context(), args) }()
	return func() {
		t.Helper()
		if got := <-done; got != code {
			t.Errorf("meshway %q: exit code %d, want %d; it said\n%s%s", args, got, code, a.out, a.err)
		}
	}
}

const openListener = "listeners: [{port: 0}]\nlog: {level: error}\n"

func TestSendAndReceiveThroughARouter(t *testing.T) {
	url := runRouter(t, openListener)[0]
	in, out := networked(url), networked(url)
	received := in.background(t, 0, "receive", "orders", "--count", "4", "-o", "json")
	out.want(t, 0, "send", "orders", "one", "two", "--durable", "--priority", "7", "--subject", "tea", "-p", "k=v")
	out.want(t, 0, "send", "orders", "--size", "100000", "--count", "2", "--quiet")
	received()
	wantText(t, out.out, "message 1: accepted\nmessage 2: accepted\n")
	wantText(t, in.out, `"body":"one"`, `"body":"two"`, `"durable":true`, `"priority":7`, `"subject":"tea"`, `"applicationProperties":{"k":"v"}`, strings.Repeat("x", 100000))
}

// Such a message is nobody's fault: go-amqp does not know all types.
func TestReceiveOfAMessageThatTheClientCannotRead(t *testing.T) {
	url := runRouter(t, openListener)[0]
	in := networked(url)
	received := in.background(t, 1, "receive", "letters")
	nc, err := net.Dial("tcp", strings.TrimPrefix(url, "amqp://"))
	if err != nil {
		t.Fatal(err)
	}
	c := meshtest.NewClient("writer", nc, meshtest.ClientOptions{})
	defer func() { c.Kill(); <-c.Ended() }()
	char := []byte{0, 0x53, 0x77, 0x73, 0, 0, 0, 'x'} // an amqp-value
	told := make(chan wire.StateKind, 1)
	c.Do(func() {
		l := c.Begin(meshtest.SessionOptions{}).AttachSender(meshtest.SenderOptions{Name: "l", Target: meshtest.To("letters"),
			OnState: func(o *meshtest.Out) { told <- o.State.Kind }})
		l.Send(&meshtest.Out{Payload: char})
	})
	received()
	wantText(t, in.err, "a message has come that this command cannot read (char not implemented); its sender hears that it was not delivered")
	if got := <-told; got != wire.StateModified {
		t.Errorf("the sender heard %v, want modified", got)
	}
}

func TestOutcomesThroughARouter(t *testing.T) {
	url := runRouter(t, openListener)[0]
	for outcome, want := range map[string]string{"reject": "message 1: rejected: ", "release": "message 1: released: ", "modify": "message 1: modified: delivery failed"} {
		in, out := networked(url), networked(url)
		received := in.background(t, 0, "receive", outcome, "--count", "1", "--outcome", outcome)
		out.want(t, 1, "send", outcome, "x")
		received()
		wantText(t, out.out, want)
	}
}

// What go-amqp says as MaxMessageSize is what it is sent at most.
func TestAMessageThatIsLargerThanItsConsumerTakes(t *testing.T) {
	url := runRouter(t, openListener)[0]
	conn, err := amqp.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	session, err := conn.NewSession(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := session.NewReceiver(t.Context(), "orders", &amqp.ReceiverOptions{MaxMessageSize: 100_000, Credit: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []string{"100001", "5000000"} { // as it is, and while it comes in
		out := networked(url)
		out.want(t, 1, "send", "orders", "--size", size)
		wantText(t, out.out, "message 1: rejected: ", "amqp:link:message-size-exceeded", `the consumer of "orders" takes 100000 at most`)
	}
	out := networked(url)
	sent := out.background(t, 0, "send", "orders", "--size", "99000")
	m, err := consumer.Receive(t.Context(), nil)
	if err != nil {
		t.Fatalf("the consumer's link has ended: %v", err)
	}
	if got := len(m.GetData()); got != 99000 {
		t.Errorf("received %d bytes, want 99000", got)
	}
	if err := consumer.AcceptMessage(t.Context(), m); err != nil {
		t.Error(err)
	}
	sent()
}

func TestSettledThroughARouter(t *testing.T) {
	url := runRouter(t, openListener)[0]
	in, out := networked(url), networked(url)
	received := in.background(t, 0, "receive", "q", "--count", "3", "--settle", "settled")
	out.want(t, 0, "send", "q", "c", "--quiet")
	// The sender had not settled it: its receiver has the router do so.
	look := networked(url)
	look.manage = dialAgents
	look.want(t, 0, "get", "links", "--filter", "linkDir=out", "--filter", "presettledCount=1", "-o", "json")
	wantText(t, look.out, `"owningAddr": "M0q"`)
	out.want(t, 0, "send", "q", "a", "b", "--settle", "settled", "--quiet")
	received()
	// Nothing is promised about the order of two connections.
	got := strings.Fields(in.out.String())
	if a, b := slices.Index(got, "a"), slices.Index(got, "b"); len(got) != 3 || a < 0 || b < a || !slices.Contains(got, "c") {
		t.Errorf("got %q, want a before b, and c anywhere", got)
	}
}

func TestSentSettledThroughARouter(t *testing.T) {
	url := runRouter(t, openListener)[0]
	in, out, look := networked(url), networked(url), networked(url)
	received := in.background(t, 0, "receive", "q", "--count", "2")
	out.want(t, 0, "send", "q", "a", "--settle", "settled", "--timeout", "20s")
	wantText(t, out.out, "message 1: settled: nobody reports what became of it")
	look.manage = dialAgents
	look.want(t, 0, "get", "links", "--filter", "linkDir=out", "--filter", "presettledCount=1", "-o", "json")
	wantText(t, look.out, `"owningAddr": "M0q"`)
	out.want(t, 0, "send", "q", "b")
	received()
}

func TestBenchThroughARouter(t *testing.T) {
	url := runRouter(t, openListener)[0]
	a := networked(url)
	a.errTerm = true
	a.want(t, 0, "bench", "--count", "550", "--rate", "500", "--check-order")
	wantText(t, a.out, "550 received in", "latency     median", "order       0 missing, 0 out of order", "550 sent, 550 received, 550 accepted")
	wantText(t, a.err, "measuring")
	for settle, accepted := range map[string]uint64{"unsettled": 100, "settled": 0} {
		a := networked(url)
		a.want(t, 0, "bench", "--count", "100", "--settle", settle, "-o", "json")
		var r loadgen.Result
		if err := json.Unmarshal([]byte(a.out.String()), &r); err != nil || r.Received != 100 || r.Total.Accepted != accepted {
			t.Errorf("%s: got %s (%v), want 100 received and %d accepted", settle, a.out, err, accepted)
		}
		if a.err.String() != "" {
			t.Errorf("%s: progress without a terminal: %q", settle, a.err)
		}
	}
}

func TestRequestsThroughARouter(t *testing.T) {
	url := runRouter(t, openListener)[0]
	replier, asker := networked(url), networked(url)
	replied := replier.background(t, 0, "receive", "quotes", "--count", "3", "--reply")
	asker.want(t, 0, "send", "quotes", "tea", "coffee", "--request")
	asker.want(t, 0, "send", "quotes", "milk", "--request", "--anonymous")
	replied()
	if asker.out.String() != "tea\ncoffee\nmilk\n" {
		t.Errorf("got %q", asker.out)
	}
}

func TestReleasedWithoutAConsumer(t *testing.T) {
	url := runRouter(t, openListener)[0]
	for _, args := range [][]string{
		{"send", "nobody", "x", "--anonymous"}, {"send", "other", "x", "--anonymous", "--to", "nobody"}, {"send", "", "x", "--to", "nobody"},
	} {
		a := networked(url)
		a.want(t, 1, args...)
		wantText(t, a.out, `message 1: released: no consumer took it; if "nobody" has none, start one with: meshway receive --url `, " nobody\n")
		wantText(t, a.err, "meshway: the message was not accepted")
	}
}

func TestNoCreditWithoutAConsumer(t *testing.T) {
	url := runRouter(t, openListener)[0]
	a := networked(url)
	a.want(t, 1, "send", "nobody", "x", "--timeout", "50ms")
	wantText(t, a.err, `no consumer on "nobody" took messages for 50ms`)
}

func TestUnavailableAddress(t *testing.T) {
	url := runRouter(t, openListener+"addresses: [{prefix: closed, distribution: unavailable}]\n")[0]
	for _, args := range [][]string{{"send", "closed/a", "x"}, {"receive", "closed/a"}} {
		a := networked(url)
		a.want(t, 1, args...)
		wantText(t, a.err, `the router refused the address "closed/a": amqp:not-found: Node not found, it is configured as unavailable`)
	}
	a := networked(url)
	a.want(t, 1, "bench", "closed/a", "--duration", "1s")
	wantText(t, a.err, `on "closed/a" was closed by the peer: amqp:not-found: Node not found, it is configured as unavailable`)
}

func TestLoginThroughARouter(t *testing.T) {
	users := filepath.Join(t.TempDir(), "users.yaml")
	newTestApp("open sesame\n").want(t, 0, "user", "add", "alice@home", "-f", users, "--password-stdin")
	url := runRouter(t, fmt.Sprintf("listeners: [{port: 0, saslMechanisms: PLAIN, authenticatePeer: true}]\nusers: {file: %q}\nlog: {level: error}\n", users))[0]
	login := func(user, password string) string {
		return strings.Replace(url, "://", "://"+user+":"+password+"@", 1)
	}
	good := login("alice%40home", "open%20sesame")
	in, out := networked(good), networked(good)
	received := in.background(t, 0, "receive", "q", "--count", "1")
	out.want(t, 0, "send", "q", "x")
	received()
	for bad, want := range map[string]string{
		url:                              "lets nobody in without a login (it offers PLAIN)",
		login("alice%40home", "wrong"):   "refused the user name or the password",
		login("bob", "open%20sesame"):    "refused the user name or the password",
		login("alice%40home", ""):        "refused the user name or the password",
		login("alice%40home", "%00open"): "refused the user name or the password",
	} {
		a := networked(bad)
		a.want(t, 1, "send", "q", "x")
		wantText(t, a.err, want)
	}
}

func TestRunOnATakenPort(t *testing.T) {
	url := runRouter(t, openListener)[0]
	file := filepath.Join(t.TempDir(), "second.yaml")
	_, port, _ := strings.Cut(strings.TrimPrefix(url, "amqp://"), ":")
	if err := os.WriteFile(file, []byte("listeners: [{port: "+port+"}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := newTestApp("")
	a.newRouter = newRouter
	a.want(t, 1, "run", "-c", file)
	wantText(t, a.err, "127.0.0.1:"+port, "perhaps another router runs there; stop it, or choose another port in a configuration file")
}

func TestRouterThatStopsSaysSo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "meshway.yaml")
	if err := os.WriteFile(file, []byte(openListener), 0o600); err != nil {
		t.Fatal(err)
	}
	urls, stop := startRouter(t, file)
	in, out := networked(urls[0]), networked(urls[0])
	received := in.background(t, 1, "receive", "q")
	out.want(t, 0, "send", "q", "x") // the receiver is there
	stop()
	received()
	wantText(t, in.err, "meshway: the router closed the connection: amqp:connection:forced")
}
