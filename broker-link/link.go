package brokerlink

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/backoff"
	"github.com/meshway/meshway/internal/logging"
)

// Config is what a link to a broker is made of. All of it must be set.
type Config struct {
	Name  string   // of the connector, for the log
	Hosts []string // host:port, tried in this order; at least one

	// Dial connects a socket.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Serve makes an AMQP connection of a socket to a host and runs it: from then on the
	// socket is its own. It tells the try when the peer has opened the connection, and
	// when that is over, which must happen within bounded time if open does not come. An
	// error says that nothing was begun.
	Serve func(nc net.Conn, host string, t *Try) error

	Retries     backoff.Policy // of rounds of all hosts
	DialTimeout time.Duration
	Log         *zap.Logger
}

// Link is the connection to one broker, kept up.
type Link struct {
	// Immutable after New.
	cfg Config

	// Owned by Run.
	hosts  Hosts
	wait   backoff.Backoff
	try    *Try
	opened time.Time                  // when the connection of try was opened
	said   map[string]*logging.Repeat // by host

	mu     sync.Mutex // guards status
	status Status
}

// State is what a link to a broker is doing.
type State uint8

// The states of a link. See the diagram in the package's documentation.
const (
	Waiting  State = iota // until the next try
	Dialling              // connecting a socket
	Opening               // logging in, until the broker has opened the connection
	Up                    // the connection is open
	Stopped               // for good
)

func (s State) String() string {
	switch s {
	case Waiting:
		return "waiting"
	case Dialling:
		return "dialling"
	case Opening:
		return "opening"
	case Up:
		return "up"
	case Stopped:
		return "stopped"
	}
	return "unknown"
}

// Status is how a link stands.
type Status struct {
	State     State
	Since     time.Time // of the state
	Host      string    // that is dialled, or connected to; the last one while waiting
	Container string    // container-id of the peer that opened the last connection; empty before
	LastError string    // why the last try, or connection, came to nothing; empty once it is up
	Failover  []string  // other places that the peer has named
}

// New makes a link, which does nothing until [Link.Run].
func New(cfg Config) *Link {
	l := &Link{cfg: cfg, hosts: NewHosts(cfg.Hosts), said: make(map[string]*logging.Repeat)}
	l.status = Status{Since: time.Now()}
	return l
}

// Status is how the link stands now. It may be called from any goroutine.
func (l *Link) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}

// Places are where the broker may be, in the order in which they will be tried, beginning with
// where it is. It may be called from any goroutine.
func (l *Link) Places() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := slices.Concat(l.cfg.Hosts, l.status.Failover)
	i := max(slices.Index(all, l.status.Host), 0)
	return slices.Concat(all[i:], all[:i])
}

// Try is one connection of a link: who runs the connection tells it how that goes. Both
// methods may be called from any goroutine, each once, and do not wait.
type Try struct {
	opened chan *amqp.Peer
	ended  chan error
}

// Opened says that the peer has opened the connection.
func (t *Try) Opened(p *amqp.Peer) { t.opened <- p }

// Ended says that the connection is over, with what [amqp.Conn.Run] has returned.
func (t *Try) Ended(err error) { t.ended <- err }

// state is a method that does what is to be done in a state, and returns the next; nil
// ends the link.
type state func(context.Context) state

// Run keeps the connection up until ctx is done. A connection that stands then is left to
// who runs it; Run returns when it has ended.
func (l *Link) Run(ctx context.Context) {
	for s := state(l.dialling); s != nil; {
		s = s(ctx)
	}
	l.become(Stopped)
}

// become notes the state.
func (l *Link) become(s State) {
	l.change(func(st *Status) { st.State, st.Since = s, time.Now() })
}

func (l *Link) change(f func(*Status)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.status)
}

