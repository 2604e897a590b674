package router

// Attended is how many addresses are looked at now and then.
func (r *Router) Attended() (n int) {
	r.table.eachAttended(func(*address) { n++ })
	return n
}
