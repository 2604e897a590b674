package interop

import (
	"net"
	"sync"
)

// goSocket is the socket of a connection of go-amqp's, which settles what it hears of as soon
// as it has read that: to keep it from settling it is kept from reading.
type goSocket struct {
	net.Conn
	mu      sync.Mutex
	holding chan struct{} // closed when reading goes on; nil while nothing is held
	written chan struct{} // closed by the next write; nil if nobody waits for it
}

func (s *goSocket) hold(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case on && s.holding == nil:
		s.holding = make(chan struct{})
	case !on && s.holding != nil:
		close(s.holding)
		s.holding = nil
	}
}

// Read gives nothing of what came while the connection was held until it is no more.
func (s *goSocket) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.mu.Lock()
	holding := s.holding
	s.mu.Unlock()
	if holding != nil && err == nil {
		<-holding
	}
	return n, err
}

// nextWrite is closed when something was written.
func (s *goSocket) nextWrite() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.written == nil {
		s.written = make(chan struct{})
	}
	return s.written
}

func (s *goSocket) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.written != nil {
		close(s.written)
		s.written = nil
	}
	return n, err
}

// Close lets a reader that is held go.
func (s *goSocket) Close() error {
	s.hold(false)
	return s.Conn.Close()
}
