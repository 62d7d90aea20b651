// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/test/simulation/apimodel"
)

const (
	// longestRest is how long everything may take to come to rest, quiet how long nothing may be written for that.
	longestRest, quiet = 20 * time.Minute, 15 * time.Second
	// settling is how long it takes at the least until all see what there is.
	settling = 20 * time.Second
	// tellWithin is how long a manager that wrote an end, and does not know that it did, may take to tell of it.
	tellWithin = 90 * time.Second
)

// rest ends all that goes wrong, lets the world come to rest, and looks what is left.
func (w *World) rest() {
	w.ending = true
	w.note("all that goes wrong comes to its end")
	w.awayUntil = w.now
	for _, p := range w.processes {
		if p.dead {
			continue
		}
		p.wake()
		p.cutOffUntil = w.now
	}
	if w.alive() == 0 {
		w.start()
	}
	began := w.now
	most := longestRest
	if w.scenario.Unsynced {
		most /= 6 // clocks that disagree may keep it from coming to rest
	}
	limit := w.now.Add(most)
	next, left := w.now, ""
	w.run(limit, func() bool {
		if w.over() {
			return true
		}
		if w.now.Before(next) {
			return false
		}
		next = w.now.Add(3 * time.Second)
		left = w.left()
		return left == "" && w.now.Sub(w.lastChange) > quiet && w.now.Sub(began) > settling
	})
	if w.over() {
		return
	}
	if left != "" && !w.scenario.Unsynced {
		w.violate("invariant 5: %s after all went wrong no more, %s", longestRest, left)
		return
	}
	w.note("all is quiet")
	if !w.scenario.Unsynced {
		w.checker.Settle()
		w.look()
	}
	w.judgeTelling()
}

// left says what is still to be done; empty: nothing.
func (w *World) left() string {
	if w.underWay > 0 {
		return "calls of those who lead are under way"
	}
	leads := false
	for _, l := range w.allLeads {
		leads = leads || (l.ended.IsZero() && l.began && w.now.Sub(l.since) > settling/2)
	}
	if !leads {
		return "nobody leads"
	}
	for _, o := range w.server.Objects(apimodel.Pools) {
		pool := o.(*licensing.LicensePool)
		if pool.Status.ObservedGeneration != pool.Generation {
			return fmt.Sprintf("pool %s shows the counts of generation %d, and %d is in force", pool.Name, pool.Status.ObservedGeneration, pool.Generation)
		}
		for _, i := range pool.Status.Grants.Intents {
			if s, _ := w.server.Object(apimodel.Sessions, types.NamespacedName{Namespace: namespace, Name: i.Name}).(*licensing.UserSession); s != nil && s.UID == i.UID &&
				(s.Status.State == "" || s.Status.State == licensing.SessionPending) {
				return fmt.Sprintf("pool %s still records a seat for %s", pool.Name, s.Name)
			}
		}
	}
	for _, o := range w.server.Objects(apimodel.Sessions) {
		s := o.(*licensing.UserSession)
		v := w.visit(s)
		pool, _ := w.server.Object(apimodel.Pools, types.NamespacedName{Namespace: namespace, Name: v.pool}).(*licensing.LicensePool)
		switch {
		case s.Status.State != licensing.SessionActive && s.Status.State != "" && s.Status.State != licensing.SessionPending:
		case s.Spec.Termination != nil:
			return fmt.Sprintf("%s has not ended though its end was asked for", s.Name)
		case s.Status.State != licensing.SessionActive && pool != nil && reasonOf(s) == "":
			return fmt.Sprintf("%s is not decided on", s.Name)
		case s.Status.State == licensing.SessionActive && pool == nil:
			return fmt.Sprintf("%s is on though its pool is gone", s.Name)
		case s.Status.State == licensing.SessionActive && v.gateway && !v.here && pool.Spec.Sessions.LostAfterSeconds != nil:
			return fmt.Sprintf("%s is on though its client has been gone since %s", s.Name, clock(v.gone))
		case s.Status.State != licensing.SessionActive && s.Status.WaitUntilTime != nil && s.Status.WaitUntilTime.Time.Before(w.now.Add(-skew)) && pool != nil:
			return fmt.Sprintf("%s still waits", s.Name)
		}
	}
	for _, v := range w.clients {
		if s := w.session(v); v.here && (s == nil || s.Status.State != licensing.SessionActive) {
			return fmt.Sprintf("the client of %s does not know that it has ended", v.name)
		}
	}
	return ""
}

// judgeTelling checks that each end was told of by an Event. One is lost when the manager that wrote the end came to its own end before it knew that it had; or, of a session that was deleted, when
// none that had seen the session was there to see it go, or none of those granted any more.
func (w *World) judgeTelling() {
	var all []*visit
	for _, v := range w.sessions {
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b *visit) int { return cmp.Compare(a.uid, b.uid) })
	for _, v := range all {
		if v.end == nil || len(v.told) > 0 || w.excused(v.end) {
			continue
		}
		w.violate("invariant 6: no Event tells of the end of %s (%s by %s at %s)", v.name, v.end.action, v.end.by.name(), clock(v.end.at))
	}
}

func (w *World) excused(e *endOfVisit) bool {
	if !e.deleted {
		by := e.by.lead
		return by == nil || (!by.ended.IsZero() && by.ended.Sub(e.at) < tellWithin+w.scenario.LongestPause)
	}
	for _, l := range w.allLeads { // another took over while the one that had seen the session slept: who no longer grants leaves it to who does
		if l.since.After(e.at) && l.since.Sub(e.at) < tellWithin+w.scenario.LongestPause {
			return true
		}
	}
	for _, l := range w.allLeads { // whoever was there before and stayed had to see it
		if !l.since.IsZero() && l.since.Add(w.scenario.LongestLag+skew).Before(e.at) && l.ended.IsZero() && w.scenario.Election {
			return false
		}
	}
	return true
}
