// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
)

// Invariant 2. Each end of an Active session must have its cause. An end is written on the condition that the session is as it was decided on, so the record of before is what counts, by the
// rules in force then. A deadline is reckoned from whole seconds, and the time of an end is cut to one, so there is no allowance: an end a second early is one.
//
// Who deletes a session cannot be told from a watch; a deletion is taken for an administrator's. That a session's replica still heard its client, or that its expiry was to be held, is
// not looked at: those only put an end off.

// justified checks the end of an Active session. It is judged by the pool as it was before.
func (c *Checker) justified(p *pool, before, s *licensing.UserSession) {
	objects := []string{sessionName(s), p.name()}
	if s.Status.State != licensing.SessionTerminated {
		c.find(HeldMeansHeld, objects, "the session was Active and became %s: it may only be Terminated", stateOf(s))
		return
	}
	ended, action := facts.Time(s.Status.TerminatedTime), s.Status.TerminationAction
	if asked(s) == action {
		return
	}
	switch action {
	case licensing.ExpiredSessionTerminated:
		if !p.expired(before, ended) {
			c.find(HeldMeansHeld, objects, "the session expired at %s, before it was idle or its client was silent for long enough%s", clockTime(ended), p.deadlines(before, ended))
		}
	case licensing.TerminatedBySystem:
		if !p.outlived(before, ended) && !c.bereft(p, ended) {
			c.find(HeldMeansHeld, objects, "the system ended the session at %s, and nobody had asked for that, its lifetime was not over, and its pool was not gone for %s", clockTime(ended), c.opts.Grace)
		}
	case licensing.OldestSessionTerminated:
		c.displacedRightly(p, before, ended)
	case licensing.RequestedByUser, licensing.RequestedByAdministrator:
		c.find(HeldMeansHeld, objects, "the session ended as %s, and nobody had asked for that", action)
	case licensing.NotTerminated:
		c.find(HeldMeansHeld, objects, "the session ended without an action")
	default:
		c.find(HeldMeansHeld, objects, "the session ended with the action %q, which is none", action)
	}
}

// asked is the action of the end that somebody asked for; empty: nobody did.
func asked(s *licensing.UserSession) licensing.TerminationAction {
	if t := s.Spec.Termination; t != nil {
		switch t.RequestedBy {
		case licensing.RequesterUser:
			return licensing.RequestedByUser
		case licensing.RequesterSystem:
			return licensing.TerminatedBySystem
		case licensing.RequesterAdministrator, "":
			return licensing.RequestedByAdministrator
		}
	}
	if !s.DeletionTimestamp.IsZero() {
		return licensing.RequestedByAdministrator
	}
	return ""
}

// expired says whether a session was past its idle deadline (concurrent only) or its client lost at a time.
func (p *pool) expired(s *licensing.UserSession, at time.Time) bool {
	for _, of := range p.ruledBy(at) {
		if reached(idleDeadline(s, of), at) || reached(lostDeadline(s, of), at) {
			return true
		}
	}
	return false
}

// deadlines says in words when a session would have been due by the newest rules.
func (p *pool) deadlines(s *licensing.UserSession, at time.Time) string {
	text := ""
	if rules := p.ruledBy(at); len(rules) > 0 {
		of := rules[len(rules)-1]
		if d := idleDeadline(s, of); !d.IsZero() {
			text += "; idle from " + clockTime(d) + " on"
		}
		if d := lostDeadline(s, of); !d.IsZero() {
			text += "; lost from " + clockTime(d) + " on"
		}
	}
	return text
}

func reached(deadline, at time.Time) bool { return !deadline.IsZero() && !at.Before(deadline) }

func idleDeadline(s *licensing.UserSession, of *licensing.LicensePool) time.Time {
	rules := of.Spec.Sessions
	if rules == nil || rules.IdleTimeoutSeconds == nil || s.Status.Seat != licensing.SeatConcurrent {
		return time.Time{}
	}
	period := *rules.IdleTimeoutSeconds
	if s.Status.UnsavedWork && rules.UnsavedWorkTimeoutSeconds != nil {
		period = max(period, *rules.UnsavedWorkTimeoutSeconds)
	}
	last := facts.Time(s.Status.LastActivityTime)
	if last.IsZero() {
		last = facts.Time(s.Status.LogonTime)
	}
	return last.Add(time.Duration(period) * time.Second)
}

func lostDeadline(s *licensing.UserSession, of *licensing.LicensePool) time.Time {
	rules := of.Spec.Sessions
	if rules == nil || rules.LostAfterSeconds == nil || s.Status.LastHeartbeatTime == nil {
		return time.Time{}
	}
	return s.Status.LastHeartbeatTime.Add(time.Duration(*rules.LostAfterSeconds) * time.Second)
}