// dialling connects a socket to the host that is next.
func (l *Link) dialling(ctx context.Context) state {
	host := l.hosts.Current()
	l.become(Dialling)
	l.change(func(st *Status) { st.Host = host })
	dial, cancel := context.WithTimeout(ctx, l.cfg.DialTimeout)
	nc, err := l.cfg.Dial(dial, "tcp", host)
	cancel()
	if err != nil {
		return l.failed(ctx, host, 0, err)
	}
	l.try = &Try{opened: make(chan *amqp.Peer, 1), ended: make(chan error, 1)}
	if err := l.cfg.Serve(nc, host, l.try); err != nil {
		_ = nc.Close()
		return l.failed(ctx, host, 0, err)
	}
	return l.opening
}

// opening waits for the broker to open the connection. Whoever runs that gives up in time.
func (l *Link) opening(ctx context.Context) state {
	l.become(Opening)
	select {
	case p := <-l.try.opened:
		l.onOpen(p)
		return l.up
	case err := <-l.try.ended:
		select {
		case p := <-l.try.opened: // both at once
			l.onOpen(p)
			l.try.ended <- err
			return l.up
		default:
		}
		return l.failed(ctx, l.hosts.Current(), 0, err)
	}
}

// onOpen takes over what the broker says of itself.
func (l *Link) onOpen(p *amqp.Peer) {
	l.opened = time.Now()
	host := l.hosts.Current()
	before := l.Status().Container
	if before != "" && before != p.ContainerID {
		l.cfg.Log.Warn("another container answers for the broker than before", zap.String("connector", l.cfg.Name),
			zap.String("host", host), zap.String("container", p.ContainerID), zap.String("before", before))
	}
	l.hosts.Learn(Failover(p.Properties))
	learned := l.hosts.learned
	l.change(func(st *Status) {
		st.Container, st.LastError, st.Failover = p.ContainerID, "", learned
	})
}

// up waits for the end of the connection.
func (l *Link) up(ctx context.Context) state {
	host := l.Status().Host
	l.become(Up)
	err := <-l.try.ended
	if err == nil {
		err = errClosed
	}
	return l.failed(ctx, host, time.Since(l.opened), err)
}

var errClosed = errors.New("the broker closed the connection, and gave no reason")

// failed chooses what follows a try that came to nothing, or a connection that held for so
// long: the next host, if the one before did not hold, else a pause.
func (l *Link) failed(ctx context.Context, host string, held time.Duration, err error) state {
	if ctx.Err() != nil {
		return nil
	}
	l.change(func(st *Status) { st.LastError = err.Error() })
	if held >= l.cfg.Retries.Stable {
		l.hosts.Rewind()
	} else if l.hosts.Advance() {
		l.log(host, held, err, 0)
		return l.dialling
	}
	pause := l.wait.Next(l.cfg.Retries, held, rand.Int64N)
	l.log(host, held, err, pause)
	return l.waiting(pause)
}

// waiting lets the pause pass.
func (l *Link) waiting(pause time.Duration) state {
	return func(ctx context.Context) state {
		l.become(Waiting)
		t := time.NewTimer(pause)
		defer t.Stop()
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			return l.dialling
		}
	}
}

// repeatEvery is how often the log says that the same is still wrong.
const repeatEvery = 5 * time.Minute

// log says what went wrong, and what to do, but not every time.
func (l *Link) log(host string, held time.Duration, err error, pause time.Duration) {
	said := l.said[host]
	if said == nil {
		if len(l.said) > len(l.cfg.Hosts)+mostLearned {
			clear(l.said) // of hosts that other peers have named
		}
		said = new(logging.Repeat)
		l.said[host] = said
	}
	left, write := said.Write(err.Error(), time.Now(), repeatEvery)
	if !write {
		return
	}
	what := "the broker was not reached"
	if held > 0 {
		what = "the connection to the broker is lost"
	}
	l.cfg.Log.Warn(what, zap.String("connector", l.cfg.Name), zap.String("host", host), zap.Error(err), zap.String("do", advice(err)),
		zap.Duration("next try in", pause.Round(time.Millisecond)), zap.Int("not logged before", left))
}
