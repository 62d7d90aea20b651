// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
)

// AccountsOptions are those of `kubectl seats accounts`.
type AccountsOptions struct {
	Environment

	cluster       *cluster
	output        output
	allNamespaces bool
	pools, users  []string
	accountType   string
	connected     bool
	chunk         int64

	namespace string
	client    client.WithWatch
}

func newAccountsCommand(env Environment, c *cluster) *cobra.Command {
	o := &AccountsOptions{Environment: env, cluster: c, output: newOutput(outputTable, outputWide, outputJSON, outputYAML, outputName)}
	cmd := &cobra.Command{
		Use:     "accounts",
		Aliases: []string{"account"},
		Short:   "Show who is known to license pools, and who of them is connected",
		Long: `Show the accounts of license pools.

  TYPE         Named accounts hold a seat for as long as they exist; Concurrent ones take one while they are signed on
  STANDING     SeatHeld, SharesSeats, or why the account may take no seat
  LAST LOGIN   the latest that is on record: records of ended sessions are kept for as long as the pool says, an hour by default
  CONNECTED    the account's live connections, each of which counts for a seat; SESSIONS are its live sessions`,
		Example: `  # Who holds a named seat
  kubectl seats accounts --pool service-desk --type Named

  # Who is signed on, in all namespaces
  kubectl seats accounts -A --connected`,
		Args: cobra.NoArgs,
		RunE: runs(o),
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "Look in all namespaces.")
	flags.StringSliceVar(&o.pools, "pool", nil, "Only accounts of these pools (comma-separated, or several times): NAME, or NAMESPACE/NAME.")
	flags.StringArrayVar(&o.users, "user", nil, "Only this user's accounts, whatever the case of the name; * stands for any characters.")
	flags.StringVar(&o.accountType, "type", "", "Only accounts of this type: Named or Concurrent.")
	flags.BoolVar(&o.connected, "connected", false, "Only accounts that are signed on.")
	flags.Int64Var(&o.chunk, "chunk-size", defaultChunk, "How many accounts to ask the API server for at a time; 0: all at once.")
	o.output.bind(cmd)
	completeFlags(cmd, c)
	return cmd
}

// Complete takes in the flags and the kubeconfig.
func (o *AccountsOptions) Complete([]string) (err error) {
	if !o.allNamespaces {
		if o.namespace, err = o.cluster.namespace(); err != nil {
			return err
		}
	}
	o.client, err = o.cluster.client()
	return err
}

// Validate says whether the options make sense together.
func (o *AccountsOptions) Validate() error {
	types := []string{"", string(licensing.AccountNamed), string(licensing.AccountConcurrent)}
	i := slices.IndexFunc(types, func(t string) bool { return strings.EqualFold(t, o.accountType) })
	if i < 0 {
		return fmt.Errorf("--type must be Named or Concurrent: it is %q", o.accountType)
	}
	o.accountType = types[i]
	if o.chunk < 0 {
		return errors.New("--chunk-size must not be negative")
	}
	if err := checkPools(o.pools, o.namespace); err != nil {
		return err
	}
	return o.output.validate()
}

// Run prints the accounts, page by page.
func (o *AccountsOptions) Run(ctx context.Context) error {
	people, err := readAttendance(ctx, o.client, o.namespace, o.pools, o.chunk)
	if err != nil {
		return err
	}
	if people.refused != nil && o.connected {
		return advise(errors.New("it cannot be said who is connected, since you may not see sessions"), o.subject("seatkeeper-viewer").remedy(people.refused))
	}
	list := o.output.objects(o.Streams.Out, "LicenseAccount")
	table, printed := printers.GetNewTabWriter(o.Streams.Out), 0
	err = o.pages(ctx, func(page []licensing.LicenseAccount) error {
		for i := range page {
			a := &page[i]
			was := people.of(a)
			if !o.matches(a) || (o.connected && len(was.connections) == 0) {
				continue
			}
			if printed++; !o.output.table() {
				if err := list.add(a); err != nil {
					return err
				}
				continue
			}
			if printed == 1 {
				fmt.Fprintln(table, strings.Join(o.header(), "\t"))
			}
			fmt.Fprintln(table, cellsOf(o.row(a, was, people.refused != nil)))
		}
		return table.Flush()
	})
	if err != nil {
		return err
	}
	if !o.output.table() {
		return list.close()
	}
	if printed == 0 {
		fmt.Fprintln(o.Streams.ErrOut, o.nothingFound())
	}
	if note := alikePools(o.pools, people.sensitive); note != "" {
		fmt.Fprintln(o.Streams.ErrOut, note)
	}
	if people.refused != nil {
		fmt.Fprintln(o.Streams.ErrOut, "You may not see sessions, so that it is not shown who is connected.")
	}
	return nil
}

