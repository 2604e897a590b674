package router

import (
	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/frametrace"
)

// TraceTo has frames of connections whose trace begins later logged there, instead of in the
// router's log.
func (r *Router) TraceTo(log *zap.Logger) {
	r.frames.mu.Lock()
	defer r.frames.mu.Unlock()
	r.frames.tracer = frametrace.New(log)
}

// TracePeer has the frames of a container's connection logged.
func (r *Router) TracePeer(container string) {
	for _, p := range r.eachPeer() {
		if o := p.conn.Peer(); o != nil && o.ContainerID == container {
			p.traceFrames(0)
		}
	}
}
