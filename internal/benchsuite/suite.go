package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/meshway/meshway/internal/loadgen"
	"github.com/meshway/meshway/internal/procstat"
)

// suite runs the cases.
type suite struct {
	ctx                          context.Context
	dir                          string // for files of its own
	binary                       string // the meshway to measure
	relay                        string // nginx; empty is none
	predecessor, predecessorName string // qdrouterd; empty is none
	only                         *regexp.Regexp
	repeats                      int
	quick                        bool
	waker                        *process // keeps processors awake; nil is nobody
	profiles                     string   // folder for CPU profiles; empty takes none
	logs                         string   // folder for what processes wrote; empty is none
	progress                     io.Writer
	ended                        []*process // of the present measurement
}

// measured is every value of every row, one for each repeat.
type measured struct {
	Router      map[string][]float64 `json:"router"`
	Relay       map[string][]float64 `json:"relay,omitempty"`
	Predecessor map[string][]float64 `json:"predecessor,omitempty"`
	Failed      map[string]string    `json:"failed,omitempty"` // by case: why there is nothing
	Others      float64              `json:"others"`           // most that other processes took of the machine in any run, 0 to 1
}

func newMeasured() *measured {
	return &measured{Router: map[string][]float64{}, Relay: map[string][]float64{}, Predecessor: map[string][]float64{}, Failed: map[string]string{}}
}

// length is how long a case lasts. How long connections are idle is not cut
// short: it would change what is measured.
func (s *suite) length(c *testCase) time.Duration {
	if s.quick && c.short > 0 {
		return c.short
	}
	return c.full
}

// repeatsOf is how often a case is measured: in virtual time nothing differs.
func (s *suite) repeatsOf(c *testCase) int {
	if c.simulate != nil {
		return 1
	}
	return s.repeats
}

// run measures every case that was asked for, the relay and the predecessor right after the
// router each time, so that all see the machine in the same mood.
func (s *suite) run() (*measured, error) {
	m := newMeasured()
	for i := range cases {
		c := &cases[i]
		if !s.only.MatchString(c.name) {
			continue
		}
		for n := range s.repeatsOf(c) {
			if err := s.once(c, m); err != nil {
				if s.ctx.Err() != nil {
					return m, s.ctx.Err()
				}
				m.Failed[c.name] = err.Error()
				s.say("%s: %v", c.name, err)
				break
			}
			s.say("%-8s %d of %d  %s", c.name, n+1, s.repeatsOf(c), m.last(c))
		}
	}
	return m, nil
}

func (s *suite) say(format string, args ...any) { _, _ = fmt.Fprintf(s.progress, format+"\n", args...) }

// once measures a case once, with a fresh router each time.
func (s *suite) once(c *testCase, m *measured) error {
	if c.simulate != nil {
		figures, err := c.simulate(s.ctx, s.quick)
		m.add(figures)
		return err
	}
	err := s.alone(m, func() error { return s.direct(c, m) })
	s.keepLogs(c)
	if err != nil {
		return err
	}
	if c.relay && s.relay != "" {
		if err := s.alone(m, func() error { return s.relayed(c, m) }); err != nil {
			return err
		}
	}
	if c.relay && s.predecessor != "" {
		if err := s.alone(m, func() error { return s.preceded(c, m) }); err != nil {
			s.say("%s: %s: %v", c.name, s.predecessorName, err)
		}
	}
	return nil
}

// alone notes what other processes took of the machine while f measured.
func (s *suite) alone(m *measured, f func() error) error {
	o := watchOthers()
	s.ended = nil
	own := ownCPU() + s.wakerCPU()
	err := f()
	ours := ownCPU() + s.wakerCPU() - own
	for _, p := range s.ended {
		ours += p.used()
	}
	share := o.share(ours)
	if m.Others = max(m.Others, share); share > busyShare {
		s.say("other processes took %.0f %% of the machine meanwhile: the next figures are worth little", 100*share)
	}
	return err
}

