// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/test/simulation/apimodel"
)

const (
	// skew is what clocks and whole seconds may make of a time.
	skew = 2 * time.Second
	// rulesLag is how long who ends sessions may go by the rules of before a change.
	rulesLag = 4 * time.Second
)

// judge holds a change against what only the simulation knows: what clients did and were answered, and who wrote it.
func (w *World) judge(k *apimodel.Kind, c apimodel.Change) {
	switch k {
	case apimodel.Pools:
		w.rule(c)
	case apimodel.Sessions:
		w.judgeSession(c)
	}
}

// rule keeps the specs that were in force.
func (w *World) rule(c apimodel.Change) {
	name := c.Object.GetName()
	was := w.rules[name]
	pool := c.Object.(*licensing.LicensePool)
	switch {
	case c.Type == watch.Deleted:
		pool = nil
	case len(was) > 0 && was[len(was)-1].pool != nil && was[len(was)-1].pool.Generation == pool.Generation && was[len(was)-1].pool.UID == pool.UID:
		return
	}
	w.rules[name] = append(was, ruled{w.now, pool})
}

// inForce are the rules by which a session may end that it is decided on at a time.
func (w *World) inForce(pool string, at time.Time) []*licensing.SessionRules {
	var all []*licensing.SessionRules
	history := w.rules[pool]
	for i, r := range history {
		if r.pool != nil && (i == len(history)-1 || history[i+1].since.Add(rulesLag).After(at)) {
			all = append(all, r.pool.Spec.Sessions)
		}
	}
	return all
}

func (w *World) visit(s *licensing.UserSession) *visit {
	v := w.sessions[s.UID]
	if mine := w.visits[s.Name]; v == nil && mine != nil && mine.uid == "" {
		mine.uid = s.UID
		v, w.sessions[s.UID] = mine, mine
	}
	if v == nil {
		v = &visit{gone: w.now, name: s.Name, pool: s.Spec.PoolRef.Name, user: s.Spec.UserName, uid: s.UID, gateway: s.Annotations[licensing.AnnotationHeardBy] != ""}
		w.sessions[s.UID] = v
	}
	return v
}

func (w *World) judgeSession(c apimodel.Change) {
	s := c.Object.(*licensing.UserSession)
	v := w.visit(s)
	from, to := licensing.SessionState(""), s.Status.State
	before, _ := c.Before.(*licensing.UserSession)
	if before != nil {
		from = before.Status.State
	}
	switch {
	case c.Type == watch.Deleted && from == licensing.SessionActive:
		w.counts.Ends["deleted"]++
		v.end = &endOfVisit{at: w.now, action: string(licensing.RequestedByAdministrator), by: w.writer, deleted: true}
	case c.Type == watch.Deleted, from == to:
	case to == licensing.SessionActive:
		w.counts.Grants++
		if by := w.writer; by == nil || by.lead == nil || !by.lead.began {
			w.violate("invariant 7: %s became Active by %s, which has no view of what there is", s.Name, by.name())
		}
	case to == licensing.SessionDenied:
		w.counts.Denials[reasonOf(s)]++
	case to == licensing.SessionTerminated:
		w.landedLate = w.now.Sub(facts.Time(s.Status.TerminatedTime)) > rulesLag
		w.counts.Ends[string(s.Status.TerminationAction)]++
		if from == licensing.SessionActive {
			v.end = &endOfVisit{at: w.now, action: string(s.Status.TerminationAction), by: w.writer}
		}
		if s.Status.TerminationAction == licensing.ExpiredSessionTerminated && !w.scenario.Unsynced {
			w.judgeExpiry(v, before, s)
		}
	}
}

func reasonOf(s *licensing.UserSession) string {
	for _, c := range s.Status.Conditions {
		if c.Type == licensing.ConditionGranted {
			return c.Reason
		}
	}
	return ""
}

// judgeExpiry says whether a session may end for idleness or silence: not while what its client was answered for says otherwise (invariant 4). What a client told after its deadline had come is none of
// this: it was too late.
func (w *World) judgeExpiry(v *visit, before, s *licensing.UserSession) {
	idle := strings.Contains(s.Status.Message, "idle")
	for _, rules := range w.inForce(v.pool, facts.Time(s.Status.TerminatedTime)) {
		if idle && w.endsIdle(v, before, rules) || !idle && w.endsLost(v, before, rules) {
			return
		}
	}
	last := beat{}
	if n := len(v.beats); n > 0 {
		last = v.beats[n-1]
	}
	w.violate("invariant 4: %s of %s expired (%s), and its client was last answered at %s, its user last active at %s; on record was %s",
		s.Name, v.user, s.Status.Message, clock(last.heard), clock(last.activity), clock(facts.Time(before.Status.LastActivityTime)))
}

