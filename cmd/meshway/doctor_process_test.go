//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Faults of the doctor's that take real processes.

// routerProcess runs a router of some version in a process of its own, which a test can stop
// and kill; it is gone when the test ends. It returns the process and the ports on which it
// listens for clients and for routers.
func routerProcess(t *testing.T, id, version, neighbour string) (p *os.Process, clients, mesh string) {
	t.Helper()
	text := fmt.Sprintf("router: {id: %s, mode: interior}\nlisteners:\n  - {port: 0}\n  - {name: mesh, port: 0, role: inter-router}\n", id)
	if neighbour != "" {
		text += fmt.Sprintf("connectors:\n  - {name: up, host: 127.0.0.1, port: %s, role: inter-router}\n", neighbour)
	}
	file := filepath.Join(t.TempDir(), "meshway.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), versionEnv+"="+version, argsEnv+"="+strings.Join([]string{"run", "-c", file}, "\n"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // none is left when the test dies
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("router %s said:\n%s", id, log.String())
		}
	})
	lines := bufio.NewScanner(out)
	for (clients == "" || mesh == "") && lines.Scan() {
		if m := saysWhere.FindStringSubmatch(lines.Text()); m == nil {
			continue
		} else if strings.HasPrefix(m[2], "mesh,") {
			mesh = m[1]
		} else {
			clients = m[1]
		}
	}
	if clients == "" || mesh == "" {
		t.Fatalf("router %s does not listen", id)
	}
	return cmd.Process, clients, mesh
}

var saysWhere = regexp.MustCompile(`^listening on 127\.0\.0\.1:([0-9]+) \((.*)\)$`)

func TestADoctorFindsWhatIsWrongWithProcesses(t *testing.T) {
	_, clients, mesh := routerProcess(t, "A", "1.2.3", "")
	_, _, mesh = routerProcess(t, "B", "1.2.3", mesh)
	last, _, _ := routerProcess(t, "C", "1.3.0", mesh)
	said, code := "", 0
	finds := func(what, text string, exit int) {
		t.Helper()
		deadline := time.Now().Add(60 * time.Second)
		for said != text || code != exit {
			if time.Now().After(deadline) {
				t.Fatalf("%s: the doctor goes on saying\n%sexit code %d, want\n%sexit code %d", what, said, code, text, exit)
			}
			time.Sleep(20 * time.Millisecond) // the mesh finds out by itself; there is no event to await from here
			a := networked("amqp://127.0.0.1:" + clients)
			a.manage, a.now = dialAgents, time.Now
			code = a.run(t.Context(), []string{"doctor"})
			said = a.out.String()
		}
	}
	const versions = `! mesh: version skew: 1.2.3 at A, B; 1.3.0 at C
    fine while an upgrade is under way; else upgrade the rest
3 routers asked: nothing is broken, 1 remark
`
	unreachable := `✗ C: unreachable: other routers know it, and no path leads there
    see that it runs, and that one of its neighbours can connect: meshway log --url amqp://127.0.0.1:` + clients + ` on those, and their connectors
`
	finds("one router of another version", versions, 0)
	for _, does := range []struct {
		signal syscall.Signal
		what   string
	}{{syscall.SIGSTOP, "a process that hangs"}, {syscall.SIGCONT, "a process that goes on"}, {syscall.SIGKILL, "a process that was killed"}} {
		if err := last.Signal(does.signal); err != nil {
			t.Fatal(err)
		}
		if does.signal == syscall.SIGCONT {
			finds(does.what, versions, 0)
		} else {
			finds(does.what, unreachable, 1)
		}
	}
}
