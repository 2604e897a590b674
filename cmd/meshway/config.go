package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/sasl"
)

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check, convert, show and save configuration files",
		Long: `Looks at configuration files without running a router: YAML, or a
qdrouterd.conf in either of its forms. Only "save" asks a router.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.configCheckCommand(), a.configConvertCommand(), a.configSchemaCommand(), a.configShowCommand(), a.configSaveCommand())
	return cmd
}

func (a *app) configCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Say all that is wrong with a file",
		Long: `Reads a file as "run" does, and prints every problem and warning, each with
its line. The exit code is 1 if a router would not start with it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.checkConfig(args[0]) },
	}
}

func (a *app) checkConfig(file string) error {
	cfg, err := config.Load(file, a.checkUsersFile)
	problems, ok := errors.AsType[config.Problems](err)
	if err != nil && !ok {
		return err
	}
	for _, p := range append(problems, cfg.Warnings...) {
		if err := a.print("%s", a.typed(p.String(), "")); err != nil {
			return err
		}
	}
	if n := len(problems); n > 0 {
		return fmt.Errorf("%s: %s", file, plural(n, "problem"))
	}
	if n := len(cfg.Warnings); n > 0 {
		return a.print("%s: %s; a router starts with it", file, plural(n, "warning"))
	}
	return a.print("%s: all is right", file)
}

// checkUsersFile says what is wrong with the users file of a configuration, if anything is: a
// router would not start.
func (a *app) checkUsersFile(file string) error {
	_, err := sasl.ListUsers(file)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no file %s; make it with: %s user add NAME --file %s", file, a.name, shellWord(file))
	}
	return err
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func (a *app) configConvertCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "convert FILE",
		Short: "Print a qdrouterd.conf as YAML",
		Long: `Prints YAML that means the same as the file, which may be a qdrouterd.conf in
either of its forms. Passwords are printed as they stand in the file. What is
left out is said on standard error; so is what YAML would not be taken with, and
then the exit code is 1.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.convertConfig(args[0]) },
	}
}

func (a *app) convertConfig(file string) error {
	cfg, err := config.Load(file, nil)
	if err != nil {
		return err
	}
	for _, w := range cfg.Warnings {
		a.say("%s", w)
	}
	text := config.Save(cfg)
	if _, err := a.out.Write(text); err != nil {
		return err
	}
	// Where the old form only warns, YAML is strict.
	if _, err := config.Parse(file, text); err != nil {
		return fmt.Errorf("the YAML needs mending before a router takes it; its lines are counted here:\n%w", err)
	}
	return nil
}

func (a *app) configSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print a JSON Schema of configuration files, for editors",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return a.print("%s", config.JSONSchema()) },
	}
}

func (a *app) configShowCommand() *cobra.Command {
	var form string
	cmd := &cobra.Command{
		Use:   "show [FILE]",
		Short: "Print all that a file puts into effect, defaults too",
		Long: `Prints the configuration that a router would have with the file, or without
one, every default filled in. Passwords are not shown.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			cfg := config.Default()
			if len(args) > 0 {
				var err error
				if cfg, err = config.Load(args[0], nil); err != nil {
					return err
				}
			}
			return a.showConfig(cfg, form)
		},
	}
	cmd.Flags().StringVarP(&form, "output", "o", "yaml", "`form` of the output: yaml or json")
	return cmd
}

func (a *app) showConfig(cfg config.Config, form string) error {
	switch form {
	case "yaml":
		_, err := a.out.Write(config.Show(cfg))
		return err
	case "json":
		text, err := json.MarshalIndent(config.Values(cfg), "", "  ")
		if err != nil {
			return err
		}
		return a.print("%s", text)
	}
	return usageError{fmt.Errorf("--output is %q; it must be yaml or json", form)}
}
