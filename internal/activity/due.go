// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/seating"
)

const (
	// failover is what the margin before a deadline leaves for another replica to take over, beside two heartbeats.
	failover = 30 * time.Second
	// fresh is how much a record's last activity may lag before it is worth a write of its own: half of the minute that people are promised (A7).
	fresh = 30 * time.Second
	// settled is how long unsaved work, applications and attributes wait for more to change when no deadline depends on them, and rewritten the least time between two writes for their sake.
	settled, rewritten = 5 * time.Second, 30 * time.Second
	// refusal is how long a session is left alone whose writes the API server has refused for patience.
	refusal, patience = time.Minute, 15 * time.Second
	// unshown is how long a record may be known that no watch has shown before it is written, to see whether it is still there.
	unshown = 30 * time.Second
	// remembered is how long it is known how a session ended whose record was deleted.
	remembered = time.Hour
)

// Due is what a sweep has to do.
type Due struct {
	// Must are the sessions that have to be written before the sweep is sworn to, since a deadline depends on it; Soon those that have to be written as well, but nobody waits for it; May those that
	// may be, for the sake of people, the stalest first.
	Must, Soon, May []types.UID
	// Passed: a deadline that is on record has passed since the sweep before, so that the leader waits for this one.
	Passed bool
	// Next is when the next such deadline passes, if that is within a second; otherwise a second from now.
	Next time.Time
	// Missing is what is missing of each pool's clients that this replica answers for.
	Missing map[types.NamespacedName]seating.Missing
}

// Due looks at every session. Last is when the last sweep that was made known began; zero: there was none. Fresh says whether to look for what may be written, too.
func (r *Recorder) Due(now, last time.Time, fresh bool) Due {
	due := Due{Next: now.Add(sweepEvery)}
	type stale struct {
		uid types.UID
		lag time.Duration
	}
	var may []stale
	var forgotten []types.UID
	silent := map[types.NamespacedName][]time.Time{}
	windows := map[types.NamespacedName]time.Duration{}
	r.each(func(uid types.UID, e *entry, rules *seating.Rules) {
		if !e.gone.IsZero() && now.Sub(e.gone) > remembered {
			forgotten = append(forgotten, uid)
		}
		if e.end == nil && e.record.Status.State == licensing.SessionActive {
			due.note(e, rules, last, now)
			switch owed, lag := r.owes(e, rules, now); {
			case owed == must:
				due.Must = append(due.Must, uid)
			case owed == soon:
				due.Soon = append(due.Soon, uid)
			case fresh && lag > 0:
				may = append(may, stale{uid, lag})
			}
			if by, _ := r.hearer(e, rules, now); by == r.replica && e.facts.Life.HeardBy == by { // who is let go is missing by its record
				if s := e.known(); now.Sub(s.Life.LastHeartbeat) > rules.SilentAfter() {
					key := types.NamespacedName{Namespace: e.record.Namespace, Name: e.record.Spec.PoolRef.Name}
					silent[key], windows[key] = append(silent[key], s.Life.LastHeartbeat), rules.SilenceWindow()
				}
			}
		}
	})
	r.drop(forgotten)
	slices.SortFunc(may, func(a, b stale) int { return cmp.Or(cmp.Compare(b.lag, a.lag), cmp.Compare(a.uid, b.uid)) })
	slices.Sort(due.Must)
	slices.Sort(due.Soon)
	for _, s := range may {
		due.May = append(due.May, s.uid)
	}
	due.Missing = map[types.NamespacedName]seating.Missing{}
	for key, times := range silent {
		n, at := seating.MostWithin(windows[key], times)
		due.Missing[key] = seating.Missing{Clients: n, Last: at}
	}
	return due
}

// Unwritten are the sessions of which this replica knows something fresher than their records do, the nearest deadline first: what is written before a replica stops in order.
func (r *Recorder) Unwritten() []types.UID {
	type unwritten struct {
		uid      types.UID
		deadline time.Time
	}
	var all []unwritten
	r.each(func(uid types.UID, e *entry, rules *seating.Rules) {
		if e.end == nil && e.record.Status.State == licensing.SessionActive && (e.fresher() || !e.changed.IsZero()) {
			deadline := rules.IdleDeadline(e.facts)
			if deadline.IsZero() {
				deadline = e.activity.Add(24 * time.Hour) // nothing depends on it
			}
			all = append(all, unwritten{uid, deadline})
		}
	})
	slices.SortFunc(all, func(a, b unwritten) int { return cmp.Or(a.deadline.Compare(b.deadline), cmp.Compare(a.uid, b.uid)) })
	uids := make([]types.UID, 0, len(all))
	for _, u := range all {
		uids = append(uids, u.uid)
	}
	return uids
}

// each visits every session, one after the other.
func (r *Recorder) each(visit func(uid types.UID, e *entry, rules *seating.Rules)) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for uid, e := range r.sessions {
		e.mu.Lock()
		visit(uid, e, e.pool.now())
		e.mu.Unlock()
	}
}

func (r *Recorder) drop(uids []types.UID) {
	if len(uids) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, uid := range uids {
		delete(r.sessions, uid)
	}
}

// fresher says whether activity, or unsaved work, is known here that is not on record.
func (e *entry) fresher() bool {
	return e.activity.After(e.facts.Life.LastActivity) || e.unsaved != nil
}

