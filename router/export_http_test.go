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
