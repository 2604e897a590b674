package amqp

import (
	"testing"
	"time"
)

// loaded tells a load of windows in which so many sockets had something so often, and that the
// poller rested between its rounds if it did.
type loaded struct {
	sockets, rounds, ready, bytes int           // ready and bytes are of each round
	round                         time.Duration // that one takes
	rests                         bool
}

// advised is what the load says after some windows like that.
func (w loaded) advised(l *load, home func(int64) int32) (last advice) {
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
		l.bytes += w.bytes
		last = l.end(at+int64(w.round), w.ready, home)
		if last == giveAway {
			l.moved = at
			return last
		}
		at += int64(loadWindow) / int64(w.rounds)
	}
	return last
}

func TestWhatAPollerDoesWithItsLoad(t *testing.T) {
	const us = time.Microsecond
	share := func(percent int32) func(int64) int32 { return func(int64) int32 { return percent } }
	for name, tt := range map[string]struct {
		load loaded
		home func(int64) int32
		want advice
	}{
		"two sockets that take turns":                {loaded{2, 400, 1, 150, 10 * us, true}, nil, goOn},
		"two hundred that have something at times":   {loaded{200, 200, 1, 150, 10 * us, true}, nil, gather},
		"two hundred that have something seldom":     {loaded{200, 80, 1, 150, 10 * us, true}, nil, goOn},
		"forty that have something often":            {loaded{40, 400, 1, 150, 10 * us, true}, nil, goOn},
		"rounds that are worth it":                   {loaded{200, 100, 8, 1200, 50 * us, true}, nil, goOn},
		"two hundred that have much":                 {loaded{200, 200, 1, 4000, 10 * us, true}, nil, goOn},
		"two sockets and no rest":                    {loaded{2, 100, 2, 8000, 100 * us, false}, nil, giveAway},
		"one socket and no rest":                     {loaded{1, 100, 1, 8000, 100 * us, false}, nil, goOn},
		"little to do, and elsewhere too":            {loaded{2, 100, 2, 300, 20 * us, true}, share(30), goHome},
		"little to do, and elsewhere much":           {loaded{2, 100, 2, 300, 20 * us, true}, share(50), goOn},
		"much to do, and elsewhere nothing":          {loaded{2, 100, 2, 300, 70 * us, true}, share(0), goOn},
		"no rest, and elsewhere nothing":             {loaded{2, 100, 2, 8000, 100 * us, false}, share(0), giveAway},
		"much and seldom, as a stream that is drawn": {loaded{2, 1, 2, 500_000, 4900 * us, true}, nil, goOn},
	} {
		if have := tt.load.advised(new(load), tt.home); have != tt.want {
			t.Errorf("%s: advice %d, not %d", name, have, tt.want)
		}
	}
}

// What was given away is kept for a while.
func TestAPollerGivesAwayOnceInAWhile(t *testing.T) {
	l := new(load)
	busy := loaded{4, 100, 4, 8000, 100 * time.Microsecond, false}
	if busy.advised(l, nil) != giveAway {
		t.Fatal("nothing is given away")
	}
	for at := l.moved + int64(time.Millisecond); at < l.moved+int64(loadWindow); at += int64(time.Millisecond) {
		l.begin(at)
		if l.end(at, 4, nil) == giveAway {
			t.Fatalf("given away again after %v", time.Duration(at-l.moved))
		}
	}
	at := l.moved + int64(loadWindow)
	l.begin(at)
	if l.end(at, 4, nil) != giveAway {
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
