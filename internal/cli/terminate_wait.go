// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
	"github.com/seatkeeper/seatkeeper/internal/terminate"
)

// end is how a session ended that was waited for.
type end struct {
	action  licensing.TerminationAction
	message string
}

// errSlow is why the ends were not waited for any longer.
var errSlow = errors.New("no session has ended for as long as --timeout says")

// awaited takes in what happens to sessions whose ends are waited for.
type awaited struct {
	waited   map[types.UID]bool
	ended    map[types.UID]end
	progress *progress
	// each is called after each end, all after the last.
	each, all func()
}

func (e *awaited) add(it *item, event string) error {
	r := &it.row
	if !e.waited[r.UID] || event != eventEnded {
		return nil
	}
	delete(e.waited, r.UID)
	e.ended[r.UID] = end{licensing.TerminationAction(r.Reason), r.Message}
	e.progress.show(len(e.ended), len(e.ended)+len(e.waited))
	e.each()
	if len(e.waited) == 0 {
		e.all()
	}
	return nil
}

func (e *awaited) flush() error   { return nil }
func (e *awaited) end(bool) error { return nil }
func (e *awaited) printed() int   { return len(e.ended) }

// await waits until the sessions that were asked to end have ended, and returns how those did that have. The error says why not all could be waited for.
func (o *TerminateOptions) await(ctx context.Context, chosen []item, results []terminate.Result) (map[types.UID]end, error) {
	e := &awaited{waited: map[types.UID]bool{}, ended: map[types.UID]end{}, progress: o.progress("Sessions ended")}
	known := map[types.UID]grid.Row{}
	for i := range results {
		if r := &results[i]; r.Outcome == terminate.Asked || r.Outcome == terminate.AskedBefore {
			e.waited[r.UID], known[r.UID] = true, chosen[i].row
		}
	}
	all := len(known)
	if all == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	e.each, e.all = func() {}, func() { cancel(nil) }
	if o.timeout > 0 {
		timer := time.AfterFunc(o.timeout, func() { cancel(errSlow) })
		defer timer.Stop()
		e.each = func() { timer.Reset(o.timeout) }
	}
	defer e.progress.clear()
	f := &follower{SessionsOptions: &SessionsOptions{Environment: o.Environment, client: o.client, selection: o.endings(known)}, printer: e, known: known}
	err := f.run(ctx, "")
	switch {
	case len(e.waited) == 0:
		return e.ended, nil
	case err != nil:
		return nil, fmt.Errorf("they were asked to end, and whether they have is not known (--wait=false does not ask): %w", err)
	case errors.Is(context.Cause(ctx), errSlow):
		return e.ended, advise(fmt.Errorf("%d of %d sessions have not ended yet, and none has for %s", len(e.waited), all, o.timeout),
			"They were asked to end, and do once the operator runs: see `kubectl get pods -n seatkeeper-system`.")
	default:
		return e.ended, context.Cause(ctx)
	}
}

// endings chooses the sessions that are watched while their ends are waited for: as few as the API server can select.
func (o *TerminateOptions) endings(known map[types.UID]grid.Row) selection {
	s := selection{namespace: o.selection.namespace, chunk: o.selection.chunk, labels: labels.Everything(), fields: fields.Everything(), filter: grid.Filter{States: grid.Live()}}
	pools := map[string]bool{}
	for _, row := range known {
		if len(known) == 1 {
			s.namespace, s.fields = row.Namespace, fields.OneTermEqualSelector("metadata.name", row.Name)
		}
		pools[row.Pool] = true
	}
	if len(pools) == 1 {
		for pool := range pools {
			s.filter.Pools = []string{pool}
		}
	}
	return s
}
