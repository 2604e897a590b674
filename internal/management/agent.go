package management

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Node is what the agent has to know of the router besides its entities.
type Node struct {
	// Nodes is the management addresses of all routers of the mesh.
	Nodes func() []string
	// Log is the newest lines of the log, at most limit of them (0: all that there are),
	// the oldest first.
	Log func(limit int) []LogEntry
	// Drain has the router finish and end. The answer is sent before that.
	Drain func()
	// Reload has the router take its configuration file over, or says what that would
	// change: a line for each change.
	Reload func(dryRun bool) ([]string, error)
	// Save writes the running configuration to its file, whose name it returns.
	Save func() (file string, err error)
	// Now is the time.
	Now func() time.Time
}

// LogEntry is a line of the log.
type LogEntry struct {
	Module, Level, Text string
	File                string // empty if it is not known
	Line                int
	Time                time.Time
}

// Agent answers requests. It is used by one goroutine at a time.
type Agent struct {
	node  Node
	types []Entities
	pages pages
}

// NewAgent makes an agent for these entity types. That of the agent itself is added.
func NewAgent(n Node, types ...Entities) *Agent {
	if n.Now == nil {
		n.Now = time.Now
	}
	a := &Agent{node: n, types: types}
	a.types = append(a.types, selfTable())
	slices.SortFunc(a.types, func(x, y Entities) int { return strings.Compare(x.Type().Name, y.Type().Name) })
	return a
}

// Types are the entity types, by name.
func (a *Agent) Types() []Entities { return a.types }

// Handle carries a request out. It always returns an answer.
func (a *Agent) Handle(r *Request) (answer *Response) {
	defer func() {
		if p := recover(); p != nil {
			answer = failed(fmt.Errorf("the agent failed: %v", p))
		}
	}()
	code, body, err := a.dispatch(r)
	if err != nil {
		return failed(err)
	}
	return &Response{Code: code, Text: statusTexts[code], Body: body}
}

// failed is the answer to a request that was not carried out.
func failed(err error) *Response {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{StatusInternalError, err.Error()}
	}
	return &Response{Code: e.Code, Text: e.Error(), Body: emptyMap}
}

// dispatch finds the operation: those of the agent by name, all others by the entity.
func (a *Agent) dispatch(r *Request) (code int, body any, err error) {
	if f := nodeOperations[r.Operation]; f != nil {
		if changing[r.Operation] && r.Client.Access != Full {
			return 0, nil, Forbidden("%s: clients of this listener may only look (management: read)", r.Operation)
		}
		return answered(f(a, r))
	}
	f := entityOperations[r.Operation]
	if f == nil {
		return 0, nil, a.unknownOperation(r)
	}
	if r.Operation != "READ" && r.Client.Access != Full {
		return 0, nil, Forbidden("%s: clients of this listener may only look (management: read)", r.Operation)
	}
	return f(a, r)
}

func answered(body any, err *Error) (int, any, error) {
	if err != nil {
		return 0, nil, err
	}
	return StatusOK, body, nil
}

// unknownOperation says what is wrong: the type, or that it has no such operation.
func (a *Agent) unknownOperation(r *Request) *Error {
	name, err := r.text("type")
	switch {
	case err != nil:
		return err
	case name == "":
		return NotImplemented("there is no operation %q", r.Operation)
	case a.find(name) == nil && name != ManagementType:
		return unknownType(name)
	}
	return NotImplemented("%s has no operation %q", name, r.Operation)
}

// find finds a type by its name, long or short; nil if there is none.
func (a *Agent) find(name string) Entities {
	for _, t := range a.types {
		if t.Type().matches(name) {
			return t
		}
	}
	return nil
}

func unknownType(name string) *Error { return NotFound("there is no entity type %q", name) }
