// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"fmt"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// pool is the rules of one, as they are now; none while it is unknown.
type pool struct {
	rules atomic.Pointer[seating.Rules]
	// changed is when this replica saw them change, in nanoseconds since 1970.
	changed atomic.Int64
	of      string // the pool's uid and generation; guarded by Recorder.mu
}

func (p *pool) now() *seating.Rules {
	if rules := p.rules.Load(); rules != nil {
		return rules
	}
	return &unknown
}

// unknown are the rules of a pool that is not there.
var unknown = facts.Rules(nil)

// SetPool takes in a pool's rules; nil: there is no such pool.
func (r *Recorder) SetPool(key types.NamespacedName, now *licensing.LicensePool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.pool(key)
	of := ""
	if now != nil {
		of = fmt.Sprintf("%s %d", now.UID, now.Generation)
	}
	if now != nil {
		defer newest(&r.seenPools, now.ResourceVersion)
	}
	if p.rules.Load() != nil && p.of == of {
		return
	}
	rules := facts.Rules(now)
	p.of = of
	p.rules.Store(&rules)
	p.changed.Store(r.clock.Now().UnixNano())
}

// pool is the one of that name, known or not; r.mu is held.
func (r *Recorder) pool(key types.NamespacedName) *pool {
	p := r.pools[key]
	if p == nil {
		p = &pool{}
		r.pools[key] = p
	}
	return p
}

// newest raises what has been seen to a revision.
func newest(seen *atomic.Uint64, resourceVersion string) {
	revision := facts.Revision(resourceVersion)
	for {
		before := seen.Load()
		if revision <= before || seen.CompareAndSwap(before, revision) {
			return
		}
	}
}

// seen are the revisions up to which the watches' news of pools and sessions has been taken in; 0: not yet all that there were.
func (r *Recorder) seen() (pools, sessions uint64) {
	if r.synced == nil || !r.synced() {
		return 0, 0
	}
	return r.seenPools.Load(), r.seenSessions.Load()
}

// Oldest is when the oldest session that is live was signed on; false: there is none, or the watch has not shown all yet.
func (r *Recorder) Oldest() (time.Time, bool) {
	var oldest time.Time
	if r.synced == nil || !r.synced() {
		return oldest, false
	}
	r.each(func(_ types.UID, e *entry, _ *seating.Rules) {
		if e.end != nil {
			return
		}
		if at := e.record.CreationTimestamp.Time; oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	})
	return oldest, !oldest.IsZero()
}
