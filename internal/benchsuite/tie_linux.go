package main

import (
	"os/exec"
	"syscall"
)

// suspend stops the process where it is, until it is killed: its sockets stay.
func (p *process) suspend() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

// dieWithUs makes the kernel end the process when the thread that starts it is
// gone.
func dieWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
