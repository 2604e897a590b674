package amqp

// flights bounds how many of the deliveries that we have sent on a connection are
// unsettled at a time, whatever credit its links have. Half of the bound is divided
// equally among the links by which we send: what one of them never gets settled does
// not stop the others. The other half goes to whoever comes first. The zero flights has no
// bound. It is guarded by the connection's mutex.
//
// shared is the sum over all links of what each has above share; total is the sum of all.
type flights struct {
	most   uint32 // 0 is no bound
	total  uint32
	shared uint32
	share  uint32
	links  map[*Sender]struct{} // nil without a bound

	waiting []*Sender // those that were refused, first come first
}

// has says whether a link that has own deliveries unsettled may have one more.
func (f *flights) has(own uint32) bool {
	if f.most == 0 {
		return true
	}
	return f.total < f.most && (own < f.share || f.shared < f.most-f.reserved())
}

// reserved is how much of the bound belongs to one link or another.
func (f *flights) reserved() uint32 { return min(f.share*uint32(len(f.links)), f.most) }

// join counts a link by which we send.
func (f *flights) join(l *Sender) {
	if f.most == 0 || l.raw != nil {
		return // whose credit is not ours to withhold
	}
	if f.links == nil {
		f.links = make(map[*Sender]struct{})
	}
	f.links[l] = struct{}{}
	f.divide()
}

// leave takes the link out, with what it has unsettled.
func (f *flights) leave(l *Sender) {
	if _, ok := f.links[l]; !ok {
		return
	}
	f.total -= l.outstanding
	f.shared -= f.above(l)
	delete(f.links, l)
	f.divide()
}

// divide computes each link's share. It changes rarely where there are many links.
func (f *flights) divide() {
	share := max(f.most/2/uint32(max(len(f.links), 1)), 1)
	if share == f.share {
		return
	}
	f.share, f.shared = share, 0
	for l := range f.links {
		f.shared += f.above(l)
	}
}

// above is what the link has unsettled beyond its share.
func (f *flights) above(l *Sender) uint32 {
	if l.outstanding > f.share {
		return l.outstanding - f.share
	}
	return 0
}

// began counts one delivery more of the link, which l.outstanding has already.
func (f *flights) began(l *Sender) {
	if f.most == 0 {
		return
	}
	f.total++
	if l.outstanding > f.share {
		f.shared++
	}
}

// ended counts one delivery less, which l.outstanding still has.
func (f *flights) ended(l *Sender) {
	if f.most == 0 || l.raw != nil {
		return
	}
	f.total--
	if l.outstanding > f.share {
		f.shared--
	}
}

// wait notes that the link is to be told when it may send.
func (f *flights) wait(l *Sender) {
	if !l.isGrounded {
		l.isGrounded = true
		f.waiting = append(f.waiting, l)
	}
}

// ready takes out those of the waiting links that may send now. Who of them will is not
// known, so it is all of them: those that come too late wait again.
func (f *flights) ready() (wake []*Sender) {
	if len(f.waiting) == 0 || f.total >= f.most {
		return nil
	}
	still := f.waiting[:0]
	for _, l := range f.waiting {
		switch {
		case l.gone:
		case f.has(l.outstanding):
			l.isGrounded = false
			wake = append(wake, l)
		default:
			still = append(still, l)
		}
	}
	clear(f.waiting[len(still):])
	f.waiting = still
	return wake
}
