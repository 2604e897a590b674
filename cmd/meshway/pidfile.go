package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"go.uber.org/zap"
)

// pidFile is a file that holds a process id. It is written under another name at first, so that
// a process which comes to nothing leaves that of another one alone. The zero pidFile is none.
type pidFile struct {
	path, draft string
	text        string
}

// newPIDFile writes the draft; without a path it does nothing.
func newPIDFile(path string, pid int) (*pidFile, error) {
	p := pidFileOf(path, pid)
	if path == "" {
		return p, nil
	}
	var err error
	if p.draft, err = draftFile(path, p.text, 0o644); err != nil {
		return nil, fmt.Errorf("pid file: %w", err)
	}
	return p, nil
}

// pidFileOf is a file that somebody else writes.
func pidFileOf(path string, pid int) *pidFile {
	return &pidFile{path: path, text: strconv.Itoa(pid) + "\n"}
}

// publish gives the file its name, at once: nobody reads half of it.
func (p *pidFile) publish() error {
	if p.draft == "" {
		return nil
	}
	if err := os.Rename(p.draft, p.path); err != nil {
		return fmt.Errorf("pid file: %w", err)
	}
	p.draft = ""
	return nil
}

// remove takes the file away again, unless another process has written its own meanwhile.
func (p *pidFile) remove(log *zap.Logger) {
	if p.path == "" {
		return
	}
	if p.draft != "" {
		_ = os.Remove(p.draft)
		return
	}
	if now, err := os.ReadFile(p.path); err != nil || string(now) != p.text {
		return
	}
	if err := os.Remove(p.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("the pid file is left behind", zap.Error(err))
	}
}

// replaceFile writes a file at once: nobody reads half of it.
func replaceFile(path, text string, mode os.FileMode) error {
	draft, err := draftFile(path, text, mode)
	if err != nil {
		return err
	}
	if err = os.Rename(draft, path); err != nil {
		_ = os.Remove(draft)
	}
	return err
}

// draftFile writes a file that is to get the name path, beside that.
func draftFile(path, text string, mode os.FileMode) (draft string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Chmod(mode)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return f.Name(), err
}
