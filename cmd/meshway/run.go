package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/router"
)

func (a *app) runCommand() *cobra.Command {
	var file string
	var grace time.Duration
	var watch bool
	d := new(daemon)
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run a router",
		Long: `Runs a router until it gets SIGTERM or SIGINT. It then stops taking messages,
lets what is in flight settle for at most --grace, and closes every connection.
A second signal ends it at once.

It looks at its configuration file once a second, and takes over what has
changed, or says what is wrong and stays as it is; SIGHUP has it do so at once.

Without a configuration file it listens on loopback port 5672 and lets every
client of this machine in.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("run takes no arguments; to use a configuration file: %s run -c %s", a.name, args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if grace < 0 {
				return usageError{fmt.Errorf("--grace %v: it must not be negative", grace)}
			}
			if d.version {
				return a.print("meshway %s", versionName())
			}
			if file == "" && cmd.Flags().Changed("config") {
				return usageError{errors.New("-c: the name of the file is empty; leave -c out to run without one")}
			}
			if d.background && !a.inBackground() {
				return a.runInBackground(cmd.Context(), d)
			}
			return a.runRouter(cmd.Context(), d, file, grace, watch)
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "configuration `file`: YAML, or a qdrouterd.conf")
	cmd.Flags().BoolVar(&watch, "watch", true, "take over changes of the configuration file; without it only at SIGHUP")
	d.flags(cmd)
	cmd.Flags().DurationVar(&grace, "grace", 10*time.Second, "longest wait for deliveries in flight at the end")
	return cmd
}

func (a *app) runRouter(ctx context.Context, d *daemon, file string, grace time.Duration, watch bool) error {
	ready := a.detached()
	if err := becomeUser(d.user); err != nil {
		return err
	}
	cfg := config.Default()
	hangup := make(chan os.Signal, 1)
	reloads := &reloader{file: file, watch: watch}
	if file != "" {
		reloads.begin()
		// Before anything listens: a hangup would end the program otherwise.
		signal.Notify(hangup, syscall.SIGHUP)
		defer signal.Stop(hangup)
		var err error
		if cfg, err = config.Load(file, a.checkUsersFile); err != nil {
			return err
		}
	}
	log, closeLog, err := a.openLog(&cfg.Log)
	if err != nil {
		return err
	}
	defer closeLog()
	d.warn(log)
	for _, w := range cfg.Warnings {
		log.Warn(w.String())
	}
	limitProcessors(cfg.Router.WorkerThreads)
	r, err := a.newRouter(cfg, log)
	if err != nil {
		return err
	}
	pid := pidFileOf(d.pidFile, os.Getpid())
	if !a.inBackground() {
		if pid, err = newPIDFile(d.pidFile, os.Getpid()); err != nil {
			return err
		}
	}
	defer pid.remove(log)
	if err := r.Start(); err != nil {
		return explainStart(err)
	}
	if err := pid.publish(); err != nil {
		return errors.Join(err, shutDown(r, log, grace))
	}
	if err := a.announce(cfg, r.Listening()); err != nil {
		log.Warn("cannot write to standard output", zap.Error(err))
	}
	if file != "" {
		reloads.apply, reloads.preview, reloads.current, reloads.log = r.Reload, r.Preview, r.Config, log.Named("config")
		r.KeptBy(reloads)
		defer keepReloaded(ctx, reloads, hangup)()
	}
	defer a.attend(ctx, r, log)()
	ready(log, &cfg.Log)
	select {
	case <-ctx.Done():
		return shutDown(r, log, grace)
	case <-r.Asked():
		return shutDown(r, log, grace)
	case failure := <-r.Failed():
		return errors.Join(failure, shutDown(r, log, grace))
	}
}

// limitProcessors has the program use at most n processors at a time; 0 leaves it at what the
// machine and the environment allow, which is never exceeded.
func limitProcessors(n int) {
	if n > 0 {
		runtime.GOMAXPROCS(min(n, runtime.GOMAXPROCS(0)))
	}
}

// keepReloaded has the router take over its file until ctx ends, or until what it returns
// is called: that waits for a reload under way.
func keepReloaded(ctx context.Context, r *reloader, hangup <-chan os.Signal) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { // ends with ctx
		defer close(done)
		r.run(ctx, hangup)
	}()
	return func() {
		cancel()
		<-done
	}
}

// shutDown ends the router. That it could not wait for everything is worth a
// line, not an exit code: whoever stopped it got what they asked for.
func shutDown(r runner, log *zap.Logger, grace time.Duration) error {
	log.Info("shutting down", zap.Duration("grace", grace))
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	switch err := r.Shutdown(ctx); {
	case err != nil && ctx.Err() != nil:
		log.Warn("stopped before all was settled", zap.Duration("grace", grace), zap.Error(err))
		return nil
	case err != nil:
		return fmt.Errorf("shut down: %w", err)
	}
	log.Info("stopped")
	return nil
}

// explainStart adds to an error of Start what can be done about it.
func explainStart(err error) error {
	advice := ""
	own, _ := errors.AsType[*router.AddressInUseError](err)
	dns, _ := errors.AsType[*net.DNSError](err)
	switch {
	case own != nil && own.By != "":
		advice = "give one of the two another port"
	case dns != nil && dns.IsNotFound:
		advice = "see the host of that listener"
	case addressInUse(err):
		advice = "perhaps another router runs there; stop it, or choose another port in a configuration file"
	case errors.Is(err, syscall.EACCES):
		advice = "ports below 1024 are for root only; choose another one"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		advice = "this machine has no such address; see the host of that listener"
	default:
		return err
	}
	return fmt.Errorf("%w; %s", err, advice)
}

// addressInUse also knows the number that Windows gives, which differs from
// its syscall.EADDRINUSE.
func addressInUse(err error) bool {
	const wsaEADDRINUSE = syscall.Errno(10048)
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, wsaEADDRINUSE)
}

// announce says where the router listens and what to try next.
func (a *app) announce(cfg config.Config, endpoints []endpoint) error {
	if cfg.File == "" {
		if err := a.print("no configuration file: standalone router on loopback port 5672, ANONYMOUS allowed"); err != nil {
			return err
		}
	}
	if err := a.print("router %s (meshway %s)", cfg.Router.ID, versionName()); err != nil {
		return err
	}
	for _, e := range endpoints {
		if err := a.print("listening on %s%s", e.Addr, remark(cfg, e)); err != nil {
			return err
		}
	}
	i := slices.IndexFunc(endpoints, func(e endpoint) bool { return !forRouters(cfg, e) && !speaksHTTP(cfg, e) })
	if i < 0 {
		return nil
	}
	url := a.clientURL(cfg, endpoints[i])
	return a.print("try, each in a terminal of its own:\n  %s receive%s hello\n  %s send%s hello \"Hello, world\"", a.name, url, a.name, url)
}

// remark says what about a listener may surprise.
func remark(cfg config.Config, e endpoint) string {
	var notes []string
	if e.Name != e.Addr.String() {
		notes = append(notes, e.Name)
	}
	if speaksHTTP(cfg, e) {
		return " (" + strings.Join(append(notes, "HTTP"), ", ") + ")"
	}
	who := "clients"
	if forRouters(cfg, e) {
		who = "routers"
		notes = append(notes, "for other routers")
	}
	if ip, err := netip.ParseAddrPort(e.Addr.String()); err == nil && ip.Addr().Unmap().IsLoopback() {
		notes = append(notes, "loopback: "+who+" of this machine only")
	}
	if l := listener(cfg, e); l != nil {
		notes = append(notes, strings.Join(l.SASLMechanisms, " "))
	}
	return " (" + strings.Join(notes, ", ") + ")"
}

// listener finds the one that an endpoint belongs to.
func listener(cfg config.Config, e endpoint) *config.Listener {
	i := slices.IndexFunc(cfg.Listeners, func(l config.Listener) bool { return l.Name == e.Name })
	if i < 0 {
		return nil
	}
	return &cfg.Listeners[i]
}

// forRouters reports whether other routers connect to the endpoint, not clients.
func forRouters(cfg config.Config, e endpoint) bool {
	l := listener(cfg, e)
	return l != nil && l.Role == config.RoleInterRouter
}

// speaksHTTP reports whether the endpoint speaks that, and no AMQP.
func speaksHTTP(cfg config.Config, e endpoint) bool {
	l := listener(cfg, e)
	return l != nil && l.HTTP
}

// clientURL is the flag that a client on this machine needs to get to the
// endpoint, or "" if the default gets there.
func (a *app) clientURL(cfg config.Config, e endpoint) string {
	host, port, err := net.SplitHostPort(e.Addr.String())
	if err != nil {
		return ""
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	login := ""
	if l := listener(cfg, e); l != nil && !slices.Contains(l.SASLMechanisms, "ANONYMOUS") {
		login = "USER:PASSWORD@"
	}
	url := "amqp://" + login + net.JoinHostPort(host, port)
	if url == defaultURL {
		return ""
	}
	return " --url " + url
}
