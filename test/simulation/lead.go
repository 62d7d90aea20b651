// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/seatkeeper/seatkeeper/controllers"
	"github.com/seatkeeper/seatkeeper/test/simulation/apimodel"
)

// lead is one term of a process as the leader: a reconciler, and a view of its own.
type lead struct {
	of         *process
	name       string
	context    context.Context //nolint:containedctx // it is the reconciler's, for as long as the lead lasts
	watches    *watches
	reconciler *controllers.LicensePoolReconciler
	queue      *queue
	began      bool
	stopped    bool
	// since is when its view was complete, ended when it came to its end; zero: it has not.
	since, ended time.Time
}

// startLeading begins to lead.
func (p *process) startLeading() {
	w := p.w
	w.leads++
	l := &lead{of: p, name: fmt.Sprintf("%s leads %d", p.name, w.leads)}
	l.context = log.IntoContext(context.Background(), w.log(p))
	l.watches = w.newWatches(p, apimodel.Pools, apimodel.Accounts, apimodel.Sessions)
	l.queue = newQueue(l)
	stopped := func() bool { return l.stopped }
	cached := &connection{w: w, of: p, lead: l, patience: 45 * time.Second, stopped: stopped, cached: l.watches}
	live := &connection{w: w, of: p, lead: l, patience: 45 * time.Second, stopped: stopped}
	l.reconciler = &controllers.LicensePoolReconciler{Client: cached, Live: live, Recorder: recorder{of: l}, Clock: p, Roster: p.roster,
		LongestHold: w.scenario.LongestHold, PoolRemovalGrace: w.scenario.PoolRemovalGrace, Parallel: 1, Chance: dice{w}}
	if b := w.broken.Lead; b != nil {
		b(l, cached, live)
	}
	holders := l.reconciler.Holders()
	l.watches.informers[apimodel.Sessions].follow(l, holders)
	l.watches.informers[apimodel.Accounts].follow(l, holders)
	l.watches.informers[apimodel.Pools].follow(l, &handler.EnqueueRequestForObject{})
	p.lead = l
	w.allLeads = append(w.allLeads, l)
	w.note("%s", l.name)
	var begin func()
	begin = func() {
		switch {
		case l.stopped:
		case !l.watches.synced():
			w.after(20*time.Millisecond, p, begin)
		default:
			l.began, l.since = true, w.now
			for _, r := range sortedRequests(l.queue.waiting) {
				l.queue.begin(r)
			}
		}
	}
	w.after(0, p, begin)
}

// stopLeading ends the lead: its context ends, so that calls under way are broken off and none is begun.
func (p *process) stopLeading(why string) {
	l := p.lead
	p.lead = nil
	l.stopped, l.ended = true, p.w.now
	l.watches.close()
	p.w.note("%s no longer: %s", l.name, why)
	for _, t := range p.w.ordered() {
		if t.of == p && t.name == l.name && t != p.w.current {
			t.resume()
		}
	}
}

// follow has a controller's handler see what the watch sees.
func (i *informer) follow(l *lead, h handler.EventHandler) {
	ctx, q := context.Background(), l.queue
	_, _ = i.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) { h.Create(ctx, event.CreateEvent{Object: obj.(client.Object)}, q) },
		UpdateFunc: func(before, obj any) {
			h.Update(ctx, event.UpdateEvent{ObjectOld: before.(client.Object), ObjectNew: obj.(client.Object)}, q)
		},
		DeleteFunc: func(obj any) {
			gone, unknown := obj.(toolscache.DeletedFinalStateUnknown)
			if unknown {
				obj = gone.Obj
			}
			h.Delete(ctx, event.DeleteEvent{Object: obj.(client.Object), DeleteStateUnknown: unknown}, q)
		},
	})
}

// dice is the simulation's chance for those who read it.
type dice struct{ w *World }

// Read is io.Reader's.
func (d dice) Read(into []byte) (int, error) {
	for i := 0; i < len(into); i += 8 {
		var drawn [8]byte
		binary.LittleEndian.PutUint64(drawn[:], d.w.Uint64())
		copy(into[i:], drawn[:])
	}
	return len(into), nil
}

// recorder takes the Events of a lead.
type recorder struct{ of *lead }

var _ events.EventRecorderLogger = recorder{}

// WithLogger is events.EventRecorderLogger's.
func (r recorder) WithLogger(logr.Logger) events.EventRecorderLogger { return r }

// Eventf is events.EventRecorder's.
func (r recorder) Eventf(regarding, _ runtime.Object, _, reason, action, note string, args ...any) {
	if w := r.of.of.w; w.broken.Deaf == nil || !w.broken.Deaf(reason) {
		w.tell(r.of, regarding.(client.Object), reason, action, fmt.Sprintf(note, args...))
	}
}

// elect takes part in the election, every two seconds: the library's rules in short. Without an election everybody leads.
func (p *process) elect() {
	w := p.w
	defer w.after(w.evenly(1800*time.Millisecond, 2200*time.Millisecond), p, p.elect)
	if p.stopping {
		return
	}
	if !w.scenario.Election {
		if p.lead == nil {
			p.startLeading()
		}
		return
	}
	away := w.cutOff(p)
	if p.leadRevision != w.leadRevision && !away {
		p.leadRevision, p.lastSeen = w.leadRevision, w.now
	}
	switch {
	case p.lead != nil && !away && w.leader != p:
		p.stopLeading("another leads")
	case p.lead != nil && !away:
		w.leadRevision++
		p.renewed, p.leadRevision, p.lastSeen = w.now, w.leadRevision, w.now
	case p.lead != nil && w.now.Sub(p.renewed) > 10*time.Second:
		p.stopLeading("it could not renew its lease")
	case p.lead == nil && !away && (w.leader == nil || w.now.Sub(p.lastSeen) > 15*time.Second):
		w.leader = p
		w.leadRevision++
		p.renewed, p.leadRevision, p.lastSeen = w.now, w.leadRevision, w.now
		p.startLeading()
	}
}

func sortedRequests(of map[reconcile.Request]bool) []reconcile.Request {
	byName := map[types.NamespacedName]reconcile.Request{}
	for r := range of {
		byName[r.NamespacedName] = r
	}
	var all []reconcile.Request
	for _, key := range sortedKeys(byName) {
		all = append(all, byName[key])
	}
	return all
}
