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
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
)

// SessionsOptions are those of `kubectl seats sessions`.
type SessionsOptions struct {
	Environment

	cluster   *cluster
	output    output
	selection selection
	freshness freshness
	states    []string
	all       bool
	watch     bool
	noHeaders bool
	sortBy    string

	order   grid.Order
	reverse bool
	client  client.WithWatch
}

func newSessionsCommand(env Environment, c *cluster) *cobra.Command {
	o := &SessionsOptions{Environment: env, cluster: c, output: newOutput(outputTable, outputWide, outputJSON, outputYAML, outputName)}
	cmd := &cobra.Command{
		Use:     "sessions",
		Aliases: []string{"session"},
		Short:   "Show who is signed on",
		Long: `Show the live sessions: those that are on, and those that wait for a seat.

  LAST ACTIVITY   when the user last did something. What is on record may lag; --refresh asks every gateway replica what it knows now
  LOGON           when the seat was granted
  DURATION        from logon to last activity
  SEAT            what the session is counted against; shown where a pool has named and concurrent seats

Sessions are printed as they are read, a page at a time. --watch goes on with a line for each session that starts, changes or ends; that a user did
something is no such change.`,
		Example: `  # Who is on in the current namespace
  kubectl seats sessions

  # Who has done nothing for an hour, to the moment
  kubectl seats sessions --pool service-desk --idle-over 1h --refresh

  # Whatever belongs to one user, in all namespaces, ended sessions as well
  kubectl seats sessions -A --user 'CORP\ann' --all

  # Follow who comes and goes
  kubectl seats sessions --watch

  # The longest idle first, with all times in both formats
  kubectl seats sessions --sort-by last-activity -o wide`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return advise(fmt.Errorf("sessions are chosen by flags here, and %q is none", args[0]), "`kubectl seats show "+args[0]+"` shows one session; `"+cmd.CommandPath()+" --help` lists the flags.")
		},
		RunE: runs(o),
	}
	o.selection.bind(cmd)
	o.freshness.bind(cmd, "Ask every gateway replica for last activity and what follows from it, exact to the moment.")
	flags := cmd.Flags()
	flags.StringSliceVar(&o.states, "state", nil, "Only sessions of these states: Pending, Active, Denied, Terminated. Default: Pending and Active.")
	flags.BoolVar(&o.all, "all", false, "Sessions of all states, as long as their records are kept.")
	flags.BoolVarP(&o.watch, "watch", "w", false, "Go on with a line for each session that starts, changes or ends, until Ctrl-C.")
	flags.StringVar(&o.sortBy, "sort-by", "", "Sort by one of "+orders()+"; with a - before it the other way round. All sessions are read first.")
	flags.BoolVar(&o.noHeaders, "no-headers", false, "Print no line with the columns' names.")
	o.output.bind(cmd)
	completeFlags(cmd, c)
	return cmd
}

// Complete takes in the flags and the kubeconfig.
func (o *SessionsOptions) Complete([]string) error {
	states, err := parseStates(o.states)
	if err != nil {
		return err
	}
	if len(states) == 0 && !o.all {
		states = grid.Live()
	}
	if err := o.selection.completed(o.cluster, states); err != nil {
		return err
	}
	if o.sortBy != "" {
		if o.order, o.reverse, err = grid.ParseOrder(o.sortBy); err != nil {
			return fmt.Errorf("--sort-by: %w", err)
		}
	}
	o.client, err = o.cluster.client()
	return err
}

// Validate says whether the options make sense together.
func (o *SessionsOptions) Validate() error {
	switch {
	case o.all && len(o.states) > 0:
		return errors.New("--all and --state exclude each other")
	case o.watch && o.freshness.wanted:
		return errors.New("--watch and --refresh exclude each other: what is watched is the record")
	case o.watch && o.selection.idleOver > 0:
		return errors.New("--watch and --idle-over exclude each other: nothing happens on record in the moment in which somebody has idled for long enough")
	}
	if err := o.selection.validate(); err != nil {
		return err
	}
	return o.output.validate()
}

