package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// reference is docs/cli.md: every command with its help, its flags and its examples. A test
// compares it with the file.
func (a *app) reference() string {
	var b strings.Builder
	b.WriteString(`# Command line

Made from the commands themselves; ` + "`meshway COMMAND --help`" + ` says the same. Exit codes: 0 for success, 1 for what went
wrong while the command did its work, 2 for a mistake on the command line.

` + "`meshway completion SHELL`" + ` prints what bash, fish, powershell or zsh needs to complete commands and flags, and its --help
says where that goes.
`)
	root := a.rootCommand()
	b.WriteString("\n| command | what it does |\n|---|---|\n")
	eachCommand(root, func(c *cobra.Command) {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", c.CommandPath(), strings.ReplaceAll(c.CommandPath(), " ", "-"), c.Short)
	})
	eachCommand(root, func(c *cobra.Command) { referenceOf(&b, c) })
	return b.String()
}

// eachCommand visits all commands that do something, in the order of their names.
func eachCommand(c *cobra.Command, visit func(*cobra.Command)) {
	for _, sub := range c.Commands() {
		if sub.Hidden || sub.Name() == "help" || sub.Name() == "completion" {
			continue
		}
		if !sub.HasSubCommands() {
			visit(sub)
		}
		eachCommand(sub, visit)
	}
}

func referenceOf(b *strings.Builder, c *cobra.Command) {
	fmt.Fprintf(b, "\n## %s\n\n", c.CommandPath())
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	writeHelp(b, text)
	fmt.Fprintf(b, "\n```\n%s\n```\n", strings.TrimSuffix(c.UseLine(), " [flags]"))
	if c.Example != "" {
		b.WriteString("\nExamples:\n\n```\n")
		for line := range strings.SplitSeq(c.Example, "\n") {
			b.WriteString(strings.TrimPrefix(line, "  ") + "\n")
		}
		b.WriteString("```\n")
	}
	rows := ""
	add := func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		rows += flagRow(f)
	}
	c.NonInheritedFlags().VisitAll(add)
	c.InheritedFlags().VisitAll(add)
	if rows != "" {
		b.WriteString("\n| flag | default | |\n|---|---|---|\n" + rows)
	}
}

// flagRow is a flag as a row of a table.
func flagRow(f *pflag.Flag) string {
	kind, usage := pflag.UnquoteUsage(f)
	name := "`--" + f.Name + "`"
	if kind != "" {
		name = "`--" + f.Name + " " + kind + "`"
	}
	if f.Shorthand != "" {
		name = "`-" + f.Shorthand + "`, " + name
	}
	value := ""
	said := strings.Contains(usage, "(default ")
	if !said && f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" {
		value = "`" + f.DefValue + "`"
	}
	return fmt.Sprintf("| %s | %s | %s |\n", name, value, strings.ReplaceAll(usage, "|", "\\|"))
}

// writeHelp writes the help of a command: what is indented there is a block of its own here.
func writeHelp(b *strings.Builder, text string) {
	block := false
	for line := range strings.SplitSeq(text, "\n") {
		if indented := strings.HasPrefix(line, "  "); indented != block && line != "" {
			b.WriteString("```\n")
			block = indented
		}
		b.WriteString(line + "\n")
	}
	if block {
		b.WriteString("```\n")
	}
}
