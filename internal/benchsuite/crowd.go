package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/meshway/meshway/internal/crowd"
	"github.com/meshway/meshway/internal/procstat"
)

const (
	crowdAddresses = 1_000_000
	crowdInAHurry  = 100_000
	crowdChanges   = 10_000 // a second
	crowdPatience  = 10 * time.Minute
)

// traceHeap makes a router say how large its heap is after each collection, and has it
// collect often, so that the last one was not long ago.
var traceHeap = []string{"GODEBUG=gctrace=1", "GOGC=5"}

// crowded is a crowd of consumers at the router that messages come from: each has an
// address of its own, and some of them go and come all the time.
type crowded struct {
	crowd         *crowd.Crowd
	addresses     int
	last, between *process

	heap     int64 // bytes at the last router, before
	resident int64 // bytes at the one in between, before
	grown    int64 // bytes that this had grown by when all were there

	stop  context.CancelFunc // ends the changes
	ended chan error
}

// crowd brings the addresses into the mesh, and begins to change them.
func (s *suite) crowd(b *bed) (*crowded, error) {
	c := &crowded{addresses: crowdAddresses, last: b.watch[receiveAt], between: b.watch[strikeAt], ended: make(chan error, 1)}
	if s.quick {
		c.addresses = crowdInAHurry
	}
	var err error
	if c.heap, err = heapOf(c.last); err != nil {
		return nil, err
	}
	if c.resident, err = procstat.Resident(c.between.pid()); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(s.ctx, crowdPatience)
	defer cancel()
	if err := c.come(ctx, b); err != nil {
		return nil, err
	}
	now, err := procstat.Resident(c.between.pid())
	if err != nil {
		return nil, err
	}
	c.grown = now - c.resident
	changing, stop := context.WithCancel(s.ctx)
	c.stop = stop
	go func() { // ends with changing
		changes, err := c.crowd.Churn(changing, c.addresses, crowdChanges, 1<<40)
		if err == nil && changes == 0 {
			err = errors.New("no address has changed")
		}
		c.ended <- err
	}()
	return c, nil
}

// amongCrowd does something while addresses change that came before, and adds what they
// cost.
func (s *suite) amongCrowd(b *bed, m *measured, f func() error) error {
	c, err := s.crowd(b)
	if err != nil {
		return fmt.Errorf("the addresses: %w", err)
	}
	err = f()
	figures, over := c.end()
	m.add(figures)
	return errors.Join(err, over)
}

// come returns when the last router knows all addresses.
func (c *crowded) come(ctx context.Context, b *bed) error {
	var err error
	if c.crowd, err = crowd.Join(ctx, b.send, c.addresses); err != nil {
		return err
	}
	err = c.crowd.Come(ctx, 0, c.addresses)
	if err == nil {
		err = known(ctx, b.receive, crowd.Address(c.addresses-1))
	}
	if err != nil {
		c.crowd.Close()
	}
	return err
}

// known returns when an address has a consumer that can be reached from a router.
func known(ctx context.Context, at, address string) error {
	a, err := crowd.Ask(ctx, at)
	if err != nil {
		return err
	}
	defer a.Close()
	return a.Await(ctx, address)
}

// end ends the changes, and returns what the addresses cost.
func (c *crowded) end() (map[string]float64, error) {
	c.stop()
	err := <-c.ended
	c.crowd.Close()
	if err != nil {
		return nil, err
	}
	heap, err := heapOf(c.last)
	if err != nil {
		return nil, err
	}
	n := float64(c.addresses)
	return map[string]float64{"p14": float64(heap-c.heap) / n, "p14resident": float64(c.grown) / n}, nil
}

var heapTrace = regexp.MustCompile(`(?m)^gc \d+ .* \d+->\d+->(\d+) MB,`)

// heapOf is how much lived at a router's last collection, in bytes.
func heapOf(p *process) (int64, error) {
	all := heapTrace.FindAllSubmatch(p.log.Bytes(), -1)
	if len(all) == 0 {
		return 0, fmt.Errorf("%s says nothing of its heap", p.name)
	}
	megabytes, err := strconv.ParseInt(string(all[len(all)-1][1]), 10, 64)
	return megabytes << 20, err
}
