// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
)

// WhyOptions are those of `kubectl seats why`.
type WhyOptions struct {
	Environment

	cluster   *cluster
	names     []string
	namespace string
	client    client.WithWatch
}

func newWhyCommand(env Environment, c *cluster) *cobra.Command {
	o := &WhyOptions{Environment: env, cluster: c}
	return &cobra.Command{
		Use:   "why SESSION...",
		Short: "Say why a session was granted, waits, was denied or ended",
		Long: `Say in sentences why a session was granted, waits, was denied or ended, each with its time and the word that conditions, Events and the
gateway's answers use for it.

Records are kept for as long as the pool's sessions.retentionSeconds says. A login that the gateway denied by itself leaves none: its client was told
why, and metrics and the pool's usage count it.`,
		Example: `  # Why is Eve not signed on?
  kubectl seats sessions --user eve@example.com --all
  kubectl seats why eve-web`,
		Args:              atLeastOne("session"),
		ValidArgsFunction: completeNames(c, &licensing.UserSessionList{}),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.Complete(args); err != nil {
				return err
			}
			return o.Run(cmd.Context())
		},
	}
}

// Complete takes in the arguments and the kubeconfig.
func (o *WhyOptions) Complete(args []string) (err error) {
	o.names = args
	if o.namespace, err = o.cluster.namespace(); err != nil {
		return err
	}
	o.client, err = o.cluster.client()
	return err
}

// Run tells of the sessions that exist; the error tells of the others.
func (o *WhyOptions) Run(ctx context.Context) error {
	sessions, err := readSessions(ctx, o.client, o.namespace, o.names)
	for i := range sessions {
		s := &sessions[i]
		pool := &licensing.LicensePool{}
		switch failed := o.client.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: s.Spec.PoolRef.Name}, pool); {
		case failed != nil && client.IgnoreNotFound(failed) == nil:
			fmt.Fprintf(o.Streams.ErrOut, "There is no pool %s in namespace %s at present.\n", s.Spec.PoolRef.Name, s.Namespace)
			pool = nil
		case failed != nil:
			pool = nil
		}
		if i > 0 {
			fmt.Fprintln(o.Streams.Out)
		}
		row := grid.NewRow(s, true)
		fmt.Fprintf(o.Streams.Out, "%s: %s\n", s.Name, row.State)
		for _, told := range grid.Why(s, pool, o.Clock.Now()) {
			o.tell(told)
		}
	}
	return err
}

func (o *WhyOptions) tell(t grid.Told) {
	line := "  "
	if !t.Time.IsZero() {
		line += o.Reader.Both(t.Time) + ": "
	}
	line += printable(t.Text)
	if t.Reason != "" {
		line += " [" + t.Reason + "]"
	}
	fmt.Fprintln(o.Streams.Out, line)
}
