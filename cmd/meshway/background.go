package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/config"
)

// A router in the background is another process with the same command line. It has a session of
// its own and no terminal, and a pipe to the process that has started it: what it has to say until
// it listens goes there, and a zero byte when it does. That process then writes the pid file, since
// it may be where only root can write, and ends.

// backgroundEnv says to a process that it is the router in the background.
const backgroundEnv = "MESHWAY_BACKGROUND"

// reportFD is the pipe's end in that process.
const reportFD = 3

// exitError ends the program with a code; what there was to say has been said.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// callAgain is the command line of this process, for another one.
func callAgain() (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return exec.Command(program, os.Args[1:]...), nil
}

// runInBackground starts the router in the background, and returns when it listens.
func (a *app) runInBackground(ctx context.Context, d *daemon) error {
	cmd, err := a.again()
	if err != nil {
		return fmt.Errorf("--daemon: %w", err)
	}
	if cmd.SysProcAttr, err = ownSession(); err != nil {
		return err
	}
	reports, pipe, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("--daemon: %w", err)
	}
	defer func() { _ = reports.Close() }()
	cmd.Env = append(cmd.Environ(), backgroundEnv+"=1")
	cmd.ExtraFiles = []*os.File{pipe}
	err = cmd.Start()
	_ = pipe.Close()
	if err != nil {
		return fmt.Errorf("--daemon: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	said, err := bufio.NewReader(reports).ReadBytes(0)
	if err != nil { // it has ended, or let go of the pipe
		_, _ = a.err.Write(said)
		return ended(cmd)
	}
	_, _ = a.err.Write(said[:len(said)-1])
	return a.leaveBehind(cmd, d)
}

// ended is how a router in the background has ended that never listened.
func ended(cmd *exec.Cmd) error {
	err := cmd.Wait()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok && failed.ExitCode() > 0 {
		return &exitError{failed.ExitCode()}
	}
	return fmt.Errorf("--daemon: the router has ended before it listened: %w", errors.Join(err, io.ErrUnexpectedEOF))
}

// leaveBehind writes the pid file of a router that listens, which it leaves alone from then on.
func (a *app) leaveBehind(cmd *exec.Cmd, d *daemon) error {
	pid, err := newPIDFile(d.pidFile, cmd.Process.Pid)
	if err == nil {
		err = pid.publish()
	}
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return err
	}
	return cmd.Process.Release()
}

// reporter is what a router in the background writes to as long as somebody listens.
type reporter struct {
	mu   sync.Mutex
	pipe io.WriteCloser // nil: nobody does any more
}

func (r *reporter) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pipe != nil {
		_, _ = r.pipe.Write(b)
	}
	return len(b), nil
}

// inBackground says that this process is the router in the background.
func (a *app) inBackground() bool { return a.getenv(backgroundEnv) != "" }

// detached has a router in the background speak to the process that has started it. What it
// returns is called when the router listens.
func (a *app) detached() (ready func(*zap.Logger, *config.Log)) {
	if !a.inBackground() {
		return func(*zap.Logger, *config.Log) {}
	}
	r := &reporter{pipe: os.NewFile(reportFD, "report")}
	a.out, a.err = io.Discard, r
	return func(log *zap.Logger, cfg *config.Log) {
		switch cfg.OutputFile {
		case "stderr", "stdout", "":
			log.Warn("in the background there is nowhere to write log lines to: give log.outputFile a file; the newest are shown by meshway log")
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		_, _ = r.pipe.Write([]byte{0})
		_ = r.pipe.Close()
		r.pipe = nil
	}
}
