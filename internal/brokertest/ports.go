package brokertest

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are chosen below those that the kernel hands out for outgoing connections
// (32768 and up): a client that dials a broker which is down must not be given the broker's
// own port, nor hold it when the broker comes back.
const (
	firstPort = 20000
	lastPort  = 32000
)

// FreePorts returns ports of 127.0.0.1 that nobody listens on now.
func FreePorts(count int) ([]int, error) {
	ports := make([]int, 0, count)
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer l.Close() // after the last one was found, so that no port is found twice
		if ports = append(ports, port); len(ports) == count {
			return ports, nil
		}
	}
	return nil, fmt.Errorf("brokertest: no %d free ports from %d to %d", count, firstPort, lastPort)
}
