// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
)

// WhyOptions are those of `kubectl seats why`.
type WhyOptions struct {
	Environment

	cluster   *cluster
	output    output
	names     []string
	namespace string
	client    client.WithWatch
	// openers are the names found so far of sessions that opened connections, by connection; empty: it was not found.
	openers map[string]string
}

func newWhyCommand(env Environment, c *cluster) *cobra.Command {
	o := &WhyOptions{Environment: env, cluster: c, output: newOutput(outputText, outputJSON, outputYAML)}
	cmd := &cobra.Command{
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
		RunE:              runs(o),
	}
	o.output.bind(cmd)
	return cmd
}

// story is why a session stands as it does, as data.
type story struct {
	Namespace string                 `json:"namespace"`
	Name      string                 `json:"name"`
	State     licensing.SessionState `json:"state"`
	Story     []sentence             `json:"story"`
}

// sentence is one of a story.
type sentence struct {
	// Time is when it happened; absent: it is so now.
	Time time.Time `json:"time,omitzero"`
	// Reason is the word that conditions and Events use for it.
	Reason string `json:"reason,omitempty"`
	Text   string `json:"text"`
}

// stories are those of several sessions.
type stories struct {
	Items []story `json:"items"`
}

// Complete takes in the arguments and the kubeconfig.
func (o *WhyOptions) Complete(args []string) (err error) {
	if o.names, err = sessionNames(args); err != nil {
		return err
	}
	if o.namespace, err = o.cluster.namespace(); err != nil {
		return err
	}
	o.client, err = o.cluster.client()
	return err
}

// Validate says whether the options make sense together.
func (o *WhyOptions) Validate() error { return o.output.validate() }

// Run tells of the sessions that exist; the error tells of the others.
func (o *WhyOptions) Run(ctx context.Context) error {
	sessions, err := readSessions(ctx, o.client, o.namespace, o.names)
	all := stories{Items: []story{}}
	for i := range sessions {
		s := &sessions[i]
		told := grid.Why(s, o.pool(ctx, s), o.opener(ctx, s), o.Clock.Now())
		if !o.output.table() {
			all.Items = append(all.Items, storyOf(s, told))
			continue
		}
		if i > 0 {
			fmt.Fprintln(o.Streams.Out)
		}
		fmt.Fprintf(o.Streams.Out, "%s: %s\n", s.Name, grid.State(s))
		for _, t := range told {
			o.tell(t)
		}
	}
	switch {
	case o.output.table() || len(sessions) == 0:
		return err
	case len(o.names) == 1:
		return errors.Join(o.output.data(o.Streams.Out, all.Items[0]), err)
	default:
		return errors.Join(o.output.data(o.Streams.Out, all), err)
	}
}

// pool is that of a session; nil: it is not known.
func (o *WhyOptions) pool(ctx context.Context, s *licensing.UserSession) *licensing.LicensePool {
	pool := &licensing.LicensePool{}
	err := o.client.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: s.Spec.PoolRef.Name}, pool)
	if err == nil {
		return pool
	}
	if apierrors.IsNotFound(err) {
		fmt.Fprintf(o.Streams.ErrOut, "There is no pool %s in namespace %s at present.\n", s.Spec.PoolRef.Name, s.Namespace)
	}
	return nil
}

// errEnough ends a list before its end.
var errEnough = errors.New("enough was read")

// mostPages is how many pages of sessions are read to find the name of one: as many as fit a few seconds.
const mostPages = 10

// opener is the name of the session whose connection this one shares; empty: its own, or the opener's record is not there any more, may not be seen, or is not among the first 5,000 of the pool.
func (o *WhyOptions) opener(ctx context.Context, s *licensing.UserSession) (name string) {
	if s.Status.Connection == "" || s.Status.Connection == string(s.UID) {
		return ""
	}
	if name, known := o.openers[s.Status.Connection]; known {
		return name
	}
	// The opener is of the same user, whose name it most often spells alike: those are few, and the API server selects them.
	exact := fields.OneTermEqualSelector(fieldUser, s.Spec.UserName)
	for _, users := range []fields.Selector{exact, fields.Everything()} {
		if name = o.named(ctx, s, users); name != "" {
			break
		}
	}
	if o.openers == nil {
		o.openers = map[string]string{}
	}
	o.openers[s.Status.Connection] = name
	return name
}

// named is the name of the session that opened another's connection, if it is among the first that are selected.
func (o *WhyOptions) named(ctx context.Context, s *licensing.UserSession, selected fields.Selector) (name string) {
	of := &selection{namespace: s.Namespace, chunk: defaultChunk, labels: labels.Everything(), fields: selected, filter: grid.Filter{Pools: []string{s.Spec.PoolRef.Name}}}
	read := 0
	_, err := of.pages(ctx, o.client, func(page []licensing.UserSession) error {
		for i := range page {
			if string(page[i].UID) == s.Status.Connection {
				name = page[i].Name
				return errEnough
			}
		}
		if read++; read == mostPages {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return ""
	}
	return name
}

func storyOf(s *licensing.UserSession, told []grid.Told) story {
	data := story{Namespace: s.Namespace, Name: s.Name, State: grid.State(s)}
	for _, t := range told {
		data.Story = append(data.Story, sentence{t.Time, t.Reason, t.Text})
	}
	return data
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
