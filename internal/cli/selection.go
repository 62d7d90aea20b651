// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
)

// defaultChunk is how many sessions are asked for at a time, as kubectl's own.
const defaultChunk = 500

// What the API server can select by itself.
const (
	fieldPool  = "spec.poolRef.name"
	fieldUser  = "spec.userName"
	fieldState = "status.state"
)

// selection chooses sessions by flags.
type selection struct {
	allNamespaces         bool
	pools, users, modules []string
	text                  string
	idleOver              time.Duration
	labelText, fieldText  string
	chunk                 int64
	namespace             string // empty: all
	labels                labels.Selector
	fields                fields.Selector
	filter                grid.Filter
}

func (s *selection) bind(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVarP(&s.allNamespaces, "all-namespaces", "A", false, "Look in all namespaces.")
	flags.StringSliceVar(&s.pools, "pool", nil, "Only sessions of these pools (comma-separated, or several times): NAME, or NAMESPACE/NAME.")
	flags.StringArrayVar(&s.users, "user", nil, "Only sessions of this user, whatever the case of the name; * stands for any characters. Several times: of any of them.")
	flags.StringSliceVar(&s.modules, "module", nil, "Only sessions of these modules, written as they are (comma-separated, or several times).")
	flags.DurationVar(&s.idleOver, "idle-over", 0, "Only sessions whose user has done nothing for longer than this, such as 30m or 2h.")
	flags.StringVar(&s.text, "text", "", "Only sessions with this text in a user's name, the session's name, the pool, the module, or the client's host or address.")
	flags.StringVarP(&s.labelText, "selector", "l", "", "Only sessions with these labels, as kubectl takes them.")
	flags.StringVar(&s.fieldText, "field-selector", "", "Only sessions with these fields, of which the API server knows "+fieldPool+", "+fieldUser+" and "+fieldState+".")
	flags.Int64Var(&s.chunk, "chunk-size", defaultChunk, "How many sessions to ask the API server for at a time; 0: all at once.")
}

// completed takes in the flags, for sessions of these states.
func (s *selection) completed(c *cluster, states []licensing.SessionState) (err error) {
	if !s.allNamespaces {
		if s.namespace, err = c.namespace(); err != nil {
			return err
		}
	}
	if s.labels, err = labels.Parse(s.labelText); err != nil {
		return fmt.Errorf("--selector cannot be read: %w", err)
	}
	if s.fields, err = fields.ParseSelector(s.fieldText); err != nil {
		return fmt.Errorf("--field-selector cannot be read: %w", err)
	}
	s.filter = grid.Filter{Pools: s.pools, Users: s.users, Modules: s.modules, States: states, IdleOver: s.idleOver, Text: s.text}
	return nil
}

func (s *selection) validate() error {
	switch {
	case s.idleOver < 0:
		return errors.New("--idle-over must not be negative")
	case s.chunk < 0:
		return errors.New("--chunk-size must not be negative")
	case slices.Contains(s.users, ""):
		return errors.New("--user must be a user's name")
	}
	return checkPools(s.pools, s.namespace)
}

// narrowed says whether any flag but the namespace and the states narrows the choice.
func (s *selection) narrowed() bool {
	return len(s.pools)+len(s.users)+len(s.modules) > 0 || s.idleOver > 0 || s.text != "" || s.labelText != "" || s.fieldText != ""
}

// options are what the API server selects; the rest is the filter's. Without states, sessions of all states are selected, for those who want to see them end.
func (s *selection) options(withStates bool) *client.ListOptions {
	terms := []fields.Selector{s.fields}
	if len(s.filter.Pools) == 1 {
		_, name := grid.PoolOf(s.filter.Pools[0])
		terms = append(terms, fields.OneTermEqualSelector(fieldPool, name))
	}
	if withStates {
		terms = append(terms, stateTerms(s.filter.States)...)
	}
	return &client.ListOptions{Namespace: s.namespace, LabelSelector: s.labels, FieldSelector: fields.AndSelectors(terms...)}
}

// allStates are those that a session may have.
func allStates() []licensing.SessionState {
	return []licensing.SessionState{licensing.SessionPending, licensing.SessionActive, licensing.SessionDenied, licensing.SessionTerminated}
}

func stateTerms(states []licensing.SessionState) []fields.Selector {
	switch len(states) {
	case 0:
		return nil
	case 1:
		return []fields.Selector{fields.OneTermEqualSelector(fieldState, string(states[0]))}
	}
	var terms []fields.Selector
	for _, state := range allStates() {
		if !slices.Contains(states, state) {
			terms = append(terms, fields.OneTermNotEqualSelector(fieldState, string(state)))
		}
	}
	return terms
}

// pages reads the sessions that the API server selects, a page at a time, and returns the revision from which to watch what changes.
func (s *selection) pages(ctx context.Context, api client.Reader, visit func([]licensing.UserSession) error) (revision string, err error) {
	options := s.options(true)
	options.Limit = s.chunk
	return eachPage(ctx, api, &licensing.UserSessionList{}, options, s.subject(), func(page *licensing.UserSessionList) error { return visit(page.Items) })
}

func (s *selection) subject() subject {
	return subject{plural: "sessions", namespace: s.namespace, role: "seatkeeper-viewer", list: "kubectl seats sessions -A"}
}

// parseStates reads --state: names of states, whatever their case.
func parseStates(names []string) ([]licensing.SessionState, error) {
	var states []licensing.SessionState
	for _, name := range names {
		i := slices.IndexFunc(allStates(), func(s licensing.SessionState) bool { return strings.EqualFold(string(s), name) })
		if i < 0 {
			return nil, fmt.Errorf("--state must be of Pending, Active, Denied and Terminated: it is %q", name)
		}
		states = append(states, allStates()[i])
	}
	return states, nil
}
