package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/meshway/meshway/internal/loadgen"
)

// generate puts the load of a case on a server, and watches one process
// meanwhile. Losses are part of the result; no result is an error.
func (s *suite) generate(c *testCase, at *server, watch *process) (*loadgen.Result, error) {
	args := append([]string{"bench", benchAddress, "--url", at.address, "--pid", strconv.Itoa(watch.pid()), "-o", "json"}, c.args(s.length(c))...)
	p, err := start("the generator", s.binary, args...)
	if err != nil {
		return nil, err
	}
	select {
	case <-p.exited:
	case <-s.ctx.Done():
	}
	if s.stop(p); s.ctx.Err() != nil {
		return nil, s.ctx.Err()
	}
	var r loadgen.Result
	if err := json.NewDecoder(bytes.NewReader(p.log.Bytes())).Decode(&r); err != nil {
		return nil, fmt.Errorf("the generator failed:\n%s", p.log.Bytes())
	}
	if watch.hasExited() {
		return nil, fmt.Errorf("%s ended meanwhile:\n%s", watch.name, watch.log.Bytes())
	}
	return &r, c.check(&r)
}
