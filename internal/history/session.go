// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
)

// takeSession takes in a change of a session.
func (c *Checker) takeSession(s *licensing.UserSession, deleted bool, when time.Time) {
	before := c.sessions[s.UID]
	if before != nil && before.ResourceVersion == s.ResourceVersion && !deleted {
		return
	}
	status := &s.Status
	c.stamp(when, s.CreationTimestamp.Time, facts.Time(status.LogonTime), facts.Time(status.TerminatedTime))
	c.staysFinal(s)
	p := c.pool(s.Namespace, s.Spec.PoolRef.Name)
	from, to := stateOf(before), stateOf(s)

	// What is judged by the world as it was before this change.
	p.noteCrowd(s, when)
	by, intended := p.intend(s.UID, s.Status.PoolUID)
	was := p.tally()
	if !c.blind && from == licensing.SessionActive && to != licensing.SessionActive {
		c.justified(p, before, s)
	}
	if !c.blind && from != to && to == licensing.SessionDenied {
		c.deniedRightly(p, s)
	}

	held, had := p.claims[s.UID]
	p.put(s, deleted)
	if had && p.connections[held.connection] == 0 {
		p.lapsed[held.connection] = when
	}
	if had && held.seat == licensing.SeatNamed && p.holders[held.user] == 0 {
		p.yielded[held.user] = when
	}
	if deleted {
		delete(c.sessions, s.UID)
	} else {
		c.sessions[s.UID] = s
	}
	user := p.user(s.Spec.UserName)
	if from == licensing.SessionActive && (deleted || to != licensing.SessionActive) {
		p.left[user] = when
	}
	if !final(from) && (deleted || final(to)) {
		p.parted[user] = when
	}
	if from != to && status.TerminationAction == licensing.OldestSessionTerminated {
		p.displaced[user] = when
	}
	if c.blind {
		return
	}
	switch {
	case from == licensing.SessionActive && to == licensing.SessionActive:
		c.keeps(before, s)
	case to == licensing.SessionActive && !final(from):
		c.granted(p, s, was, by, intended)
	case from == licensing.SessionPending && to == licensing.SessionTerminated:
		c.leftQueue(s)
	}
	c.tells(before, s, deleted, from, to)
	wrote := before != nil && !equality.Semantic.DeepEqual(before.Status, s.Status) && from != to
	c.watchSeats(p, wrote, when)
}

// put takes in a session, or takes it out.
func (p *pool) put(s *licensing.UserSession, deleted bool) {
	p.sessions[s.UID] = s
	if p.pending[s.UID] = stateOf(s) == licensing.SessionPending && !deleted; !p.pending[s.UID] {
		delete(p.pending, s.UID)
	}
	if deleted || final(s.Status.State) {
		delete(p.sessions, s.UID)
	}
	p.count(s.UID)
}

// stateOf is a session's state; that of none, and of one that states none, is Pending.
func stateOf(s *licensing.UserSession) licensing.SessionState {
	if s == nil || s.Status.State == "" {
		return licensing.SessionPending
	}
	return s.Status.State
}

func final(state licensing.SessionState) bool {
	return state == licensing.SessionDenied || state == licensing.SessionTerminated
}

// Invariant 3. What is final of a session that has ended.
type ending struct {
	state             licensing.SessionState
	seat              licensing.SeatType
	action            licensing.TerminationAction
	connection        string
	logon, terminated int64
}

func endingOf(s *licensing.UserSession) ending {
	return ending{s.Status.State, s.Status.Seat, s.Status.TerminationAction, s.Status.Connection, facts.Time(s.Status.LogonTime).Unix(), facts.Time(s.Status.TerminatedTime).Unix()}
}

// staysFinal checks that a session that has ended has not changed since. It does so across gaps too.
func (c *Checker) staysFinal(s *licensing.UserSession) {
	is := endingOf(s)
	was, ended := c.ended[s.UID]
	if ended || final(s.Status.State) {
		c.ended[s.UID] = is
	}
	if !ended || was == is {
		return
	}
	switch {
	case is.state != was.state:
		c.find(FinalIsFinal, []string{sessionName(s)}, "the session was %s and became %s again", was.state, stateOf(s))
	case is.action != was.action:
		c.find(FinalIsFinal, []string{sessionName(s)}, "the session had ended, and its terminationAction changed from %s to %s", was.action, is.action)
	case is.terminated != was.terminated:
		c.find(FinalIsFinal, []string{sessionName(s)}, "the session had ended, and its terminatedTime changed to %s", clockTime(facts.Time(s.Status.TerminatedTime)))
	default:
		c.find(FinalIsFinal, []string{sessionName(s)}, "the session had ended, and its seat, connection or logonTime changed")
	}
}

// keeps checks that an Active session keeps what it has.
func (c *Checker) keeps(before, s *licensing.UserSession) {
	if was, is := endingOf(before), endingOf(s); was.seat != is.seat || was.connection != is.connection || was.logon != is.logon {
		c.find(HeldMeansHeld, []string{sessionName(s)}, "the session is Active, and its seat, connection or logonTime changed")
	}
}
