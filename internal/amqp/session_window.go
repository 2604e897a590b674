package amqp

// How many frames the peer of a session may send. A window that was granted is not taken back: some
// peers would count below zero. So what is granted while messages are small is what may come in
// large frames of a long one whose reader takes nothing: its number of frames bounds the memory.

const (
	// heldLimit is how many payload bytes a connection may have waiting in the
	// router before its sessions' windows stop being extended, and aloneLimit a
	// session that counts by itself.
	heldLimit  = 1 << 20
	aloneLimit = 256 << 10
	// minWindow is how many frames are granted at least, unless too much waits.
	minWindow = 16
	// firstWindow is what a session begins with, and may have without regard to credit.
	firstWindow = 256
	// firstAvgFrame is the mean frame size assumed before there was any: that of the
	// first window.
	firstAvgFrame = heldLimit / firstWindow
	// maxWindow is never more than the ring of deliveries should span.
	maxWindow = 8192
	// grantLimit is how many bytes a window may bring, were all frames as large as
	// they may be, unless firstWindow of them are more; linkLimit is that of a session of which one
	// link has so much credit by itself: its messages go to many consumers, and with fewer of them
	// on the way there would be little for each at a time.
	grantLimit = 16 << 20
	linkLimit  = 64 << 20
	// aloneWindow is grantLimit for a session that counts by itself: its frames are those of
	// somebody's client, however large a neighbour's may be.
	aloneWindow = 1024
	// spareFrames is how many more frames than deliveries may come: for those that are longer than
	// one. While none is, the window is never what holds the peer, and credit's flows tell of it.
	spareFrames = 16
)

// openWindow sets what the session begins with.
func (s *Session) openWindow() {
	cfg := s.conn.cfg
	s.avgFrame = firstAvgFrame
	switch {
	case s.alone:
		s.avgFrame = aloneLimit / minWindow
		s.widest, s.widestEver = aloneWindow, aloneWindow
	case cfg.WideWindows || cfg.BetweenRouters:
		s.widest, s.widestEver = maxWindow, maxWindow
	default:
		s.widest, s.widestEver = cfg.framesOf(grantLimit), cfg.framesOf(linkLimit)
	}
	s.incomingEnd = s.window()
}

// framesOf is how many frames may come if they are to be no more than so many bytes.
func (cfg *Config) framesOf(bytes uint32) uint32 {
	return min(max(bytes/max(cfg.MaxFrameSize, 1), firstWindow), maxWindow)
}

// widen has the session's window suffice for a link with so much credit. The caller holds mu.
func (s *Session) widen(credit uint32) {
	s.widest = max(s.widest, min(credit, s.widestEver-spareFrames)+spareFrames)
}

// ForLong says that the session is for long messages: its window stays as it begins, also
// between routers. It is for [Handler.OnAttach] to call.
func (s *Session) ForLong() {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.widest, s.widestEver = firstWindow, firstWindow
}

// window is how many frames the peer may send from now on: as many as fit into
// what the connection may still hold, by the size of recent ones, and no more than
// it has credit for. The caller holds mu.
func (s *Session) window() uint32 {
	room := s.holdLimit() - *s.holding()
	if room <= 0 || s.conn.cfg.Budget.exhausted() {
		return 0
	}
	return min(max(uint32(room)/s.avgFrame, minWindow), s.mostFrames())
}

// mostFrames is how many frames a window has at the most. The caller holds mu.
func (s *Session) mostFrames() uint32 {
	n := max(uint32(min(s.credit+spareFrames, int64(s.widest))), firstWindow)
	if m := s.conn.cfg.MaxSessionFrames; m > 0 {
		n = min(n, m)
	}
	return n
}

// holding is the count of held bytes that narrows the session's window. The caller
// holds mu.
func (s *Session) holding() *int {
	if cfg := s.conn.cfg; cfg.HoldBySession || cfg.BetweenRouters || s.alone {
		return &s.held
	}
	return &s.conn.held
}

// holdLimit is how many payload bytes may wait before the window is extended no more.
func (s *Session) holdLimit() int {
	if s.alone {
		return aloneLimit
	}
	return heldLimit
}

// extendWindow notes that the peer should hear of a larger incoming-window, once it has
// used up half of what it was given. While each delivery is one frame, that is told with
// new credit, and it needs to hear of nothing in between. The caller holds mu.
func (s *Session) extendWindow() {
	if s.flowPending || s.over {
		return
	}
	left, want := s.incomingEnd-s.nextIncomingID, s.window()
	if left < want && left <= want/2 && (s.pieced || int64(left) <= s.credit+spareFrames/2) {
		s.flowPending = true
		s.conn.flowSess = append(s.conn.flowSess, s)
	}
}

// grantWindow raises the window to what it may be now, never lowering it, and
// returns it. The caller holds mu.
func (s *Session) grantWindow() uint32 {
	n := s.window()
	if end := s.nextIncomingID + n; serialLess(s.incomingEnd, end) {
		s.incomingEnd = end
	}
	s.flowPending = false
	s.pieced = s.pieced && n < s.mostFrames()
	return s.incomingEnd - s.nextIncomingID
}

// countFrame moves the session's window over one frame. The caller holds mu.
func (s *Session) countFrame(size int, begins bool) {
	s.nextIncomingID++
	s.pieced = s.pieced || !begins
	// An exponential mean of the last 16 or so, at least one so that nothing is
	// divided by zero.
	avg := int(s.avgFrame)
	s.avgFrame = uint32(max(avg+(size+transferOverhead-avg)/16, 64))
	s.extendWindow()
}

// transferOverhead is about what a transfer frame has before its payload.
const transferOverhead = 32

// recount counts in the session what credit the link's sender was told that it has. The caller holds mu.
func (l *Receiver) recount() {
	n := max(serialDiff(l.limit, l.deliveryCount), 0)
	if l.gone {
		n = 0
	}
	l.session.credit += int64(n) - int64(l.counted)
	l.counted = n
}

// useCredit counts a delivery that begins. The caller holds mu.
func (l *Receiver) useCredit() {
	l.deliveryCount++
	if l.counted > 0 {
		l.counted--
		l.session.credit--
	}
}
