//go:build !unix

package main

import (
	"errors"
	"syscall"
)

func ownSession() (*syscall.SysProcAttr, error) {
	return nil, errors.New("--daemon: there are no daemons on this system; start the router as a service")
}

func becomeUser(name string) error {
	if name == "" {
		return nil
	}
	return errors.New("--user: a process cannot become another user's on this system; start the router as that user")
}
