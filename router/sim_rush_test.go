package router_test

import (
	"runtime"
	"sync"
	"testing/synctest"
)

// A rush is when letters wait and are taken while more are sent: whoever forwards must not
// pass what waits, though there is room for both.

// rushed is how many letters a link sends before, and while they are taken.
const rushed = 40

// rush plays one.
func (w *world) rush() {
	w.together(func(a *simApp) { a.giveAll(0) })
	w.together(func(a *simApp) {
		for range rushed {
			a.sendEach(a.window / 2)
		}
	})
	w.together(func(a *simApp) {
		a.giveAll(10 * rushed)
		for range rushed {
			a.sendEach(0)
			runtime.Gosched()
		}
	})
	w.atRest()
}

// together has all applications do something at once, and waits for what comes of it.
func (w *world) together(do func(*simApp)) {
	var running sync.WaitGroup
	for _, a := range w.slots {
		if !a.isGone() {
			running.Go(func() { do(a) })
		}
	}
	running.Wait()
	synctest.Wait()
}

// giveAll sets the credit of all of its receivers.
func (a *simApp) giveAll(credit uint32) {
	a.client.Do(func() {
		for _, r := range a.receivers() {
			if !r.Draining() {
				r.SetCredit(credit)
			}
		}
	})
}

// sendEach sends a small letter on each link that has credit for more than is kept.
func (a *simApp) sendEach(kept int) {
	a.client.Do(func() {
		for _, s := range a.senders() {
			if s.Live() && s.writing == nil && int(s.Credit()) > kept {
				s.send(40)
			}
		}
	})
}
