package brokerlink

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/logging"
	"github.com/meshway/meshway/internal/wire"
)

// Attacher keeps links attached on one connection, for as long as that is open.
type Attacher struct {
	// Immutable after NewAttacher.
	sessions sessions
	poke     chan struct{} // room for one: there is something to do
	over     chan struct{} // closed by Stop

	mu         sync.Mutex // guards all below, and the attempts of links
	list       []*Attachment
	unanswered int // links that wait for their answer, and are not late
	stopped    bool
}

// mostUnanswered is how many attaches wait for their answer at a time: a broker that comes
// back is busy enough.
const mostUnanswered = 64

// lookEvery is how often links that stand are looked at.
const lookEvery = 10 * time.Second

// NewAttacher makes an attacher for a connection that is open, to a broker whose manners
// are known from earlier ones.
func NewAttacher(conn *amqp.Conn, m *Manners) *Attacher {
	a := &Attacher{poke: make(chan struct{}, 1), over: make(chan struct{})}
	product, version := says(conn, "product"), says(conn, "version")
	m.meet(product)
	if miscounts(product, version) {
		conn.CreditInRounds()
	}
	a.sessions = sessions{conn: conn, manners: m, changed: a.wake}
	return a
}

// says is a text among the properties of the peer's open; empty if there is none.
func says(conn *amqp.Conn, property string) string {
	v, _ := conn.Peer().Properties.Get(property)
	text, _ := v.(string)
	return text
}

// Spec is a link to be kept attached.
type Spec struct {
	Log  *zap.Logger // with what tells the link from others
	Seen time.Time   // until when the link stood on an earlier connection; zero if it never did

	// Attach attaches the link on a session. Its handler then tells the attachment of the
	// answer and of the end.
	Attach func(b *amqp.Batch, s *amqp.Session, at *Attachment) error
	// Look is called now and then while the link stands.
	Look func(now time.Time)
}

// Attachment is one link of an attacher.
type Attachment struct {
	// Immutable after Add.
	attacher *Attacher
	spec     Spec

	// Guarded by the attacher's mutex:
	attempt attempt
	place   *place   // while it is attaching or active
	link    Detacher // while it is active
	gone    bool     // it is kept no more
	said    logging.Repeat
}

// Add has one more link kept attached.
func (a *Attacher) Add(s Spec) *Attachment {
	at := &Attachment{attacher: a, spec: s}
	at.attempt.status.Since, at.attempt.status.Seen = time.Now(), s.Seen
	a.mu.Lock()
	a.list = append(a.list, at)
	a.mu.Unlock()
	a.wake()
	return at
}

// Detacher is a link as far as its attachment needs it.
type Detacher interface {
	Detach(b *amqp.Batch, e *wire.Error)
}

// Remove detaches the link, and has it kept no more. One that the broker has not answered
// is detached when that does.
func (at *Attachment) Remove(b *amqp.Batch) {
	if l := at.forget(); l != nil {
		l.Detach(b, nil)
	}
}

// forget takes the link out, and returns it if it is to be detached.
func (at *Attachment) forget() Detacher {
	a := at.attacher
	a.mu.Lock()
	defer a.mu.Unlock()
	at.gone = true
	if at.attempt.status.State == Attaching {
		a.answer(at)
		at.attempt.overdue = true
	}
	a.list = slices.DeleteFunc(a.list, func(o *Attachment) bool { return o == at })
	return at.link
}

// Status is how the link stands. It may be called from any goroutine.
func (at *Attachment) Status() AttachStatus {
	at.attacher.mu.Lock()
	defer at.attacher.mu.Unlock()
	return at.attempt.status
}

// Stop ends Run. It is called when the connection is over, or is not to be used any more.
func (a *Attacher) Stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.stopped {
		a.stopped = true
		close(a.over)
	}
}

// Ails notes what is wrong with the link though it stands; empty, that nothing is any more.
// It may be called from any goroutine.
func (at *Attachment) Ails(why string) {
	at.attacher.mu.Lock()
	defer at.attacher.mu.Unlock()
	if at.attempt.status.State == Active {
		at.attempt.status.LastError = why
	}
}

func (a *Attacher) wake() {
	select {
	case a.poke <- struct{}{}:
	default:
	}
}

// Run attaches what is to be attached, until Stop.
func (a *Attacher) Run() {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	next := time.NewTimer(lookEvery)
	defer next.Stop()
	for {
		if due := a.tend(time.Now()); !due.IsZero() {
			next.Reset(time.Until(due))
		}
		select {
		case <-a.over:
			return
		case now := <-look.C:
			a.look(now)
		case <-a.poke:
		case <-next.C:
		}
	}
}

