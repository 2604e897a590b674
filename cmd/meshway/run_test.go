package main

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/router"
)

// fakeRunner plays the router of `meshway run`.
type fakeRunner struct {
	cfg        config.Config
	start      error
	shutdown   error
	endpoints  []endpoint
	failed     chan error
	ended      bool
	atStart    func()
	atShutdown func()
	dead       error // why its data path does not answer
}

func (r *fakeRunner) Start() error {
	if r.atStart != nil {
		r.atStart()
	}
	return r.start
}

func (r *fakeRunner) Listening() []endpoint { return r.endpoints }

func (r *fakeRunner) Reload(cfg config.Config) ([]config.Change, error) {
	changes := config.Diff(r.cfg, cfg)
	r.cfg = cfg
	return changes, nil
}

func (r *fakeRunner) Preview(config.Config) ([]config.Change, error) { return nil, nil }

func (r *fakeRunner) Config() config.Config { return r.cfg }

func (r *fakeRunner) KeptBy(router.Keeper) {}

func (r *fakeRunner) Alive(context.Context) error { return r.dead }

func (r *fakeRunner) Failed() <-chan error { return r.failed }

func (r *fakeRunner) Asked() <-chan struct{} { return nil }

func (r *fakeRunner) Shutdown(ctx context.Context) error {
	if _, bounded := ctx.Deadline(); !bounded {
		return errors.New("shutdown without a bound")
	}
	r.ended = true
	if r.atShutdown != nil {
		r.atShutdown()
	}
	return r.shutdown
}

func tcp(address string) net.Addr {
	a, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		panic(err)
	}
	return a
}

// runUntilStopped runs `meshway run` with a router of the test's; it is told
// to stop before it starts, and so goes through all of it once.
func runUntilStopped(t *testing.T, r *fakeRunner, args ...string) (a *testApp, code int) {
	t.Helper()
	a = newTestApp("")
	a.newRouter = func(cfg config.Config, _ *zap.Logger) (runner, error) {
		r.cfg = cfg
		return r, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return a, a.run(ctx, append([]string{"run"}, args...))
}

func TestRunWithoutAFile(t *testing.T) {
	r := &fakeRunner{endpoints: []endpoint{{Name: "127.0.0.1:5672", Addr: tcp("127.0.0.1:5672")}}}
	a, code := runUntilStopped(t, r)
	if code != 0 || !r.ended || r.cfg.File != "" || len(r.cfg.Listeners) != 1 {
		t.Errorf("exit code %d, shut down %v, configuration %+v", code, r.ended, r.cfg)
	}
	if l := r.cfg.Listeners[0]; l.ListenAddress() != "127.0.0.1:5672" || !slices.Equal(l.SASLMechanisms, []string{"ANONYMOUS"}) {
		t.Errorf("it listens on %s and offers %v", l.ListenAddress(), l.SASLMechanisms)
	}
	wantText(t, a.out,
		"no configuration file: standalone router on loopback port 5672, ANONYMOUS allowed\n",
		"listening on 127.0.0.1:5672 (loopback: clients of this machine only, ANONYMOUS)\n",
		"  meshway receive hello\n", "  meshway send hello \"Hello, world\"\n")
	if strings.Contains(a.out.String(), "--url") {
		t.Errorf("%s names a URL that is the default", a.out)
	}
}

func TestRunWithAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "meshway.yaml")
	content := "router: {id: A}\nlisteners:\n- {name: devices, host: 0.0.0.0, port: 5999, saslMechanisms: PLAIN}\n- {host: '::1'}\nusers: {file: u}\nlog: {level: error}\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(file), "u"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := &fakeRunner{endpoints: []endpoint{{Name: "devices", Addr: tcp("0.0.0.0:5999")}, {Name: "[::1]:5672", Addr: tcp("[::1]:5672")}}}
	a, code := runUntilStopped(t, r, "-c", file)
	if code != 0 || r.cfg.Router.ID != "A" {
		t.Errorf("exit code %d, said %s%s", code, a.out, a.err)
	}
	wantText(t, a.out, "router A (meshway ",
		"listening on 0.0.0.0:5999 (devices, PLAIN)\n",
		"listening on [::1]:5672 (loopback: clients of this machine only, ANONYMOUS PLAIN)\n",
		"meshway send --url amqp://USER:PASSWORD@127.0.0.1:5999 hello")
	if strings.Contains(a.out.String(), "no configuration file") || a.err.String() != "" {
		t.Errorf("said %s%s", a.out, a.err)
	}
}

