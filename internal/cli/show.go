// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
)

// ShowOptions are those of `kubectl seats show`.
type ShowOptions struct {
	Environment

	cluster   *cluster
	output    output
	freshness freshness
	// insists: --refresh was stated, so that it is of interest why not all could be asked. The fields say that they are as recorded in any case.
	insists bool

	names     []string
	namespace string
	client    client.WithWatch
}

func newShowCommand(env Environment, c *cluster) *cobra.Command {
	o := &ShowOptions{Environment: env, cluster: c, output: newOutput(outputDetails, outputJSON, outputYAML, outputName)}
	cmd := &cobra.Command{
		Use:   "show SESSION...",
		Short: "Show all that is known of a session",
		Long: `Show every field of a session: who, from where, on what, since when, until when, and how it ended. Each time is shown in your own format and
in RFC 3339. Last access and what follows from it are asked of the gateway's replicas, where you may; otherwise they are as recorded, and say so.`,
		Example: `  # One session
  kubectl seats show ann-web -n itsm

  # As the API server has it; with --refresh, with what the gateway's replicas know
  kubectl seats show ann-web -n itsm -o yaml`,
		Args:              atLeastOne("session"),
		ValidArgsFunction: completeNames(c, &licensing.UserSessionList{}),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.insists = cmd.Flags().Changed("refresh")
			if err := o.Complete(args); err != nil {
				return err
			}
			if err := o.output.validate(); err != nil {
				return err
			}
			return o.Run(cmd.Context())
		},
	}
	o.freshness.bind(cmd, "Ask every gateway replica for last activity and what follows from it; --refresh=false spares that.")
	o.freshness.wanted = true
	cmd.Flags().Lookup("refresh").DefValue = "true"
	o.output.bind(cmd)
	return cmd
}

// Complete takes in the arguments and the kubeconfig.
func (o *ShowOptions) Complete(args []string) (err error) {
	if o.names, err = sessionNames(args); err != nil {
		return err
	}
	if o.namespace, err = o.cluster.namespace(); err != nil {
		return err
	}
	o.client, err = o.cluster.client()
	return err
}

// Run prints the sessions that exist; the error tells of the others.
func (o *ShowOptions) Run(ctx context.Context) error {
	sessions, err := readSessions(ctx, o.client, o.namespace, o.names)
	if len(sessions) == 0 {
		return err
	}
	known, lag := o.fresh(ctx, sessions)
	if !o.output.table() {
		return errors.Join(o.print(sessions, known), err)
	}
	asker := whoAsks(ctx, o.client)
	for i := range sessions {
		if i > 0 {
			fmt.Fprintln(o.Streams.Out)
		}
		var fresh *grid.Fresh
		if f, ok := known[sessions[i].UID]; ok {
			fresh = &f
		}
		if failed := describe(o.Streams.Out, grid.Details(&sessions[i], asker, fresh), o.Reader); failed != nil {
			return failed
		}
	}
	if lag != nil && o.insists {
		fmt.Fprintf(o.Streams.ErrOut, "Last access is as recorded, and may lag: %v.\n", lag)
	}
	return err
}

// print prints the objects themselves, with what the gateways know: the one that was named, or a list.
func (o *ShowOptions) print(sessions []licensing.UserSession, known map[types.UID]grid.Fresh) error {
	list := o.output.objects(o.Streams.Out, "UserSession")
	for i := range sessions {
		s := &sessions[i]
		if fresh, ok := known[s.UID]; ok {
			row := grid.NewRow(s, true)
			row.Refresh(fresh)
			record(s, &row)
		}
		print := list.add
		if len(o.names) == 1 {
			print = list.one
		}
		if err := print(s); err != nil {
			return err
		}
	}
	if len(o.names) == 1 {
		return nil
	}
	return list.close()
}

// fresh is what the gateways know of those that are on; an error says why that may not be all.
func (o *ShowOptions) fresh(ctx context.Context, sessions []licensing.UserSession) (map[types.UID]grid.Fresh, error) {
	var uids []types.UID
	for i := range sessions {
		if grid.State(&sessions[i]) == licensing.SessionActive {
			uids = append(uids, sessions[i].UID)
		}
	}
	if !o.output.table() && !o.insists { // the objects are as they are recorded, unless it was stated that they are to be fresh
		return nil, nil
	}
	refresher := o.freshness.refresher(o.cluster)
	if refresher.ask == nil || len(uids) == 0 {
		return nil, refresher.failed
	}
	return refresher.ask(ctx, uids)
}

// readSessions reads sessions by name. The error tells of those that could not be read.
func readSessions(ctx context.Context, api client.Reader, namespace string, names []string) ([]licensing.UserSession, error) {
	about := subject{plural: "sessions", namespace: namespace, role: "seatkeeper-viewer", list: "kubectl seats sessions -A --all"}
	var sessions []licensing.UserSession
	var errs []error
	for _, name := range names {
		s := &licensing.UserSession{}
		if err := api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, s); err != nil {
			errs = append(errs, explain(err, about))
			continue
		}
		sessions = append(sessions, *s)
	}
	return sessions, errors.Join(errs...)
}

// describe prints sections of fields, each with its label.
func describe(out io.Writer, sections []grid.Section, reader grid.Reader) error {
	width := 0
	for _, section := range sections {
		for _, f := range section.Fields {
			width = max(width, len(f.Label))
		}
	}
	var text strings.Builder
	for i, section := range sections {
		if i > 0 {
			text.WriteString("\n")
		}
		fmt.Fprintln(&text, section.Title)
		for _, f := range section.Fields {
			fmt.Fprintf(&text, "  %-*s  %s\n", width, f.Label, indent(fieldText(&f, reader), strings.Repeat(" ", width+4)))
		}
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// fieldText is a field's value; of a time, both formats (B7).
func fieldText(f *grid.Field, reader grid.Reader) string {
	value := f.Value
	if f.Long {
		lines := strings.Split(value, "\n")
		for i := range lines {
			lines[i] = printable(lines[i])
		}
		value = strings.Join(lines, "\n")
	} else {
		value = printable(value)
	}
	if !f.Time.IsZero() {
		both := reader.Both(f.Time)
		if value != "" {
			both += ", " + value
		}
		return both
	}
	return orNone(value)
}

// atLeastOne refuses a command without names.
func atLeastOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return nil
		}
		return advise(errors.New("the name of a "+what+" is missing"), "`kubectl seats sessions` lists those that there are; see `"+cmd.CommandPath()+" --help`.")
	}
}
