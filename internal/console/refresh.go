// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"errors"
	"net/http"

	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
)

// Refresher asks the gateways what they know of sessions, which may be more than their records have. An error comes with what could be had all the same.
type Refresher func(ctx context.Context, uids []types.UID) (map[types.UID]grid.Fresh, error)

// refreshed is the answer to a request to bring last activity and duration up to date.
type refreshed struct {
	// Exact is how many sessions a gateway knew better or confirmed.
	Exact int `json:"exact"`
	// Note says what could not be done; empty: nothing.
	Note string `json:"note,omitempty"`
}

// refresh brings the sessions that the query shows up to date (A8).
func (c *Console) refresh(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
	defer cancel()
	var uids []types.UID
	for _, row := range c.sessionsView(r).Rows {
		if row.State == licensing.SessionActive {
			uids = append(uids, row.UID)
		}
	}
	known, err := c.ask(ctx, uids)
	c.board.fresh(known)
	answer := refreshed{Exact: len(known)}
	if err != nil {
		answer.Note = err.Error()
	}
	answerJSON(w, answer)
}

var errNoGateways = errors.New("the values on record are shown, which may lag by minutes: the gateways cannot be asked from here")

// ask asks the gateways.
func (c *Console) ask(ctx context.Context, uids []types.UID) (map[types.UID]grid.Fresh, error) {
	if c.options.Refresh == nil {
		return nil, errNoGateways
	}
	if len(uids) == 0 {
		return nil, nil
	}
	return c.options.Refresh(ctx, uids)
}

// freshOf is what the gateways know of one session; nil: nothing, or they cannot be asked.
func (c *Console) freshOf(ctx context.Context, record *licensing.UserSession) *grid.Fresh {
	known, _ := c.ask(ctx, []types.UID{record.UID}) // the record is shown then, which says that it is the record
	if f, ok := known[record.UID]; ok {
		return &f
	}
	return nil
}
