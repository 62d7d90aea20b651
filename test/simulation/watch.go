// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/seatkeeper/seatkeeper/test/simulation/apimodel"
)

// watches are one view of the API server: cache.Cache for those who follow it. The view of each kind moves on by itself, late or not, one change at a time or many at once.
type watches struct {
	cache.Cache // what nobody calls

	w         *World
	of        *process
	informers map[*apimodel.Kind]*informer
}

// informer is the view of one kind: cache.Informer for those who follow it.
type informer struct {
	cache.Informer // what nobody calls

	all      *watches
	kind     *apimodel.Kind
	objects  map[types.NamespacedName]client.Object
	position int // in the kind's log: what comes from there on is not known yet
	synced   bool
	closed   bool
	due      bool
	handlers []toolscache.ResourceEventHandler
}

// newWatches begins a view of some kinds, which is empty at first.
func (w *World) newWatches(of *process, kinds ...*apimodel.Kind) *watches {
	v := &watches{w: w, of: of, informers: map[*apimodel.Kind]*informer{}}
	for _, k := range kinds {
		i := &informer{all: v, kind: k, objects: map[types.NamespacedName]client.Object{}}
		v.informers[k] = i
		w.informers = append(w.informers, i)
		w.after(w.between(5*time.Millisecond, 3*time.Second), of, i.list)
	}
	return v
}

// close ends the view.
func (v *watches) close() {
	for _, i := range v.informers {
		i.closed = true
	}
	left := v.w.informers[:0]
	for _, i := range v.w.informers {
		if !i.closed {
			left = append(left, i)
		}
	}
	v.w.informers = left
}

func (v *watches) synced() bool {
	for _, i := range v.informers {
		if !i.synced {
			return false
		}
	}
	return true
}

// get reads from the view.
func (v *watches) get(key types.NamespacedName, into client.Object) error {
	obj, ok := v.informers[apimodel.KindOf(into)].objects[key]
	if !ok {
		return apierrors.NewNotFound(schema.GroupResource{Resource: apimodel.KindOf(into).String()}, key.Name)
	}
	apimodel.Answer{Object: obj}.Deliver(into)
	return nil
}

// GetInformer is cache.Informers'.
func (v *watches) GetInformer(_ context.Context, obj client.Object, _ ...cache.InformerGetOption) (cache.Informer, error) {
	return v.informers[apimodel.KindOf(obj)], nil
}

// AddEventHandler is cache.Informer's.
func (i *informer) AddEventHandler(handler toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	i.handlers = append(i.handlers, handler)
	return registration{of: i}, nil
}

// registration says whether a handler has been told of all that there was.
type registration struct {
	toolscache.ResourceEventHandlerRegistration // what nobody calls

	of *informer
}

// HasSynced is toolscache.ResourceEventHandlerRegistration's.
func (r registration) HasSynced() bool { return r.of.synced }

// list takes over all that there is; those who follow are told what has changed since, as far as that can be told.
func (i *informer) list() {
	w := i.all.w
	if i.closed {
		return
	}
	if w.cutOff(i.all.of) {
		w.after(w.evenly(time.Second, 2*time.Second), i.all.of, i.list)
		return
	}
	now := map[types.NamespacedName]bool{}
	for _, obj := range w.server.Objects(i.kind) {
		now[client.ObjectKeyFromObject(obj)] = true
		i.put(obj)
	}
	for _, key := range sortedKeys(i.objects) {
		if !now[key] {
			i.drop(key, toolscache.DeletedFinalStateUnknown{Key: key.String(), Obj: i.objects[key]})
		}
	}
	i.position = len(w.server.Log(i.kind))
	if !i.synced {
		i.synced = true
		w.note("%s has listed the %ss", i.all.of.name, i.kind)
	}
}

func (i *informer) put(obj client.Object) {
	key := client.ObjectKeyFromObject(obj)
	before, known := i.objects[key]
	if known && before.GetResourceVersion() == obj.GetResourceVersion() {
		return
	}
	i.objects[key] = obj
	for _, h := range i.handlers {
		if known {
			h.OnUpdate(before, obj)
		} else {
			h.OnAdd(obj, !i.synced)
		}
	}
}

func (i *informer) drop(key types.NamespacedName, last any) {
	if _, known := i.objects[key]; !known {
		return
	}
	delete(i.objects, key)
	for _, h := range i.handlers {
		h.OnDelete(last)
	}
}

// changed: there is something new to be seen.
func (i *informer) changed() {
	if i.due || !i.synced {
		return
	}
	i.due = true
	i.all.w.after(i.lag(), i.all.of, i.deliver)
}

// lag is how late the next news is.
func (i *informer) lag() time.Duration {
	w := i.all.w
	switch {
	case w.ending || !w.chance(w.scenario.LateWatch):
		return w.evenly(100*time.Microsecond, 2*w.scenario.Latency)
	case i.kind == apimodel.Pools || i.kind == apimodel.Leases:
		// Rules in force are promised to be known in two seconds; what the lease of a replica tells is the measure of how fresh a view is.
		w.counts.Faults[lateWatch]++
		return w.between(50*time.Millisecond, 1500*time.Millisecond)
	default:
		w.counts.Faults[lateWatch]++
		return w.between(50*time.Millisecond, w.scenario.LongestLag)
	}
}

// deliver brings some of the news, or all.
func (i *informer) deliver() {
	w := i.all.w
	if i.closed {
		return
	}
	if w.cutOff(i.all.of) {
		w.after(w.evenly(time.Second, 2*time.Second), i.all.of, i.deliver)
		return
	}
	i.due = false
	if !w.ending && w.chance(w.scenario.NewLists) {
		w.counts.Faults[newList]++
		w.note("%s lists the %ss anew", i.all.of.name, i.kind)
		i.list()
		return
	}
	log := w.server.Log(i.kind)
	until := len(log)
	if until-i.position > 1 && w.chance(0.3) {
		until = i.position + 1 + w.IntN(until-i.position)
	}
	for i.position < until {
		change := log[i.position]
		i.position++
		if change.Type == watch.Deleted {
			i.drop(client.ObjectKeyFromObject(change.Object), change.Object)
		} else {
			i.put(change.Object)
		}
	}
	if i.position < len(log) {
		i.changed()
	}
}
