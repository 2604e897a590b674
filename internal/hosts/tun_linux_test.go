package hosts

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// slowLine connects two hosts as line does, and every packet takes the delay, and a
// random part of the jitter, in each direction. Packets overtake each other.
func (l *lab) slowLine(a, b string, cost int, delay, jitter time.Duration) {
	l.t.Helper()
	from, to := l.plan(a, b, cost)
	there, back := from.tun(b), to.tun(a)
	go carry(there, back, delay, jitter, rand.New(rand.NewPCG(1, 2))) // both end with the devices
	go carry(back, there, delay, jitter, rand.New(rand.NewPCG(3, 4)))
}

// tun makes a device whose packets a program carries.
func (h *host) tun(neighbour string) *os.File {
	h.lab.t.Helper()
	name := device(neighbour)
	var f *os.File
	h.lab.must(inNamespace(h.namespace, func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open /dev/net/tun: %w", err)
		}
		request, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
			return fmt.Errorf("make device %s: %w", name, err)
		}
		f = os.NewFile(uintptr(fd), name) // only now: the poller does not see what it gets later
		return nil
	}))
	h.lab.t.Cleanup(func() { f.Close() })
	h.lab.in(h.namespace, fmt.Sprintf("addr add %s/30 dev %s", h.towards[neighbour], name), "link set "+name+" up")
	return f
}

// mostFlying bounds the packets that are on their way in one direction; those beyond
// it are lost.
const mostFlying = 4096

// carry brings packets from one device to another until either is closed.
func carry(from, to *os.File, delay, jitter time.Duration, random *rand.Rand) {
	var flying atomic.Int32
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if flying.Load() >= mostFlying {
			continue
		}
		flying.Add(1)
		packet := bytes.Clone(buf[:n])
		time.AfterFunc(delay+time.Duration(random.Int64N(int64(jitter)+1)), func() {
			to.Write(packet) // what a closed device does not take is lost
			flying.Add(-1)
		})
	}
}
