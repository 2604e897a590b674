package amqp

import (
	"testing"
	"time"
)

// loaded tells a load of windows in which so many sockets had something so often, and that the
// poller rested between its rounds if it did.
type loaded struct {
	sockets, rounds, ready int
	round                  time.Duration // that one takes
	rests                  bool
}

// advised is what the load says after some windows like that.
func (w loaded) advised(l *load, full bool, home func(int64) int32) (last advice) {
	sockets := make([]*socket, w.sockets)
	for i := range sockets {
		sockets[i] = new(socket)
	}
	at, next := int64(time.Second), 0
	for range 3 * w.rounds {
		l.rests = l.rests || w.rests
		l.begin(at)
		for range w.ready {
			l.meet(sockets[next%len(sockets)])
			next++
		}
		last = l.end(at+int64(w.round), w.ready, full, home)
		if last == giveAway {
			l.moved = at
			return last
		}
		at += int64(loadWindow) / int64(w.rounds)
	}
	return last
}

func TestWhatAPollerDoesWithItsLoad(t *testing.T) {
	share := func(percent int32) func(int64) int32 { return func(int64) int32 { return percent } }
	for name, tt := range map[string]struct {
		load loaded
		full bool
		home func(int64) int32
		want advice
	}{
		"two sockets that take turns":                {loaded{2, 400, 1, 10 * time.Microsecond, true}, false, nil, goOn},
		"two hundred that have something at times":   {loaded{200, 400, 1, 10 * time.Microsecond, true}, false, nil, gather},
		"two hundred that have something seldom":     {loaded{200, 100, 1, 10 * time.Microsecond, true}, false, nil, goOn},
		"fifty that have something often":            {loaded{50, 400, 1, 10 * time.Microsecond, true}, false, nil, goOn},
		"rounds that are worth it":                   {loaded{200, 100, 8, 50 * time.Microsecond, true}, false, nil, goOn},
		"a socket that has more":                     {loaded{200, 400, 1, 10 * time.Microsecond, true}, true, nil, goOn},
		"two sockets and no rest":                    {loaded{2, 100, 2, 100 * time.Microsecond, false}, true, nil, giveAway},
		"one socket and no rest":                     {loaded{1, 100, 1, 100 * time.Microsecond, false}, true, nil, goOn},
		"little to do, and elsewhere too":            {loaded{2, 100, 2, 20 * time.Microsecond, true}, false, share(20), goHome},
		"little to do, and elsewhere much":           {loaded{2, 100, 2, 20 * time.Microsecond, true}, false, share(50), goOn},
		"much to do, and elsewhere little":           {loaded{2, 100, 2, 50 * time.Microsecond, true}, false, share(0), goOn},
		"no rest, and elsewhere little":              {loaded{2, 100, 2, 100 * time.Microsecond, false}, false, share(0), giveAway},
		"much and seldom, as a stream that is drawn": {loaded{2, 2, 2, 900 * time.Microsecond, true}, true, nil, goOn},
	} {
		if have := tt.load.advised(new(load), tt.full, tt.home); have != tt.want {
			t.Errorf("%s: advice %d, not %d", name, have, tt.want)
		}
	}
}

// What was given away is kept for a while.
func TestAPollerGivesAwayOnceInAWhile(t *testing.T) {
	l := new(load)
	busy := loaded{4, 100, 4, 100 * time.Microsecond, false}
	if busy.advised(l, true, nil) != giveAway {
		t.Fatal("nothing is given away")
	}
	for at := l.moved + int64(time.Millisecond); at < l.moved+int64(loadWindow); at += int64(time.Millisecond) {
		l.begin(at)
		if l.end(at, 4, true, nil) == giveAway {
			t.Fatalf("given away again after %v", time.Duration(at-l.moved))
		}
	}
	at := l.moved + int64(loadWindow)
	l.begin(at)
	if l.end(at, 4, true, nil) != giveAway {
		t.Error("never given away again")
	}
}

// A poller that had much to do, and then nothing, counts as one with nothing to do.
func TestWhatAPollerDidLongAgoDoesNotCount(t *testing.T) {
	p := new(poller)
	p.share.Store(95)
	p.counted.Store(int64(time.Hour))
	if b := p.busy(int64(time.Hour + loadWindow)); b != 95 {
		t.Errorf("it is busy for %d %% of its time", b)
	}
	if b := p.busy(int64(time.Hour + time.Second)); b != 0 {
		t.Errorf("a second later it is busy for %d %% of its time", b)
	}
}
