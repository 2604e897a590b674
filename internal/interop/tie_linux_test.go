package interop

import (
	"os/exec"
	"syscall"
)

// dieWithUs has the kernel end the process when the test dies without cleaning
// up (a panic, a timeout): no router may be left on its port.
func dieWithUs(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
