// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/utils/clock"

	"github.com/seatkeeper/seatkeeper/internal/grid"
)

// Environment is what commands need of the outside world.
type Environment struct {
	Streams genericiooptions.IOStreams
	Clock   clock.PassiveClock
	// Reader is how the person who reads writes times.
	Reader grid.Reader
	// Interactive says that a person sits before standard input and standard error.
	Interactive bool
	// Version is that of the program.
	Version string
}

// NewCommand returns `kubectl seats` with all its commands.
func NewCommand(env Environment) *cobra.Command {
	root := &cobra.Command{
		Use:   "kubectl-seats",
		Short: "See and manage the seats of software licenses",
		Long: "See and manage the seats of software licenses that Seatkeeper grants.\n\n" +
			"The global flags of kubectl work here too; `kubectl options` lists them.",
		// As a plugin of kubectl it is called by two words.
		Annotations:       map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl seats"},
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		// Main prints errors, once, and a usage text would hide them.
		SilenceErrors: true,
		SilenceUsage:  true,
		// As many letters may be wrong in a command for it to be guessed.
		SuggestionsMinimumDistance: 2,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			advice := "`" + cmd.CommandPath() + " --help` lists the commands there are."
			if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
				advice = "Is `" + cmd.CommandPath() + " " + like[0] + "` meant? " + advice
			}
			return advise(fmt.Errorf("unknown command %q", args[0]), advice)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(env.Streams.In)
	root.SetOut(env.Streams.Out)
	root.SetErr(env.Streams.ErrOut)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return advise(err, "See `"+cmd.CommandPath()+" --help`.")
	})

	flags := genericclioptions.NewConfigFlags(true)
	flags.AddFlags(root.PersistentFlags())
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) {
		f.Hidden = !slices.Contains([]string{"kubeconfig", "context", "namespace"}, f.Name)
	})
	cluster := &cluster{flags: flags, version: env.Version}
	root.AddCommand(
		newConsoleCommand(env, cluster),
		newPoolsCommand(env, cluster),
		newSessionsCommand(env, cluster),
		newShowCommand(env, cluster),
		newWhyCommand(env, cluster),
		newTerminateCommand(env, cluster),
		newAccountsCommand(env, cluster),
		newUsageCommand(env, cluster),
		newWhoAmICommand(env, cluster),
		newCompletionCommand(env),
		newVersionCommand(env),
	)
	completeNoFiles(root)
	return root
}

func newVersionCommand(env Environment) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(env.Streams.Out, "kubectl seats", env.Version)
			return err
		},
	}
}
