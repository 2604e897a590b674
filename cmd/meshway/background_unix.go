//go:build unix

package main

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"syscall"
)

// ownSession has a process begin a session, without a terminal.
func ownSession() (*syscall.SysProcAttr, error) { return &syscall.SysProcAttr{Setsid: true}, nil }

// becomeUser makes the process one of that user and of their groups, for good; "" is whoever has
// started it.
func becomeUser(name string) error {
	if name == "" {
		return nil
	}
	uid, groups, err := idsOf(name)
	if err != nil {
		return fmt.Errorf("--user %s: %w", name, err)
	}
	if uid == syscall.Getuid() && uid == syscall.Geteuid() {
		return nil
	}
	err = syscall.Setgroups(groups)
	if err == nil {
		err = syscall.Setgid(groups[0])
	}
	if err == nil {
		err = syscall.Setuid(uid)
	}
	switch {
	case errors.Is(err, syscall.EPERM):
		return fmt.Errorf("--user %s: only root can run the router as somebody else; start it as root, or as %s and without --user", name, name)
	case err != nil:
		return fmt.Errorf("--user %s: %w", name, err)
	}
	return nil
}

// idsOf are the ids of a user and of their groups, their own group first.
func idsOf(name string) (uid int, groups []int, err error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, nil, err
	}
	more, err := u.GroupIds()
	if err != nil {
		return 0, nil, err
	}
	for _, id := range append([]string{u.Gid}, more...) {
		g, err := strconv.Atoi(id)
		if err != nil {
			return 0, nil, fmt.Errorf("group id %q is no number", id)
		}
		groups = append(groups, g)
	}
	uid, err = strconv.Atoi(u.Uid)
	return uid, groups, err
}
