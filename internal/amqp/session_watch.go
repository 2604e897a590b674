package amqp

// propertyAlone in a begin between routers says that the session counts by itself: its
// window is small from the beginning.
const propertyAlone = "meshway.alone"

// Watch has h told of a session that the peer began: of its end. It is called by the
// connection's reader.
func (s *Session) Watch(h SessionHandler) { s.h = h }

// BeginAlone is [Conn.BeginWith] for a session that counts by itself what is held of it.
func (c *Conn) BeginAlone(b *Batch, h SessionHandler) (*Session, error) {
	return c.begin(b, &Session{h: h, alone: true})
}

// Orderly says whether the session ended by the peer's end, or with a connection that was
// closed without an error. It is for [SessionHandler.OnEnd] to ask.
func (s *Session) Orderly() bool { return s.sawEnd || s.conn.orderly }

// Links is how many links the session has, those included that are being attached or
// detached.
func (s *Session) Links() (n int) {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.handles.each(func(uint32, *link) { n++ })
	return n
}
