package router

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/frametrace"
	"github.com/meshway/meshway/internal/logging"
	"github.com/meshway/meshway/internal/management"
	"github.com/meshway/meshway/internal/wire"
)

// frameTracing is the connections whose frames are logged.
type frameTracing struct {
	tracer *frametrace.Tracer // immutable

	mu sync.Mutex // guards the traces of all peers
}

func newFrameTracing(log *zap.Logger) frameTracing {
	return frameTracing{tracer: frametrace.New(logging.Always(log.Named("protocol")))}
}

// frameTrace is the trace of a connection while there is one. Immutable after it is made.
type frameTrace struct {
	ends  time.Time   // zero: when somebody ends it
	timer *time.Timer // fires then; nil without
}

// traceFrames has each frame of the connection logged from now on; for so long, or without end if
// that is 0. What was said of that before does not count any more.
func (p *peer) traceFrames(d time.Duration) {
	t := new(frameTrace)
	if d > 0 {
		t.ends = time.Now().Add(d)
		t.timer = time.AfterFunc(d, func() { p.endTrace(t) })
	}
	if old := p.swapTrace(t, nil); old != nil {
		old.stop()
	} else {
		p.log(zap.InfoLevel, "frames are logged")
	}
}

// endTrace ends the trace of the connection if it is t, or whichever there is if t is nil.
func (p *peer) endTrace(t *frameTrace) {
	if p.trace.Load() == nil {
		return
	}
	if old := p.swapTrace(nil, t); old != nil {
		old.stop()
		p.log(zap.InfoLevel, "frames are not logged any more")
	}
}

// swapTrace puts a trace in the place of the one that there is, which it returns, if that is the
// one that is wanted or none in particular is. The connection is tapped while there is a trace.
func (p *peer) swapTrace(now, wanted *frameTrace) *frameTrace {
	f := &p.router.frames
	f.mu.Lock()
	defer f.mu.Unlock()
	old := p.trace.Load()
	switch {
	case wanted != nil && old != wanted:
		return nil
	case now == nil:
		p.conn.SetTap(nil)
	case old == nil:
		container := ""
		if o := p.conn.Peer(); o != nil {
			container = o.ContainerID
		}
		p.conn.SetTap(f.tracer.Trace(p.id, container))
	}
	p.trace.Store(now)
	return old
}

// traceFromStart has each frame of a new connection logged if its listener or connector says so.
func (p *peer) traceFromStart(configured bool) {
	if configured {
		p.traceFrames(0)
	}
}

func (t *frameTrace) stop() {
	if t.timer != nil {
		t.timer.Stop()
	}
}

// mostTraceSeconds is the longest trace that ends by itself: a day.
const mostTraceSeconds = 24 * 60 * 60

// updateTrace begins and ends the trace as management wants it.
func (p *peer) updateTrace(values wire.Map) error {
	enable, _ := values.Get("enableProtocolTrace")
	seconds, _ := values.Get("protocolTraceSeconds")
	n, timed := seconds.(int64)
	switch {
	case timed && (n < 1 || n > mostTraceSeconds):
		return management.BadRequest("protocolTraceSeconds is %d; it must be from 1 to %d", n, mostTraceSeconds)
	case enable == false:
		p.endTrace(nil)
	case enable == true || timed:
		p.traceFrames(time.Duration(n) * time.Second)
	}
	return nil
}

// traceColumns show the trace of a connection.
var traceColumns = []management.Column[*peer]{
	updatable(truth("enableProtocolTrace", "each of its frames is logged, by the module protocol whatever its level; true begins that, false ends it", func(p *peer) bool { return p.trace.Load() != nil })),
	updatable(column(typeNumber, "protocolTraceSeconds", "for how long they are still logged, none if not, or without end; a number of seconds has them logged for so long", func(p *peer) any {
		if t := p.trace.Load(); t != nil && t.timer != nil {
			return uint32(max(time.Until(t.ends)+time.Second-1, 0) / time.Second)
		}
		return nil
	})),
}

// updatable is a column whose value UPDATE may set.
func updatable[E any](c management.Column[E]) management.Column[E] {
	c.Update = true
	return c
}
