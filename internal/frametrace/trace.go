package frametrace

import (
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/wire"
)

// Trace writes about the frames of one connection.
type Trace struct {
	tracer     *Tracer
	connection uint64

	mu        sync.Mutex // guards all below
	container string     // the other end's container-id; empty as long as it is not known
	left      int        // frames without a line since that was said last
	links     map[linkEnd]begun
}

// linkEnd is one direction of a link, by the handle that frames have there.
type linkEnd struct {
	out     bool
	channel uint16
	handle  uint32
}

// begun says whether the next transfer of a link begins a message.
type begun uint8

const (
	unknown begun = iota // the link was there before the trace
	between              // it does
	within               // it goes on with one
)

// mostLinks is how many links are kept account of; beyond, all are forgotten.
const mostLinks = 10_000

// Trace begins to trace a connection. container is the container-id of its other end; if it is
// empty it is taken from the other end's open.
func (t *Tracer) Trace(connection uint64, container string) *Trace {
	return &Trace{tracer: t, connection: connection, container: clip(container), links: make(map[linkEnd]begun)}
}

func (t *Trace) fields() []zap.Field {
	t.mu.Lock()
	defer t.mu.Unlock()
	return []zap.Field{zap.Uint64("connection", t.connection), zap.String("container", t.container)}
}

// mostContainer is how much is shown of a container-id, in bytes.
const mostContainer = 200

func clip(container string) string {
	n := min(len(container), mostContainer)
	for n < len(container) && n > 0 && !utf8.RuneStart(container[n]) {
		n--
	}
	return container[:n]
}

// OnFrame writes a line about a frame, or counts it among those left out. It waits for nobody.
func (t *Trace) OnFrame(out bool, frame, rest []byte) {
	now := time.Now()
	f := parse(frame, rest)
	t.mu.Lock()
	show := t.follow(out, &f)
	t.mu.Unlock()
	if !t.tracer.admit(now) || !t.tracer.put(line{now, f.text(out, show), t}) {
		t.leaveOut(1)
	}
}

// leaveOut counts frames without a line; how many there were is said within a second or so.
func (t *Trace) leaveOut(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.left == 0 {
		time.AfterFunc(time.Second, t.sayLeft)
	}
	t.left += n
}

// sayLeft says how many frames were left out.
func (t *Trace) sayLeft() {
	t.mu.Lock()
	n := t.left
	t.left = 0
	t.mu.Unlock()
	text := fmt.Sprintf("%d frames are not shown: there were more than %d lines a second, or the log is slow", n, perSecond)
	if !t.tracer.put(line{time.Now(), text, t}) {
		t.leaveOut(n)
	}
}

// follow takes note of what a frame says of the connection, and says whether its payload may be
// shown: it begins a message. The caller holds mu.
func (t *Trace) follow(out bool, f *frame) (show bool) {
	switch f.code {
	case wire.CodeOpen:
		var o wire.Open
		if !out && o.Decode(f.fields) == nil {
			t.container = clip(o.ContainerID)
		}
	case wire.CodeAttach:
		var a wire.Attach
		if a.Decode(f.fields) == nil {
			t.note(linkEnd{out, f.Channel, a.Handle}, between)
		}
	case wire.CodeTransfer:
		var tr wire.Transfer
		if tr.Decode(f.fields) != nil {
			return false
		}
		l := linkEnd{out, f.Channel, tr.Handle}
		was := t.links[l]
		if tr.More && !tr.Aborted {
			t.note(l, within)
		} else {
			t.note(l, between)
		}
		return was == between || was == unknown && tr.DeliveryID.OK && startsSection(f.payload)
	}
	return false
}

func (t *Trace) note(l linkEnd, b begun) {
	if len(t.links) >= mostLinks {
		clear(t.links)
	}
	t.links[l] = b
}
