// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// rivalTells is how long a manager without the term leaves it to the other to tell of a session that was deleted. If nothing is seen of the other in that time, it may be one that is gone.
const rivalTells = 10 * time.Second

// departure is a session that has ended, and how.
type departure struct {
	session *licensing.UserSession
	end     seating.End
	// own: this manager wrote the end, so that nobody else tells of it.
	own bool
	// revision is one at which the session was gone; 0: none is known. since is from when on another is left to tell.
	revision uint64
	since    time.Time
}

// deleted is the end of a live session that was gone at a revision.
func deleted(s *licensing.UserSession, revision string, own bool) departure {
	return departure{session: s, end: seating.End{Session: string(s.UID), Action: seating.RequestedByAdministrator, Message: facts.DeletedMessage}, revision: facts.Revision(revision), own: own}
}

// sendOff tells of ends that this manager learnt of later: its own whose answer was lost, and of sessions that were deleted. Of two managers the one without the term leaves the latter to the other,
// once that one has written since; where the pool is gone there is no term, and both tell rather than neither.
func (r *LicensePoolReconciler) sendOff(b *book) {
	now := r.Clock.Now()
	var held []departure
	for _, d := range b.departed {
		if d.since.IsZero() {
			d.since = now
		}
		switch {
		case d.revision != 0 && d.revision < b.rivalry.lostAt: // it was deleted while this manager had the term, be it seen later
			r.announceEnd(b, d.session, d.end)
		case d.own, b.term != "", b.pool == nil, !b.rivalry.near(now), now.Sub(d.since) >= rivalTells:
			r.announceEnd(b, d.session, d.end)
		case d.revision == 0 || b.rivalry.wrote <= d.revision:
			held = append(held, d)
		}
	}
	b.departed = held
	b.showHold()
}

// untold is when the first of the departures that are left to another is to be told of after all; zero: there are none.
func (b *book) untold() time.Time {
	if len(b.departed) == 0 {
		return time.Time{}
	}
	return b.departed[0].since.Add(rivalTells)
}

// unsureEnd is an end that may have been written, and the time that it bears then.
type unsureEnd struct {
	seating.End
	at time.Time
}

// wrote says whether a session's record shows that the end was written.
func (u unsureEnd) wrote(s *licensing.UserSession) bool {
	return s.Status.State == licensing.SessionTerminated && s.Status.TerminationAction == licensing.TerminationAction(u.Action) &&
		s.Status.Message == u.Message && facts.Time(s.Status.TerminatedTime).Equal(u.at.Truncate(time.Second))
}

// justTried says whether a session's end was tried to be written a moment ago, and may have been, though its record does not show it yet.
func (b *book) justTried(uid types.UID, now time.Time) bool {
	tries, _ := b.unsure.Load(uid)
	ends, _ := tries.([]unsureEnd)
	return len(ends) > 0 && now.Sub(ends[len(ends)-1].at) < later
}
