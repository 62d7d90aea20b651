// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
	"github.com/seatkeeper/seatkeeper/internal/refresh"
)

// WhoAmIOptions are those of `kubectl seats whoami`.
type WhoAmIOptions struct {
	Environment

	cluster           *cluster
	allNamespaces     bool
	operatorNamespace string

	namespace string
	client    client.WithWatch
}

func newWhoAmICommand(env Environment, c *cluster) *cobra.Command {
	o := &WhoAmIOptions{Environment: env, cluster: c}
	cmd := &cobra.Command{
		Use:   "whoami",
		Short: "Say who the cluster takes you for, what of seats you may see and do, and which sessions are yours",
		Long: `Say who the cluster takes you for, what of seats you may see and do in the namespace (or, with -A, in all of them), and which live sessions are
yours: those whose user name is the name that the cluster knows you by, whatever its case.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if !o.allNamespaces {
				if o.namespace, err = o.cluster.namespace(); err != nil {
					return err
				}
			}
			if o.client, err = o.cluster.client(); err != nil {
				return err
			}
			return o.Run(cmd.Context())
		},
	}
	cmd.Flags().BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "What may be done in all namespaces.")
	cmd.Flags().StringVar(&o.operatorNamespace, "operator-namespace", refresh.OperatorNamespace, "Where the operator runs.")
	return cmd
}

// right is one thing that one may be allowed to do.
type right struct {
	does string
	// verbs are all needed; elsewhere: it counts in the operator's namespace.
	group, resource, subresource string
	verbs                        []string
	elsewhere                    bool
	role                         string
}

// seeSessions is the right by which one learns which sessions are one's own.
const seeSessions = "see sessions"

func rights() []right {
	group := licensing.GroupVersion.Group
	return []right{
		{does: "see pools and their counts", group: group, resource: "licensepools", verbs: []string{"get", "list", "watch"}, role: "seatkeeper-pool-viewer"},
		{does: "see accounts", group: group, resource: "licenseaccounts", verbs: []string{"get", "list"}, role: "seatkeeper-viewer"},
		{does: seeSessions, group: group, resource: "usersessions", verbs: []string{"get", "list", "watch"}, role: "seatkeeper-viewer"},
		{does: "see activity to the moment (--refresh)", resource: "pods", subresource: "proxy", verbs: []string{"create"}, elsewhere: true, role: refresh.Role},
		{does: "terminate sessions", group: group, resource: "usersessions", verbs: []string{"get", "patch"}, role: "seatkeeper-session-admin"},
		{does: "sign users on", group: group, resource: "usersessions", verbs: []string{"create"}, role: "seatkeeper-application"},
		{does: "change accounts", group: group, resource: "licenseaccounts", verbs: []string{"create", "update", "patch", "delete"}, role: "seatkeeper-pool-admin"},
		{does: "change pools", group: group, resource: "licensepools", verbs: []string{"create", "update", "patch", "delete"}, role: "seatkeeper-pool-admin"},
	}
}

// Run says it.
func (o *WhoAmIOptions) Run(ctx context.Context) error {
	review := &authenticationv1.SelfSubjectReview{}
	if err := o.client.Create(ctx, review); err != nil {
		return explain(err, subject{})
	}
	me := &review.Status.UserInfo
	fmt.Fprintf(o.Streams.Out, "You are %s", printable(me.Username))
	if len(me.Groups) > 0 {
		fmt.Fprintf(o.Streams.Out, ", of the groups %s", printable(strings.Join(me.Groups, ", ")))
	}
	where := "in namespace " + o.namespace
	if o.allNamespaces {
		where = "in all namespaces"
	}
	fmt.Fprintf(o.Streams.Out, ".\n\nWhat you may do %s:\n", where)
	table := printers.GetNewTabWriter(o.Streams.Out)
	seesSessions := false
	for _, r := range rights() {
		may, err := o.may(ctx, &r)
		if err != nil {
			return explain(err, subject{})
		}
		says, lets := "yes", ""
		if !may {
			says, lets = "no", r.role+" lets one"
		}
		if r.does == seeSessions {
			seesSessions = may
		}
		fmt.Fprintln(table, strings.TrimRight(fmt.Sprintf("  %s\t%s\t%s", r.does, says, lets), "\t "))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if !seesSessions {
		fmt.Fprintln(o.Streams.Out, "\nWhich sessions are yours cannot be said: you may not see them.")
		return nil
	}
	return o.mine(ctx, me.Username)
}

func (o *WhoAmIOptions) may(ctx context.Context, r *right) (bool, error) {
	for _, verb := range r.verbs {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: o.namespace, Verb: verb, Group: r.group, Resource: r.resource, Subresource: r.subresource}}}
		if r.elsewhere {
			review.Spec.ResourceAttributes.Namespace = o.operatorNamespace
		}
		if err := o.client.Create(ctx, review); err != nil {
			return false, err
		}
		if !review.Status.Allowed {
			return false, nil
		}
	}
	return true, nil
}

// mine lists the live sessions of who asks.
func (o *WhoAmIOptions) mine(ctx context.Context, me string) error {
	s := &selection{namespace: o.namespace, chunk: defaultChunk, labels: labels.Everything(), fields: fields.Everything(), filter: grid.Filter{States: grid.Live()}}
	table := &sessionsTable{seats: true, namespaces: o.allNamespaces, reader: o.Reader}
	rows := [][]string{table.header()}
	_, err := s.pages(ctx, o.client, func(page []licensing.UserSession) error {
		for i := range page {
			if grid.Own(page[i].Spec.UserName, me) {
				row := grid.NewRow(&page[i], true)
				rows = append(rows, table.row(&row, "", o.Clock.Now()))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(rows) == 1 {
		fmt.Fprintln(o.Streams.Out, "\nNo live session is yours.")
		return nil
	}
	fmt.Fprintln(o.Streams.Out, "\nYour live sessions:")
	return columns(o.Streams.Out, rows)
}
