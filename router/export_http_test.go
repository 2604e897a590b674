package router

// OccupyProbes takes all places of probes, as those do that get no answer; free gives them back.
func (r *Router) OccupyProbes() (free func()) {
	for range probesAtOnce {
		r.probing <- struct{}{}
	}
	return func() {
		for range probesAtOnce {
			<-r.probing
		}
	}
}

// HoldTable keeps everybody from the addresses, as a reader does that hangs while it looks for one;
// letGo ends that.
func (r *Router) HoldTable() (letGo func()) {
	for i := range r.table.shards {
		r.table.shards[i].mu.Lock()
	}
	return func() {
		for i := range r.table.shards {
			r.table.shards[i].mu.Unlock()
		}
	}
}

// HoldRouter keeps everybody from the router's list of connections.
func (r *Router) HoldRouter() (letGo func()) {
	r.mu.Lock()
	return r.mu.Unlock
}
