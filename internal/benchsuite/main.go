package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"syscall"
)

func main() {
	// Processes that we start are tied to the thread that starts them.
	runtime.LockOSThread()
	if err := measure(); err != nil {
		fmt.Fprintln(os.Stderr, "benchsuite:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	run, binary, write, profiles, logs, predecessor string
	repeats                                         int
	quick, json, noRelay, awake, spin               bool
}

func (o *options) parse() {
	flag.StringVar(&o.run, "run", "", "only the cases that match this `pattern`: P1, P16-20, P[45] ...")
	flag.StringVar(&o.binary, "binary", "", "measure this `file` instead of building one")
	flag.IntVar(&o.repeats, "repeat", 3, "measure each case so many `times`, and take the median")
	flag.BoolVar(&o.quick, "quick", false, "measure each case once, and shorter")
	flag.StringVar(&o.predecessor, "predecessor", "", "measure the cases that cost CPU with this `qdrouterd` too, which is started with -c FILE")
	flag.BoolVar(&o.noRelay, "norelay", false, "leave out the byte relay")
	flag.BoolVar(&o.awake, "awake", false, "keep processors busy with threads of the lowest priority: a virtual one may take longer to wake than what it is woken for")
	flag.BoolVar(&o.spin, "spin", false, "measure nothing, and keep processors awake: what -awake starts")
	flag.BoolVar(&o.json, "json", false, "print every value as JSON instead of the table")
	flag.StringVar(&o.write, "write", "", "put the table into this `page`, too")
	flag.StringVar(&o.profiles, "profile", "", "record CPU profiles of the router into this `folder` (needs perf; costs a few percent)")
	flag.StringVar(&o.logs, "logs", "", "leave what each process of the last repeat wrote in this `folder`")
	flag.Parse()
	if o.quick {
		o.repeats = 1
	}
}

func measure() error {
	var o options
	o.parse()
	only, err := regexp.Compile("(?i)^(" + cmp.Or(o.run, ".*") + ")(-.*)?$")
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if o.spin {
		return spin(ctx)
	}
	dir, err := os.MkdirTemp("", "benchsuite")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if o.write != "" { // before half an hour of measuring
		if err := checkPage(o.write); err != nil {
			return err
		}
	}
	s := &suite{
		ctx: ctx, dir: dir, binary: o.binary, only: only, repeats: max(o.repeats, 1), quick: o.quick,
		profiles: o.profiles, logs: o.logs, progress: os.Stderr,
	}
	if s.binary == "" {
		if s.binary, err = build(ctx, dir); err != nil {
			return err
		}
	}
	if !o.noRelay {
		if s.relay = findRelay(); s.relay == "" {
			s.say("no byte relay: %s", relayHint)
		}
	}
	if o.predecessor != "" {
		if s.predecessor, s.predecessorName, err = findPredecessor(ctx, o.predecessor); err != nil {
			return err
		}
	}
	if o.awake {
		stop, err := s.keepAwake()
		if err != nil {
			return err
		}
		defer stop()
	}
	m, err := s.run()
	err = errors.Join(err, s.stayedAwake())
	if err != nil {
		return err
	}
	return o.show(s, m)
}

// show prints the figures. What was missed is no error: it is a figure.
func (o *options) show(s *suite, m *measured) error {
	all := m.figures()
	var err error
	if o.json {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		err = e.Encode(m)
	} else {
		err = printTable(os.Stdout, all, s.predecessorName)
		s.say("%s", s.manner(m))
	}
	if o.write != "" {
		err = errors.Join(err, writePage(o.write, all, s.manner(m), s.predecessorName))
	}
	if len(m.Failed) > 0 {
		err = errors.Join(err, fmt.Errorf("%d cases could not be measured", len(m.Failed)))
	}
	return err
}

func build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "meshway")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "./cmd/meshway")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return binary, nil
}
