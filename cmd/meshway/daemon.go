package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
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
	f.StringVarP(&d.pidFile, "pidfile", "P", "", "`file` to write the process id to; it is removed at the end")
	f.BoolVarP(&d.version, "version", "v", false, "print the version instead")
	f.StringVarP(&d.include, "include", "I", "", "")
	f.StringVarP(&d.user, "user", "U", "", "")
	f.BoolVarP(&d.background, "daemon", "d", false, "")
	f.BoolVarP(&d.testHooks, "test-hooks", "T", false, "")
	for _, name := range []string{"include", "user", "daemon", "test-hooks"} {
		_ = f.MarkHidden(name) // qdrouterd's, without effect
	}
}

// warn says which of qdrouterd's flags have no effect, and what to do instead.
func (d *daemon) warn(log *zap.Logger) {
	for _, w := range []struct {
		given bool
		text  string
	}{
		{d.include != "", "--include has no effect: there is nothing to include"},
		{d.user != "", "--user has no effect: start the router as that user, by a service manager or by setpriv"},
		{d.background, "--daemon has no effect, the router stays in the foreground: start it by a service manager, or with nohup and &"},
		{d.testHooks, "--test-hooks has no effect: there are none"},
	} {
		if w.given {
			log.Warn(w.text)
		}
	}
}

// writePID writes the file with the process id; remove takes it away again, unless another
// process has written its own meanwhile.
func (d *daemon) writePID(log *zap.Logger) (remove func(), err error) {
	if d.pidFile == "" {
		return func() {}, nil
	}
	own := strconv.Itoa(os.Getpid()) + "\n"
	if err := replaceFile(d.pidFile, own, 0o644); err != nil {
		return nil, fmt.Errorf("pid file: %w", err)
	}
	return func() {
		if now, err := os.ReadFile(d.pidFile); err != nil || string(now) != own {
			return
		}
		if err := os.Remove(d.pidFile); err != nil {
			log.Warn("the pid file is left behind", zap.Error(err))
		}
	}, nil
}

// replaceFile writes a file at once: nobody reads half of it.
func replaceFile(path, text string, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	if err == nil {
		err = f.Chmod(mode)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
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