func (w *World) endsIdle(v *visit, before *licensing.UserSession, rules *licensing.SessionRules) bool {
	if rules.IdleTimeoutSeconds == nil {
		return false
	}
	period := time.Duration(*rules.IdleTimeoutSeconds) * time.Second
	long := period
	if rules.UnsavedWorkTimeoutSeconds != nil {
		long = max(long, time.Duration(*rules.UnsavedWorkTimeoutSeconds)*time.Second)
	}
	recorded := period
	if before.Status.UnsavedWork {
		recorded = long
	}
	deadline := facts.Time(before.Status.LastActivityTime).Add(recorded)
	for i, b := range v.beats {
		if !w.known(v, b, rules) || !b.heard.Before(deadline.Add(-skew)) {
			continue
		}
		if b.activity.Add(period - skew).After(w.now) {
			return false
		}
		if b.unsaved && v.saved.Before(b.heard) && slices.ContainsFunc(v.beats[i:], func(later beat) bool {
			return w.known(v, later, rules) && later.activity.Add(long-skew).After(w.now) && later.heard.Before(deadline.Add(-skew))
		}) {
			return false
		}
	}
	return true
}

// known says whether what a heartbeat told must be known by now: the replica that heard it has been well since, or it has been ill for so short a time that its client need not have told another yet. What
// a replica alone knew, and its client does not tell again, is lost with it.
func (w *World) known(v *visit, b beat, rules *licensing.SessionRules) bool {
	if b.by.ailed.Before(b.heard) {
		return true
	}
	return v.here && w.now.Before(b.by.ailing.Add(3*time.Duration(*rules.HeartbeatIntervalSeconds)*time.Second))
}

// endsLost: a client that was heard without too long a pause up to a moment ago is not lost.
func (w *World) endsLost(v *visit, before *licensing.UserSession, rules *licensing.SessionRules) bool {
	if rules.LostAfterSeconds == nil {
		return false
	}
	var known []time.Time
	for _, b := range v.beats {
		if w.known(v, b, rules) && (v.here || !b.by.dead) { // who stops in order writes what users did, and no more
			known = append(known, b.heard)
		}
	}
	if len(known) < 2 {
		return true
	}
	period := time.Duration(*rules.LostAfterSeconds) * time.Second
	if on := facts.Time(before.Status.LastHeartbeatTime); before.Status.HeardBy == "" && !slices.ContainsFunc(known, func(heard time.Time) bool {
		return heard.After(on.Add(skew)) && heard.Before(on.Add(period-skew))
	}) {
		return true // nobody answered for it, and it came back when its time was over
	}
	last, previous := known[len(known)-1], known[len(known)-2]
	return !last.Add(period-skew).After(w.now) || last.Sub(previous) > period-skew
}

func second(t *metav1.Time) string { return clock(facts.Time(t)) }

// session is a session's record now; nil: there is none.
func (w *World) session(v *visit) *licensing.UserSession {
	s, _ := w.server.Object(apimodel.Sessions, types.NamespacedName{Namespace: namespace, Name: v.name}).(*licensing.UserSession)
	if s == nil || s.UID != v.uid {
		return nil
	}
	return s
}

// flapTime is how long a pool must be back for everybody to notice: a manager that looks now and then, or sleeps for a moment, may miss one that is deleted again before.
const flapTime = 15 * time.Second

// flapped says whether the pool of a session was back for a moment only.
func (w *World) flapped(objects []string) bool {
	for name, history := range w.rules {
		if !slices.Contains(objects, "LicensePool "+namespace+"/"+name) {
			continue
		}
		began := time.Time{}
		for i, r := range history {
			switch {
			case r.pool == nil && r.since.Sub(began) < flapTime && w.now.Sub(r.since) < w.scenario.PoolRemovalGrace+flapTime:
				return true
			case r.pool != nil && (i == 0 || history[i-1].pool == nil):
				began = r.since
			}
		}
	}
	return false
}
