// Package config turns a configuration file into finished, typed values.
//
// It consumes one file, YAML or one of the two forms of the predecessor's qdrouterd.conf,
// which become the same nodes, and looks whether the passwords that the file keeps
// in environment variables or other files are there. It produces a [Config] in which
// every default is filled in and every bound is checked, or [Problems]: all that
// is wrong with the file, each with its line, in one go.
//
// What can be configured is said once, in the tables of the schema_*.go files:
// name, type, default, bounds, unit, whether it can change at run time, and one
// line of help. The loader, the validation, the defaults, the writer ([Save], [Show]),
// [Config.Create] and its kin for changes at run time, and [Diff] read those tables;
// nothing about an attribute is said in a second place. What the full model
// knows but this version does not do stands in the same tables with the reason,
// so that a file which asks for it is refused by name and line instead of being
// accepted without effect.
//
// It owns nothing that lives on: no goroutine, no watch, no global state.
package config