// outlived says whether a session's lifetime was over at a time.
func (p *pool) outlived(s *licensing.UserSession, at time.Time) bool {
	for _, of := range p.ruledBy(at) {
		if rules := of.Spec.Sessions; rules != nil && rules.MaxLifetimeSeconds != nil &&
			reached(facts.Time(s.Status.LogonTime).Add(time.Duration(*rules.MaxLifetimeSeconds)*time.Second), at) {
			return true
		}
	}
	return false
}

// bereft says whether the pool had been gone for the grace at a time. How long it has been gone is known only as far as time was told before it went.
func (c *Checker) bereft(p *pool, at time.Time) bool {
	end := p.goneSince.Add(c.opts.Grace - skew)
	if p.object != nil { // what was under way when it came back is carried out all the same
		return !p.goneSince.IsZero() && !p.back.Before(end) && at.Before(p.back.Add(skew))
	}
	return !at.Before(end)
}

// leftQueue checks that a session that ended before it was granted was asked to.
func (c *Checker) leftQueue(s *licensing.UserSession) {
	if asked(s) != s.Status.TerminationAction || s.Status.TerminationAction == "" {
		c.find(HeldMeansHeld, []string{sessionName(s)}, "the session ended as %q while it waited, and nobody had asked for that", s.Status.TerminationAction)
	}
}

// limitOf is how many sessions a user may have by a spec before the oldest ends for another; 0: none ends.
func limitOf(of *licensing.LicensePool) int {
	if rules := of.Spec.Sessions; rules != nil && rules.MaxPerUser != nil && rules.MaxPerUser.WhenExceeded == licensing.LimitTerminateOldest && of.Spec.Concurrent != nil {
		return int(rules.MaxPerUser.Sessions)
	}
	return 0
}

// crowd says whether a user has as many sessions as one may, and another to come.
func (p *pool) crowd(user string, of *licensing.LicensePool) bool {
	limit := limitOf(of)
	if limit == 0 || len(p.users[user]) < limit {
		return false
	}
	for uid := range p.pending {
		if _, granted := p.claims[uid]; !granted && p.user(p.sessions[uid].Spec.UserName) == user {
			return true
		}
	}
	return false
}

// noteCrowd notes when a user was crowded last, before a change of one of the user's sessions. By rules that were replaced nobody was after that: who decides may know them for a moment still.
func (p *pool) noteCrowd(s *licensing.UserSession, when time.Time) {
	if p.object == nil {
		return
	}
	user := p.user(s.Spec.UserName)
	for _, spec := range p.specs {
		at := when
		if !spec.until.IsZero() && spec.until.Before(when) {
			at = spec.until
		}
		if at.After(p.crowded[user]) && p.crowd(user, spec.of) {
			p.crowded[user] = at
		}
	}
}

// displacedRightly checks that a session ended for a newer one of its user: the user was over the limit when that was decided, or had been until a moment ago, and it was the oldest.
func (c *Checker) displacedRightly(p *pool, s *licensing.UserSession, ended time.Time) {
	user := p.user(s.Spec.UserName)
	crowded := false
	limit := 0
	for _, of := range p.ruledBy(ended) {
		crowded = crowded || p.crowd(user, of)
		limit = limitOf(of)
	}
	last, ever := p.crowded[user]
	if !crowded && (!ever || ended.After(last.Add(rulesLag))) {
		c.find(HeldMeansHeld, []string{sessionName(s), p.name()}, "the session was ended as the oldest of its user, who had %d sessions and no other to come for which it had to", len(p.users[user]))
		return
	}
	// Of several that end for one login, or that end at the same time for other reasons, it cannot be said afterwards in which order they were decided on.
	left, any := p.left[user]
	if len(p.users[user]) != limit || (any && !ended.After(left.Add(rulesLag))) {
		return
	}
	if older := p.olderOf(user, s); older != nil {
		c.find(HeldMeansHeld, []string{sessionName(s), sessionName(older)}, "the session was ended as the oldest of its user, and another has been on for longer")
	}
}

// olderOf finds an Active session of a user with an earlier logon.
func (p *pool) olderOf(user string, s *licensing.UserSession) *licensing.UserSession {
	logon := facts.Time(s.Status.LogonTime)
	for uid := range p.users[user] {
		if other := p.session(uid); other != nil && facts.Time(other.Status.LogonTime).Before(logon) {
			return other
		}
	}
	return nil
}

// session is one that is Active.
func (p *pool) session(uid types.UID) *licensing.UserSession {
	if s := p.sessions[uid]; s != nil && s.Status.State == licensing.SessionActive {
		return s
	}
	return nil
}
