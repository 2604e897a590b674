package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/meshway/meshway/internal/sasl"
)

const defaultUsersFile = "users.yaml"

func (a *app) userCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Add, list and remove those who may log in",
		Long: `Manages a users file, which holds the names and the salted password hashes of
those who may log in with SASL PLAIN. A configuration names it:

  users: {file: users.yaml}

A running router sees changes at the next login.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if file == "" {
				return usageError{errors.New("--file: the name of the users file is empty")}
			}
			return nil
		},
	}
	cmd.PersistentFlags().StringVarP(&file, "file", "f", defaultUsersFile, "users `file`")
	cmd.AddCommand(a.userAddCommand(&file), a.userListCommand(&file), a.userRemoveCommand(&file))
	return cmd
}

func (a *app) userAddCommand(file *string) *cobra.Command {
	var fromStdin bool
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a user; the password is asked for",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return errors.New("only a name is given here: a password on the command line could be seen by others; it is asked for, or read with --password-stdin")
			}
			return cobra.ExactArgs(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.addUser(cmd.Context(), *file, args[0], fromStdin)
		},
	}
	cmd.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input, one line")
	return cmd
}

func (a *app) addUser(ctx context.Context, file, name string, fromStdin bool) error {
	// Nobody should type a password twice to hear that the name is taken.
	if err := sasl.CheckName(name); err != nil {
		return err
	}
	switch has, err := sasl.HasUser(file, name); {
	case err != nil:
		return err
	case has:
		return a.userExists(file, name)
	}
	password, err := a.newPassword(ctx, name, fromStdin)
	if err != nil {
		return err
	}
	if err := sasl.AddUser(file, name, password); errors.Is(err, sasl.ErrUserExists) {
		return a.userExists(file, name)
	} else if err != nil {
		return err
	}
	return a.print("user %q added to %s", name, file)
}

func (a *app) userExists(file, name string) error {
	return fmt.Errorf("%s has a user %q already; for a new password remove it first: %s user remove %q --file %s", file, name, a.name, name, file)
}

// newPassword asks twice on a terminal, or reads one line.
func (a *app) newPassword(ctx context.Context, name string, fromStdin bool) (string, error) {
	if fromStdin {
		// Beyond the longest password plus a line end there is nothing to read.
		line, err := bufio.NewReader(io.LimitReader(a.in, sasl.MaxPassword+3)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password from standard input: %w", err)
		}
		return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), nil
	}
	if !a.inTerm {
		return "", usageError{errors.New("standard input is no terminal to ask for a password on; use --password-stdin")}
	}
	first, err := a.ask(ctx, "Password for "+name+": ")
	if err != nil {
		return "", err
	}
	if err := sasl.CheckPassword(first); err != nil {
		return "", err
	}
	second, err := a.ask(ctx, "The same again: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", errors.New("the two passwords differ; nothing was changed")
	}
	return first, nil
}

func (a *app) ask(ctx context.Context, prompt string) (string, error) {
	_, _ = fmt.Fprint(a.err, prompt)
	defer func() { _, _ = fmt.Fprintln(a.err) }() // the user's own line end was not echoed
	password, err := a.readPassword(ctx)
	if err != nil {
		return "", interrupted(ctx, fmt.Errorf("read the password: %w", err))
	}
	return string(password), nil
}

// readPassword reads a line from a terminal without echo, and leaves the
// terminal as it was also when ctx ends first.
func readPassword(ctx context.Context, fd int) ([]byte, error) {
	state, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	password, err := unlessDone(ctx, func() ([]byte, error) { return term.ReadPassword(fd) })
	if ctx.Err() != nil {
		_ = term.Restore(fd, state)
	}
	return password, err
}

func (a *app) userListCommand(file *string) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the users, one a line",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			names, err := sasl.ListUsers(*file)
			if err != nil {
				return a.explainUsers(*file, err)
			}
			for _, name := range names {
				if err := a.print("%s", name); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (a *app) userRemoveCommand(file *string) *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove a user",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := sasl.RemoveUser(*file, args[0]); err != nil {
				if errors.Is(err, sasl.ErrNoUser) {
					return fmt.Errorf("%s has no user %q; see %s user list --file %s", *file, args[0], a.name, *file)
				}
				return a.explainUsers(*file, err)
			}
			return a.print("user %q removed from %s", args[0], *file)
		},
	}
}

func (a *app) explainUsers(file string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no users file %s; make one with %s user add NAME --file %s, or name another with --file", file, a.name, file)
	}
	return err
}
