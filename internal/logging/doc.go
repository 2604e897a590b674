// Package logging makes the router's logger: lines for people on a terminal, JSON elsewhere,
// to standard error or to a file that rotates.
//
// It consumes the configuration's options and what the router logs. It produces a
// [zap.Logger], and beside it a [Log] (see [Of]), by which levels are changed while the router
// runs and the newest lines are looked at. It owns the ring of those lines, the levels, and the
// file.
//
// A module is the first part of a logger's name: what log.Named("mesh") writes belongs to the
// module mesh, and what has no name belongs to the module router. Lines that repeat are
// limited, see [repeats].
package logging
