package router

import (
	"encoding/binary"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// Control messages go over a link of their own, presettled, one frame each. The first
// byte says what they are about; kinds that a router does not know are passed over.
type controlKind = byte

const (
	controlHeartbeat controlKind = iota + 1
	controlLinkState             // between the speakers
	controlGossip                // a packet of the membership
	controlTables                // address tables
	controlRouted                // to a router further away
)

const (
	// controlFormat is the message-format of what is no AMQP message. [2.8.11]
	controlFormat = 0x4d570000
	controlCredit = 4096
	// controlRoom bounds one control message, kind included.
	controlRoom = 48 << 10
)

// control is our end of the control link.
type control struct {
	adj  *adjacency
	link *amqp.Sender
}

// Attaching gets the link.
func (c *control) Attaching(l *amqp.Sender) { c.link = l }

// OnSendable is called when the neighbour has granted credit.
func (c *control) OnSendable(b *amqp.Batch, _ *amqp.Sender) {
	if c.adj.isReady() {
		c.adj.beat(b, time.Now()) // the neighbour announces the adjacency once it has heard us
	}
	if c.adj.joined.Load() {
		c.adj.mesh.pump.wake()
	}
}

// OnDetach ends the adjacency: without control there is none.
func (c *control) OnDetach(*amqp.Batch, *wire.Error) {
	c.adj.down.Store(true)
	c.adj.peer.conn.Abort(errLinkLost)
}

// send sends a control message. Urgent ones go in front of deliveries that wait. False
// means that there is no room, and nothing was sent.
func (j *adjacency) send(b *amqp.Batch, kind controlKind, urgent bool, msg []byte) bool {
	if !j.ready.Load() || j.down.Load() || 1+len(msg) > controlRoom {
		return false
	}
	head := [1]byte{kind}
	_, _, res := j.control.link.Send(b, &amqp.Outgoing{
		Format: controlFormat, Settled: true, Urgent: urgent, Head: head[:], Payload: msg,
	}, nil, 0)
	if res == amqp.Sent {
		j.mesh.counts.sent[kind].add(len(msg))
	}
	return res == amqp.Sent
}

// sendNow is send, and writes it.
func (j *adjacency) sendNow(kind controlKind, urgent bool, msg []byte) bool {
	var b amqp.Batch
	ok := j.send(&b, kind, urgent, msg)
	b.Flush()
	return ok
}

// controlReceiver is our end of the neighbour's control link.
type controlReceiver struct {
	adj  *adjacency
	held []byte // of a message of several frames
}

// OnTransfer takes a control message.
func (c *controlReceiver) OnTransfer(b *amqp.Batch, d *amqp.Delivery) {
	if d.Aborted {
		c.held = nil
		return
	}
	if d.More || len(c.held) > 0 {
		if c.held = append(c.held, d.Payload...); len(c.held) > controlRoom {
			c.adj.peer.conn.Abort(errLongControl)
			return
		}
		if d.More {
			return
		}
	}
	msg := d.Payload
	if len(c.held) > 0 {
		msg, c.held = c.held, nil
	}
	if len(msg) > 0 && c.adj.joined.Load() {
		c.adj.mesh.onControl(b, c.adj, msg[0], msg[1:])
	}
	if d.Settled {
		d.Link.Finish(b, 0)
	} else {
		d.Link.Update(b, []uint32{d.ID}, true, wire.DeliveryState{Kind: wire.StateAccepted})
	}
}

var errLongControl = refusal(wire.CondResourceLimitExceeded, "a control message of more than %d bytes", controlRoom)

// OnSenderState has nothing to do: control messages are presettled.
func (c *controlReceiver) OnSenderState(*amqp.Batch, amqp.InDelivery, bool, wire.DeliveryState) {}

// OnDetach ends the adjacency.
func (c *controlReceiver) OnDetach(*amqp.Batch, []amqp.InDelivery, *wire.Error) {
	c.adj.down.Store(true)
	c.adj.peer.conn.Abort(errLinkLost)
}

// onControl handles a control message from a neighbour. It runs on its reader.
func (x *mesh) onControl(b *amqp.Batch, j *adjacency, kind controlKind, msg []byte) {
	id := j.neighbour.ID
	if int(kind) < len(x.counts.got) {
		x.counts.got[kind].add(len(msg))
	}
	switch kind {
	case controlHeartbeat:
		x.onHeartbeat(j, msg)
	case controlLinkState:
		x.speaker.Receive(id, msg)
	case controlGossip:
		x.gossip.Receive(id, msg)
	case controlTables:
		result, err := x.tables.Receive(id, msg, time.Now())
		if err != nil {
			j.peer.log(zap.WarnLevel, "address tables: bad message", zap.Error(err))
		}
		for _, c := range result.Contested {
			x.own.Reincarnate(c.Incarnation + 1)
		}
	case controlRouted:
		x.onRouted(b, j, msg)
	}
}

// A heartbeat carries the sender's clock, the clock of the last heartbeat that it got,
// for how long it has had that, and the hash of its link-state database.
const heartbeatSize = 32

// beat sends a heartbeat.
func (j *adjacency) beat(b *amqp.Batch, now time.Time) {
	var msg [heartbeatSize]byte
	j.mu.Lock()
	binary.BigEndian.PutUint64(msg[0:], uint64(now.Sub(j.mesh.started)))
	if !j.echoAt.IsZero() {
		binary.BigEndian.PutUint64(msg[8:], j.echo)
		binary.BigEndian.PutUint64(msg[16:], uint64(now.Sub(j.echoAt))+1)
	}
	j.mu.Unlock()
	binary.BigEndian.PutUint64(msg[24:], j.mesh.speaker.Hash())
	j.send(b, controlHeartbeat, true, msg[:])
}

func (x *mesh) onHeartbeat(j *adjacency, msg []byte) {
	if len(msg) < heartbeatSize {
		return
	}
	now := time.Now()
	j.mu.Lock()
	j.echo, j.echoAt = binary.BigEndian.Uint64(msg[0:]), now
	if held := binary.BigEndian.Uint64(msg[16:]); held > 0 {
		at := time.Duration(binary.BigEndian.Uint64(msg[8:]))
		j.answered.Store(int64(at))
		sent := x.started.Add(at)
		if took := now.Sub(sent) - time.Duration(held-1); took >= 0 && took < time.Minute {
			j.rtt.add(took)
			j.detector.SetRTO(j.rtt.rto())
		}
	}
	j.mu.Unlock()
	if x.carries(j) {
		x.speaker.Heartbeat(j.neighbour.ID, binary.BigEndian.Uint64(msg[24:]))
	}
}
