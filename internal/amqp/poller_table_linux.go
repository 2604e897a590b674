package amqp

// socketTable finds sockets by descriptor. It is in pages, and what is empty goes: a process
// that has had very many sockets keeps eight bytes for each page of them.
type socketTable struct{ pages []*socketPage }

// socketPageSize is small, so that a descriptor that stays costs little.
const socketPageSize = 64

type socketPage struct {
	all [socketPageSize]*socket
	n   int // how many there are
}

// get is the socket of a descriptor; nil if there is none.
func (t *socketTable) get(fd int) *socket {
	if i := fd / socketPageSize; i < len(t.pages) && t.pages[i] != nil {
		return t.pages[i].all[fd%socketPageSize]
	}
	return nil
}

func (t *socketTable) set(s *socket) {
	i := s.fd / socketPageSize
	for len(t.pages) <= i {
		t.pages = append(t.pages, nil)
	}
	p := t.pages[i]
	if p == nil {
		p = new(socketPage)
		t.pages[i] = p
	}
	at := &p.all[s.fd%socketPageSize]
	if *at == nil {
		p.n++
	}
	*at = s
}

// remove takes a socket out, unless another has its descriptor already.
func (t *socketTable) remove(s *socket) {
	if t.get(s.fd) != s {
		return
	}
	p := t.pages[s.fd/socketPageSize]
	p.all[s.fd%socketPageSize] = nil
	if p.n--; p.n == 0 {
		t.pages[s.fd/socketPageSize] = nil
	}
}
