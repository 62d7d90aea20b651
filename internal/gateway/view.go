// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/seating"
	"github.com/seatkeeper/seatkeeper/internal/usage"
)

// view is what the watches show of the pools, good for refusing a login that the leader would refuse, and for nothing else.
type view struct {
	// enforcing counts the pools that bind sessions to their addresses: most often there is none, and nobody need be asked.
	enforcing atomic.Int64
	// denials are told who got a seat after all; nil: nobody counts them.
	denials *usage.Counter

	mu     sync.RWMutex
	pools  map[types.NamespacedName]*poolView
	feeds  []toolscache.ResourceEventHandlerRegistration
	inSync atomic.Bool
}

// poolView is what the watches show of one pool.
type poolView struct {
	mu sync.Mutex
	// pool is nil where none exists.
	pool   *licensing.LicensePool
	ledger *seating.Ledger
	// seen are the revisions of the pool's sessions, accounts its accounts.
	seen     map[types.UID]string
	accounts map[types.UID]struct{}
}

func newView() *view { return &view{pools: map[types.NamespacedName]*poolView{}} }

// follow begins to take in what the cache's watches show.
func (v *view) follow(ctx context.Context, watches cache.Cache) error {
	for _, kind := range []client.Object{&licensing.LicensePool{}, &licensing.LicenseAccount{}, &licensing.UserSession{}} {
		informer, err := watches.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("the gateway cannot watch %T: %w", kind, err)
		}
		feed, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: func(obj any) { v.put(obj.(client.Object)) },
			UpdateFunc: func(old, obj any) {
				if before, after := old.(client.Object), obj.(client.Object); before.GetUID() != after.GetUID() {
					v.drop(before) // deleted and made again while the watch was away
				}
				v.put(obj.(client.Object))
			},
			DeleteFunc: func(obj any) {
				if missed, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
					obj = missed.Obj
				}
				v.drop(obj.(client.Object))
			},
		})
		if err != nil {
			return fmt.Errorf("the gateway cannot watch %T: %w", kind, err)
		}
		v.mu.Lock()
		v.feeds = append(v.feeds, feed)
		v.mu.Unlock()
	}
	return nil
}

// synced says whether all that existed when the watches began has been taken in.
func (v *view) synced() bool {
	if v.inSync.Load() {
		return true
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, feed := range v.feeds {
		if !feed.HasSynced() {
			return false
		}
	}
	v.inSync.Store(len(v.feeds) > 0)
	return len(v.feeds) > 0
}

func (v *view) get(key types.NamespacedName) *poolView {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.pools[key]
}

// with calls the function with a pool's view, which it may change; one that is empty then is forgotten.
func (v *view) with(key types.NamespacedName, change func(p *poolView)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	p := v.pools[key]
	if p == nil {
		p = &poolView{ledger: seating.NewLedger(facts.Rules(nil)), seen: map[types.UID]string{}, accounts: map[types.UID]struct{}{}}
		v.pools[key] = p
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if change(p); p.pool == nil && len(p.seen) == 0 && len(p.accounts) == 0 {
		delete(v.pools, key)
	}
}

// put takes in what a watch showed.
func (v *view) put(obj client.Object) {
	switch o := obj.(type) {
	case *licensing.LicensePool:
		v.with(client.ObjectKeyFromObject(o), func(p *poolView) {
			if p.pool == nil || p.pool.UID != o.UID || p.pool.Generation != o.Generation {
				p.ledger.SetRules(facts.Rules(o))
			}
			v.enforcing.Add(enforced(o) - enforced(p.pool))
			p.pool = o
		})
	case *licensing.LicenseAccount:
		v.with(types.NamespacedName{Namespace: o.Namespace, Name: o.Spec.PoolRef.Name}, func(p *poolView) {
			p.accounts[o.UID] = struct{}{}
			p.ledger.PutAccount(facts.Account(o))
		})
	case *licensing.UserSession:
		v.with(poolOf(o), func(p *poolView) {
			if known, ok := p.seen[o.UID]; ok && !newer(o, known) {
				return
			}
			p.putSession(o)
			if v.denials != nil && o.Status.State == licensing.SessionActive && o.Status.LogonTime != nil {
				v.denials.Granted(poolOf(o).String(), o.Spec.UserName, o.Status.LogonTime.Time)
			}
		})
	}
}

// update takes in a session that this replica has just written. One that the watch has not shown, or not any more, is left to it: it would stay here for ever.
func (v *view) update(s *licensing.UserSession) {
	p := v.get(poolOf(s))
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if known, ok := p.seen[s.UID]; ok && newer(s, known) {
		p.putSession(s)
	}
}

func (p *poolView) putSession(s *licensing.UserSession) {
	p.seen[s.UID] = s.ResourceVersion
	f := facts.Session(s)
	if f.Life.HeardBy != "" {
		f.Life.LastHeartbeat = time.Time{} // a replica answers for the client, whose record lags: whether it is lost is the leader's to know
	}
	p.ledger.PutSession(f)
}

func (v *view) drop(obj client.Object) {
	switch o := obj.(type) {
	case *licensing.LicensePool:
		v.with(client.ObjectKeyFromObject(o), func(p *poolView) {
			if p.pool != nil && p.pool.UID == o.UID {
				v.enforcing.Add(-enforced(p.pool))
				p.pool = nil
				denialsTotal.DeletePartialMatch(prometheus.Labels{"namespace": o.Namespace, "pool": o.Name})
			}
		})
	case *licensing.LicenseAccount:
		v.with(types.NamespacedName{Namespace: o.Namespace, Name: o.Spec.PoolRef.Name}, func(p *poolView) {
			delete(p.accounts, o.UID)
			p.ledger.RemoveAccount(string(o.UID))
		})
	case *licensing.UserSession:
		v.with(poolOf(o), func(p *poolView) {
			delete(p.seen, o.UID)
			p.ledger.RemoveSession(string(o.UID))
		})
	}
}

// verdict is what the view says of a login.
type verdict int

const (
	// undecided: the leader decides.
	undecided verdict = iota
	// deny: the leader would deny it.
	deny
	// poolUnknown: the watches show no such pool.
	poolUnknown
)

// refuse says whether the leader would deny a login now. While seats are about to come free, since sessions are past their deadlines, it would not, unless it holds their ends.
func (v *view) refuse(key types.NamespacedName, login seating.Session, now time.Time) (seating.Denial, verdict) {
	if !v.synced() {
		return seating.Denial{}, undecided
	}
	p := v.get(key)
	if p == nil {
		return seating.Denial{}, poolUnknown
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pool == nil {
		return seating.Denial{}, poolUnknown
	}
	held := meta.IsStatusConditionTrue(p.pool.Status.Conditions, licensing.ConditionExpiryHeld)
	if denial, sure := p.ledger.Refusal(login, now, held); sure {
		return denial, deny
	}
	return seating.Denial{}, undecided
}

// pool is the pool as the watch shows it; nil: it shows none.
func (v *view) pool(key types.NamespacedName) *licensing.LicensePool {
	p := v.get(key)
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pool
}

func (v *view) enforces(key types.NamespacedName) bool { return enforced(v.pool(key)) == 1 }

func enforced(pool *licensing.LicensePool) int64 {
	if pool != nil && pool.Spec.Sessions != nil && pool.Spec.Sessions.ClientIPCheck == licensing.ClientIPCheckEnforced {
		return 1
	}
	return 0
}

// newer says whether a session is newer than a revision.
func newer(s *licensing.UserSession, revision string) bool {
	order, err := resourceversion.CompareResourceVersion(s.ResourceVersion, revision)
	return err != nil || order > 0
}
