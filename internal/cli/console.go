// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/seatkeeper/seatkeeper/internal/console"
	"github.com/seatkeeper/seatkeeper/internal/refresh"
)

// ConsoleOptions are those of `kubectl seats console`.
type ConsoleOptions struct {
	Environment

	cluster       *cluster
	allNamespaces bool
	port          int
	// operatorNamespace is where the gateway's replicas run, which Refresh asks.
	operatorNamespace string

	namespace string // empty: all
	context   string
	client    client.WithWatch
	asker     *refresh.Asker
}

func newConsoleCommand(env Environment, c *cluster) *cobra.Command {
	o := &ConsoleOptions{Environment: env, cluster: c}
	cmd := &cobra.Command{
		Use:   "console",
		Short: "Serve a page of pools and live sessions, on this machine alone",
		Long: `Serve a page in which to see pools, their use over time and the live sessions, and to terminate sessions.

It listens on loopback alone and adds nothing to the cluster. All that it does there it does as the user of the kubeconfig, so that it
offers what that user may do and no more. The printed URL works once, in one browser; the next one is printed when it was used.
It ends with Ctrl-C.`,
		Example: `  # The pools and sessions of the current namespace
  kubectl seats console

  # Those of all namespaces, at a port of one's own choice
  kubectl seats console -A --port 8443`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.Complete(cmd.Flag("context").Value.String()); err != nil {
				return err
			}
			if err := o.Validate(); err != nil {
				return err
			}
			return o.Run(cmd.Context())
		},
	}
	cmd.Flags().BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "Show the pools and sessions of all namespaces.")
	cmd.Flags().IntVar(&o.port, "port", 0, "The port to listen on, on 127.0.0.1 and ::1; 0: any free one.")
	cmd.Flags().StringVar(&o.operatorNamespace, "operator-namespace", refresh.OperatorNamespace, "Where the operator runs, whose gateway replicas are asked by Refresh.")
	return cmd
}

// Complete takes in the kubeconfig; chosen is the context that a flag names, if any.
func (o *ConsoleOptions) Complete(chosen string) (err error) {
	if !o.allNamespaces {
		if o.namespace, err = o.cluster.namespace(); err != nil {
			return err
		}
	}
	if raw, err := o.cluster.flags.ToRawKubeConfigLoader().RawConfig(); err == nil {
		o.context = raw.CurrentContext
	}
	if chosen != "" {
		o.context = chosen
	}
	if o.client, err = o.cluster.client(); err != nil {
		return err
	}
	o.asker, err = o.cluster.asker(o.operatorNamespace)
	return err
}

// Validate says whether the options make sense.
func (o *ConsoleOptions) Validate() error {
	if o.port < 0 || o.port > 65535 {
		return errors.New("--port must be between 0 and 65535")
	}
	return nil
}

// Run serves the page until the context ends.
func (o *ConsoleOptions) Run(ctx context.Context) error {
	listeners, err := console.Listen(o.port)
	if err != nil {
		return err
	}
	page := console.New(console.Options{
		API: o.client, Namespace: o.namespace, Context: o.context, Clock: clock.RealClock{}, Refresh: o.asker.Ask,
		Opened: func(url string) { fmt.Fprintln(o.Streams.Out, "It was opened. For another browser:", url) },
	})
	return page.Serve(ctx, listeners, func(url string) {
		fmt.Fprintln(o.Streams.Out, "Open this URL in a browser of this machine; it works once. Ctrl-C ends the console.")
		fmt.Fprintln(o.Streams.Out, url)
	})
}
