//go:build linux || darwin

package sasl

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockFolder waits until nobody else edits a users file in path's folder. The
// folder is locked, because the file is replaced by another one.
func lockFolder(path string) (unlock func(), err error) {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX); err != nil {
		_ = d.Close()
		return nil, fmt.Errorf("lock %s: %w", d.Name(), err)
	}
	return func() { _ = d.Close() }, nil // closing unlocks
}

// keepOwner gives f the owner that the file it replaces had: a router that runs
// under its own user must still be able to read what root edited.
func keepOwner(f *os.File, old os.FileInfo) error {
	was, ok := old.Sys().(*syscall.Stat_t)
	if !ok || (int(was.Uid) == os.Geteuid() && int(was.Gid) == os.Getegid()) {
		return nil
	}
	return f.Chown(int(was.Uid), int(was.Gid))
}

// openToOthers reports whether anybody but its owner can read the file.
func openToOthers(info os.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }
