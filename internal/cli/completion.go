// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
)

const (
	// mostCompleted bounds the names that a shell is offered.
	mostCompleted = 1000
	// completionTime bounds how long a shell waits for names.
	completionTime = 3 * time.Second
)

// kubectlScript is what kubectl calls to complete `kubectl seats`: a program kubectl_complete-seats in the PATH.
const kubectlScript = `#!/bin/sh
# kubectl calls this to complete "kubectl seats ...".
exec kubectl-seats __complete "$@"
`

func newCompletionCommand(env Environment) *cobra.Command {
	scripts := map[string]func(root *cobra.Command, out io.Writer) error{
		"bash": func(root *cobra.Command, out io.Writer) error { return root.GenBashCompletionV2(out, true) },
		"zsh":  func(root *cobra.Command, out io.Writer) error { return root.GenZshCompletion(out) },
		"fish": func(root *cobra.Command, out io.Writer) error { return root.GenFishCompletion(out, true) },
		"kubectl": func(_ *cobra.Command, out io.Writer) error {
			_, err := io.WriteString(out, kubectlScript)
			return err
		},
	}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|kubectl",
		Short: "Print what completes commands, flags and names in a shell",
		Long: `Print a script that completes commands, flags, and the names of pools, modules and sessions.

"kubectl" is for "kubectl seats": a program that kubectl's own completion calls, if it is in the PATH as kubectl_complete-seats.
The others are for a shell in which the program is called by its own name, kubectl-seats.`,
		Example: `  # kubectl seats <TAB>, where kubectl itself completes
  kubectl seats completion kubectl > ~/.local/bin/kubectl_complete-seats && chmod +x ~/.local/bin/kubectl_complete-seats

  # kubectl-seats <TAB> in this bash
  source <(kubectl-seats completion bash)`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && scripts[args[0]] != nil {
				return nil
			}
			return advise(errors.New("the shell must be one of bash, zsh, fish and kubectl"), "See `"+cmd.CommandPath()+" --help`.")
		},
		ValidArgs: []string{"bash", "zsh", "fish", "kubectl"},
		RunE:      func(cmd *cobra.Command, args []string) error { return scripts[args[0]](cmd.Root(), env.Streams.Out) },
	}
}

// completeNames completes the names of objects of a kind in the namespace, those that were not given yet.
func completeNames(c *cluster, list client.ObjectList, options ...client.ListOption) cobra.CompletionFunc {
	return completeWith(c, list, metav1.Object.GetName, options...)
}

// liveSessions are those that can be ended.
func liveSessions() client.ListOption {
	return client.MatchingFieldsSelector{Selector: fields.AndSelectors(stateTerms(grid.Live())...)}
}

// completeModules completes the modules of the sessions that are on.
func completeModules(c *cluster) cobra.CompletionFunc {
	return completeWith(c, &licensing.UserSessionList{}, func(o metav1.Object) string { return string(o.(*licensing.UserSession).Spec.Module) }, liveSessions())
}

// completeWith completes what objects of the namespace are called, each name once.
func completeWith(c *cluster, list client.ObjectList, name func(metav1.Object) string, options ...client.ListOption) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
		names := namesOf(cmd.Context(), c, list.DeepCopyObject().(client.ObjectList), name, options)
		slices.Sort(names)
		names = slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" || slices.Contains(given, name) })
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// namesOf are the names of a namespace's objects, as many as are of use. A shell has no place for errors.
func namesOf(ctx context.Context, c *cluster, list client.ObjectList, name func(metav1.Object) string, options []client.ListOption) []string {
	api, err := c.client()
	if err != nil {
		return nil
	}
	namespace, err := c.namespace()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	if api.List(ctx, list, append([]client.ListOption{client.InNamespace(namespace), client.Limit(mostCompleted)}, options...)...) != nil {
		return nil
	}
	var names []string
	_ = meta.EachListItem(list, func(obj runtime.Object) error {
		names = append(names, name(obj.(metav1.Object)))
		return nil
	})
	return names
}

// completeFlags completes the values of a command's flags, those that it has.
func completeFlags(cmd *cobra.Command, c *cluster) {
	fixed := map[string][]string{
		"state":   {"Pending", "Active", "Denied", "Terminated"},
		"dry-run": {dryRunNone, dryRunClient, dryRunServer},
		"type":    {string(licensing.AccountNamed), string(licensing.AccountConcurrent)},
	}
	for _, order := range grid.Orders() {
		fixed["sort-by"] = append(fixed["sort-by"], string(order), "-"+string(order))
	}
	for name, values := range fixed {
		if cmd.Flag(name) != nil {
			_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	if cmd.Flag("pool") != nil {
		_ = cmd.RegisterFlagCompletionFunc("pool", completeNames(c, &licensing.LicensePoolList{}))
	}
	if cmd.Flag("module") != nil {
		_ = cmd.RegisterFlagCompletionFunc("module", completeModules(c))
	}
}

// completeNoFiles keeps a shell from offering names of files where a flag takes none.
func completeNoFiles(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if _, done := cmd.GetFlagCompletionFunc(f.Name); !done && f.Name != "output-file" && root.PersistentFlags().Lookup(f.Name) == nil {
				_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.NoFileCompletions)
			}
		})
	}
}
