// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating

import (
	"slices"
	"strings"
	"time"
)

// Moment is when, and under which circumstances, sessions are swept.
type Moment struct {
	Now time.Time
	// Most bounds the ends of a sweep, and the outlooks, and the cleared records: logins must have their turn.
	Most int
	// Adopted is when this allocator took over the sessions that were there, Until when it lets their clients be heard again before it ends any of them for
	// silence or idleness.
	Adopted, Until time.Time
	// Patient is until when nobody is taken for lost: the time after which clients are has been made shorter, and they still beat as they were told before.
	Patient time.Time
	// RulesRevision is the store's revision of the pool when its rules were first seen: witnesses must have swept by them.
	RulesRevision uint64
	// Brake is the brake's state so far, Release when an administrator last released it (zero: never), LongestBrake how long it may hold.
	Brake        Brake
	Release      time.Time
	LongestBrake time.Duration
	// Last says whether a session comes after all others, since what was to be written of it was refused; nil: none does.
	Last func(session string) bool
}

// Show brings a session's record up to date with its outlook.
type Show struct {
	Session string
	Outlook Outlook
}

// Sweep is what is to be done about sessions that time has caught up with.
type Sweep struct {
	// Ends are the sessions that end now, the longest due first.
	Ends []End
	// Shows are the sessions whose record shows something else than their outlook.
	Shows []Show
	// Awaited are the witnesses that have yet to say that they wrote down what they heard, before sessions that are due end.
	Awaited []string
	// Clear are the records whose retention is over.
	Clear []string
	// Brake is the brake's state from now on.
	Brake Brake
	// Next is when to sweep again though nothing changed; zero: never.
	Next time.Time
}

// Empty says that nothing is to be written about sessions.
func (s *Sweep) Empty() bool { return len(s.Ends)+len(s.Shows)+len(s.Clear) == 0 }

// brakeLook is how often a brake that is on is looked at again.
const brakeLook = 5 * time.Second

// swornLook is how often it is looked whether every witness has been heard.
const swornLook = 200 * time.Millisecond

// soonSworn is how soon after a deadline all witnesses have been heard, if none is silent.
const soonSworn = 3 * time.Second

// Sweep plans for the sessions whose turn has come. It changes nothing; the ledger learns of an end when the session is put in state Ended.
func (l *Ledger) Sweep(m Moment) *Sweep {
	w := &sweeping{Ledger: l, Moment: m, sweep: &Sweep{Brake: m.Brake, Next: l.turns.next(m.Now)}}
	if m.Brake.On() {
		w.lookAtBrake()
	}
	come := l.turns.come(m.Now)
	slices.SortFunc(come, func(a, b string) int {
		if m.Last != nil && m.Last(a) != m.Last(b) {
			if m.Last(a) {
				return 1
			}
			return -1
		}
		if order := l.dueSince(a).Compare(l.dueSince(b)); order != 0 {
			return order
		}
		return strings.Compare(a, b)
	})
	for _, id := range come {
		if s, held := l.sessions[id]; held {
			w.session(s)
		} else if len(w.sweep.Clear) == m.Most {
			w.again(m.Now)
		} else {
			w.sweep.Clear = append(w.sweep.Clear, id)
		}
	}
	return w.sweep
}

// NextTurn is the next time from now on at which a sweep has something to do, as far as the ledger knows by now; zero: never.
func (l *Ledger) NextTurn(now time.Time) time.Time {
	next := l.turns.next(now)
	for _, id := range l.turns.come(now) {
		if s, held := l.sessions[id]; held {
			next = earliest(next, l.rules.turnAfter(s, now))
		} else {
			return now // nothing holds the clearing of a record
		}
	}
	return next
}

