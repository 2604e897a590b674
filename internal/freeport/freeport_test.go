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
	first, err := a.take()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", loopback(first+1))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if next, err := a.take(); err != nil || next != first+2 {
		t.Errorf("got port %d, %v, want %d", next, err, first+2)
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
