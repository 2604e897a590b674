//go:build !linux

package main

import (
	"context"
	"errors"
)

// spin is not available here.
func spin(context.Context) error {
	return errors.New("-awake: this system has no threads that run only where nothing else wants to")
}
