//go:build !linux

package main

import "os/exec"

// dieWithUs does nothing: only Linux can tie a process to its parent.
func dieWithUs(*exec.Cmd) {}
