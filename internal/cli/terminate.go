// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
	"github.com/seatkeeper/seatkeeper/internal/terminate"
)

// What --dry-run may be, as kubectl's own.
const (
	dryRunNone   = "none"
	dryRunClient = "client"
	dryRunServer = "server"
)

// TerminateOptions are those of `kubectl seats terminate`.
type TerminateOptions struct {
	Environment

	cluster   *cluster
	selection selection
	freshness freshness
	states    []string
	all       bool
	message   string
	yes       bool
	dryRun    string
	wait      bool
	timeout   time.Duration

	names  []string
	client client.WithWatch
}

func newTerminateCommand(env Environment, c *cluster) *cobra.Command {
	o := &TerminateOptions{Environment: env, cluster: c}
	cmd := &cobra.Command{
		Use:   "terminate (SESSION... | flags that choose)",
		Short: "End sessions, one or many in one act, and tell their clients why",
		Long: `End sessions by name, or all that the flags choose. Their clients are told that an administrator ended them, and the message. Records stay, as the
pool's sessions.retentionSeconds says; who signs on again gets a new session.

Before it does anything it says how many sessions of which pools end, and asks. Where nobody can be asked, --yes must be given.

With --idle-over, what counts is what the gateway's replicas know at that moment, not the record, which may lag: nobody who works is ended. Where they
cannot all be asked, nothing is ended, unless --refresh=false says that the record is good enough.

The operator ends sessions within a second of being asked. The command waits for that and says how each ended, unless --wait=false says not to. It
gives up when none of them has ended for as long as --timeout says; they then end once an operator runs.

The exit status is 0 if all of them have ended (with --wait=false: or are about to), and 1 if anything was left undone.`,
		Example: `  # One session
  kubectl seats terminate ann-web -n itsm --message "Maintenance at noon."

  # Who would be ended?
  kubectl seats terminate --pool service-desk --idle-over 2h --dry-run

  # All sessions of a user, in a script that does not wait for the ends
  kubectl seats terminate -A --user 'CORP\ann' --yes --wait=false`,
		ValidArgsFunction: completeNames(c, &licensing.UserSessionList{}, liveSessions()),
		RunE:              runs(o),
	}
	o.selection.bind(cmd)
	o.freshness.bind(cmd, "With --idle-over: go by what every gateway replica knows; --refresh=false goes by the record.")
	o.freshness.wanted = true
	flags := cmd.Flags()
	flags.Lookup("refresh").DefValue = "true"
	flags.StringSliceVar(&o.states, "state", nil, "Only sessions of these states: Pending, Active. Default: both.")
	flags.BoolVar(&o.all, "all", false, "All live sessions of the namespace, or of all of them with -A.")
	flags.StringVarP(&o.message, "message", "m", "", "What the sessions' clients are told; at most 1,024 characters.")
	flags.BoolVarP(&o.yes, "yes", "y", false, "Do not ask.")
	flags.StringVar(&o.dryRun, "dry-run", dryRunNone, `"client" prints what would be ended, "server" has the API server check it as well; nothing is ended. Alone: client.`)
	flags.Lookup("dry-run").NoOptDefVal = dryRunClient
	flags.BoolVar(&o.wait, "wait", true, "Wait until they have ended.")
	flags.DurationVar(&o.timeout, "timeout", 30*time.Second, "With --wait: for how long none of them may end before it is given up; 0: for ever.")
	completeFlags(cmd, c)
	return cmd
}

// Complete takes in the arguments, the flags and the kubeconfig.
func (o *TerminateOptions) Complete(args []string) error {
	names, err := sessionNames(args)
	if err != nil {
		return err
	}
	o.names = names
	states, err := parseStates(o.states)
	if err != nil {
		return err
	}
	if len(states) == 0 {
		states = grid.Live()
	}
	if err := o.selection.completed(o.cluster, states); err != nil {
		return err
	}
	o.client, err = o.cluster.client()
	return err
}

// Validate says whether the options make sense together.
func (o *TerminateOptions) Validate() error {
	if err := terminate.CheckMessage(o.message); err != nil {
		return fmt.Errorf("--message: %w", err)
	}
	chosen := o.all || len(o.states) > 0 || o.selection.narrowed()
	for _, state := range o.selection.filter.States {
		if !slices.Contains(grid.Live(), state) {
			return fmt.Errorf("--state must be Pending or Active: a session that is %s has ended", state)
		}
	}
	switch {
	case len(o.names) == 0 && !chosen:
		return advise(errors.New("it must be said which sessions end: by their names, or by flags"), "--all stands for all live sessions of the namespace; see `kubectl seats terminate --help`.")
	case len(o.names) > 0 && chosen:
		return errors.New("sessions are chosen by their names or by flags, not by both")
	case len(o.names) > 0 && o.selection.allNamespaces:
		return errors.New("a session's name stands for one in one namespace: give --namespace, or flags that choose")
	case !slices.Contains([]string{dryRunNone, dryRunClient, dryRunServer}, o.dryRun):
		return fmt.Errorf("--dry-run must be none, client or server: it is %q", o.dryRun)
	case o.timeout < 0:
		return errors.New("--timeout must not be negative")
	case !o.yes && !o.Interactive && o.dryRun == dryRunNone:
		return advise(errors.New("nobody can be asked whether to end sessions, since standard input is no terminal"), "Give --yes to end them all the same, or --dry-run to see which they are.")
	}
	return o.selection.validate()
}

// Run ends the sessions and says what became of each.
func (o *TerminateOptions) Run(ctx context.Context) error {
	chosen, missing, err := o.choose(ctx)
	if err != nil {
		return err
	}
	if len(chosen) == 0 {
		if len(o.names) == 0 {
			fmt.Fprintln(o.Streams.ErrOut, "There are no such sessions; nothing was ended.")
		}
		return missing
	}
	if o.dryRun == dryRunClient {
		for i := range chosen {
			fmt.Fprintf(o.Streams.Out, "%s would be asked to end (dry run)\n", o.called(&chosen[i].row))
		}
		return missing
	}
	if !o.yes && o.dryRun == dryRunNone {
		agreed, err := o.ask(ctx, chosen)
		if err != nil {
			return err
		}
		if !agreed {
			return errors.New("nothing was ended")
		}
		if chosen, err = o.stillIdle(ctx, chosen); err != nil {
			return err
		}
	}
	results := o.end(ctx, chosen)
	var ended map[types.UID]end
	var late error
	if o.wait && o.dryRun == dryRunNone {
		ended, late = o.await(ctx, chosen, results)
	}
	return errors.Join(missing, o.report(results, ended), late)
}

// end asks for the ends, and shows how far it is.
func (o *TerminateOptions) end(ctx context.Context, chosen []item) []terminate.Result {
	targets := make([]terminate.Target, 0, len(chosen))
	for i := range chosen {
		r := &chosen[i].row
		targets = append(targets, terminate.Target{Namespace: r.Namespace, Name: r.Name, UID: r.UID, ResourceVersion: r.ResourceVersion})
	}
	progress := o.progress("Sessions asked to end")
	defer progress.clear()
	request := terminate.Request{Message: o.message, DryRun: o.dryRun == dryRunServer, Progress: progress.show}
	if o.selection.idleOver > 0 || len(o.states) > 0 { // who waited may be on by now
		request.Still = func(s *licensing.UserSession) bool {
			row := grid.NewRow(s, false)
			return o.selection.filter.Match(&row, o.Clock.Now())
		}
	}
	return terminate.All(ctx, o.client, targets, request)
}