// note notes whether a deadline on record lies in (last, now], or comes soon; by the leader's clock too, which may be ahead or behind. When rules or a record have brought a deadline nearer, the
// leader waits for the first sweep that knows it.
func (d *Due) note(e *entry, rules *seating.Rules, last, now time.Time) {
	if e.nearer.After(last) || time.Unix(0, e.pool.changed.Load()).After(last) {
		d.Passed = true
	}
	for _, deadline := range [...]time.Time{rules.IdleDeadline(e.facts), e.lostDeadline(rules)} {
		if deadline.IsZero() {
			continue
		}
		for _, at := range [...]time.Time{deadline, deadline.Add(seating.MaxSkew)} {
			switch {
			case !at.After(last):
			case !at.After(now):
				d.Passed = true
			case at.Before(d.Next):
				d.Next = at
			}
		}
	}
}

// lostDeadline is when the client is taken for lost, if nobody answers for it; zero: somebody does, or it never is.
func (e *entry) lostDeadline(rules *seating.Rules) time.Time {
	if e.facts.Life.HeardBy != "" {
		return time.Time{}
	}
	return rules.LostDeadline(e.facts)
}

// owed is how soon a session has to be written.
type owed int

const (
	nothing owed = iota
	soon
	must
)

// owes says how soon a session has to be written, and if it need not be, by how much its record lags for people.
func (r *Recorder) owes(e *entry, rules *seating.Rules, now time.Time) (owed, time.Duration) {
	if now.Before(e.refused) {
		return nothing, 0
	}
	if e.nearDeadline(rules, now) {
		return must, 0
	}
	if _, changes := r.hearer(e, rules, now); changes {
		if r.lostSoon(e, rules, now) {
			return must, 0
		}
		return soon, 0
	}
	if e.doubtful(now) || (!e.changed.IsZero() && !now.Before(e.changed.Add(settled)) && !now.Before(e.wrote.Add(rewritten))) {
		return soon, 0
	}
	lag := e.activity.Sub(e.facts.Life.LastActivity)
	if lag < fresh || now.Sub(e.wrote) < fresh {
		lag = 0
	}
	return nothing, lag
}

// lostSoon says whether the deadline after which a client is taken for lost is near, as far as its record and its replica tell; or the one for idleness has come.
func (r *Recorder) lostSoon(e *entry, rules *seating.Rules, now time.Time) bool {
	last := e.facts.Life.LastHeartbeat
	if by := e.facts.Life.HeardBy; by != "" && by != r.replica {
		if at, alive := r.alive(by); !alive && at.After(last) {
			last = at
		}
	}
	near := min(2*rules.Lifetimes.Heartbeat+failover, rules.Lifetimes.LostAfter/2)
	lost := rules.Lifetimes.LostAfter > 0 && e.facts.Life.HeardBy != r.replica && !now.Before(last.Add(rules.Lifetimes.LostAfter-near))
	return lost || reached(rules.IdleDeadline(e.facts), now)
}

// doubtful says whether the record may have been deleted before a watch showed it.
func (e *entry) doubtful(now time.Time) bool {
	return !e.unwatched.IsZero() && now.Sub(e.unwatched) > unshown
}

// nearDeadline says whether what is known here moves the idle deadline that is on record, and that is near; or undoes what the record shows by now.
func (e *entry) nearDeadline(rules *seating.Rules, now time.Time) bool {
	if !e.fresher() {
		return false
	}
	recorded, known := rules.IdleDeadline(e.facts), rules.IdleDeadline(e.known())
	if recorded.Equal(known) {
		return false
	}
	if shown := e.facts.Life.Shown; shown.Prompt || !shown.KeepAlive {
		return true
	}
	near := recorded
	if known.Before(near) {
		near = known // what was unsaved is saved
	}
	return !now.Before(near.Add(-margin(rules, e.facts.Module)))
}

// margin is how long before the deadline on record fresher activity is written: two heartbeats and what it takes another replica to take over, and in time for the prompt not to be shown to
// who works. With a short idle timeout it is three quarters of that, so that a session in constant use is written at most every quarter of it.
func margin(rules *seating.Rules, module string) time.Duration {
	m := 2*rules.Lifetimes.Heartbeat + failover
	if slices.Contains(rules.Lifetimes.PromptModules, module) {
		m += rules.Lifetimes.PromptLead
	}
	return min(m, rules.Lifetimes.Idle*3/4)
}

// hearer is who should be on record as the one that hears the client, and whether that is another than is.
func (r *Recorder) hearer(e *entry, rules *seating.Rules, now time.Time) (heardBy string, changes bool) {
	by := e.facts.Life.HeardBy
	last := e.known().Life.LastHeartbeat
	silence := now.Sub(last)
	missing := rules.SilentAfter()
	if missing == 0 { // the pool is gone: it may come back, and with it the time after which a client is lost
		missing = seating.Rules{Lifetimes: seating.Lifetimes{Heartbeat: facts.DefaultHeartbeat}}.SilentAfter()
	}
	switch {
	case last.IsZero():
		return by, false
	case by == r.replica:
		// It lets go of a client that it has not heard for half of the time after which it is lost: another replica may hear it. And at once when the session is due to idle out: whether a
		// client is missing, or beats while nobody does anything, is not the same to the brake.
		patience := max(missing, rules.Lifetimes.LostAfter/2)
		lost := rules.Lifetimes.LostAfter > 0 && silence > patience
		idle := reached(rules.IdleDeadline(e.facts), now) && silence > missing
		if lost || idle {
			return "", true
		}
		return by, false
	case by != "" && r.answers(by):
		return by, false
	case e.heard.IsZero():
		return by, false
	case silence <= missing:
		return r.replica, true
	case e.heard.After(e.facts.Life.LastHeartbeat.Add(time.Second)):
		return "", true // nobody answers for it, and here it was heard later than the record says
	default:
		return by, false
	}
}

func (r *Recorder) answers(replica string) bool {
	_, alive := r.alive(replica)
	return alive
}

func reached(deadline, now time.Time) bool { return !deadline.IsZero() && !now.Before(deadline) }
