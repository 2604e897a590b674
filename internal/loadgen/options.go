package loadgen

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/meshway/meshway/internal/sasl"
)

// Options says what load to make. The zero value of a field is its default.
type Options struct {
	Target string               // host:port to dial
	Login  sasl.ClientMechanism // nil is ANONYMOUS

	ReceiveTarget string               // host:port that receivers dial; empty is Target
	ReceiveLogin  sasl.ClientMechanism // there; nil is ANONYMOUS. It goes with ReceiveTarget

	Address string // node to send to and receive from; with several groups "/0", "/1" ... is added

	Groups    int // independent sets of senders and receivers, each on an address of its own; 1
	Senders   int // per group, each on a connection of its own
	Receivers int // per group, each on a connection of its own

	Size       int    // bytes of body
	Credit     uint32 // unsettled messages that each receiver takes; 1000
	Presettled bool

	Rate   float64 // messages a second for each sender; 0 is as many as go
	Window int     // most unsettled messages of each sender; 0 is as many as it has credit for

	Warmup   time.Duration // before anything is counted
	Duration time.Duration // how long to count; 0 is until Count, or for ever
	Count    uint64        // messages of each sender that are counted; 0 is until Duration

	SampleEvery int  // time-stamp each n-th message; 0 is chosen by load, -1 is none
	CheckOrder  bool // look at every sequence number
	Ledger      bool // keep account of every message; see Ledger

	Stream   uint64  // bytes of one message sent piece by piece, instead of Size
	ReadRate float64 // bytes a second that each receiver takes; 0 is no limit

	Idle        int           // this many connections that do nothing, instead of messages
	OneAddress  bool          // of the idle ones: all on the same address
	Concurrency int           // connections being opened at a time; 16
	Hold        time.Duration // how long the idle ones are held, or until memory has settled
	Settle      time.Duration // after they were closed, most time to watch memory come back

	Watch []int // processes whose CPU and memory are measured along

	MaxFrame uint32        // largest frame taken, in bytes; 65536
	Patience time.Duration // how long what is in flight may take at the end; 10 s
	Quiet    time.Duration // how long nothing must arrive until what is missing counts as lost; 2 s

	Progress func(Progress) // called about once a second; may be nil
}

// Progress is where a run stands.
type Progress struct {
	Phase    string
	Elapsed  time.Duration
	Sent     uint64
	Received uint64
	Bytes    uint64  // of messages received, or sent where nobody of ours receives
	Rate     float64 // received a second, since the last report
	Open     int     // connections
}

const (
	defaultCredit      = 1000
	defaultConcurrency = 16
	defaultMaxFrame    = 64 << 10
	defaultPatience    = 10 * time.Second
	defaultQuiet       = 2 * time.Second
	// sampleAlways is the load, in messages a second, up to which every message
	// carries a time: reading the clock twice must not be what is measured.
	sampleAlways = 20_000
	sampleSparse = 32
	// lowWindow is the number in flight up to which a sender waits more than it
	// sends.
	lowWindow = 8
)

// withDefaults returns the options with every default filled in.
func (o Options) withDefaults() Options {
	o.Groups = max(o.Groups, 1)
	if o.Senders == 0 && o.Receivers == 0 {
		o.Senders, o.Receivers = 1, 1
	}
	setDefault(&o.Credit, defaultCredit)
	setDefault(&o.Concurrency, defaultConcurrency)
	setDefault(&o.MaxFrame, defaultMaxFrame)
	setDefault(&o.Patience, defaultPatience)
	setDefault(&o.Quiet, defaultQuiet)
	if o.ReceiveTarget == "" {
		o.ReceiveTarget, o.ReceiveLogin = o.Target, o.Login
	}
	if o.Stream > 0 && o.Count == 0 && o.Duration == 0 {
		o.Count = 1
	}
	if o.SampleEvery == 0 {
		o.SampleEvery = sampleSparse
		total := o.Rate * float64(o.Groups*o.Senders)
		if o.Rate > 0 && total <= sampleAlways || o.Window > 0 && o.Window <= lowWindow {
			o.SampleEvery = 1
		}
	}
	return o
}

func setDefault[T int | uint32 | time.Duration](v *T, to T) {
	if *v == 0 {
		*v = to
	}
}

// Check says what of the options cannot be done.
func (o Options) Check() error {
	o = o.withDefaults()
	return o.check()
}

// check is Check for options that have their defaults.
func (o *Options) check() error {
	switch {
	case o.Target == "":
		return errors.New("no target to connect to")
	case o.Address == "":
		return errors.New("no address to send to")
	case o.Groups < 0 || o.Senders < 0 || o.Receivers < 0 || o.Idle < 0 || o.Concurrency < 0:
		return errors.New("numbers of pairs, senders, receivers and connections cannot be negative")
	case o.Idle > maxConnections || o.tooMany():
		return fmt.Errorf("more than %d connections: a machine has no more ports for them", maxConnections)
	case o.Credit > MaxCredit:
		return fmt.Errorf("a credit of %d: at most %d", o.Credit, MaxCredit)
	case o.Size < 0 || o.Size > math.MaxInt32:
		return fmt.Errorf("a body of %d bytes: at most %d, larger ones are streamed", o.Size, math.MaxInt32)
	case o.Rate < 0 || o.ReadRate < 0 || math.IsNaN(o.Rate) || math.IsInf(o.Rate, 0):
		return errors.New("a rate must be a positive number")
	case o.Window < 0 || o.Warmup < 0 || o.Duration < 0 || o.Hold < 0 || o.Settle < 0:
		return errors.New("windows and times cannot be negative")
	case o.Idle > 0 && o.Stream > 0:
		return errors.New("idle connections send no stream")
	case o.Idle > 0 && o.ReceiveTarget != o.Target:
		return errors.New("idle connections have a sender and a receiver each: they cannot receive elsewhere")
	case (o.CheckOrder || o.Ledger) && o.Size < headSize && o.Stream == 0:
		return fmt.Errorf("checking the order and keeping a ledger need bodies of at least %d bytes, for a sequence number", headSize)
	case o.Ledger && (o.Senders == 0 || o.Receivers == 0 || o.Stream > 0 || o.Idle > 0):
		return errors.New("a ledger needs senders and receivers of whole messages")
	}
	return nil
}

const (
	// maxConnections is as many as there are ports to connect from.
	maxConnections = 65536
	// MaxCredit is the most that a receiver may give, here and in `meshway receive`. Serial numbers cannot tell
	// credit of 2^31 and more from none. [2.8.10]
	MaxCredit = 1 << 20
)

// tooMany says whether the groups need more connections than there can be.
func (o *Options) tooMany() bool {
	return max(o.Groups, o.Senders, o.Receivers) > maxConnections || o.Groups*(o.Senders+o.Receivers) > maxConnections
}

// addressOf returns the address of a group.
func (o *Options) addressOf(group, groups int) string {
	if groups == 1 {
		return o.Address
	}
	return fmt.Sprintf("%s/%d", o.Address, group)
}
