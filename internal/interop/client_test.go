package interop

import (
	"context"
	"fmt"
)

// A client carries out the commands of the line protocol (doc.go) with one
// library. Its methods may be called from any goroutine.
type client interface {
	// do carries out one command and returns when what it asks for happened.
	// The error is a *peerError, a *lackError, or the client's own failure.
	do(ctx context.Context, c command) (reply, error)
	// kill ends the client as a crash does: its sockets close, nothing is said.
	kill()
	// diary is what the client logged, for the report of a failed row.
	diary() string
}

// command is one line to a client.
type command struct {
	ID   int    `json:"id,omitempty"`
	Op   string `json:"op"`
	Conn string `json:"conn,omitempty"`
	Link string `json:"link,omitempty"`

	// connect
	Host      string `json:"host,omitempty"`
	Port      int    `json:"port,omitempty"`
	User      string `json:"user,omitempty"`
	Password  string `json:"password,omitempty"`
	SASL      string `json:"sasl,omitempty"` // ANONYMOUS (default), PLAIN, or none: no SASL layer
	IdleMS    int    `json:"idle_ms,omitempty"`
	MaxFrame  int    `json:"max_frame,omitempty"`
	Container string `json:"container,omitempty"`

	// attach
	Session     string         `json:"session,omitempty"` // begun when first named
	Role        string         `json:"role,omitempty"`    // sender, receiver: what the client is
	Address     string         `json:"address,omitempty"`
	Dynamic     bool           `json:"dynamic,omitempty"`
	Anonymous   bool           `json:"anonymous,omitempty"`   // a target without address
	Coordinator bool           `json:"coordinator,omitempty"` // a target of type coordinator
	Name        string         `json:"name,omitempty"`        // of the link; default: Link
	Settle      string         `json:"settle,omitempty"`      // sender settle mode: unsettled, settled, mixed
	Second      bool           `json:"second,omitempty"`      // receiver settle mode second
	Properties  map[string]any `json:"properties,omitempty"`
	Typed       bool           `json:"typed,omitempty"` // a receiver tells which of AMQP's numbers each is

	// send
	Messages []message `json:"messages,omitempty"`
	Bulk     *bulk     `json:"bulk,omitempty"`
	Settled  bool      `json:"settled,omitempty"`

	// credit, receive: how many; outcomes, settle, settled: which deliveries,
	// counted from 0 on each link.
	First int `json:"first,omitempty"`
	Count int `json:"count,omitempty"`

	// hold
	On bool `json:"on,omitempty"`

	// settle
	outcome
	Pending bool `json:"pending,omitempty"` // say the outcome, do not settle yet
}

// bulk is many messages that are not worth a line each: the bodies are the
// numbers from 0, or one body is Random bytes long and unlike any other.
type bulk struct {
	Count  int `json:"count,omitempty"`
	Random int `json:"random,omitempty"`
}

// outcome is what became of a delivery, with all the data it may carry.
type outcome struct {
	State         string         `json:"state,omitempty"` // accepted, rejected, released, modified; "" none
	Condition     string         `json:"condition,omitempty"`
	Description   string         `json:"description,omitempty"`
	Info          map[string]any `json:"info,omitempty"`
	Failed        bool           `json:"failed,omitempty"`
	Undeliverable bool           `json:"undeliverable,omitempty"`
	Annotations   map[string]any `json:"annotations,omitempty"`
}

// message is one message, as sent or as received. A received body of more than
// 4 KiB is only told by Size and SHA256.
type message struct {
	Value    any    `json:"value,omitempty"`    // an amqp-value section
	Data     string `json:"data,omitempty"`     // one data section, text
	Sequence []any  `json:"sequence,omitempty"` // one amqp-sequence section
	Size     int    `json:"size,omitempty"`
	SHA256   string `json:"sha256,omitempty"`

	Durable  bool `json:"durable,omitempty"`
	Priority *int `json:"priority,omitempty"`
	TTL      int  `json:"ttl,omitempty"` // milliseconds

	MessageID     any    `json:"message_id,omitempty"`
	UserID        string `json:"user_id,omitempty"`
	To            string `json:"to,omitempty"`
	Subject       string `json:"subject,omitempty"`
	ReplyTo       string `json:"reply_to,omitempty"`
	CorrelationID any    `json:"correlation_id,omitempty"`
	ContentType   string `json:"content_type,omitempty"`
	GroupID       string `json:"group_id,omitempty"`
	GroupSequence int    `json:"group_sequence,omitempty"`

	Annotations map[string]any `json:"annotations,omitempty"`
	Application map[string]any `json:"application,omitempty"`

	// Settled says whether it came settled; nil where the client hides that.
	Settled *bool `json:"settled,omitempty"`
}

// reply is one line from a client.
type reply struct {
	ID    int        `json:"id,omitempty"`
	Error *peerError `json:"error,omitempty"`
	Lacks string     `json:"lacks,omitempty"`

	Version string `json:"version,omitempty"` // hello

	Container  string         `json:"container,omitempty"` // connect
	Offered    []string       `json:"offered,omitempty"`   // the router's capabilities; nil where the client hides them
	Address    string         `json:"address,omitempty"`   // attach
	Properties map[string]any `json:"properties,omitempty"`

	SHA256   string    `json:"sha256,omitempty"` // send, of a random body
	Outcomes []outcome `json:"outcomes,omitempty"`
	Ends     []bool    `json:"ends,omitempty"` // which of them settled; nil where the client hides that
	Messages []message `json:"messages,omitempty"`

	// state; Credit is -1 where the client hides it.
	Credit   int `json:"credit,omitempty"`
	Sent     int `json:"sent,omitempty"`
	Ended    int `json:"ended,omitempty"`
	Received int `json:"received,omitempty"`
	Settled  int `json:"settled,omitempty"` // by the peer
}

// peerError is an error that the router sent, or that ended the connection.
type peerError struct {
	Condition   string `json:"condition,omitempty"`
	Description string `json:"description,omitempty"`
}

func (e *peerError) Error() string {
	return fmt.Sprintf("%s: %s", e.Condition, e.Description)
}

// lackError says what a client cannot do. The row is then an empty cell of the
// table, with this reason in it.
type lackError struct{ reason string }

func (e *lackError) Error() string { return "lacks: " + e.reason }

// kind names one of the clients.
type kind string

const (
	goAMQP kind = "go-amqp"
	proton kind = "Qpid Proton"
	rhea   kind = "rhea"
)

// kinds are the columns of the table, in order; each one's receivers meet the
// senders of the one before.
var kinds = []kind{goAMQP, proton, rhea}
