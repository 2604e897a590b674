// Package freeport finds loopback ports for servers that are about to start, for tests and
// benchmarks of several processes at a time.
//
// A port that nobody listens on now may be somebody else's by the time its server starts. So each process
// has blocks of ports to itself: it listens on the first of a block as long as it lives, and hands out the
// others one after the other, none twice. All are below those that systems give to outgoing
// connections: a client that dials a server which is down must not be given the server's own port, nor hold
// it when the server comes back.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

const (
	firstPort = 15_000
	lastPort  = 32_000
	blockSize = 100
	blocks    = (lastPort - firstPort) / blockSize
)

// own is this process's.
var own allocator

// Take returns a port of 127.0.0.1 that nobody listens on, and that it has not returned before.
// It fails when all blocks are taken.
func Take() (int, error) { return own.take() }

// Several is Take for more than one.
func Several(count int) ([]int, error) {
	ports := make([]int, count)
	for i := range ports {
		port, err := Take()
		if err != nil {
			return nil, err
		}
		ports[i] = port
	}
	return ports, nil
}

type allocator struct {
	mu     sync.Mutex
	guards []net.Listener // on the first port of each block that is ours
	next   int            // in the last of them
	end    int
}

func (a *allocator) take() (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		if a.next == a.end {
			if err := a.takeBlock(); err != nil {
				return 0, err
			}
		}
		port := a.next
		a.next++
		if l, err := net.Listen("tcp", loopback(port)); err == nil { // else somebody has it who knows nothing of blocks
			return port, l.Close()
		}
	}
}

// takeBlock makes another block ours.
func (a *allocator) takeBlock() error {
	some := rand.IntN(blocks)
	for i := range blocks {
		first := firstPort + (some+i)%blocks*blockSize
		if guard, err := net.Listen("tcp", loopback(first)); err == nil {
			a.guards = append(a.guards, guard)
			a.next, a.end = first+1, first+blockSize
			return nil
		}
	}
	return fmt.Errorf("no free port from %d to %d: each block of %d is taken", firstPort, lastPort, blockSize)
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
