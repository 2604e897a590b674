package router

import (
	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/frametrace"
)

// TraceTo has frames logged there, instead of in the router's log. It must come before they are.
func (r *Router) TraceTo(log *zap.Logger) { r.frames.tracer = frametrace.New(log) }

// TracePeer has the frames of a container's connection logged.
func (r *Router) TracePeer(container string) {
	for _, p := range r.eachPeer() {
		if o := p.conn.Peer(); o != nil && o.ContainerID == container {
			p.traceFrames(0)
		}
	}
}
