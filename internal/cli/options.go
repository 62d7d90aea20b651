// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"

	"github.com/spf13/cobra"
)

// options are those of a command, in the order in which it uses them.
type options interface {
	// Complete takes in the arguments and the flags, the kubeconfig and the terminal.
	Complete(args []string) error
	// Validate says whether they make sense together.
	Validate() error
	Run(ctx context.Context) error
}

// runs is what a command with these options does.
func runs(o options) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := o.Complete(args); err != nil {
			return err
		}
		if err := o.Validate(); err != nil {
			return err
		}
		return o.Run(cmd.Context())
	}
}
