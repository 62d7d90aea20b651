// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating

import "time"

// Refusal is what Decide would answer a login that came after all who wait, and whether that is a denial for good. It changes nothing. Where seats are about to come free, since sessions are
// past their deadlines, there is none for want of a seat; unless the ends of missing clients' sessions are held (the pool's brake).
func (l *Ledger) Refusal(s Session, now time.Time, held bool) (Denial, bool) {
	if _, known := l.sessions[s.ID]; known || s.State != Pending {
		return Denial{}, false
	}
	d := newDeciding(l, now, maxRefusalGrants)
	d.licenseAccounts()
	queue := append(l.queue(), s)
	d.reclaim(queue)
	for _, waiting := range queue {
		d.session(waiting)
	}
	for _, denial := range d.plan.Denials {
		if denial.Session == s.ID {
			return denial, denial.Reason.OfAccount() || denial.Reason == PoolNotInForce || held || !l.overdue(now)
		}
	}
	return Denial{}, false
}

// maxRefusalGrants bounds what is decided on before a newcomer is; it is not met.
const maxRefusalGrants = 1 << 30

// overdue says whether a held session is past a deadline, so that its seat is about to come free.
func (l *Ledger) overdue(now time.Time) bool {
	for _, id := range l.turns.come(now) {
		s, held := l.sessions[id]
		why := l.rules.due(s, now)
		if held && why != notDue && (why != lost || s.Life.HeardBy == "") { // one whose replica answers for it is not taken for lost here
			return true
		}
	}
	return false
}