// keepAwake keeps processors awake until stop is called: between measurements too, for a machine
// that has been idle may take seconds to become as fast as it was.
func (s *suite) keepAwake() (stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s.waker, err = start("what keeps processors awake", self, "-spin")
	if err != nil {
		return nil, err
	}
	return s.waker.stop, nil
}

// stayedAwake says what is wrong if processors could not be kept awake.
func (s *suite) stayedAwake() error {
	if s.waker == nil || !s.waker.hasExited() {
		return nil
	}
	return fmt.Errorf("%s ended:\n%s", s.waker.name, s.waker.log.Bytes())
}

// wakerCPU is what keeping processors awake has taken so far.
func (s *suite) wakerCPU() time.Duration {
	if s.waker == nil {
		return 0
	}
	d, _ := procstat.CPU(s.waker.pid())
	return d
}

// manner tells how figures were measured.
func (s *suite) manner(m *measured) string {
	text := fmt.Sprintf("median of %d; other processes took at most %.0f %% of the machine", s.repeats, 100*m.Others)
	if s.waker != nil {
		text += "; processors were kept awake"
	}
	return text
}

// busyShare is how much others may take of the machine before figures suffer.
const busyShare = 0.05

// stop ends a process, and counts it among ours.
func (s *suite) stop(p *process) {
	p.stop()
	s.ended = append(s.ended, p)
}

// keepLogs leaves what the processes of a measurement wrote.
func (s *suite) keepLogs(c *testCase) {
	if s.logs == "" {
		return
	}
	err := os.MkdirAll(s.logs, 0o755)
	for _, p := range s.ended {
		if err == nil {
			err = os.WriteFile(filepath.Join(s.logs, c.name+" "+p.name+".log"), p.log.Bytes(), 0o644)
		}
	}
	if err != nil {
		s.say("-logs: %v", err)
	}
}

func (s *suite) direct(c *testCase, m *measured) error {
	b, err := s.set(s.ctx, c)
	if err != nil {
		return err
	}
	defer s.stopBed(b)
	stop, err := s.profile(c, b.watch)
	if err != nil {
		return err
	}
	defer stop()
	first, err := s.generate(c, b)
	if err != nil {
		return err
	}
	m.add(c.figures(first))
	if c.again == nil {
		return nil
	}
	var second *loadgen.Result
	again := func() (err error) { second, err = s.again(c, b); return err }
	if c.crowd {
		err = s.amongCrowd(b, m, again)
	} else {
		err = again()
	}
	if err != nil {
		return fmt.Errorf("the second time: %w", err)
	}
	m.add(c.again(first, second))
	return nil
}

func (m *measured) add(figures map[string]float64) {
	for key, v := range figures {
		m.Router[key] = append(m.Router[key], v)
	}
}

func (s *suite) relayed(c *testCase, m *measured) error {
	b, err := s.set(s.ctx, c)
	if err != nil {
		return err
	}
	defer s.stopBed(b)
	routers := float64(len(b.watch))
	if err := s.putRelayBefore(s.ctx, b); err != nil {
		return err
	}
	res, err := s.generate(c, b)
	if err != nil {
		return fmt.Errorf("through the relay: %w", err)
	}
	key := c.costRow()
	m.Relay[key] = append(m.Relay[key], c.figures(res)[key]/relayPasses*routers)
	return nil
}

// last shows what the last repeat of a case measured.
func (m *measured) last(c *testCase) string {
	text := ""
	for _, r := range rows {
		if r.caseName() != c.name {
			continue
		}
		show := func(format string, values map[string][]float64) {
			if v := values[r.key]; len(v) > 0 {
				text += fmt.Sprintf(format, number(v[len(v)-1], r.unit))
			}
		}
		show("  "+r.key+" %s", m.Router)
		show(" (relay %s)", m.Relay)
		show(" (predecessor %s)", m.Predecessor)
	}
	return text
}
