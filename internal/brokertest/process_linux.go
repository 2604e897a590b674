package brokertest

import (
	"os/exec"
	"syscall"
)

// endWithParent has the kernel kill the process when this one dies without cleaning up.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
