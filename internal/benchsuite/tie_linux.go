package main

import (
	"os/exec"
	"syscall"
)

// dieWithUs makes the kernel end the process when the thread that starts it is
// gone.
func dieWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
