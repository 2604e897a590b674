package amqp

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// poller waits for many sockets, and handles what comes on its own goroutine: one connection
// after the other, then one write for each that has something to say. There is one for each
// processor.
//
// Sockets are looked at by level: what was not read is told again, so a read that took all there
// was needs no second one to find that out. The epoll itself is a descriptor of the runtime's
// poller: a goroutine that waited for it in a system call of its own would have the runtime look for
// something else to do with the processor each time.
type poller struct {
	fd   int // the epoll
	file *os.File
	wait syscall.RawConn // of file

	mu      sync.Mutex
	sockets socketTable

	idle    atomic.Bool  // run waits
	share   atomic.Int32 // of a window that it worked, in percent
	counted atomic.Int64 // when that window ended

	// Owned by run.
	events []syscall.EpollEvent
	n      int       // how many of them there are
	ready  []*socket // to which they belong
	load   load
}

const (
	// pollerEvents is how many sockets are handled before what they brought is written.
	pollerEvents = 64
	// pollerTurn is how many bytes of one socket are read before others have their turn.
	pollerTurn = 256 << 10
)

// pollers are those of the process; they live as long as it.
var pollers struct {
	once sync.Once
	err  error
	all  []*poller
	next atomic.Uint32
}

// somePoller is the one for a new socket: the first, unless that has more than enough to do.
func somePoller() (*poller, error) {
	s := &pollers
	s.once.Do(func() {
		for range runtime.GOMAXPROCS(0) {
			p, err := newPoller()
			if err != nil {
				s.err = err
				return
			}
			s.all = append(s.all, p)
		}
		for _, p := range s.all {
			go p.run() // ends with the process
		}
	})
	if s.err != nil {
		return nil, s.err
	}
	if home := s.all[0]; home.busy(now()) < fullShare {
		return home, nil
	}
	return s.all[s.next.Add(1)%uint32(len(s.all))], nil
}

func newPoller() (*poller, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err == nil {
		err = syscall.SetNonblock(fd, true) // else the runtime would not watch it
	}
	if err != nil {
		return nil, os.NewSyscallError("epoll", err)
	}
	p := &poller{fd: fd, file: os.NewFile(uintptr(fd), "epoll"), events: make([]syscall.EpollEvent, pollerEvents)}
	p.wait, err = p.file.SyscallConn()
	return p, err
}

// run handles what comes, for ever.
func (p *poller) run() {
	w, look := new(work), p.look
	for {
		if err := p.wait.Read(look); err != nil {
			panic("epoll: " + err.Error()) // it cannot fail: nobody closes it
		}
		p.load.begin(now())
		p.find()
		for i, s := range p.ready {
			p.load.bytes += s.conn.onEvents(w, s, p.events[i].Events)
		}
		w.batch.Flush()
		w.clear()
		p.balance(now())
		clear(p.ready)
	}
}

// look takes what there is; false is nothing: the runtime waits, and calls again.
func (p *poller) look(fd uintptr) bool {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p.events))), uintptr(len(p.events)), 0, 0, 0)
	p.n = int(n)
	some := errno == 0 && n > 0
	p.idle.Store(!some)
	p.load.rests = p.load.rests || !some
	return some
}

// find looks up to whom the events belong.
func (p *poller) find() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ready = p.ready[:0]
	for _, e := range p.events[:p.n] {
		if s := p.sockets.get(int(e.Fd)); s != nil { // else it has been closed
			p.events[len(p.ready)] = e
			p.ready = append(p.ready, s)
			p.load.meet(s)
		}
	}
}

func (p *poller) enter(s *socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sockets.set(s)
}

func (p *poller) leave(s *socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sockets.remove(s)
}
