package main

import (
	"context"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/logging"
)

// daemon is what `meshway run` is to those who started it: a process with a file that holds its
// id, and a service that says when it is ready. It takes qdrouterd's flags, so that scripts
// which start that need not change.
type daemon struct {
	pidFile    string
	include    string
	user       string
	background bool
	testHooks  bool
	version    bool
}

func (d *daemon) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&d.pidFile, "pidfile", "P", "", "`file` to write the process id to once the router listens; it is removed at the end")
	f.BoolVarP(&d.background, "daemon", "d", false, "run in the background, without a terminal; the command ends when the router listens")
	f.StringVarP(&d.user, "user", "U", "", "`user` to run as, before anything is read or opened; for root")
	f.BoolVarP(&d.version, "version", "v", false, "print the version instead")
	f.StringVarP(&d.include, "include", "I", "", "")
	f.BoolVarP(&d.testHooks, "test-hooks", "T", false, "")
	for _, name := range []string{"include", "test-hooks"} {
		_ = f.MarkHidden(name) // qdrouterd's, without effect
	}
}

// warn says which of qdrouterd's flags have no effect.
func (d *daemon) warn(log *zap.Logger) {
	if d.include != "" {
		log.Warn("--include has no effect: there is nothing to include")
	}
	if d.testHooks {
		log.Warn("--test-hooks has no effect: there are none")
	}
}

// openLog makes the logger that is configured.
func (a *app) openLog(cfg *config.Log) (log *zap.Logger, closing func(), err error) {
	out, terminal := a.err, a.errTerm
	closing = func() {}
	switch cfg.OutputFile {
	case "stderr", "":
	case "stdout":
		out, terminal = a.out, a.outTerm
	default:
		f, err := logging.OpenFile(logging.FileOptions{Path: cfg.OutputFile, Megabytes: cfg.OutputFileMegabytes, Backups: cfg.OutputFileBackups})
		if err != nil {
			return nil, nil, err
		}
		out, terminal, closing = f, false, func() { _ = f.Close() }
	}
	log, err = logging.New(out, logging.Options{
		Level: string(cfg.Level), Modules: cfg.ModuleLevels(), Format: string(cfg.Format), Terminal: terminal, Color: a.color,
	})
	return log, closing, err
}

// service tells the service manager how the router is, by the protocol of sd_notify(3); without
// one it does nothing.
type service struct {
	socket   string
	watchdog time.Duration // how often it wants a sign of life; 0 is never
	log      *zap.Logger
}

func newService(getenv func(string) string, log *zap.Logger) *service {
	s := &service{socket: getenv("NOTIFY_SOCKET"), log: log}
	if rest, ok := strings.CutPrefix(s.socket, "@"); ok {
		s.socket = "\x00" + rest // in the abstract namespace
	}
	us, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64)
	if pid := getenv("WATCHDOG_PID"); err == nil && us > 0 && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		s.watchdog = time.Duration(us) * time.Microsecond
	}
	return s
}

// say sends a message: lines of KEY=VALUE.
func (s *service) say(state string) {
	if s.socket == "" {
		return
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.socket, Net: "unixgram"})
	if err == nil {
		_, err = io.WriteString(c, state)
		_ = c.Close()
	}
	if err != nil {
		s.log.Warn("the service manager cannot be told how the router is", zap.Error(err))
	}
}

// keepAlive gives signs of life for as long as the data path answers, until ctx ends. It ends at
// once if nobody waits for them.
func (s *service) keepAlive(ctx context.Context, alive func(context.Context) error) {
	if s.socket == "" || s.watchdog <= 0 {
		return
	}
	t := time.NewTicker(s.watchdog / 3)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		asked, cancel := context.WithTimeout(ctx, s.watchdog/3)
		err := alive(asked)
		cancel()
		switch {
		case err == nil:
			s.say("WATCHDOG=1")
		case ctx.Err() == nil:
			s.log.Error("the data path does not answer: the service manager hears nothing, and will start the router anew", zap.Error(err))
		}
	}
}

// attend tells the service manager that the router runs, and goes on to until ctx ends, or until
// what it returns is called.
func (a *app) attend(ctx context.Context, r runner, log *zap.Logger) (stop func()) {
	s := newService(a.getenv, log.Named("router"))
	s.say("READY=1\nSTATUS=running")
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { // ends with ctx
		defer close(done)
		s.keepAlive(ctx, r.Alive)
		<-ctx.Done()
		s.say("STOPPING=1\nSTATUS=draining")
	}()
	return func() {
		cancel()
		<-done
	}
}