// dueSince is the first of a session's deadlines; zero, so that it comes before all others: somebody asked for its end.
func (l *Ledger) dueSince(id string) time.Time {
	s, held := l.sessions[id]
	if !held {
		return l.records[id]
	}
	if s.Life.Termination != nil {
		return time.Time{}
	}
	return earliest(l.rules.LifetimeDeadline(s), l.rules.LostDeadline(s), l.rules.IdleDeadline(s))
}

// sweeping is a sweep in the making.
type sweeping struct {
	*Ledger
	Moment

	sweep  *Sweep
	looked bool
}

func (w *sweeping) session(s Session) {
	why := w.rules.due(s, w.Now)
	missing := why == lost || (why == idle && w.rules.silent(&s, w.Now))
	spared := s.Life.Found || s.Life.Logon.Before(w.Adopted)
	deadline := w.rules.deadline(s, why)
	if until := w.Adopted.Add(2 * w.rules.Lifetimes.Heartbeat); spared && until.After(deadline) {
		deadline = until // what is heard while it is spared must be written as well
	}
	switch {
	case why == notDue:
	case why == lost && w.Now.Before(w.Patient):
		w.again(w.Patient)
	case (missing || why == idle) && spared && w.Now.Before(w.Until):
		w.again(w.Until)
	case (missing || why == idle) && w.awaits(&s, deadline):
		w.again(w.Now.Add(swornLook))
		if w.Now.Sub(deadline) < soonSworn {
			return // it ends in a moment: that its record shows it to be idle before would be a write for nothing
		}
	case missing && w.held():
		w.again(w.Now.Add(brakeLook))
	case len(w.sweep.Ends) == w.Most:
		w.again(w.Now)
		return
	case missing && !w.letThrough():
		w.again(w.sweep.Brake.Counting.Add(time.Second))
	default:
		w.sweep.Ends = append(w.sweep.Ends, w.rules.end(s, why))
		return
	}
	w.again(w.rules.turnAfter(s, w.Now))
	outlook := w.rules.Outlook(s, w.Now)
	if outlook.equal(s.Life.Shown) {
		return
	}
	if len(w.sweep.Shows) == w.Most {
		w.again(w.Now)
		return
	}
	w.sweep.Shows = append(w.sweep.Shows, Show{Session: s.ID, Outlook: outlook})
}

// awaits says whether a witness is still to be heard before a session whose deadline has passed may end.
func (w *sweeping) awaits(s *Session, deadline time.Time) bool {
	awaited := w.unsworn(s, deadline, w.Moment)
	if len(w.sweep.Awaited) == 0 {
		w.sweep.Awaited = awaited
	}
	return len(awaited) > 0
}

func (o Outlook) equal(other Outlook) bool {
	return o.KeepAlive == other.KeepAlive && o.Prompt == other.Prompt && o.Timeout.Equal(other.Timeout)
}

// held says whether the brake holds a missing client's session.
func (w *sweeping) held() bool {
	w.lookAtBrake()
	return w.sweep.Brake.On()
}

// lookAtBrake decides on the brake, once a sweep.
func (w *sweeping) lookAtBrake() {
	if w.looked {
		return
	}
	w.looked = true
	w.sweep.Brake = w.brakeNow(w.Brake, w.Now, w.Release, w.LongestBrake)
	if w.sweep.Brake.On() {
		w.again(earliest(w.Now.Add(brakeLook), w.sweep.Brake.Since.Add(w.LongestBrake)))
	}
}

// letThrough counts a missing client's session against the rate at which they end after the brake has let go.
func (w *sweeping) letThrough() bool {
	b := &w.sweep.Brake
	if b.Released.IsZero() || w.Now.Sub(b.Released) > w.LongestBrake {
		return true // those that it held have long ended; these are others
	}
	if w.Now.Sub(b.Counting) >= time.Second {
		b.Counting, b.Ended = w.Now, 0
	}
	if b.Ended == brakeRate {
		return false
	}
	b.Ended++
	return true
}

func (w *sweeping) again(at time.Time) { w.sweep.Next = earliest(w.sweep.Next, at) }
