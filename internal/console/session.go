// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"net/http"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
)

// sessionView is one session with all that is known of it (C1).
type sessionView struct {
	Notice   *notice
	Title    string
	Key      string
	Label    string
	Story    []grid.Told
	Sections []grid.Section
	// Terminate: the person may end it, and it has not ended.
	Terminate bool
}

// session answers with one session, as the API server has it now.
func (c *Console) session(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
	defer cancel()
	name := client.ObjectKey{Namespace: r.URL.Query().Get("namespace"), Name: r.URL.Query().Get("name")}
	record := &licensing.UserSession{}
	if err := c.options.API.Get(ctx, name, record); err != nil {
		n := explain(err, about{plural: "sessions", role: "seatkeeper-viewer", namespace: name.Namespace})
		render(w, status(err), "session.html", sessionView{Title: name.Name, Notice: &n})
		return
	}
	row := grid.NewRow(record, true)
	allowed := c.access.mayTerminate(ctx, map[string]bool{record.Namespace: true})
	render(w, http.StatusOK, "session.html", sessionView{
		Title: record.Spec.UserName, Key: key(&row), Label: label(&row),
		Story:     grid.Why(record, c.poolOf(ctx, record), c.board.name(types.UID(record.Status.Connection)), c.options.Clock.Now()),
		Sections:  grid.Details(record, c.person(ctx), c.freshOf(ctx, record)),
		Terminate: allowed[record.Namespace] && row.Live() && !row.Ending,
	})
}

// poolOf is the session's pool, or nil if it cannot be had: then less is said.
func (c *Console) poolOf(ctx context.Context, record *licensing.UserSession) *licensing.LicensePool {
	pool := &licensing.LicensePool{}
	if err := c.options.API.Get(ctx, client.ObjectKey{Namespace: record.Namespace, Name: record.Spec.PoolRef.Name}, pool); err != nil {
		return nil
	}
	return pool
}

// person is whom the API server takes the person for, or took it for when it last said so; empty: it never did.
func (c *Console) person(ctx context.Context) string {
	now := c.options.Clock.Now()
	c.who.mu.Lock()
	name, at := c.who.name, c.who.at
	c.who.mu.Unlock()
	if name != "" && now.Sub(at) < time.Minute {
		return name
	}
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	review := &authenticationv1.SelfSubjectReview{}
	if err := c.options.API.Create(ctx, review); err != nil {
		return name
	}
	c.who.mu.Lock()
	defer c.who.mu.Unlock()
	c.who.name, c.who.at = review.Status.UserInfo.Username, now
	return c.who.name
}

// status is that of an answer without data.
func status(err error) int {
	switch {
	case apierrors.IsForbidden(err):
		return http.StatusForbidden
	case apierrors.IsNotFound(err):
		return http.StatusNotFound
	default:
		return http.StatusBadGateway
	}
}
