package brokertest

import (
	"context"
	_ "embed" // for the broker's source
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/meshway/meshway/internal/freeport"
)

//go:embed testdata/broker.py
var protonBroker string

// systemPython has Debian's Proton; another python3 may stand first on PATH.
const systemPython = "/usr/bin/python3"

// ProtonMissing says what to do when Proton for the system's Python is not installed; it is nil
// when it is.
func ProtonMissing() error {
	if err := exec.Command(systemPython, "-c", "import proton").Run(); err != nil {
		return errors.New("the system's Python has no Qpid Proton: make deps, or apt-get install python3-qpid-proton")
	}
	return nil
}

// ProtonOptions are what is unusual about a Proton broker.
type ProtonOptions struct {
	// Container is its container id; "test-broker" if empty.
	Container string `json:"container,omitempty"`
	// RefuseLogin lets nobody in: it offers the mechanism EXTERNAL only.
	RefuseLogin bool `json:"refuse_login,omitempty"`
	// Silent names what is never answered: "open", "begin", or nothing.
	Silent string `json:"silent,omitempty"`
	// Addresses misbehave.
	Addresses map[string]Behaviour `json:"addresses,omitempty"`
}

// Behaviour is how an address misbehaves. The zero value does not.
type Behaviour struct {
	// Silent never answers an attach.
	Silent bool `json:"silent,omitempty"`
	// RefuseAttach is the error condition with which an attach is refused.
	RefuseAttach string `json:"refuse_attach,omitempty"`
	// EndsSession refuses it as RabbitMQ does, by ending the session.
	EndsSession bool `json:"ends_session,omitempty"`
	// NoCredit never lets a client send.
	NoCredit bool `json:"no_credit,omitempty"`
	// RefuseMessage is the outcome of every message: "rejected", "released", "modified", or
	// "unsettled": none at all.
	RefuseMessage string `json:"refuse_message,omitempty"`
	// CutAfter closes the connection in the middle of a message, of either direction, that is
	// larger than so many bytes.
	CutAfter int `json:"cut_after,omitempty"`
}

// Event is something that happened to a Proton broker.
type Event struct {
	// Event is connected, disconnected, attach, detach, message, outcome, drained, declare,
	// commit or rollback; the other fields are set where they mean something.
	Event       string            `json:"event"`
	Container   string            `json:"container"` // of the client
	Link        string            `json:"link"`
	Role        string            `json:"role"` // the client's: sender or receiver
	Address     string            `json:"address"`
	Durable     int               `json:"durable"` // of the terminus: 0, 1 or 2
	Filters     map[string]any    `json:"filters"` // of the source, by name
	Properties  map[string]string `json:"properties"`
	Closed      bool              `json:"closed"`  // a detach closed the link
	Settled     bool              `json:"settled"` // a message came settled
	Outcome     string            `json:"outcome"`
	Transaction string            `json:"transaction"`
}

// Proton is a broker on Proton for Python. ANONYMOUS logs in. Every address is a queue that is
// made when it is first used, and an address "topic/..." is a topic. All is gone when it ends.
type Proton struct {
	// Port is where it listens, on 127.0.0.1; the same after each start.
	Port int

	// Immutable after LaunchProton:
	options string

	process *Process
	stdin   io.WriteCloser
	lastID  atomic.Int64
}

// LaunchProton starts a broker, and returns when it listens.
func LaunchProton(ctx context.Context, o ProtonOptions) (*Proton, error) {
	if err := ProtonMissing(); err != nil {
		return nil, err
	}
	port, err := freeport.Take()
	if err != nil {
		return nil, err
	}
	options, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	p := &Proton{Port: port, options: string(options)}
	if err := p.Start(ctx); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// Addr is the host and port at which it listens.
func (p *Proton) Addr() string { return fmt.Sprintf("127.0.0.1:%d", p.Port) }

// Start starts a broker that was killed or stopped again, empty, and returns when it listens.
func (p *Proton) Start(ctx context.Context) error {
	cmd := exec.Command(systemPython, "-c", protonBroker, strconv.Itoa(p.Port), p.options)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	process, err := StartProcess(fmt.Sprintf("Proton broker on port %d", p.Port), cmd)
	if err != nil {
		return err
	}
	p.process, p.stdin = process, stdin
	_, err = p.Await(ctx, "it listened", func(e Event) bool { return e.Event == "listening" })
	return err
}

// Kill ends the process at once: SIGKILL.
func (p *Proton) Kill() error { return p.process.Kill() }

// Stop ends the broker.
func (p *Proton) Stop() error {
	if p.process == nil {
		return nil
	}
	_ = p.stdin.Close()
	return p.process.Stop()
}

// Await returns the first event since the last start that fits, and waits for it if need be.
// What is said of it in an error, as in "before ...".
func (p *Proton) Await(ctx context.Context, what string, fits func(Event) bool) (Event, error) {
	var found Event
	err := p.process.Await(ctx, what, func(line string) bool {
		e, ok := parseEvent(line)
		if ok && fits(e) {
			found = e
			return true
		}
		return false
	})
	return found, err
}

func parseEvent(line string) (Event, bool) {
	var e Event
	ok := strings.HasPrefix(line, `{"event"`) && json.Unmarshal([]byte(line), &e) == nil
	return e, ok
}

// Depth is the number of messages in a queue, given to a consumer or not.
func (p *Proton) Depth(ctx context.Context, queue string) (int, error) {
	r, err := p.ask(ctx, "depth", map[string]any{"address": queue})
	return r.Count, err
}

// Connections are the container ids of the clients that are connected.
func (p *Proton) Connections(ctx context.Context) ([]string, error) {
	r, err := p.ask(ctx, "connections", nil)
	return r.Containers, err
}

// Behave has an address behave so from now on.
func (p *Proton) Behave(ctx context.Context, address string, b Behaviour) error {
	_, err := p.ask(ctx, "behave", map[string]any{"address": address, "behaviour": b})
	return err
}

// CloseAll closes the connections of all clients, with an error unless the condition is empty.
func (p *Proton) CloseAll(ctx context.Context, condition string) error {
	_, err := p.ask(ctx, "close", map[string]any{"condition": condition})
	return err
}

type protonReply struct {
	ID         int64    `json:"id"`
	Error      string   `json:"error"`
	Count      int      `json:"count"`
	Containers []string `json:"containers"`
}

// ask gives the broker a command and returns its answer.
func (p *Proton) ask(ctx context.Context, op string, fields map[string]any) (protonReply, error) {
	id := p.lastID.Add(1)
	command := map[string]any{"id": id, "op": op}
	for name, value := range fields {
		command[name] = value
	}
	line, err := json.Marshal(command)
	if err != nil {
		return protonReply{}, err
	}
	if _, err := fmt.Fprintf(p.stdin, "%s\n", line); err != nil {
		return protonReply{}, fmt.Errorf("command %s to the Proton broker: %w", op, err)
	}
	var answer protonReply
	err = p.process.Await(ctx, "it answered "+op, func(line string) bool {
		var r protonReply
		if strings.HasPrefix(line, `{"id"`) && json.Unmarshal([]byte(line), &r) == nil && r.ID == id {
			answer = r
			return true
		}
		return false
	})
	if err == nil && answer.Error != "" {
		err = fmt.Errorf("command %s to the Proton broker: %s", op, answer.Error)
	}
	return answer, err
}