// item is a session in the list. The object is kept only where it is to be printed itself.
type item struct {
	row     grid.Row
	session *licensing.UserSession
}

// Run prints the sessions, page by page; sorted, all of them at the end.
func (o *SessionsOptions) Run(ctx context.Context) error {
	models, err := readModels(ctx, o.client, o.selection.namespace)
	if err != nil {
		return err
	}
	printer := o.printer(models)
	refresher := o.freshness.refresher(o.cluster)
	var all []item
	known := map[types.UID]grid.Row{}
	progress := o.progress("Sessions read")
	revision, err := o.selection.pages(ctx, o.client, func(page []licensing.UserSession) error {
		items, err := o.chosen(ctx, page, models, refresher)
		if err != nil {
			return err
		}
		if o.order != "" {
			all = append(all, items...)
			progress.show(len(all), 0)
			return nil
		}
		return o.print(printer, items, known)
	})
	progress.clear()
	if err == nil && o.order != "" {
		slices.SortFunc(all, func(a, b item) int { return grid.Compare(&a.row, &b.row, o.order, o.reverse) })
		err = o.print(printer, all, known)
	}
	if err = errors.Join(err, printer.end(o.watch && err == nil)); err != nil {
		return err
	}
	if printer.printed() == 0 && o.output.table() {
		fmt.Fprintln(o.Streams.ErrOut, o.nothingFound())
		if note := models.missing(o.selection.pools); note != "" {
			fmt.Fprintln(o.Streams.ErrOut, note)
		}
	}
	if note := alikePools(o.selection.pools, models.pools); note != "" && o.output.table() {
		fmt.Fprintln(o.Streams.ErrOut, note)
	}
	refresher.report(o.Streams.ErrOut)
	if o.selection.idleOver > 0 && !o.freshness.wanted {
		fmt.Fprintln(o.Streams.ErrOut, "Who idles is taken from the record, which may lag; --refresh asks every gateway replica.")
	}
	if !o.watch {
		return nil
	}
	f := &follower{SessionsOptions: o, printer: printer, models: models, known: known}
	return f.run(ctx, revision)
}

// chosen are the sessions of a page that the filter takes, as fresh as was asked for.
func (o *SessionsOptions) chosen(ctx context.Context, page []licensing.UserSession, models models, refresher *refresher) ([]item, error) {
	var items []item
	for i := range page {
		it := item{row: grid.NewRow(&page[i], models.combined(&page[i]))}
		if !o.selection.filter.MatchFacts(&it.row) {
			continue
		}
		if !o.output.table() {
			it.session = &page[i]
		}
		items = append(items, it)
	}
	if err := refresher.bring(ctx, items); err != nil {
		return nil, err
	}
	now := o.Clock.Now()
	return slices.DeleteFunc(items, func(it item) bool { return !o.selection.filter.Match(&it.row, now) }), nil
}

func (o *SessionsOptions) print(printer sessionPrinter, items []item, known map[types.UID]grid.Row) error {
	for i := range items {
		if o.watch {
			known[items[i].row.UID] = items[i].row
		}
		if err := printer.add(&items[i], eventListed); err != nil {
			return err
		}
	}
	return printer.flush()
}

func (o *SessionsOptions) nothingFound() string {
	what := "No live sessions"
	if o.all || len(o.states) > 0 {
		what = "No such sessions"
	}
	if o.selection.narrowed() {
		what += " that are as asked for"
	}
	if o.selection.allNamespaces {
		return what + "."
	}
	return what + " in namespace " + o.selection.namespace + ". `kubectl seats sessions -A` looks in all."
}

func orders() string {
	var names []string
	for _, order := range grid.Orders() {
		names = append(names, string(order))
	}
	return strings.Join(names, ", ")
}
