package brokertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/meshway/meshway/internal/freeport"
)

// rabbitBin is where Debian has RabbitMQ's scripts. Those in /usr/sbin change the user, and
// with that the process id.
const rabbitBin = "/usr/lib/rabbitmq/bin"

// RabbitMissing says what to do when RabbitMQ is not installed; it is nil when it is.
func RabbitMissing() error {
	if _, err := os.Stat(filepath.Join(rabbitBin, "rabbitmq-server")); err != nil {
		return errors.New("RabbitMQ is not installed: make deps, or apt-get install rabbitmq-server (a broker that Debian starts by itself is not needed)")
	}
	if _, err := exec.LookPath("epmd"); err != nil {
		return errors.New("epmd, which RabbitMQ needs, is not installed: apt-get install erlang-base")
	}
	return nil
}

// Rabbit is a RabbitMQ node with its plugins for AMQP 1.0 and for shovels. ANONYMOUS and PLAIN guest/guest log in.
//
// Its methods are for one goroutine at a time, but for those of rabbit_ctl.go.
type Rabbit struct {
	// Port is where it listens, on 127.0.0.1; the same after each start.
	Port int

	// Immutable after LaunchRabbit:
	dir      string
	epmdPort int
	distPort int

	epmd *Process // nil before the first start
	vm   *Process // the Erlang virtual machine: the broker itself; nil before the first start
}

// LaunchRabbit starts a node that keeps everything in a folder of its own, and returns when it
// is ready. More lines of rabbitmq.conf may be given.
func LaunchRabbit(ctx context.Context, dir string, conf ...string) (*Rabbit, error) {
	if err := RabbitMissing(); err != nil {
		return nil, err
	}
	ports, err := freeport.Several(3)
	if err != nil {
		return nil, err
	}
	r := &Rabbit{Port: ports[0], dir: dir, epmdPort: ports[1], distPort: ports[2]}
	if err := r.configure(conf); err != nil {
		return nil, fmt.Errorf("brokertest: %w", err)
	}
	if err := r.Start(ctx); err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	return r, nil
}

func (r *Rabbit) configure(more []string) error {
	if err := os.MkdirAll(filepath.Join(r.dir, "home"), 0o700); err != nil {
		return err
	}
	conf := append([]string{
		fmt.Sprintf("listeners.tcp.1 = 127.0.0.1:%d", r.Port),
		"amqp1_0.default_user = guest", // ANONYMOUS logs in as this one
		"log.console = true",
		"log.file = false",
	}, more...)
	if err := os.WriteFile(r.file("rabbitmq.conf"), []byte(strings.Join(conf, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	return os.WriteFile(r.file("enabled_plugins"), []byte("[rabbitmq_amqp1_0, rabbitmq_shovel].\n"), 0o600)
}

// Addr is the host and port at which it listens.
func (r *Rabbit) Addr() string { return fmt.Sprintf("127.0.0.1:%d", r.Port) }

// Start starts the node where it is not running, with what it kept, and returns when it is ready.
func (r *Rabbit) Start(ctx context.Context) error {
	if r.epmd == nil {
		// In the foreground: by itself RabbitMQ would leave one behind.
		epmd, err := StartProcess("epmd", r.command("epmd", "-address", "127.0.0.1", "-port", strconv.Itoa(r.epmdPort)))
		if err != nil {
			return err
		}
		r.epmd = epmd
	}
	vm, err := StartProcess(fmt.Sprintf("RabbitMQ on port %d", r.Port), r.command(filepath.Join(rabbitBin, "rabbitmq-server")))
	if err != nil {
		return err
	}
	r.vm = vm
	return vm.Await(ctx, "it was ready", func(line string) bool { return strings.Contains(line, "Server startup complete") })
}

// Kill ends the virtual machine as a power failure would: SIGKILL.
func (r *Rabbit) Kill() error { return r.vm.Kill() }

// Stop ends the node in an orderly way, and what was started beside it. It may be started again.
func (r *Rabbit) Stop() error {
	var errs []error
	for _, c := range []**Process{&r.vm, &r.epmd} {
		if *c != nil {
			errs = append(errs, (*c).Stop())
		}
	}
	r.epmd = nil
	return errors.Join(errs...)
}

// Log is the end of what the node said since its last start.
func (r *Rabbit) Log() string {
	if r.vm == nil {
		return ""
	}
	return r.vm.Tail(200)
}

// AwaitLog returns when the node has said something with such a part since its last start.
func (r *Rabbit) AwaitLog(ctx context.Context, part string) error {
	return r.vm.Await(ctx, "it said "+strconv.Quote(part), func(line string) bool { return strings.Contains(line, part) })
}

func (r *Rabbit) file(name string) string { return filepath.Join(r.dir, name) }

// command is a command of this node: nothing of it is outside its folder.
func (r *Rabbit) command(name string, arguments ...string) *exec.Cmd {
	cmd := exec.Command(name, arguments...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(),
		"HOME="+r.file("home"), // the cookie is made there
		"RABBITMQ_NODENAME="+r.nodeName(),
		"RABBITMQ_CONFIG_FILE="+r.file("rabbitmq.conf"),
		"RABBITMQ_ENABLED_PLUGINS_FILE="+r.file("enabled_plugins"),
		"RABBITMQ_MNESIA_BASE="+r.file("mnesia"),
		"RABBITMQ_LOG_BASE="+r.file("log"),
		"RABBITMQ_PID_FILE="+r.file("pid"),
		"RABBITMQ_CONF_ENV_FILE=/dev/null",
		fmt.Sprintf("RABBITMQ_DIST_PORT=%d", r.distPort),
		fmt.Sprintf("ERL_EPMD_PORT=%d", r.epmdPort),
		"ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1} +S 2:2",
		// The script then becomes the virtual machine: the id that was started is the broker's.
		"RUNNING_UNDER_SYSTEMD=1",
	)
	return cmd
}

func (r *Rabbit) nodeName() string { return fmt.Sprintf("mw%d@localhost", r.Port) }
