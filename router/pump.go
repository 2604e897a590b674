package router

import (
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/amqp"
)

// pump sends address tables to the neighbours, as they have room and it is time.
type pump struct {
	mesh *mesh
	kick chan struct{}
}

const (
	tableMessage = 32 << 10
	// pumpAgain is when a neighbour without room is tried again, if nothing comes before.
	pumpAgain = 50 * time.Millisecond
)

func newPump(x *mesh) *pump { return &pump{mesh: x, kick: make(chan struct{}, 1)} }

// wake says that there may be something to send, or room for it.
func (p *pump) wake() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// run sends until the mesh is closed.
func (p *pump) run() {
	defer p.mesh.router.tasks.Done()
	t := time.NewTimer(time.Hour)
	defer t.Stop()
	for {
		select {
		case <-p.mesh.ctx.Done():
			return
		case <-p.kick:
		case <-t.C:
		}
		next := time.Hour
		for id, j := range p.mesh.carriers() {
			if wait, due := p.serve(id, j); due {
				next = min(next, wait)
			}
		}
		t.Reset(next)
	}
}

// serve sends a neighbour what is due, and says when more is.
func (p *pump) serve(id string, j *adjacency) (wait time.Duration, due bool) {
	var b amqp.Batch
	defer b.Flush()
	for {
		now := time.Now()
		wait, due = p.mesh.tables.Due(id, now)
		if !due || wait > 0 {
			return wait, due
		}
		if !j.hasRoom() {
			return pumpAgain, true
		}
		msg := p.mesh.tables.Next(id, now, tableMessage)
		if msg == nil {
			continue
		}
		if !j.send(&b, controlTables, true, msg) {
			// What was made counts as sent: the exchange begins anew.
			j.peer.log(zap.WarnLevel, "no room for address tables: they are compared again")
			p.mesh.tables.AdjacencyUp(id)
			return pumpAgain, true
		}
		b.Flush()
	}
}

// hasRoom says whether bulk control messages should be sent now.
func (j *adjacency) hasRoom() bool {
	if !j.ready.Load() || j.down.Load() {
		return false
	}
	_, credit := j.control.link.Load()
	return credit > controlCredit/4 && j.peer.conn.Backlog() < bulkMark
}

// bulkMark is how many bytes may wait in front of a bulk control message.
const bulkMark = 64 << 10
