package freeport

import (
	"net"
	"sync"
	"testing"
)

// Processes are allocators of their own: all they share is the system's ports.
func TestNoPortIsTakenTwice(t *testing.T) {
	var mu sync.Mutex
	taken := map[int]bool{}
	var all sync.WaitGroup
	for range 8 {
		a := new(allocator)
		t.Cleanup(a.close)
		for range 3 {
			all.Go(func() {
				for range blockSize {
					port, err := a.take()
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					if taken[port] {
						t.Errorf("port %d was taken twice", port)
					}
					taken[port] = true
					mu.Unlock()
				}
			})
		}
	}
	all.Wait()
}

func TestAPortInUseIsPassedOver(t *testing.T) {
	a := new(allocator)
	t.Cleanup(a.close)
	if _, err := a.take(); err != nil {
		t.Fatal(err)
	}
	inUse := a.next
	if l, err := net.Listen("tcp", loopback(inUse)); err == nil { // else another program does
		defer l.Close()
	}
	if port, err := a.take(); err != nil || port == inUse {
		t.Errorf("got port %d, %v, while %d is in use", port, err, inUse)
	}
}

func TestPortsCanBeListenedOn(t *testing.T) {
	ports, err := Several(3)
	if err != nil {
		t.Fatal(err)
	}
	for _, port := range ports {
		l, err := net.Listen("tcp", loopback(port))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
}

func (a *allocator) close() {
	for _, g := range a.guards {
		_ = g.Close()
	}
}
