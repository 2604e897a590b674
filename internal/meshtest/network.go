package meshtest

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Network connects hosts by name. An address is host:port, and what lies between
// two hosts has a state of its own: see [Network.Between]. The zero Network is
// ready to use.
type Network struct {
	mu        sync.Mutex
	listeners map[Addr]*listener
	paths     map[[2]string]*Path
	ports     int // given out to those who asked for port 0, and to diallers
}

// firstPort is where the ports begin that the network chooses.
const firstPort = 49152

// Listen accepts connections at an address; it has the signature of [net.Listen].
func (n *Network) Listen(_, address string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if host, ok := strings.CutSuffix(address, ":0"); ok {
		address = n.newAddr(host)
	}
	addr := Addr(address)
	if n.listeners[addr] != nil {
		return nil, &net.OpError{Op: "listen", Net: "sim", Addr: addr, Err: syscall.EADDRINUSE}
	}
	l := &listener{network: n, addr: addr}
	l.wake.L = &l.mu
	if n.listeners == nil {
		n.listeners = make(map[Addr]*listener)
	}
	n.listeners[addr] = l
	return l, nil
}

func (n *Network) newAddr(host string) string {
	n.ports++
	return host + ":" + strconv.Itoa(firstPort+n.ports-1)
}

// Dial connects a host to an address.
func (n *Network) Dial(_ context.Context, from, address string) (*Conn, error) {
	n.mu.Lock()
	l := n.listeners[Addr(address)]
	local := Addr(n.newAddr(from))
	n.mu.Unlock()
	if l == nil {
		return nil, &net.OpError{Op: "dial", Net: "sim", Addr: Addr(address), Err: syscall.ECONNREFUSED}
	}
	p := n.Between(from, host(address))
	a, b, err := p.connect(from, local, Addr(address))
	if err != nil {
		return nil, err
	}
	if !l.offer(b) {
		return nil, &net.OpError{Op: "dial", Net: "sim", Addr: Addr(address), Err: syscall.ECONNREFUSED}
	}
	return a, nil
}

func host(address string) string {
	h, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return h
}

// Between is what lies between two hosts, in either order.
func (n *Network) Between(a, b string) *Path {
	if a > b {
		a, b = b, a
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.paths[[2]string{a, b}]
	if p == nil {
		p = &Path{a: a, b: b}
		if n.paths == nil {
			n.paths = make(map[[2]string]*Path)
		}
		n.paths[[2]string{a, b}] = p
	}
	return p
}

// Path is what lies between two hosts, and all connections between them.
type Path struct {
	a, b string // in order

	mu     sync.Mutex
	there  Line // from a to b
	back   Line
	cut    bool
	silent bool
	conns  []*Conn // the ends at a
}

func (p *Path) connect(from string, local, remote Addr) (near, far *Conn, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut || p.silent {
		return nil, nil, &net.OpError{Op: "dial", Net: "sim", Addr: remote, Err: syscall.EHOSTUNREACH}
	}
	there, back := p.there, p.back
	if from != p.a {
		there, back = back, there
	}
	near, far = Pair(local, remote, there, back)
	at := near
	if from != p.a {
		at = far
	}
	p.conns = append(p.live(), at)
	return near, far, nil
}

// live is the connections that neither end has closed. The caller holds mu.
func (p *Path) live() []*Conn {
	list := p.conns[:0]
	for _, c := range p.conns {
		c.in.mu.Lock()
		over := c.in.cut || c.in.readerGone && c.in.writerGone
		c.in.mu.Unlock()
		if !over {
			list = append(list, c)
		}
	}
	return list
}

// Set says how bytes travel from the host of the lesser name to the other, and
// back. Connections that stand follow.
func (p *Path) Set(there, back Line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.there, p.back = there, back
	for _, c := range p.live() {
		c.Set(there, back)
	}
}

// Cut resets every connection on the path, and refuses new ones until Heal.
func (p *Path) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	for _, c := range p.conns {
		c.Cut()
	}
	p.conns = nil
}

// Silence swallows what is written to connections on the path, and nobody is
// told; Heal lets bytes through again, without those that were swallowed.
func (p *Path) Silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = true
	for _, c := range p.live() {
		c.Silence(true)
	}
}

// Heal undoes Cut and Silence.
func (p *Path) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut, p.silent = false, false
	for _, c := range p.live() {
		c.Silence(false)
	}
}

// listener is a place to dial.
type listener struct {
	network *Network
	addr    Addr

	mu     sync.Mutex
	wake   sync.Cond
	queue  []*Conn
	closed bool
}

func (l *listener) offer(c *Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.queue = append(l.queue, c)
	l.wake.Broadcast()
	return true
}

// Accept waits for the next connection.
func (l *listener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) == 0 {
		if l.closed {
			return nil, fmt.Errorf("accept at %s: %w", l.addr, net.ErrClosed)
		}
		l.wake.Wait()
	}
	c := l.queue[0]
	l.queue = l.queue[1:]
	return c, nil
}

// Close ends the listener; connections that nobody accepted are reset.
func (l *listener) Close() error {
	l.network.mu.Lock()
	if l.network.listeners[l.addr] == l {
		delete(l.network.listeners, l.addr)
	}
	l.network.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, c := range l.queue {
		c.Cut()
	}
	l.queue = nil
	l.wake.Broadcast()
	return nil
}

// Addr is where it listens.
func (l *listener) Addr() net.Addr { return l.addr }
