package sasl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// target follows symbolic links, so that the file is replaced and not the link.
func target(path string) (string, error) {
	found, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	return found, err
}

// replace puts data in the place of the file at path: a reader sees the old
// file or the new one, also if the machine stops on the way. Only the owner may
// read it; that stays the owner of the old file, if there was one.
func replace(path string, data []byte, old os.FileInfo) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // made with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if old != nil {
		if err = keepOwner(f, old); err != nil {
			return fmt.Errorf("keep the owner of %s: %w; run this as that owner", path, err)
		}
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	syncFolder(filepath.Dir(path))
	return nil
}

// syncFolder makes the rename last. Not every system can do that, and the file
// is in place already: nothing to report.
func syncFolder(path string) {
	if d, err := os.Open(path); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}
