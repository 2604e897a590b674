package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/meshway/meshway/internal/loadgen"
	"github.com/meshway/meshway/internal/procstat"
)

// faultAfter is when a fault strikes, after the load's generator was started:
// well after its warm-up, and well before its end.
const faultAfter = 4 * time.Second

// pathBytes is less than a router on the path has written by then.
const pathBytes = 200_000

// load starts the generator of a load.
func (s *suite) load(b *bed, address string, args ...string) (*process, error) {
	return start("the generator", s.binary, append([]string{"bench", address, "--url", b.send, "--receive-url", b.receive}, args...)...)
}

// generate puts the load of a case on a bed, and watches its processes
// meanwhile. Losses are part of the result; no result is an error.
func (s *suite) generate(c *testCase, b *bed) (*loadgen.Result, error) {
	args := []string{"-o", "json"}
	for _, p := range b.watch {
		args = append(args, "--pid", strconv.Itoa(p.pid()))
	}
	p, err := s.load(b, benchAddress, append(args, c.args(s.length(c))...)...)
	if err != nil {
		return nil, err
	}
	err = s.await(p, c, b)
	if s.stop(p); s.ctx.Err() != nil {
		return nil, s.ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	var r loadgen.Result
	if err := json.NewDecoder(bytes.NewReader(p.log.Bytes())).Decode(&r); err != nil {
		return nil, fmt.Errorf("the generator failed:\n%s", p.log.Bytes())
	}
	for _, w := range b.watch {
		if w.hasExited() {
			return nil, fmt.Errorf("%s ended meanwhile:\n%s", w.name, w.log.Bytes())
		}
	}
	if c.fault != nil {
		r.Ledger.Silences = around(r.Ledger.Silences, b.struck)
	}
	return &r, c.check(&r)
}

// faultEffect is how long after a fault a silence may begin to be laid to it: on
// a busy machine there are others.
const faultEffect = time.Second

// around puts the longest silence that a fault at that time can have caused first.
// Silences that were not kept are no longer than those that were: if none of these
// is the fault's, the last stands for it.
func around(kept []loadgen.Silence, struck time.Time) []loadgen.Silence {
	i := slices.IndexFunc(kept, func(s loadgen.Silence) bool {
		return !s.End().Before(struck) && !s.From.After(struck.Add(faultEffect))
	})
	if i < 0 {
		i = len(kept) - 1
	}
	return kept[max(i, 0):]
}

// await waits for the generator's end, and has the fault of the case strike
// meanwhile.
func (s *suite) await(p *process, c *testCase, b *bed) error {
	if c.fault != nil {
		if err := s.strike(p, c, b); err != nil {
			return err
		}
	}
	select {
	case <-p.exited:
	case <-s.ctx.Done():
	}
	return s.ctx.Err()
}

// strike waits until the load is under way, and has the fault strike.
func (s *suite) strike(load *process, c *testCase, b *bed) error {
	before, _ := procstat.CountCalls(b.victim.pid())
	t := time.NewTimer(faultAfter)
	defer t.Stop()
	select {
	case <-t.C:
	case <-load.exited:
		return fmt.Errorf("the load ended before the fault:\n%s", load.log.Bytes())
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
	if now, err := procstat.CountCalls(b.victim.pid()); err != nil || now.WriteBytes-before.WriteBytes < pathBytes {
		return fmt.Errorf("%s is to be struck, and is not on the path of the messages (%v)", b.victim.name, err)
	}
	for _, r := range b.servers {
		if bytes.Contains(r.log.Bytes(), []byte(saysSuspect)) {
			s.say("%s took a neighbour for silent before the fault: on so busy a machine the next figures are worth nothing", r.name)
		}
	}
	b.struck = time.Now()
	if err := c.fault(b.victim); err != nil {
		return fmt.Errorf("%s: %w", b.victim.name, err)
	}
	return nil
}

// again makes the load of a case a second time, beside another one that is stuck
// if the case has one.
func (s *suite) again(c *testCase, b *bed) (*loadgen.Result, error) {
	if c.beside == nil {
		return s.generate(c, b)
	}
	p, err := s.load(b, benchAddress+"/stalled", c.beside...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = p.end(); s.stop(p) }()
	before, err := stuck(s.ctx, p)
	if err != nil {
		return nil, err
	}
	r, err := s.generate(c, b)
	if err != nil {
		return nil, err
	}
	after, err := procstat.CountCalls(p.pid())
	if err == nil && after.WriteBytes-before > stuckBytes || p.hasExited() {
		err = fmt.Errorf("the load that should have been stuck went on:\n%s", p.log.Bytes())
	}
	return r, err
}

// A load is stuck once it has written more than its first pieces, and then no
// more for a while.
const (
	stuckBytes = 256 << 10
	stuckTick  = 100 * time.Millisecond
	stuckTicks = 5
)

// stuck waits for that, and returns how much has been written.
func stuck(ctx context.Context, p *process) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	again := time.NewTicker(stuckTick)
	defer again.Stop()
	last, same := int64(0), 0
	for same < stuckTicks {
		select {
		case <-again.C:
		case <-p.exited:
			return 0, fmt.Errorf("the load that should get stuck ended:\n%s", p.log.Bytes())
		case <-ctx.Done():
			return 0, errors.New("the load that should get stuck goes on and on, or never began")
		}
		calls, err := procstat.CountCalls(p.pid())
		if err != nil {
			return 0, err
		}
		if same++; calls.WriteBytes != last || last < stuckBytes {
			last, same = calls.WriteBytes, 0
		}
	}
	return last, nil
}
