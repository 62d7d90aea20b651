// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package witness

import (
	"context"
	"fmt"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// remembered is how long a replica is remembered that is gone.
const remembered = 24 * time.Hour

// Roster is the replicas as this one sees them, by its own clock. It is safe for concurrent use.
type Roster struct {
	own   string
	clock clock.PassiveClock
	began time.Time

	mu       sync.Mutex
	replicas map[string]*replica
	// since is from when on this replica has seen its own Lease renewed without a gap: so long its view of the others is a fresh one. Zero: never yet.
	since time.Time
}

type replica struct {
	revision string
	seen     time.Time // when it was last seen to renew
	renewed  time.Time // when it did so at the latest, by its own clock and what clocks may differ; zero: it did not say
	report   Report
	left     bool
}

// NewRoster returns an empty roster for the replica of this name.
func NewRoster(own string, clock clock.PassiveClock) *Roster {
	return &Roster{own: own, clock: clock, began: clock.Now().Truncate(time.Second), replicas: map[string]*replica{}} // records keep whole seconds
}

// Observe takes in a Lease.
func (r *Roster) Observe(lease *coordinationv1.Lease) {
	if lease.Labels[licensing.LabelReplica] == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock.Now()
	known := r.replicas[lease.Name]
	if known != nil && !known.left && known.revision == lease.ResourceVersion {
		return
	}
	seen, renewed := now, time.Time{}
	if lease.Name != r.own && lease.Spec.RenewTime != nil {
		renewed = lease.Spec.RenewTime.Add(seating.MaxSkew)
		// What is met for the first time may be left from long ago, or have been made long after its replica gave that up. Clocks differ by a bounded time.
		if (known == nil || known.left) && renewed.Before(now) {
			seen = renewed
		}
	}
	switch {
	case lease.Name != r.own:
	case known == nil && now.Sub(r.began) <= SilentAfter:
		r.since = r.began // the others' leases were listed before this one was seen
	case known == nil || known.left || now.Sub(known.seen) > SilentAfter:
		r.since = now
	}
	r.replicas[lease.Name] = &replica{revision: lease.ResourceVersion, seen: seen, renewed: renewed, report: reportOf(lease)}
}

// Drop takes in that a Lease was removed: its replica stopped in order.
func (r *Roster) Drop(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.replicas[name]; known != nil && !known.left {
		known.left, known.seen, known.report = true, r.clock.Now(), Report{Denials: known.report.Denials}
	}
}

// settled is how long a view must have been fresh before others are taken for dead: after a gap their renewals are seen first.
const settled = 5 * time.Second

// blind is how long a view may not have been fresh before its replica goes by what it saw last: it may take the living for dead then, and claim clients of theirs that it hears, which costs writes; but nobody
// else waits for ever for what it does not swear to.
const blind = time.Minute

// Alive says whether a replica renews its Lease, as far as this one can tell: one whose own view is not fresh takes nobody for dead, for a minute. If it is dead, the time is when it was last alive.
func (r *Roster) Alive(name string) (last time.Time, alive bool) {
	if !r.Settled() {
		return time.Time{}, true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.replicas[name]
	if known == nil {
		return r.since, false
	}
	last = known.seen
	if !known.left && !known.renewed.IsZero() && known.renewed.Before(last) {
		last = known.renewed // the news came late, to one that slept for example
	}
	return last, !known.left && r.clock.Now().Sub(last) <= SilentAfter
}

// Settled says whether this replica can tell who is dead, or has not been able to for so long that it goes by what it saw last.
func (r *Roster) Settled() bool {
	since, fresh := r.Since()
	now := r.clock.Now()
	if fresh {
		return now.Sub(since) >= settled
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.began
	if own := r.replicas[r.own]; own != nil {
		last = own.seen.Add(SilentAfter)
	}
	return now.Sub(last) >= blind
}

// Since is from when on this replica's view of the others is fresh without a gap; false: it is not fresh now, for example since the API server is away or this process slept.
func (r *Roster) Since() (time.Time, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	own := r.replicas[r.own]
	return r.since, own != nil && !own.left && r.clock.Now().Sub(own.seen) <= SilentAfter
}

// Witnesses are the replicas, as far as one pool's seats are concerned.
func (r *Roster) Witnesses(pool types.NamespacedName) map[string]seating.Witness {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock.Now()
	witnesses := make(map[string]seating.Witness, len(r.replicas))
	for name, known := range r.replicas {
		w := seating.Witness{Swept: known.report.Swept, Pools: known.report.Pools, Sessions: known.report.Sessions, Own: name == r.own, Left: known.left, Missing: known.report.Missing[pool]}
		if known.left || now.Sub(known.seen) > SilentAfter {
			w.Silent = known.seen
		}
		if !w.Silent.IsZero() && now.Sub(known.seen) > remembered {
			delete(r.replicas, name)
			continue
		}
		witnesses[name] = w
	}
	return witnesses
}

// Stale lists replicas that have been silent for an hour, each with its Lease's revision: those are of no use any more.
func (r *Roster) Stale() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	stale := map[string]string{}
	for name, known := range r.replicas {
		if name != r.own && !known.left && r.clock.Now().Sub(known.seen) > time.Hour {
			stale[name] = known.revision
		}
	}
	return stale
}

// Follow feeds the roster with what the watch sees.
func (r *Roster) Follow(ctx context.Context, from cache.Cache) error {
	leases, err := from.GetInformer(ctx, &coordinationv1.Lease{})
	if err != nil {
		return fmt.Errorf("watching the replicas' leases: %w", err)
	}
	observe := func(obj any) {
		if lease, ok := obj.(*coordinationv1.Lease); ok {
			r.Observe(lease)
		}
	}
	_, err = leases.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    observe,
		UpdateFunc: func(_, obj any) { observe(obj) },
		DeleteFunc: func(obj any) {
			if gone, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
				obj = gone.Obj
			}
			if lease, ok := obj.(*coordinationv1.Lease); ok {
				r.Drop(lease.Name)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("watching the replicas' leases: %w", err)
	}
	return nil
}
