package router

import (
	"errors"
	"fmt"
	"slices"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/sasl"
)

// doors is what a reload does to listeners. A socket is kept as long as the listener's
// place stays; which connections end is decided by what changed for them.
type doors struct {
	router *Router
	list   []*listener          // all, in the order of the configuration
	opened []*listener          // those with a socket of their own, which is new
	heirs  []inheritance        // those that go on with the socket of an older one
	closed []*listener          // whose sockets nobody goes on with
	upset  map[*listener]string // older ones whose connections are closed, and why
}

type inheritance struct{ from, to *listener }

// prepareDoors makes the listeners of a configuration, without any effect.
func (r *Router) prepareDoors(cfg *config.Config, users *sasl.Users) (*doors, error) {
	d := &doors{router: r, upset: make(map[*listener]string)}
	r.mu.Lock()
	olds := slices.Clone(r.listeners)
	r.mu.Unlock()
	for i := range cfg.Listeners {
		c := &cfg.Listeners[i]
		at := slices.IndexFunc(olds, func(l *listener) bool { return l.cfg.Name == c.Name })
		if at >= 0 && sameListener(olds[at].cfg, c) && (users == r.reload.users || !slices.Contains(c.SASLMechanisms, "PLAIN")) {
			d.list = append(d.list, olds[at])
			olds = slices.Delete(olds, at, at+1)
			continue
		}
		l, err := r.newListener(c, users)
		if err != nil {
			return nil, err
		}
		d.list = append(d.list, l)
		if at < 0 {
			d.opened = append(d.opened, l)
			continue
		}
		d.replace(olds[at], l, users != r.reload.users)
		olds = slices.Delete(olds, at, at+1)
	}
	for _, l := range olds {
		d.closed = append(d.closed, l)
		d.upset[l] = "the listener has been removed"
	}
	return d, nil
}

// replace puts a listener in the place of an older one of its name.
func (d *doors) replace(from, to *listener, users bool) {
	a, b := from.cfg, to.cfg
	if a.ListenNetwork() == b.ListenNetwork() && a.ListenAddress() == b.ListenAddress() && !a.HTTP && !b.HTTP {
		d.heirs = append(d.heirs, inheritance{from, to})
	} else {
		d.opened = append(d.opened, to)
		d.closed = append(d.closed, from)
	}
	asked := a.AuthenticatePeer != b.AuthenticatePeer || !slices.Equal(a.SASLMechanisms, b.SASLMechanisms) || users && slices.Contains(b.SASLMechanisms, "PLAIN")
	if asked || a.Role != b.Role || a.Cost != b.Cost || a.Management != b.Management {
		d.upset[from] = "who may connect here, how, or what for has been changed; connect again"
	}
}

func sameListener(a, b *config.Listener) bool {
	one, other := config.Config{Listeners: []config.Listener{*a}}, config.Config{Listeners: []config.Listener{*b}}
	return len(config.Diff(one, other)) == 0
}

// open binds the new sockets and, once all of them are there, puts the listeners in place.
// On an error everything is as it was.
func (d *doors) open() error {
	late, err := d.bind(d.opened)
	if err == nil && len(late) > 0 {
		err = d.bindLate(late)
	}
	if err != nil {
		for _, l := range d.opened {
			if l.ln != nil {
				_ = l.ln.Close()
			}
		}
		return err
	}
	r := d.router
	r.mu.Lock()
	if r.stopped {
		r.mu.Unlock()
		for _, l := range d.opened {
			_ = l.ln.Close()
		}
		return errNotRunning
	}
	for _, h := range d.heirs {
		h.to.ln, h.to.accepting = h.from.ln, h.from.accepting
		h.from.next.Store(h.to)
	}
	r.listeners = d.list
	r.tasks.Add(len(d.opened))
	r.mu.Unlock()
	for _, l := range d.opened {
		go l.serve() // ends when the listener is closed
	}
	for _, l := range d.closed {
		l.close()
	}
	d.turnOut()
	return nil
}

// bind binds listeners; late are those whose place may be that of a listener which goes.
func (d *doors) bind(list []*listener) (late []*listener, err error) {
	for _, l := range list {
		err := l.bind()
		if _, inUse := errors.AsType[*AddressInUseError](err); inUse && len(d.closed) > 0 {
			late = append(late, l)
		} else if err != nil {
			return nil, fmt.Errorf("%w; nothing was changed", err)
		}
	}
	return late, nil
}

// bindLate binds listeners in the places of those that go: for a moment nobody listens
// there.
func (d *doors) bindLate(late []*listener) error {
	for _, l := range d.closed {
		l.close()
	}
	var failure error
	for _, l := range late {
		if failure = l.bind(); failure != nil {
			break
		}
	}
	if failure == nil {
		return nil
	}
	for _, l := range d.opened {
		if l.ln != nil {
			_ = l.ln.Close()
			l.ln = nil
		}
	}
	return errors.Join(fmt.Errorf("%w; nothing was changed", failure), d.reopen())
}

// reopen has those listen again that were closed too early.
func (d *doors) reopen() (failures error) {
	r := d.router
	for _, old := range d.closed {
		again, err := r.newListener(old.cfg, r.reload.users)
		if err == nil {
			err = again.bind()
		}
		if err != nil {
			failures = errors.Join(failures, fmt.Errorf("and %w: restart the router", err))
			continue
		}
		r.mu.Lock()
		if r.stopped {
			r.mu.Unlock()
			_ = again.ln.Close()
			return errNotRunning
		}
		old.next.Store(again) // its connections are still those of this listener
		r.listeners[slices.Index(r.listeners, old)] = again
		r.tasks.Add(1)
		r.mu.Unlock()
		go again.serve() // ends when the listener is closed
	}
	return failures
}

// turnOut closes the connections of listeners that are gone, or want to be asked again.
func (d *doors) turnOut() {
	for l, why := range d.upset {
		l.upset.Store(&why)
	}
	if len(d.upset) == 0 {
		return
	}
	for _, p := range d.router.eachPeer() {
		if p.listener != nil {
			p.leaveUpset()
		}
	}
}

// leaveUpset closes the connection if its listener, or one that took that one's place, wants
// nobody to stay.
func (p *peer) leaveUpset() {
	for l := p.listener; l != nil; l = l.next.Load() {
		if why := l.upset.Load(); why != nil {
			p.closeForced(*why)
			return
		}
	}
}