func TestRunSendsNoClientToAListenerForHTTP(t *testing.T) {
	file := filepath.Join(t.TempDir(), "meshway.yaml")
	if err := os.WriteFile(file, []byte("listeners:\n- {name: ops, port: 8080, http: true}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, _ := runUntilStopped(t, &fakeRunner{endpoints: []endpoint{{Name: "ops", Addr: tcp("127.0.0.1:8080")}}}, "-c", file)
	wantText(t, a.out, "listening on 127.0.0.1:8080 (ops, HTTP)\n")
	if strings.Contains(a.out.String(), "try") {
		t.Errorf("clients are told to try what speaks no AMQP:\n%s", a.out)
	}
}

// What to try next is for clients, and goes to a listener for clients.
func TestRunSendsNoClientToAListenerForRouters(t *testing.T) {
	file := filepath.Join(t.TempDir(), "meshway.yaml")
	content := "router: {id: A, mode: interior}\nlisteners:\n- {port: 5998, role: inter-router}\n- {port: 5999}\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	mesh := endpoint{Name: "127.0.0.1:5998", Addr: tcp("127.0.0.1:5998")}
	clients := endpoint{Name: "127.0.0.1:5999", Addr: tcp("127.0.0.1:5999")}
	a, _ := runUntilStopped(t, &fakeRunner{endpoints: []endpoint{mesh, clients}}, "-c", file)
	wantText(t, a.out, "listening on 127.0.0.1:5998 (for other routers, loopback: routers of this machine only, ANONYMOUS)\n",
		"listening on 127.0.0.1:5999 (loopback: clients of this machine only, ANONYMOUS)\n", "send --url amqp://127.0.0.1:5999 hello")
	a, _ = runUntilStopped(t, &fakeRunner{endpoints: []endpoint{mesh}}, "-c", file)
	if strings.Contains(a.out.String(), "try") {
		t.Errorf("clients are told to try a router that takes none:\n%s", a.out)
	}
}

func TestRunReportsWhatIsWrongWithTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "meshway.yaml")
	if err := os.WriteFile(file, []byte("listeners: [{prot: 1}]\nlog: {level: loud}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, code := runUntilStopped(t, &fakeRunner{}, "-c", file)
	want := "meshway: 2 problems in the configuration:\n" + file + ":1: listeners[0].prot: is not known; did you mean port?\n" +
		file + ":2: log.level: is \"loud\"; it must be one of debug, info, warn, error\n"
	if code != 1 || a.err.String() != want {
		t.Errorf("exit code %d, got\n%swant\n%s", code, a.err, want)
	}
	a, code = runUntilStopped(t, &fakeRunner{}, "-c", file+".missing")
	if want := "meshway: " + file + ".missing: there is no such file\n"; code != 1 || a.err.String() != want {
		t.Errorf("exit code %d, got %q, want %q", code, a.err, want)
	}
}

func TestRunWhenThePortIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	_, err = net.Listen("tcp", taken.Addr().String())
	if err == nil {
		t.Skip("this system lets two listen on one port")
	}
	a, code := runUntilStopped(t, &fakeRunner{start: err})
	if code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	wantText(t, a.err, taken.Addr().String(), "perhaps another router runs there; stop it, or choose another port in a configuration file")
}

func TestRunWhereNobodyMayListen(t *testing.T) {
	a, code := runUntilStopped(t, &fakeRunner{start: &net.DNSError{Name: "nowhere", Err: "no such host", IsNotFound: true}})
	if code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	wantText(t, a.err, "see the host of that listener")
	for errno, want := range map[syscall.Errno]string{
		syscall.EACCES:        "ports below 1024 are for root only",
		syscall.EADDRNOTAVAIL: "this machine has no such address",
	} {
		failed := &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", errno)}
		a, code := runUntilStopped(t, &fakeRunner{start: failed})
		if code != 1 {
			t.Errorf("%v: exit code %d, want 1", errno, code)
		}
		wantText(t, a.err, errno.Error(), want)
	}
}

func TestRunThatCannotWaitForEverything(t *testing.T) {
	a, code := runUntilStopped(t, &fakeRunner{shutdown: errors.New("3 deliveries were still in flight")}, "--grace", "0s")
	if code != 0 {
		t.Errorf("exit code %d, want 0: whoever stopped it got what they asked for", code)
	}
	wantText(t, a.err, "stopped before all was settled")
	a, code = runUntilStopped(t, &fakeRunner{shutdown: errors.New("stuck")})
	if code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	wantText(t, a.err, "meshway: shut down: stuck")
}

func TestRunRefusesATimeThatIsNone(t *testing.T) {
	a := newTestApp("")
	a.want(t, 2, "run", "--grace", "-1s")
	wantText(t, a.err, "meshway: --grace -1s: it must not be negative; see meshway run --help")
}

// A script whose variable is not set must not get a router that lets everybody in.
func TestRunRefusesAFileWithoutAName(t *testing.T) {
	a := newTestApp("")
	a.want(t, 2, "run", "-c", "")
	wantText(t, a.err, "meshway: -c: the name of the file is empty; leave -c out to run without one; see meshway run --help")
}

func TestRunWithAUsersFileThatIsNoUse(t *testing.T) {
	users := filepath.Join(t.TempDir(), "users of mine")
	file := inFile(t, "listeners: [{}]\nusers: {file: "+users+"}\n")
	missing := file + ":2: users.file: there is no file " + users + "; make it with: meshway user add NAME --file '" + users + "'\n"
	a, code := runUntilStopped(t, &fakeRunner{}, "-c", file)
	if want := "meshway: " + missing; code != 1 || a.err.String() != want {
		t.Errorf("exit code %d, got %q, want %q", code, a.err, want)
	}
	a = newTestApp("")
	a.want(t, 1, "config", "check", file)
	if a.out.String() != missing {
		t.Errorf("got %q, want %q", a.out, missing)
	}
	if err := os.WriteFile(users, []byte("alice: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	a = newTestApp("")
	a.want(t, 1, "config", "check", file)
	wantText(t, a.out, file+":2: users.file: "+users+": this is not YAML: ")

	// It is told along with what else is wrong, in the order of the file, and by a name as seen from there.
	for text, lines := range map[string][2]string{
		"users: {file: no.yaml}\nlisteners: [{port: 5672x}]\n":        {"1", "2: listeners[0]"},
		"users {\n  file: no.yaml\n}\nlistener {\n  port: 5672x\n}\n": {"2", "5: listener"},
		"[[users, {file: no.yaml}],\n [listener, {port: 5672x}]]\n":   {"1", "2: listener"},
	} {
		file = inFile(t, text)
		a = newTestApp("")
		a.want(t, 1, "config", "check", file)
		wantText(t, a.out, file+":"+lines[0]+": users.file: there is no file "+filepath.Join(filepath.Dir(file), "no.yaml")+"; make it with: ")
		wantText(t, a.out, file+":"+lines[1]+".port: ")
	}
}

func TestRunOnAPortThatAnotherListenerOfItsHas(t *testing.T) {
	a, code := runUntilStopped(t, &fakeRunner{start: &router.AddressInUseError{
		Listener: "b", Address: "0.0.0.0:5672", By: "a", Err: syscall.EADDRINUSE}})
	if want := "meshway: listener b: 0.0.0.0:5672 is in use by listener a; give one of the two another port\n"; code != 1 || !strings.HasSuffix(a.err.String(), want) {
		t.Errorf("exit code %d, got %q, want %q", code, a.err, want)
	}
}

func TestRunTakesNoArguments(t *testing.T) {
	a := newTestApp("")
	a.want(t, 2, "run", "meshway.yaml")
	wantText(t, a.err, "run takes no arguments; to use a configuration file: meshway run -c meshway.yaml")
}

func TestARouterThatCannotGoOnEndsTheCommand(t *testing.T) {
	r := &fakeRunner{failed: make(chan error, 1)}
	r.failed <- errors.New("another router has our id")
	a := newTestApp("")
	a.newRouter = func(config.Config, *zap.Logger) (runner, error) { return r, nil }
	if code := a.run(t.Context(), []string{"run"}); code == 0 {
		t.Error("exit code 0")
	}
	if !strings.Contains(a.err.String(), "another router has our id") || !r.ended {
		t.Errorf("said %q; shut down: %v", a.err.String(), r.ended)
	}
}

// workerThreads is obeyed, and gives nobody more processors than the environment does.
func TestProcessorsAreLimitedAndNeverMadeMore(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	for _, step := range []struct{ asked, want int }{{0, before}, {before + 7, before}, {1, 1}, {0, 1}} {
		limitProcessors(step.asked)
		if got := runtime.GOMAXPROCS(0); got != step.want {
			t.Errorf("asked for %d: %d processors, want %d", step.asked, got, step.want)
		}
	}
}
