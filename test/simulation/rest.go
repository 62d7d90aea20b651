// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/test/simulation/apimodel"
)

const (
	// longestRest is how long everything may take to come to rest, quiet how long nothing may be written for that.
	longestRest, quiet = 20 * time.Minute, 15 * time.Second
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
		p.awakeAt, p.cutOffUntil = w.now, w.now
	}
	if w.alive() == 0 {
		w.start()
	}
	limit := w.now.Add(longestRest)
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
		return left == "" && w.now.Sub(w.lastChange) > quiet
	})
	if w.over() {
		return
	}
	if left != "" {
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
	for _, o := range w.server.Objects(apimodel.Pools) {
		if g := o.(*licensing.LicensePool).Status.Grants; g != nil && len(g.Intents) > 0 {
			return fmt.Sprintf("pool %s still records seats for %d logins or accounts", o.GetName(), len(g.Intents))
		}
	}
	for _, o := range w.server.Objects(apimodel.Sessions) {
		s := o.(*licensing.UserSession)
		v := w.visit(s)
		pool := w.poolNow(v.pool)
		switch {
		case s.Status.State != licensing.SessionActive && s.Status.State != "" && s.Status.State != licensing.SessionPending:
		case s.Spec.Termination != nil:
			return fmt.Sprintf("%s has not ended though its end was asked for", s.Name)
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
// none that had seen the session was there to see it go.
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
	for _, l := range w.allLeads { // whoever was there before and stayed had to see it
		if !l.since.IsZero() && l.since.Add(w.scenario.LongestLag+skew).Before(e.at) && l.ended.IsZero() && w.scenario.Election {
			return false
		}
	}
	return true
}
