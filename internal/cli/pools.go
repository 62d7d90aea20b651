// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// PoolsOptions are those of `kubectl seats pools`.
type PoolsOptions struct {
	Environment

	cluster       *cluster
	output        output
	allNamespaces bool

	names     []types.NamespacedName
	namespace string // empty: all
	client    client.Client
}

func newPoolsCommand(env Environment, c *cluster) *cobra.Command {
	o := &PoolsOptions{Environment: env, cluster: c, output: newOutput(outputTable, outputWide, outputJSON, outputYAML, outputName)}
	cmd := &cobra.Command{
		Use:     "pools [[NAMESPACE/]NAME...]",
		Aliases: []string{"pool"},
		Short:   "Show licensed, used and available seats, accounts and connections",
		Long: `Show the seats of license pools, a row a pool and licensing model.

  LICENSED    seats bought
  USED        named: accounts that hold a seat; concurrent: live connections
  AVAILABLE   what is left
  ACCOUNTS    accounts that exist
  CONNECTED   live connections

N/A stands for a model that the pool lacks.`,
		Example: `  # The pools of the current namespace
  kubectl seats pools

  # One pool
  kubectl seats pools service-desk -n itsm

  # All pools, with their conditions
  kubectl seats pools -A -o wide`,
		ValidArgsFunction: completeNames(c, &licensing.LicensePoolList{}),
		RunE:              runs(o),
	}
	cmd.Flags().BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "Show the pools of all namespaces.")
	o.output.bind(cmd)
	return cmd
}

// Complete takes in the arguments and the kubeconfig.
func (o *PoolsOptions) Complete(args []string) (err error) {
	for _, text := range args {
		name, err := o.cluster.pool(text)
		if err != nil {
			return err
		}
		o.names = append(o.names, name)
	}
	if !o.allNamespaces {
		if o.namespace, err = o.cluster.namespace(); err != nil {
			return err
		}
	}
	o.client, err = o.cluster.client()
	return err
}

// Validate says whether the options make sense together.
func (o *PoolsOptions) Validate() error {
	if o.allNamespaces && len(o.names) > 0 {
		return errors.New("a pool's name stands for one in one namespace: give --namespace, or no name")
	}
	return o.output.validate()
}

// Run prints the pools. Of several names, those that exist are printed, and the error tells of the others.
func (o *PoolsOptions) Run(ctx context.Context) error {
	pools, err := o.pools(ctx)
	if len(pools) == 0 && (err != nil || o.output.table()) {
		if err == nil {
			fmt.Fprintln(o.Streams.ErrOut, o.nothingFound())
		}
		return err
	}
	if !o.output.table() {
		return errors.Join(o.print(pools), err)
	}
	table := poolsTable{wide: o.output.wide(), namespaces: o.allNamespaces || severalNamespaces(pools), now: o.Clock.Now()}
	if failed := columns(o.Streams.Out, table.rows(pools)); failed != nil {
		return failed
	}
	if note := notCounted(pools); note != "" {
		fmt.Fprintln(o.Streams.ErrOut, note)
	}
	return err
}

// severalNamespaces says whether the pools are not all of one namespace, as those named by NAMESPACE/NAME may be.
func severalNamespaces(pools []licensing.LicensePool) bool {
	return slices.ContainsFunc(pools, func(p licensing.LicensePool) bool { return p.Namespace != pools[0].Namespace })
}

// pools reads those of the names, or all.
func (o *PoolsOptions) pools(ctx context.Context) ([]licensing.LicensePool, error) {
	about := subject{plural: "license pools", namespace: o.namespace, role: "seatkeeper-pool-viewer", list: "kubectl seats pools -A"}
	if len(o.names) == 0 {
		list := &licensing.LicensePoolList{}
		err := o.client.List(ctx, list, client.InNamespace(o.namespace))
		return list.Items, explain(err, about)
	}
	var pools []licensing.LicensePool
	var errs []error
	for _, name := range o.names {
		pool := &licensing.LicensePool{}
		if err := o.client.Get(ctx, name, pool); err != nil {
			about.namespace = name.Namespace
			errs = append(errs, explain(err, about))
			continue
		}
		pools = append(pools, *pool)
	}
	return pools, errors.Join(errs...)
}

// print prints the objects themselves: the one that was named, or a list.
func (o *PoolsOptions) print(pools []licensing.LicensePool) error {
	list := o.output.objects(o.Streams.Out, "LicensePool")
	if len(o.names) == 1 {
		return list.one(&pools[0])
	}
	for i := range pools {
		if err := list.add(&pools[i]); err != nil {
			return err
		}
	}
	return list.close()
}

func (o *PoolsOptions) nothingFound() string {
	if o.allNamespaces {
		return "No license pools found."
	}
	return "No license pools found in namespace " + o.namespace + ". `kubectl seats pools -A` looks in all."
}