// tend attaches the links whose turn it is, and returns when the next one will be due;
// zero if nothing is to be done until something happens.
func (a *Attacher) tend(now time.Time) (due time.Time) {
	var start, late []*Attachment
	a.mu.Lock()
	for _, at := range a.list {
		if at.attempt.late(now) {
			a.unanswered--
			late = append(late, at)
		}
	}
	for _, at := range a.list {
		if at.attempt.wants(now) && a.unanswered < mostUnanswered {
			a.unanswered++
			at.attempt.attaching(now)
			start = append(start, at)
		}
		if t := at.attempt.wakes(); t.After(now) && (due.IsZero() || t.Before(due)) {
			due = t
		}
	}
	a.mu.Unlock()
	for _, at := range late {
		at.complain(errNoAnswer, now)
	}
	var b amqp.Batch
	for _, at := range start {
		at.start(&b)
	}
	b.Flush()
	return due
}

var errGone = errors.New("the link is not wanted any more")

// start attaches the link.
func (at *Attachment) start(b *amqp.Batch) {
	a := at.attacher
	err := a.sessions.attach(b, func(p *place) error {
		a.mu.Lock()
		at.place = p
		gone := at.gone
		a.mu.Unlock()
		if gone {
			return errGone
		}
		return at.spec.Attach(b, p.session, at)
	})
	if err == nil {
		return
	}
	a.mu.Lock()
	at.place = nil
	a.answer(at)
	if errors.Is(err, errLater) {
		at.attempt.become(Inactive, time.Now()) // it is told when there is a place
	} else {
		at.attempt.ended(time.Now(), err, rand.Int64N)
	}
	a.mu.Unlock()
	if !errors.Is(err, errLater) && !errors.Is(err, errGone) && !a.sessions.conn.Over() {
		at.complain(err, time.Now())
		a.wake()
	}
}

// Answered says that the broker has attached the link l. False means that it is not wanted
// any more: it is being detached, and must not be used.
func (at *Attachment) Answered(b *amqp.Batch, l Detacher) (wanted bool) {
	a := at.attacher
	a.mu.Lock()
	p := at.place
	a.answer(at)
	at.attempt.answered(time.Now())
	at.link = l
	gone := at.gone
	a.mu.Unlock()
	p.answered()
	if gone {
		l.Detach(b, nil)
		return false
	}
	at.spec.Log.Info("attached at the broker")
	a.wake()
	return true
}

// answer counts a link that waits for its answer no more. The caller holds mu.
func (a *Attacher) answer(at *Attachment) {
	if !at.attempt.overdue {
		a.unanswered--
	}
}

// Ended says that the link is over: e is why, nil if nobody said. One that was not Answered
// was refused.
func (at *Attachment) Ended(b *amqp.Batch, e *wire.Error) {
	a := at.attacher
	lost := a.sessions.conn.Over()
	now := time.Now()
	a.mu.Lock()
	pending := at.attempt.status.State == Attaching
	if pending {
		a.answer(at)
	}
	err := reasonOf(e, pending, at.attempt.status.Seen)
	if lost {
		err = errLost
	}
	if at.attempt.ended(now, err, rand.Int64N) {
		at.said = logging.Repeat{} // that it fails is news
	}
	if lost {
		at.attempt.become(Inactive, now)
	}
	p := at.place
	at.place, at.link = nil, nil
	quiet := lost || a.stopped || at.gone
	a.mu.Unlock()
	p.leave(b, pending)
	if quiet {
		return
	}
	at.complain(err, now)
	a.wake()
}

// complain logs why the link is not attached, and what to do, but not every time.
func (at *Attachment) complain(err error, now time.Time) {
	a := at.attacher
	a.mu.Lock()
	left, write := at.said.Write(err.Error(), now, repeatEvery)
	a.mu.Unlock()
	if write {
		at.spec.Log.Warn("not attached at the broker", zap.Error(err), zap.String("do", advice(err)), zap.Int("not logged before", left))
	}
}

// look looks at the links that stand.
func (a *Attacher) look(now time.Time) {
	a.mu.Lock()
	var list []*Attachment
	for _, at := range a.list {
		if at.attempt.status.State == Active {
			list = append(list, at)
		}
	}
	a.mu.Unlock()
	for _, at := range list {
		at.spec.Look(now)
	}
}
