package management

import (
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

const (
	// replyLimit is how many bytes one answer may have.
	replyLimit = 32 << 20
	// linkReplies and linkBytes are how many answers may wait for one client, and allBytes how
	// much for all of them: what is more is dropped.
	linkReplies = 1024
	linkBytes   = replyLimit
	allBytes    = 4 * replyLimit
	// replyLinks is for how many addresses there may be links at a time: the one that has had
	// nothing to do for the longest time makes room.
	replyLinks = 512
	// replyPatience is how long answers may wait without any being taken, and how long a link
	// is kept that has nothing to send.
	replyPatience = 30 * time.Second
)

// replies is the links by which answers go out, by address. Owned by [Endpoint.Run].
type replies struct {
	endpoint *Endpoint
	links    map[string]*replyLink
	bytes    atomic.Int64 // that wait on all links
	made     uint64
	said     time.Time // when it was logged last that answers were dropped
}

// replyLink sends answers to one address.
type replyLink struct {
	// Immutable after it is made.
	replies *replies
	address string
	session *amqp.Session
	link    *amqp.Sender
	gone    atomic.Bool // the router has ended it

	// Owned by Endpoint.Run.
	queue   [][]byte
	bytes   int
	begun   bool      // the first of queue is being sent, and is what is left of it
	moved   time.Time // when something was sent, or there was nothing to send
	stopped bool
}

// send sends an answer, or lets it wait, or drops it.
func (r *replies) send(b *amqp.Batch, now time.Time, to string, payload []byte) {
	l, err := r.link(b, now, to)
	if err != nil {
		r.drop(now, to, err.Error())
		return
	}
	if len(l.queue) >= linkReplies || l.bytes+len(payload) > linkBytes || int(r.bytes.Load())+len(payload) > allBytes {
		r.drop(now, to, "too many answers wait there that nobody takes")
		return
	}
	if len(l.queue) == 0 {
		l.moved = now
	}
	l.queue = append(l.queue, payload)
	l.count(len(payload))
	l.pump(b)
}

// drop logs that an answer was dropped, not more than once a second.
func (r *replies) drop(now time.Time, to, why string) {
	if now.Sub(r.said) >= time.Second {
		r.said = now
		r.endpoint.log.Warn("answers to management requests are dropped", zap.String("reply-to", to), zap.String("because", why))
	}
}

// link finds or makes the link to an address.
func (r *replies) link(b *amqp.Batch, now time.Time, to string) (*replyLink, error) {
	if l := r.links[to]; l != nil {
		if !l.gone.Load() {
			return l, nil
		}
		l.stop(b)
	}
	if len(r.links) >= replyLinks {
		r.makeRoom(b)
	}
	s, err := r.endpoint.conn.Begin(b)
	if err != nil {
		return nil, err
	}
	l := &replyLink{replies: r, address: to, session: s, moved: now}
	r.made++
	_, err = s.AttachSender(b, fmt.Sprintf("reply.%d", r.made), l, &amqp.Answer{
		Source: &wire.Source{}, Target: &wire.Target{Address: wire.Some(to)},
		SndSettleMode: wire.SndSettled, RcvSettleMode: wire.RcvFirst,
	})
	if err != nil {
		s.End(b, nil)
		return nil, err
	}
	if r.links == nil {
		r.links = make(map[string]*replyLink)
	}
	r.links[to] = l
	return l, nil
}

// makeRoom ends the link on which nothing has moved for the longest time.
func (r *replies) makeRoom(b *amqp.Batch) {
	var oldest *replyLink
	for _, l := range r.links {
		if oldest == nil || l.moved.Before(oldest.moved) {
			oldest = l
		}
	}
	oldest.stop(b)
}

// tend ends links on which nothing has moved for a while.
func (r *replies) tend(b *amqp.Batch, now time.Time) {
	for _, l := range r.links {
		if now.Sub(l.moved) < replyPatience {
			continue
		}
		if len(l.queue) > 0 {
			r.drop(now, l.address, "nobody took them in time")
		}
		l.stop(b)
	}
}

// count counts bytes that wait.
func (l *replyLink) count(n int) {
	l.bytes += n
	l.replies.bytes.Add(int64(n))
}

// stop ends the link, and drops what waits.
func (l *replyLink) stop(b *amqp.Batch) {
	if l.stopped {
		return
	}
	l.stopped = true
	l.queue = nil
	l.count(-l.bytes)
	if l.begun {
		l.link.Abort(b)
	}
	delete(l.replies.links, l.address)
	l.session.End(b, nil)
}

// Attaching gets the link before anything happens on it.
func (l *replyLink) Attaching(s *amqp.Sender) { l.link = s }

// OnSendable has the link looked at.
func (l *replyLink) OnSendable(*amqp.Batch, *amqp.Sender) { l.replies.endpoint.wakeFor(l) }

// OnDetach has the link looked at: it is gone.
func (l *replyLink) OnDetach(*amqp.Batch, *wire.Error) {
	l.gone.Store(true)
	l.replies.endpoint.wakeFor(l)
}

// pump sends what waits, as far as it goes.
func (l *replyLink) pump(b *amqp.Batch) {
	now := l.replies.endpoint.agent.node.Now()
	for len(l.queue) > 0 && !l.stopped {
		n, res := l.some(b)
		if n > 0 {
			l.moved = now
			l.count(-n)
			if l.queue[0] = l.queue[0][n:]; len(l.queue[0]) == 0 {
				l.queue, l.begun = l.queue[1:], false
			}
		}
		switch res {
		case amqp.Sent:
		case amqp.Gone:
			l.gone.Store(true)
			l.replies.drop(now, l.address, "there is no such address, or it is gone")
			l.stop(b)
		default:
			return // OnSendable follows
		}
	}
	if l.gone.Load() {
		l.stop(b)
	}
}

// some sends the first answer, or as much of it as can go now.
func (l *replyLink) some(b *amqp.Batch) (n int, res amqp.Result) {
	payload := l.queue[0]
	if l.begun {
		return l.link.Continue(b, payload, nil, true)
	}
	out := amqp.Outgoing{Payload: payload} // settled, as all is on this link
	if l.link.Fits(len(payload)) {
		if _, _, res = l.link.Send(b, &out, nil, 0); res == amqp.Sent {
			n = len(payload)
		}
		return n, res
	}
	if _, _, res = l.link.Start(b, &out, nil, 0); res == amqp.Sent {
		l.begun, n = true, len(payload)-len(out.Payload)
	}
	return n, res
}

// Waiting is how many bytes of answers wait for clients.
func (e *Endpoint) Waiting() int { return int(e.replies.bytes.Load()) }
