// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating

import "time"

// When the heartbeats of most of a pool's clients stop at once, the fault is more likely on our side than on theirs (invariant 4). The brake then holds the end of sessions
// whose clients are missing, and of no others.
const (
	// brakeLeast is how many clients a pool must have for "most of them" to mean something.
	brakeLeast = 5
	// brakeSlack is added to the heartbeat interval: clients that stop at one moment were last heard within an interval before it.
	brakeSlack = 15 * time.Second
	// brakeRate is how many missing clients' sessions may end in a second once the brake has let go, however long ago.
	brakeRate = 10
)

// Brake is the state of a pool's brake.
type Brake struct {
	// Since is when it was last put on; zero: it never was.
	Since time.Time
	// Released is when it let go, by time or by an administrator, though the clients are still missing; zero: it holds.
	Released time.Time
	// Heard is since when most clients are heard again while it holds: it lets go two heartbeats later, since they come back one by one; zero: they are not.
	Heard time.Time
	// Ended counts the missing clients' sessions that were let end in the second that began at Counting.
	Ended    int
	Counting time.Time
}

// On says whether the brake holds.
func (b Brake) On() bool { return !b.Since.IsZero() && b.Released.IsZero() }

// silent says whether a client that used to be heard is missing.
func (r Rules) silent(s *Session, now time.Time) bool {
	return !s.Life.LastHeartbeat.IsZero() && !s.Life.answered && now.Sub(s.Life.LastHeartbeat) > r.SilentAfter()
}

// massSilence says whether most of the pool's clients fell silent within one heartbeat interval, and when the last of those was heard. Its cost is that of looking at every
// held session, so it is asked only when a missing client's session is due to end.
func (l *Ledger) massSilence(now time.Time) (time.Time, bool) {
	var silent []time.Time
	clients, heardBy := 0, map[string]int{}
	for _, s := range l.sessions {
		if s.State != Held || s.Life.LastHeartbeat.IsZero() {
			continue
		}
		clients++
		if s.Life.answered {
			heardBy[s.Life.HeardBy]++
		}
		if l.rules.silent(&s, now) {
			silent = append(silent, s.Life.LastHeartbeat)
		}
	}
	for id, w := range l.witnesses {
		for range min(w.Missing.Clients, heardBy[id]) {
			silent = append(silent, w.Missing.Last)
		}
	}
	if clients < brakeLeast || 2*len(silent) <= clients {
		return time.Time{}, false
	}
	most, last := MostWithin(l.rules.SilenceWindow(), silent)
	return last, 2*most > clients
}

// brakeNow is the brake's state now, given that a missing client's session is due to end. It lets go when clients have been heard again for two intervals, when an administrator says so
// (release is when; zero: never), or after the longest time it may hold; then it does not take hold again for the same silence.
func (l *Ledger) brakeNow(b Brake, now, release time.Time, longest time.Duration) Brake {
	lastHeard, mass := l.massSilence(now)
	switch {
	case b.On() && (release.After(b.Since) || now.Sub(b.Since) >= longest):
		return Brake{Since: b.Since, Released: now}
	case b.On() && mass:
		b.Heard = time.Time{}
		return b
	case b.On() && b.Heard.IsZero():
		b.Heard = now
		return b
	case b.On() && now.Sub(b.Heard) >= 2*l.rules.Lifetimes.Heartbeat:
		return Brake{Since: b.Since, Released: now}
	case mass && (b.Since.IsZero() || (!b.Released.IsZero() && lastHeard.After(b.Since))):
		return Brake{Since: now}
	default:
		return b
	}
}
