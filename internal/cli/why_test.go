// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// endless is an API whose lists never end. It has these sessions, of which it tells first.
type endless struct {
	client.WithWatch

	there []licensing.UserSession
	lists []*client.ListOptions
}

func (e *endless) List(_ context.Context, list client.ObjectList, opts ...client.ListOption) error {
	o := (&client.ListOptions{}).ApplyOptions(opts)
	e.lists = append(e.lists, o)
	sessions := list.(*licensing.UserSessionList)
	sessions.Continue = "more"
	if o.Continue != "" {
		return nil
	}
	user, stated := o.FieldSelector.RequiresExactMatch(fieldUser)
	for i := range e.there {
		if !stated || e.there[i].Spec.UserName == user {
			sessions.Items = append(sessions.Items, e.there[i])
		}
	}
	return nil
}

func TestWhySharesReadsFewSessions(t *testing.T) {
	sharer := func(connection string) *licensing.UserSession {
		return session("sharer", "itsm").UID("s").User("ann").Active(licensing.SeatConcurrent, connection, noon).Obj()
	}
	opener := session("opener", "itsm").UID("o").User("ann").Active(licensing.SeatConcurrent, "o", noon).Obj()
	spelled := session("spelled", "itsm").UID("p").User("ANN").Active(licensing.SeatConcurrent, "p", noon).Obj()
	for name, test := range map[string]struct {
		connection, want string
		lists            int
	}{
		"its own":                    {"s", "", 0},
		"the same spelling":          {"o", "opener", 1},
		"another spelling":           {"p", "spelled", mostPages + 1},
		"a record that is not there": {"gone", "", 2 * mostPages},
	} {
		t.Run(name, func(t *testing.T) {
			api := &endless{there: []licensing.UserSession{*opener, *spelled}}
			o := &WhyOptions{client: api}
			for range 3 { // of three sessions that share one connection, what was found for the first holds for the others
				want(t, o.opener(t.Context(), sharer(test.connection)), test.want)
			}
			if len(api.lists) != test.lists {
				t.Errorf("%d lists, want %d", len(api.lists), test.lists)
			}
			for _, l := range api.lists {
				if pool, ok := l.FieldSelector.RequiresExactMatch(fieldPool); l.Limit != defaultChunk || !ok || pool == "" || l.Namespace != "itsm" {
					t.Errorf("each list must be of the pool, and bounded: %+v", l)
				}
			}
		})
	}
}
