package gossip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// A frame of a stream is
//
//	type and whose number it is, number of the stream, offset of the data, data
//
// The first data of a stream's opener is what opens it at the other end. The
// control link of an adjacency keeps order and loses nothing, so an offset that
// does not follow means that one of the ends began anew.
const (
	frameData  byte = 1
	frameClose byte = 2 // nothing more will be read or written by that end
	frameReset byte = 3 // the stream is not known, or broken

	frameByOpener byte = 0x80 // the number was given by the sender of this frame

	frameHead = 9
	// frameSize is how much data goes into a frame.
	frameSize = 8 << 10

	// maxStream bounds what either end may say in a stream, in bytes.
	maxStream = 4 << 20
	// maxAccepted bounds the streams that neighbours opened here, all of them and one.
	maxAccepted     = 32
	maxAcceptedEach = 2
)

var (
	errReset    = errors.New("the neighbour ended the stream")
	errTooLong  = fmt.Errorf("the stream is longer than %d bytes", maxStream)
	errSequence = errors.New("data of the stream is missing")
)

type streamKey struct {
	peer   string
	number uint32
	ours   bool // we opened it
}

// streams are the open streams of a transport.
type streams struct {
	transport *transport
	accepted  chan net.Conn // opened by neighbours, not yet taken by memberlist

	mu   sync.Mutex
	last uint32                // guarded by mu: the last number given
	open map[streamKey]*stream // guarded by mu
}

func newStreams(t *transport) *streams {
	return &streams{transport: t, accepted: make(chan net.Conn, acceptDepth), open: make(map[streamKey]*stream)}
}

// dial makes a stream to a neighbour; what the opener says first is what opens it
// there.
func (s *streams) dial(peer string, deadline time.Time) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch { // asked under mu, so that fail misses no stream
	case s.transport.closed.Load():
		return nil, errClosed
	case !s.transport.adjacent(peer):
		return nil, fmt.Errorf("stream to %q: %w", peer, errNotAdjacent)
	}
	s.last++
	return s.begin(streamKey{peer, s.last, true}, deadline), nil
}

// begin makes one end of a stream. The caller holds mu.
func (s *streams) begin(key streamKey, deadline time.Time) *stream {
	c := newStream(s, key, deadline)
	s.open[key] = c
	s.transport.count.streams.Add(1)
	return c
}

// receive takes a frame of a neighbour. An error says that it is malformed.
func (s *streams) receive(peer string, frame []byte) error {
	if len(frame) < frameHead {
		return fmt.Errorf("frame of a stream: %w", errTruncated)
	}
	kind, number, offset := frame[0]&^frameByOpener, binary.BigEndian.Uint32(frame[1:]), binary.BigEndian.Uint32(frame[5:])
	key, data := streamKey{peer, number, frame[0]&frameByOpener == 0}, frame[frameHead:]
	if kind == frameData && offset == 0 {
		if err := checkStreamHead(data, key.ours); err != nil {
			s.sendFrame(key, frameReset, 0, nil)
			s.end(key, errReset)
			return err
		}
	}
	c := s.find(key, kind == frameData && offset == 0)
	switch {
	case kind == frameData && c == nil:
		s.sendFrame(key, frameReset, 0, nil)
	case kind == frameData:
		if err := c.deliver(offset, data); err != nil {
			s.sendFrame(key, frameReset, 0, nil)
			c.fail(err)
		}
	case c == nil || kind != frameClose && kind != frameReset: // of a stream that ended here, or of a later version
	case kind == frameClose:
		c.finish()
	default:
		c.fail(errReset)
	}
	return nil
}

// find is the stream of a frame, which may be the one that opens it.
func (s *streams) find(key streamKey, opens bool) *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.open[key]
	if c != nil || !opens || key.ours || !s.mayAccept(key.peer) {
		return c
	}
	c = s.begin(key, time.Now().Add(streamTimeout))
	s.accepted <- c
	return c
}

// mayAccept says whether a neighbour may open a stream. The caller holds mu.
func (s *streams) mayAccept(peer string) bool {
	all, its := 0, 0
	for key := range s.open {
		if !key.ours {
			all++
			if key.peer == peer {
				its++
			}
		}
	}
	return all < maxAccepted && its < maxAcceptedEach && len(s.accepted) < cap(s.accepted) &&
		!s.transport.closed.Load() && s.transport.adjacent(peer)
}

// end fails one stream, if it is known.
func (s *streams) end(key streamKey, err error) {
	if c := s.find(key, false); c != nil {
		c.fail(err)
	}
}

// fail ends all streams with a neighbour, or of all of them if peer is "".
func (s *streams) fail(peer string, err error) {
	s.mu.Lock()
	var all []*stream
	for key, c := range s.open {
		if peer == "" || key.peer == peer {
			all = append(all, c)
		}
	}
	s.mu.Unlock()
	for _, c := range all {
		c.fail(err)
	}
}

// forget drops a stream that memberlist closed.
func (s *streams) forget(key streamKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, key)
}

// sendFrame says false if the adjacency has no room.
func (s *streams) sendFrame(key streamKey, kind byte, offset uint32, data []byte) bool {
	t := s.transport
	packet := appendEnvelope(make([]byte, 0, hopsAt+3+len(t.id)+len(key.peer)+frameHead+len(data)), kindStream, t.id, key.peer)
	if key.ours {
		kind |= frameByOpener
	}
	packet = append(packet, kind)
	packet = binary.BigEndian.AppendUint32(packet, key.number)
	packet = binary.BigEndian.AppendUint32(packet, offset)
	return t.send(key.peer, append(packet, data...))
}
