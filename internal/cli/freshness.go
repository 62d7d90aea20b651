// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
	"github.com/seatkeeper/seatkeeper/internal/refresh"
)

// freshness is whether the gateways are asked, and where they are.
type freshness struct {
	wanted            bool
	operatorNamespace string
}

func (f *freshness) bind(cmd *cobra.Command, usage string) {
	cmd.Flags().BoolVar(&f.wanted, "refresh", false, usage)
	cmd.Flags().StringVar(&f.operatorNamespace, "operator-namespace", refresh.OperatorNamespace, "Where the operator runs, whose gateway replicas are asked.")
}

// refresher brings sessions up to date, or leaves them as they are recorded and remembers why.
type refresher struct {
	ask func(context.Context, []types.UID) (map[types.UID]grid.Fresh, error)
	// failed is why not all replicas could be asked; nil: all were.
	failed error
	asked  bool
}

func (f *freshness) refresher(c *cluster) *refresher {
	if !f.wanted {
		return &refresher{}
	}
	asker, err := c.asker(f.operatorNamespace)
	if err != nil {
		return &refresher{failed: err}
	}
	return &refresher{ask: asker.Ask}
}

// bring brings sessions that are on up to date. An error is one of the context alone: what cannot be asked stays as it is.
func (r *refresher) bring(ctx context.Context, items []item) error {
	var uids []types.UID
	for i := range items {
		if items[i].row.State == licensing.SessionActive {
			uids = append(uids, items[i].row.UID)
		}
	}
	if r.ask == nil || len(uids) == 0 {
		return nil
	}
	known, err := r.ask(ctx, uids)
	r.asked = true
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		r.failed = err
	}
	for i := range items {
		if fresh, ok := known[items[i].row.UID]; ok {
			items[i].row.Refresh(fresh)
		}
	}
	if len(known) == 0 && err != nil {
		r.ask = nil // the next page would fare no better
	}
	return nil
}

// report says, once, why what was shown may lag.
func (r *refresher) report(out io.Writer) {
	if r.failed != nil {
		fmt.Fprintf(out, "LAST ACTIVITY is as recorded, and may lag: %v.\n", r.failed)
	}
}

// record writes to a record what the gateways know, so that it is printed with it.
func record(s *licensing.UserSession, row *grid.Row) {
	status := &s.Status
	status.LastActivityTime, status.LastHeartbeatTime, status.TimeoutTime = when(row.LastActivity), when(row.LastHeartbeat), when(row.Timeout)
	status.UnsavedWork, status.KeepAlive = row.UnsavedWork, row.KeepAlive
	if d, ok := row.Duration(); ok {
		status.DurationSeconds = new(int64(d / time.Second))
	}
}

func when(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	return new(metav1.NewTime(t))
}
