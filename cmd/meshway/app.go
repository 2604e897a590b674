package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/meshway/meshway/internal/config"
)

// app is the program but for the process it runs in: tests give it buffers.
type app struct {
	in       io.Reader
	out, err io.Writer
	name     string // how the user called it, for commands that are suggested
	inTerm   bool   // in is a terminal, and so on
	outTerm  bool
	errTerm  bool
	color    bool

	getenv       func(string) string
	readPassword func(context.Context) ([]byte, error) // from the terminal, without echo
	dial         func(context.Context, target) (session, error)
	manage       func(context.Context, target, time.Duration) (agents, error)
	now          func() time.Time
	newRouter    routerMaker
	again        func() (*exec.Cmd, error) // this command line once more, as another process
	patience     time.Duration             // until one is told what a command waits for
}

func newApp(in, out, errOut *os.File) *app {
	return &app{
		in: in, out: out, err: errOut,
		name:         calledAs(os.Args[0]),
		inTerm:       term.IsTerminal(int(in.Fd())),
		outTerm:      term.IsTerminal(int(out.Fd())),
		errTerm:      term.IsTerminal(int(errOut.Fd())),
		color:        os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
		getenv:       os.Getenv,
		readPassword: func(ctx context.Context) ([]byte, error) { return readPassword(ctx, int(in.Fd())) },
		dial:         dialAMQP,
		manage:       dialAgents,
		now:          time.Now,
		newRouter:    newRouter,
		again:        callAgain,
		patience:     time.Second,
	}
}

// calledAs is what to type to call the program again.
func calledAs(arg0 string) string {
	if strings.ContainsRune(arg0, filepath.Separator) {
		return filepath.Clean(arg0)
	}
	return "meshway"
}

// usageError is a mistake on the command line, as opposed to something that
// went wrong while the command did its work.
type usageError struct{ error }

// Exit codes.
const (
	codeOK      = 0
	codeFailure = 1
	codeUsage   = 2
)

// run executes one command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.rootCommand()
	root.SetArgs(append([]string{}, args...)) // with nil it would take the process's own
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return codeOK
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	if problems, ok := errors.AsType[config.Problems](err); ok && len(problems) > 1 {
		a.complain("%d problems in the configuration:\n%s", len(problems), problems)
		return codeFailure
	}
	if _, ok := errors.AsType[usageError](err); ok {
		a.complain("%v; see %s --help", err, strings.Replace(cmd.CommandPath(), "meshway", a.name, 1))
		return codeUsage
	}
	a.complain("%v", err)
	return codeFailure
}

// complain writes an error to standard error: parts of it may be what a peer said.
func (a *app) complain(format string, args ...any) {
	for line := range strings.SplitSeq("meshway: "+a.typed(fmt.Sprintf(format, args...), ""), "\n") {
		_, _ = fmt.Fprintln(a.err, printable(line))
	}
}

// say writes a remark that is no result to standard error.
func (a *app) say(format string, args ...any) {
	_, _ = fmt.Fprintf(a.err, format+"\n", args...)
}

// print writes a line of the command's result.
func (a *app) print(format string, args ...any) error {
	_, err := fmt.Fprintf(a.out, format+"\n", args...)
	return err
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:     "meshway",
		Version: fullVersion(),
		Short:   "An AMQP 1.0 message router",
		Long: `Meshway routes AMQP 1.0 messages between the clients that connect to it. It
stores nothing: a sender hears what the receiver said of its message.

Try it, each in a terminal of its own:
  meshway run
  meshway receive hello
  meshway send hello "Hello, world"`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{explainFlag(err)} })
	root.AddCommand(a.runCommand(), a.configCommand(), a.sendCommand(), a.receiveCommand(), a.benchCommand(), a.userCommand(), a.versionCommand())
	root.AddCommand(a.managementCommands()...)
	root.SetVersionTemplate("{{.Version}}\n")
	mendDefaults(root)
	markUsage(root)
	return root
}

// mendDefaults has the commands that cobra adds take mistakes for what they are.
func mendDefaults(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Run, c.RunE = nil, func(_ *cobra.Command, args []string) error { return helpOn(root, args) }
		case "completion":
			c.RunE = func(*cobra.Command, []string) error { return c.Help() } // without it arguments are not looked at
		}
	}
}

// completes tells shells the values that flags may have, and that arguments are no files.
func completes(cmd *cobra.Command, flags map[string][]string) {
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	for name, values := range flags {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
}

// markUsage makes complaints about arguments usage errors, in every command.
func markUsage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError{explainArgs(cmd, args, err)}
			}
			return nil
		}
	}
	for _, c := range cmd.Commands() {
		markUsage(c)
	}
}

// explainArgs says in a complaint about arguments which there should be.
func explainArgs(cmd *cobra.Command, args []string, err error) error {
	switch {
	case strings.Contains(err.Error(), "arg(s)"):
		return fmt.Errorf("%w: %s", err, strings.TrimSuffix(cmd.UseLine(), " [flags]"))
	case !strings.HasPrefix(err.Error(), "unknown command"):
		return err
	case !cmd.HasSubCommands():
		return fmt.Errorf("%s takes no arguments", strings.TrimPrefix(cmd.CommandPath(), "meshway "))
	}
	return unknownCommand(cmd, args[0])
}

// unknownCommand says what may have been meant by a command that is not there.
func unknownCommand(parent *cobra.Command, name string) error {
	var names []string
	for _, c := range parent.Commands() {
		names = append(names, c.Name())
	}
	return fmt.Errorf("unknown command %q for %q%s", name, parent.CommandPath(), meant(name, names))
}

// helpOn is the help command; a topic that is not there is a mistake.
func helpOn(root *cobra.Command, args []string) error {
	cmd, rest, err := root.Find(args)
	if err == nil && len(rest) > 0 {
		err = unknownCommand(cmd, rest[0])
	}
	if err != nil {
		return usageError{err}
	}
	cmd.InitDefaultHelpFlag() // or help would not show it
	return cmd.Help()
}

// explainFlag says what the value of a flag should have been, in words of people.
func explainFlag(err error) error {
	bad, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	want := map[string]string{
		"float64": "a number", "duration": "a duration such as 500ms or 2s", "bool": "true or false",
		"bytes": "a number of bytes such as 100, 200MB or 1.5GiB",
		"int":   "a whole number", "intSlice": "a whole number", "uint32": "a whole number that is not negative", "uint64": "a whole number that is not negative",
	}[bad.GetFlag().Value.Type()]
	if want == "" {
		return err
	}
	return fmt.Errorf("--%s %q: it must be %s", bad.GetFlag().Name, bad.GetValue(), want)
}