func (o *AccountsOptions) pages(ctx context.Context, visit func([]licensing.LicenseAccount) error) error {
	options := &client.ListOptions{Namespace: o.namespace, Limit: o.chunk}
	if len(o.pools) == 1 {
		_, name := grid.PoolOf(o.pools[0])
		options.FieldSelector = fields.OneTermEqualSelector(fieldPool, name)
	}
	_, err := eachPage(ctx, o.client, &licensing.LicenseAccountList{}, options, o.subject("seatkeeper-viewer"), func(page *licensing.LicenseAccountList) error { return visit(page.Items) })
	return err
}

func (o *AccountsOptions) subject(role string) subject {
	return subject{plural: "license accounts", namespace: o.namespace, role: role, list: "kubectl seats accounts -A"}
}

func (o *AccountsOptions) matches(a *licensing.LicenseAccount) bool {
	filter := grid.Filter{Pools: o.pools, Users: o.users}
	return (o.accountType == "" || string(a.Spec.Type) == o.accountType) && filter.MatchFacts(&grid.Row{Namespace: a.Namespace, Pool: a.Spec.PoolRef.Name, User: a.Spec.UserName})
}

func (o *AccountsOptions) header() []string {
	header := []string{"NAME", "USER", "FULL NAME", "POOL", "TYPE", "STANDING", "DISABLED", "LAST LOGIN", "CONNECTED", "SESSIONS"}
	if o.output.wide() {
		header = append(header, "LAST LOGIN (LOCAL)", "LAST LOGIN (RFC 3339)", "GROUPS", "AGE")
	}
	if o.allNamespaces {
		header = append([]string{"NAMESPACE"}, header...)
	}
	return header
}

func (o *AccountsOptions) row(a *licensing.LicenseAccount, was attended, hidden bool) []string {
	now := o.Clock.Now()
	standing := pending
	for i := range a.Status.Conditions {
		if c := &a.Status.Conditions[i]; c.Type == licensing.ConditionLicensed {
			standing = c.Reason
		}
	}
	last, connected, sessions := ago(was.lastLogin, now), fmt.Sprint(len(was.connections)), fmt.Sprint(was.sessions)
	if hidden {
		last, connected, sessions = unknown, unknown, unknown
	}
	row := []string{a.Name, a.Spec.UserName, orNone(a.Spec.UserFullName), a.Spec.PoolRef.Name, string(a.Spec.Type), standing, truth(&a.Spec.Disabled), last, connected, sessions}
	if o.output.wide() {
		row = append(row, orNone(o.Reader.Own(was.lastLogin)), orNone(grid.Exact(was.lastLogin)), orNone(strings.Join(a.Spec.Groups, ",")), strings.TrimSuffix(ago(a.CreationTimestamp.Time, now), " ago"))
	}
	if o.allNamespaces {
		row = append([]string{a.Namespace}, row...)
	}
	return row
}

func (o *AccountsOptions) nothingFound() string {
	if o.allNamespaces {
		return "No such license accounts."
	}
	return "No such license accounts in namespace " + o.namespace + ". `kubectl seats accounts -A` looks in all."
}
