package router

import (
	"container/list"
	"sync"

	"github.com/meshway/meshway/internal/amqp"
)

// attachGate lets so many attaches of routed links wait for a container's answer at a time:
// one that comes back has thousands of clients that want to attach again.
type attachGate struct {
	mu     sync.Mutex // guards all below, and queued and asking of links; it is the innermost
	asking int        // attaches without an answer
	queue  list.List  // of *routedLink
}

// mostAsking is how many attaches wait for one container's answer.
const mostAsking = 256

// pass says whether the link may be attached now, by its end at the container; else it is
// queued.
func (g *attachGate) pass(l *routedLink, e *routedEnd) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.asking >= mostAsking {
		l.queued = g.queue.PushBack(l)
		return false
	}
	g.asking++
	e.asking = true
	return true
}

// leave takes the link out of the queue, if it is there.
func (g *attachGate) leave(l *routedLink) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l.queued != nil {
		g.queue.Remove(l.queued)
		l.queued = nil
	}
}

// answered counts an attach that waits for its answer no more: it has come, or there will be
// none. Whoever calls it holds no lock.
func (g *attachGate) answered(b *amqp.Batch, e *routedEnd) {
	g.vain(e)
	for l := g.next(); l != nil; l = g.next() {
		l.enterNow(b)
	}
}

// vain counts an attach no more that has not gone out.
func (g *attachGate) vain(e *routedEnd) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e.asking {
		e.asking = false
		g.asking--
	}
}

// next is the link whose turn it is, nil if there is none.
func (g *attachGate) next() *routedLink {
	g.mu.Lock()
	defer g.mu.Unlock()
	front := g.queue.Front()
	if front == nil || g.asking >= mostAsking {
		return nil
	}
	l := g.queue.Remove(front).(*routedLink)
	l.queued = nil
	return l
}
