package amqp

import (
	"container/heap"
	"math"
	"slices"
	"sync"
	"time"
)

// alarms look at connections when it is time. A timer of the runtime for each would do the same,
// but starts a goroutine whenever it fires, which come all at once when very many connections do;
// and neither those nor the room for the most timers that there were are ever given back.
type alarms struct {
	mu      sync.Mutex // no other is taken while it is held
	heap    alarmHeap
	timer   *time.Timer
	wakes   int64 // when the timer fires; 0 is not at all
	ringing bool  // ring is at it, and sets the timer afterwards
}

// polledAlarms are those of all connections that pollers watch.
var polledAlarms alarms

// alarmGrain is how close together alarms ring that are due one after the other.
const alarmGrain = 2 * time.Millisecond

// fewAlarms is how many may be there without looking whether there is room for too many.
const fewAlarms = 64

// looked is what is looked at. It is called by one goroutine for all, and must not wait.
type looked interface{ onTimer() }

type alarmAt struct {
	due int64
	*alarm
}

// alarm is used as a [time.Timer] is that calls a function.
type alarm struct {
	set  *alarms
	what looked
	at   int // in the heap; less than 0 is not
}

// after returns an alarm that rings after d.
func (s *alarms) after(d time.Duration, what looked) *alarm {
	a := &alarm{set: s, what: what, at: -1}
	a.Reset(d)
	return a
}

// Reset has it ring after d, and not when it would have. It says whether that was still to come.
func (a *alarm) Reset(d time.Duration) bool {
	s := a.set
	s.mu.Lock()
	defer s.mu.Unlock()
	active := a.at >= 0
	if !active {
		heap.Push(&s.heap, a)
	}
	s.heap[a.at].due = now() + int64(d)
	heap.Fix(&s.heap, a.at)
	s.wake(0)
	return active
}

// Stop has it not ring. It says whether that was still to come: else it may be ringing.
func (a *alarm) Stop() bool {
	a.set.mu.Lock()
	defer a.set.mu.Unlock()
	if a.at < 0 {
		return false
	}
	a.set.remove(a.at)
	return true
}

// wake sets the timer for the next alarm, but not to fire sooner than after so long. The caller
// holds mu.
func (s *alarms) wake(soonest time.Duration) {
	if s.ringing || len(s.heap) == 0 || s.wakes != 0 && s.wakes <= s.heap[0].due {
		return
	}
	d := max(s.heap[0].due-now(), int64(soonest))
	s.wakes = now() + d
	if s.timer == nil {
		s.timer = time.AfterFunc(time.Duration(d), s.ring)
	} else {
		s.timer.Reset(time.Duration(d))
	}
}

// ring calls all whose time has come, one after the other.
func (s *alarms) ring() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ringing {
		return
	}
	s.ringing, s.wakes = true, 0
	for len(s.heap) > 0 && s.heap[0].due <= now() {
		what := s.heap[0].what
		s.remove(0)
		s.mu.Unlock()
		what.onTimer()
		s.mu.Lock()
	}
	s.ringing = false
	s.wake(alarmGrain)
}

// remove takes one out of the heap. The caller holds mu.
func (s *alarms) remove(i int) {
	heap.Remove(&s.heap, i)
	if cap(s.heap) > fewAlarms && len(s.heap) < cap(s.heap)/8 {
		s.heap = slices.Clone(s.heap)
	}
}

// alarmHeap is a [heap.Interface], the next alarm first. When one is due stands in the heap itself,
// since that is what is looked at all the time.
type alarmHeap []alarmAt

func (h alarmHeap) Len() int           { return len(h) }
func (h alarmHeap) Less(i, j int) bool { return h[i].due < h[j].due }

func (h alarmHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push adds an [alarm] that is not due before any other.
func (h *alarmHeap) Push(x any) {
	a := x.(*alarm)
	a.at = len(*h)
	*h = append(*h, alarmAt{math.MaxInt64, a})
}

// Pop takes the last one out.
func (h *alarmHeap) Pop() any {
	last := len(*h) - 1
	a := (*h)[last].alarm
	a.at = -1
	(*h)[last] = alarmAt{}
	*h = (*h)[:last]
	return a
}
