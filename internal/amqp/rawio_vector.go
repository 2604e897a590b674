//go:build !linux

package amqp

// ioVector writes several pieces, one call each.
type ioVector struct{}

func (ioVector) write(fd uintptr, list [][]byte) (int, error) {
	done := 0
	for _, p := range list {
		n, err := rawWrite(fd, p)
		done += n
		if err != nil || n < len(p) {
			return done, err
		}
	}
	return done, nil
}
