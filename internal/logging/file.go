package logging

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"gopkg.in/natefinch/lumberjack.v2"
)

// FileOptions say where a log file is and when it rotates.
type FileOptions struct {
	Path      string
	Megabytes int // size at which a new one is begun; at least 1
	Backups   int // old files that are kept, besides the one that is written; at least 1
}

// OpenFile opens a log file for appending, and makes its folder if there is none. When it grows
// beyond its size it is renamed, with the time in its name, and begun anew. The error says what
// is wrong with the path.
func OpenFile(o FileOptions) (io.WriteCloser, error) {
	if err := os.MkdirAll(filepath.Dir(o.Path), 0o755); err != nil {
		return nil, fmt.Errorf("log file: %w", err)
	}
	f, err := os.OpenFile(o.Path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, fmt.Errorf("log file: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("log file: %w", err)
	}
	return &lumberjack.Logger{Filename: o.Path, MaxSize: o.Megabytes, MaxBackups: o.Backups}, nil
}
