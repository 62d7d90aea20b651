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
	output            output
	allNamespaces     bool
	operatorNamespace string

	namespace string
	client    client.WithWatch
}

func newWhoAmICommand(env Environment, c *cluster) *cobra.Command {
	o := &WhoAmIOptions{Environment: env, cluster: c, output: newOutput(outputText, outputJSON, outputYAML)}
	cmd := &cobra.Command{
		Use:   "whoami",
		Short: "Say who you are, what you may do, and which sessions are yours",
		Long: `Say who the cluster takes you for, what of seats you may see and do in the namespace (or, with -A, in all of them), and which live sessions are
yours: those whose user name is the name that the cluster knows you by, whatever its case.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := o.output.validate(); err != nil {
				return err
			}
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
	o.output.bind(cmd)
	return cmd
}

// identity is who asks and what of seats is theirs to see and do, as data.
type identity struct {
	UserName string   `json:"userName"`
	Groups   []string `json:"groups,omitempty"`
	// Namespace is where Rights hold; absent: in all.
	Namespace string      `json:"namespace,omitempty"`
	Rights    []rightData `json:"rights"`
	// Sessions are the live ones of the user; absent: it may not be known.
	Sessions []ownSession `json:"sessions,omitzero"`
}

type rightData struct {
	Right   string `json:"right"`
	Allowed bool   `json:"allowed"`
	// Role is the shipped one that gives it.
	Role string `json:"role"`
}

type ownSession struct {
	Namespace string                 `json:"namespace"`
	Name      string                 `json:"name"`
	Pool      string                 `json:"pool"`
	State     licensing.SessionState `json:"state"`
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
	me := &identity{UserName: review.Status.UserInfo.Username, Groups: review.Status.UserInfo.Groups, Namespace: o.namespace}
	seesSessions := false
	for _, r := range rights() {
		may, err := o.may(ctx, &r)
		if err != nil {
			return explain(err, subject{})
		}
		me.Rights = append(me.Rights, rightData{r.does, may, r.role})
		if r.does == seeSessions {
			seesSessions = may
		}
	}
	var rows []grid.Row
	if seesSessions {
		var err error
		if rows, err = o.mine(ctx, me.UserName); err != nil {
			return err
		}
	}
	if !o.output.table() {
		if seesSessions {
			me.Sessions = []ownSession{} // none is not the same as unknown
		}
		for i := range rows {
			me.Sessions = append(me.Sessions, ownSession{rows[i].Namespace, rows[i].Name, rows[i].Pool, rows[i].State})
		}
		return o.output.data(o.Streams.Out, me)
	}
	return o.tell(me, seesSessions, rows)
}

// tell says it in sentences and tables.
func (o *WhoAmIOptions) tell(me *identity, seesSessions bool, rows []grid.Row) error {
	out := o.Streams.Out
	fmt.Fprintf(out, "You are %s", printable(me.UserName))
	if len(me.Groups) > 0 {
		fmt.Fprintf(out, ", of the groups %s", printable(strings.Join(me.Groups, ", ")))
	}
	where := "in namespace " + o.namespace
	if o.allNamespaces {
		where = "in all namespaces"
	}
	fmt.Fprintf(out, ".\n\nWhat you may do %s:\n", where)
	table := printers.GetNewTabWriter(out)
	for _, r := range me.Rights {
		says, lets := "yes", ""
		if !r.Allowed {
			says, lets = "no", r.Role+" lets one"
		}
		fmt.Fprintln(table, strings.TrimRight(fmt.Sprintf("  %s\t%s\t%s", r.Right, says, lets), "\t "))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	switch {
	case !seesSessions:
		_, err := fmt.Fprintln(out, "\nWhich sessions are yours cannot be said: you may not see them.")
		return err
	case len(rows) == 0:
		_, err := fmt.Fprintln(out, "\nNo live session is yours.")
		return err
	}
	fmt.Fprintln(out, "\nYour live sessions:")
	sessions := &sessionsTable{seats: true, namespaces: o.allNamespaces, reader: o.Reader}
	lines := [][]string{sessions.header()}
	for i := range rows {
		lines = append(lines, sessions.row(&rows[i], "", o.Clock.Now()))
	}
	return columns(out, lines)
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

// mine are the live sessions of who asks.
func (o *WhoAmIOptions) mine(ctx context.Context, me string) ([]grid.Row, error) {
	s := &selection{namespace: o.namespace, chunk: defaultChunk, labels: labels.Everything(), fields: fields.Everything(), filter: grid.Filter{States: grid.Live()}}
	var rows []grid.Row
	_, err := s.pages(ctx, o.client, func(page []licensing.UserSession) error {
		for i := range page {
			if grid.Own(page[i].Spec.UserName, me) {
				rows = append(rows, grid.NewRow(&page[i], true))
			}
		}
		return nil
	})
	return rows, err
}
