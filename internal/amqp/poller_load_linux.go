package amqp

import (
	"syscall"
	"time"
	"unsafe"
)

// How sockets are shared out among pollers. While there is little to do the first has them all:
// each event that wakes another thread costs more than what it brings, and what comes for one
// consumer from many senders leaves in one write if one poller hears of it. A poller that does not
// get to rest gives half of what keeps it busy to one that waits; when both could do with one, it
// goes back.

const (
	loadWindow = 10 * time.Millisecond // in which work is counted
	unrested   = 5 * time.Millisecond  // of work at a stretch is more than enough
	fullShare  = 90                    // percent of a window are, too
	lightShare = 60                    // percent of a window, or less, is for one poller alone

	manySockets = 50                    // had something in a window
	manyEvents  = 100                   // of a window: one comes while the poller sleeps
	smallEvent  = 1 << 10               // bytes, or less, on an average
	fewEvents   = 8                     // of a round: fewer are not worth it
	gatherSleep = 50 * time.Microsecond // the system makes that about a hundred
)

// load is how much a poller has to do. It is owned by its run.
type load struct {
	rests  bool  // it has had to wait since the last round
	rested int64 // when it last had
	began  int64 // the round
	moved  int64 // when sockets were given to another poller last

	window  int64 // when the window began
	worked  int64 // nanoseconds of it
	sockets int   // that had something in it
	events  int   // of it
	bytes   int   // that they brought
	share   int32 // of the last window that was worked, in percent
	many    bool  // sockets had a little in the last one, and often
}

// advice is what a poller had better do after a round.
type advice uint8

const (
	goOn     advice = iota
	giveAway        // half of what it has to do
	goHome          // with all that it has to do
	gather          // more, before it looks again
)

// begin is the start of a round.
func (l *load) begin(now int64) {
	if l.began = now; l.rests {
		l.rests, l.rested = false, now
	}
}

// meet counts what sockets have.
func (l *load) meet(s *socket) {
	l.events++
	if s.seen != l.window {
		s.seen = l.window
		l.sockets++
	}
}

// end is the end of a round in which so many sockets had something. home tells the share of the
// poller that has all sockets while there is little to do; nil is that one itself.
func (l *load) end(now int64, ready int, home func(now int64) int32) advice {
	l.worked += now - l.began
	if d := now - l.window; d >= int64(loadWindow) {
		l.share = int32(100 * l.worked / d)
		l.many = l.sockets >= manySockets && l.events >= manyEvents && l.bytes <= l.events*smallEvent
		l.window, l.worked, l.sockets, l.events, l.bytes = now, 0, 0, 0, 0
	}
	switch {
	case now-l.rested > int64(unrested) && now-l.moved >= int64(loadWindow) && ready > 1:
		return giveAway
	case home != nil && l.share+home(now) <= lightShare:
		return goHome
	case l.many && ready < fewEvents:
		return gather
	}
	return goOn
}

// busy is the percentage of its time that a poller works. It may be asked by anybody.
func (p *poller) busy(now int64) int32 {
	if now-p.counted.Load() > 10*int64(loadWindow) {
		return 0 // it has had nothing to count
	}
	return p.share.Load()
}

// balance does after a round what is best.
func (p *poller) balance(now int64) {
	all := pollers.all
	if len(all) == 1 {
		return
	}
	var home func(int64) int32
	if all[0] != p {
		home = all[0].busy
	}
	do := p.load.end(now, len(p.ready), home)
	if p.load.window == now { // one has ended
		p.share.Store(p.load.share)
		p.counted.Store(now)
	}
	switch do {
	case giveAway:
		p.giveAway(now)
	case goHome:
		p.give(p.ready, all[0])
	case gather:
		p.gather()
	}
}

// giveAway moves half of the sockets that have something to a poller that has nothing to do.
func (p *poller) giveAway(now int64) {
	for _, other := range pollers.all {
		if other != p && other.idle.Load() {
			p.load.moved = now
			p.give(p.ready[:len(p.ready)/2], other)
			return
		}
	}
}

func (p *poller) give(list []*socket, to *poller) {
	for _, s := range list {
		if err := s.move(to); err != nil {
			s.conn.endAside(err)
		}
	}
}

// gather lets more come before it is looked at: where many sockets have something now and then,
// each round costs as much as what it brings. The processor is kept, as in a long round; the
// runtime's sleep is no shorter than a millisecond.
func (p *poller) gather() {
	t := syscall.NsecToTimespec(int64(gatherSleep))
	_, _, _ = syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0)
	p.load.rests = true
}
