package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"unicode/utf8"
)

// maxFile is the largest file that is read: far beyond any real one.
const maxFile = 16 << 20

// Default is the configuration that is used without a file: a standalone router
// on loopback port 5672 that lets everybody in.
func Default() Config {
	c := empty()
	c.Listeners = []Listener{DefaultListener()}
	c.finish()
	return c
}

// DefaultListener is a listener about which nothing was said.
func DefaultListener() Listener {
	var l Listener
	listenerEntity.setDefaults(&l)
	return l
}

// defaultConnector is a connector about which nothing was said.
func defaultConnector() Connector {
	var c Connector
	connectorEntity.setDefaults(&c)
	return c
}

// DefaultAddress is an address entry about which nothing was said.
func DefaultAddress() Address {
	var a Address
	addressEntity.setDefaults(&a)
	return a
}

// empty has the defaults of the single entities, and none of the others.
func empty() Config {
	var c Config
	routerEntity.setDefaults(&c.Router)
	usersEntity.setDefaults(&c.Users)
	logEntity.setDefaults(&c.Log)
	return c
}

// Load reads a configuration file. What is wrong with it comes back as
// [Problems]; names of files in it are relative to its folder. users looks at the users file
// that it names, and says what is wrong with that; nil does not look.
func Load(path string, users func(file string) error) (Config, error) {
	data, err := Read(path)
	if err != nil {
		return Config{}, Problems{{File: path, Text: err.Error()}}
	}
	return parse(path, data, users)
}

// Read returns what is in a configuration file, for [Parse], or an error that says what
// to do.
func Read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(err)
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.New("this is a folder; name the file in it")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, unreadable(err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("it is larger than %d MiB; a configuration file is a few kilobytes", maxFile>>20)
	}
	return data, nil
}

// unreadable says why a file cannot be read, without the operation and the path
// that the os package puts in front: the path is in the message already.
func unreadable(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("there is no such file")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("it cannot be read: permission denied; let the user that runs the router read it")
	}
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	return fmt.Errorf("it cannot be read: %w", err)
}

// checkEncoding refuses what is not UTF-8, and takes off the mark that some
// editors put in front of it.
func checkEncoding(file string, data []byte) ([]byte, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return nil, Problems{{File: file, Line: 1, Text: "this is UTF-16; save it as UTF-8"}}
	}
	for line, rest := 1, data; len(rest) > 0; line++ {
		text, after, _ := bytes.Cut(rest, []byte("\n"))
		if !utf8.Valid(text) {
			return nil, Problems{{File: file, Line: line, Text: "this line is not UTF-8; save the file as UTF-8"}}
		}
		rest = after
	}
	return data, nil
}
