//go:build !linux

package main

import (
	"errors"
	"os/exec"
)

// dieWithUs does nothing: only Linux can tie a process to its parent.
func dieWithUs(*exec.Cmd) {}

// suspend is not available here.
func (p *process) suspend() error { return errors.New("processes cannot be suspended here") }
