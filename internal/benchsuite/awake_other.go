//go:build !linux

package main

import (
	"context"
	"errors"
)

// spin is not available here.
func spin(context.Context) error {
	return errors.New("-awake: threads have no priorities of their own here")
}
