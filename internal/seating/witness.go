// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating

import (
	"maps"
	"slices"
	"time"
)

// Witness is a replica that hears clients, as the allocator knows it. What a replica hears it keeps in memory and writes just in time, so nobody is ended for idleness or
// silence before every witness has said that it wrote down what it had to (docs/design.md, every witness is heard).
type Witness struct {
	// Swept: all that the replica had heard by then, by its own clock, and that was due is written.
	Swept time.Time
	// Pools and Sessions are the store's revisions up to which it had seen pools and sessions when it began to sweep.
	Pools, Sessions uint64
	// Own: it is this very process, whose clock is the one that decides.
	Own bool
	// Silent is when it was last seen alive, by the allocator's clock; zero: it is alive.
	Silent time.Time
	// Left: it stopped in order and had written all it knew. It is kept for the sake of the clients that it answered for.
	Left bool
	// Missing is what it says of the pool's clients that fell silent at about one time.
	Missing Missing
}

// Missing are clients that a witness answers for and does not hear any more.
type Missing struct {
	// Clients is how many; Last is when the last of them was heard.
	Clients int
	Last    time.Time
}

// MaxSkew is how much the clocks of two replicas may differ (docs/design.md, what it assumes).
const MaxSkew = time.Second

// longestWait is how many times the grace of one a session waits at the most for replicas that fall silent one after the other.
const longestWait = 3

// grace is how long a witness that fell silent delays sentences: its clients are heard by another within three heartbeats, and that is written.
func (r Rules) grace() time.Duration { return 30*time.Second + 3*r.Lifetimes.Heartbeat }

// SetWitnesses tells who hears clients. A session whose replica is none of them counts as heard when this ledger first looked, which is since.
func (l *Ledger) SetWitnesses(witnesses map[string]Witness, since time.Time) {
	changed := !since.Equal(l.witnessed)
	for id, w := range witnesses {
		before, known := l.witnesses[id]
		changed = changed || !known || !w.Silent.Equal(before.Silent)
	}
	for id := range l.witnesses {
		_, known := witnesses[id]
		changed = changed || !known
	}
	l.witnesses, l.witnessed = maps.Clone(witnesses), since
	if !changed { // the common case: they renewed
		return
	}
	for _, s := range l.sessions {
		if s.State == Held && s.Life.HeardBy != "" {
			l.PutSession(s)
		}
	}
}

// hear fills in what a session's replica says of its client: as long as the replica is alive, the client is not missing, else the client was heard as long as the replica was.
func (l *Ledger) hear(s *Session) {
	life := &s.Life
	life.answered = false
	if life.HeardBy == "" || life.LastHeartbeat.IsZero() {
		return
	}
	last := l.witnessed
	if w, known := l.witnesses[life.HeardBy]; known {
		life.answered = w.Silent.IsZero()
		last = w.Silent
	}
	if last.After(life.LastHeartbeat) {
		life.LastHeartbeat = last
	}
}

// unsworn lists the witnesses that have not written down yet what they heard up to a session's deadline; none: the session may end for it. They must have swept by the rules in force, and with the
// session's record as it is, if that brought the deadline nearer: what was due by others is not what is due by these. One that fell silent is waited for so long that its clients can be heard by others,
// who then have to have written that too.
func (l *Ledger) unsworn(s *Session, deadline time.Time, m Moment) []string {
	var awaited []string
	heard := deadline
	latest := deadline.Add(longestWait * l.rules.grace()) // replicas that crash again and again do not keep a session for ever
	for grown := true; grown; {
		grown = false
		for _, w := range l.witnesses {
			if w.Left || w.Silent.IsZero() || w.past(heard) {
				continue
			}
			until := w.Silent.Add(l.rules.grace())
			if until.After(latest) {
				until = latest
			}
			if until.After(heard) {
				heard, grown = until, true
			}
		}
	}
	for id, w := range l.witnesses {
		switch {
		case w.Left || (!w.Silent.IsZero() && w.past(heard)):
		case !w.Silent.IsZero():
			if m.Now.Before(heard) {
				awaited = append(awaited, id)
			}
		case !w.past(heard) || w.Pools < m.RulesRevision || w.Sessions < s.Life.Nearer:
			awaited = append(awaited, id)
		}
	}
	slices.Sort(awaited)
	return awaited
}

// past says whether the witness has swept past a time, whatever the difference of the clocks.
func (w Witness) past(deadline time.Time) bool {
	if !w.Own {
		deadline = deadline.Add(MaxSkew)
	}
	return !w.Swept.Before(deadline)
}

// MostWithin finds the largest number of times that lie within one window, and the last of those. It sorts them.
func MostWithin(window time.Duration, times []time.Time) (most int, last time.Time) {
	slices.SortFunc(times, time.Time.Compare)
	first := 0
	for i := range times {
		for times[i].Sub(times[first]) > window {
			first++
		}
		if n := i - first + 1; n > most {
			most, last = n, times[i]
		}
	}
	return most, last
}

// SilenceWindow is within which clients that stop at one moment were last heard.
func (r Rules) SilenceWindow() time.Duration { return r.Lifetimes.Heartbeat + brakeSlack }

// SilentAfter is how long a client that used to be heard must be silent to be missing: a heartbeat that is late by a quarter of the interval. That early, since sessions may be lost after as
// little as two intervals: when the first of many that stopped at once is, the others must be seen to be missing too.
func (r Rules) SilentAfter() time.Duration { return r.Lifetimes.Heartbeat * 5 / 4 }
