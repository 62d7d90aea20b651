// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating

import (
	"fmt"
	"slices"
	"time"
)

// Action is how a session ends (C5).
type Action string

// The actions of C5, beside NotTerminated.
const (
	RequestedByUser          Action = "RequestedByUser"
	RequestedByAdministrator Action = "RequestedByAdministrator"
	OldestSessionTerminated  Action = "OldestSessionTerminated"
	ExpiredSessionTerminated Action = "ExpiredSessionTerminated"
	TerminatedBySystem       Action = "TerminatedBySystem"
)

// Lifetimes are the rules of how long sessions live. A zero duration switches its rule off.
type Lifetimes struct {
	// Idle ends a concurrent account's session that long after its last activity (A10).
	Idle time.Duration
	// UnsavedWork takes Idle's place while the client reports unsaved work (B8); never shorter than Idle.
	UnsavedWork time.Duration
	// PromptLead is how long before its idle deadline the user of one of PromptModules is asked to keep the session (A11).
	PromptLead    time.Duration
	PromptModules []string
	// Heartbeat is how often clients should be heard.
	Heartbeat time.Duration
	// LostAfter ends a session whose client sent heartbeats and has been silent that long, whatever its seat.
	LostAfter time.Duration
	// MaxLifetime ends a session that long after its logon.
	MaxLifetime time.Duration
	// MaxPerUser bounds the live sessions of one user, system logins aside; 0: no bound. It acts where there are concurrent seats (B1).
	MaxPerUser int
	// DisplaceOldest ends the oldest session of a user who exceeds MaxPerUser; otherwise the new login is denied.
	DisplaceOldest bool
	// Retention is how long the record of an ended or denied session stays (C7).
	Retention time.Duration
}

// Life is what is recorded of a session's life, by the operator's clock.
type Life struct {
	Logon, LastActivity time.Time
	// LastHeartbeat is when the client was last heard; zero: it never sent a heartbeat.
	LastHeartbeat time.Time
	// HeardBy is the replica that answers for the client; empty: LastHeartbeat stands. See Witnesses.
	HeardBy string
	// Nearer is the store's revision of the last record that brought a deadline nearer, as far as this allocator saw; 0: none did.
	Nearer uint64
	// answered: that replica is alive, so the client is not missing, whatever LastHeartbeat says.
	answered bool
	// Found: the session was on when this allocator took over, which its logon time shows too unless both fell into one second.
	Found bool
	// UnsavedWork is what the client last reported.
	UnsavedWork bool
	// Termination is the end that somebody asked for; nil: nobody did.
	Termination *Termination
	// Ended is when a session in state Ended ended.
	Ended time.Time
	// What the record shows: see Outlook.
	Shown Outlook
}

// Termination is an end that was asked for.
type Termination struct {
	Action  Action
	Message string
}

// Outlook is what a session's record shows of its future.
type Outlook struct {
	// KeepAlive is false once the session is past its first idle period and reports no unsaved work (B8).
	KeepAlive bool
	// Prompt is true while the user is asked to keep the session: from PromptLead before its idle deadline on (A11).
	Prompt bool
	// Timeout is when the session ends if it stays idle (C6); zero: it never does.
	Timeout time.Time
}

// End ends a session.
type End struct {
	Session string
	Action  Action
	Message string
}

// idlePeriod is how long the session may be idle.
func (r Rules) idlePeriod(s *Session) time.Duration {
	if s.Life.UnsavedWork && r.Lifetimes.Idle > 0 {
		return max(r.Lifetimes.Idle, r.Lifetimes.UnsavedWork)
	}
	return r.Lifetimes.Idle
}

// lastActivity is the last activity; the logon is one.
func (l Life) lastActivity() time.Time {
	if l.LastActivity.IsZero() {
		return l.Logon
	}
	return l.LastActivity
}

// IdleDeadline is when a session ends if it stays idle; zero: never. Only concurrent accounts' sessions do (A10).
func (r Rules) IdleDeadline(s Session) time.Time {
	if s.Seat != Concurrent || r.Lifetimes.Idle == 0 {
		return time.Time{}
	}
	return s.Life.lastActivity().Add(r.idlePeriod(&s))
}

// LostDeadline is when a session's client, staying silent, is taken for lost; zero: never. A client that never sent a heartbeat is none to be missed.
func (r Rules) LostDeadline(s Session) time.Time {
	if s.Life.LastHeartbeat.IsZero() || s.Life.answered || r.Lifetimes.LostAfter == 0 {
		return time.Time{}
	}
	return s.Life.LastHeartbeat.Add(r.Lifetimes.LostAfter)
}

// LifetimeDeadline is when a session ends in use or not; zero: never.
func (r Rules) LifetimeDeadline(s Session) time.Time {
	if r.Lifetimes.MaxLifetime == 0 {
		return time.Time{}
	}
	return s.Life.Logon.Add(r.Lifetimes.MaxLifetime)
}

// promptTime is when the user is asked to keep the session; zero: never.
func (r Rules) promptTime(s Session) time.Time {
	deadline := r.IdleDeadline(s)
	if deadline.IsZero() || r.Lifetimes.PromptLead == 0 || !slices.Contains(r.Lifetimes.PromptModules, s.Module) {
		return time.Time{}
	}
	return deadline.Add(-r.Lifetimes.PromptLead)
}

// Outlook is what the session's record should show now.
func (r Rules) Outlook(s Session, now time.Time) Outlook {
	return Outlook{
		KeepAlive: !reached(r.IdleDeadline(s), now),
		Prompt:    reached(r.promptTime(s), now),
		Timeout:   r.IdleDeadline(s),
	}
}

// reached says whether a deadline has come; a zero one never does.
func reached(deadline, now time.Time) bool { return !deadline.IsZero() && !now.Before(deadline) }

// earliest is the first of some times; zero ones are none.
func earliest(times ...time.Time) time.Time {
	var first time.Time
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// longAgo is the turn of what should be looked at as soon as possible.
var longAgo = time.Unix(1, 0)

// turn is when a held session must be looked at: when it is due to end, or its record no longer shows its outlook.
func (r Rules) turn(s Session) time.Time {
	if s.Life.Logon.IsZero() {
		return time.Time{} // its grant is still to be written
	}
	// Whether a prompt or an end of the session's being kept alive is rightly shown depends on the time.
	shown := s.Life.Shown
	if s.Life.Termination != nil || shown.Prompt || !shown.KeepAlive || !shown.Timeout.Equal(r.IdleDeadline(s)) {
		return longAgo
	}
	times := r.times(s)
	return earliest(times[:]...)
}

// turnAfter is when a held session whose turn has come, and that stays as it is, must be looked at again.
func (r Rules) turnAfter(s Session, now time.Time) time.Time {
	times := r.times(s)
	for i, t := range times {
		if !t.After(now) {
			times[i] = time.Time{}
		}
	}
	return earliest(times[:]...)
}

// times are those at which a held session is due to end, or its outlook changes; zero: never.
func (r Rules) times(s Session) [4]time.Time {
	return [...]time.Time{r.LifetimeDeadline(s), r.LostDeadline(s), r.IdleDeadline(s), r.promptTime(s)}
}

// cause is why a session is due to end.
type cause int

const (
	notDue cause = iota
	// asked: somebody wants it to end.
	asked
	// outlived: its lifetime is over.
	outlived
	// lost: its client was silent for too long.
	lost
	// idle: its user did nothing for too long.
	idle
)

// due says whether, and why, a held session is due to end.
func (r Rules) due(s Session, now time.Time) cause {
	switch {
	case s.Life.Termination != nil:
		return asked
	case reached(r.LifetimeDeadline(s), now):
		return outlived
	case reached(r.LostDeadline(s), now):
		return lost
	case reached(r.IdleDeadline(s), now):
		return idle
	default:
		return notDue
	}
}

// deadline is what a session passed that is due for silence or idleness.
func (r Rules) deadline(s Session, why cause) time.Time {
	if why == lost {
		return r.LostDeadline(s)
	}
	return r.IdleDeadline(s)
}

// ComesNearer says whether a record brings a session's end for idleness or silence nearer than the one before did.
func (r Rules) ComesNearer(before, now Session) bool {
	nearer := func(was, is time.Time) bool { return !is.IsZero() && (was.IsZero() || is.Before(was)) }
	letGo := before.Life.HeardBy != "" && now.Life.HeardBy == ""
	before.Life.answered, now.Life.answered = false, false
	return nearer(r.IdleDeadline(before), r.IdleDeadline(now)) || (letGo && !now.Life.LastHeartbeat.IsZero()) || nearer(r.LostDeadline(before), r.LostDeadline(now))
}

// end is how a session that is due ends.
func (r Rules) end(s Session, why cause) End {
	e := End{Session: s.ID, Action: ExpiredSessionTerminated}
	switch why {
	case asked:
		e.Action, e.Message = s.Life.Termination.Action, s.Life.Termination.Message
		if e.Message == "" {
			e.Message = map[Action]string{
				RequestedByUser:          "The user signed out.",
				RequestedByAdministrator: "An administrator ended the session.",
			}[e.Action]
		}
		if e.Message == "" {
			e.Message = "The system ended the session."
		}
	case outlived:
		e.Action, e.Message = TerminatedBySystem, fmt.Sprintf("The session reached its maximum lifetime of %s.", r.Lifetimes.MaxLifetime)
	case lost:
		e.Message = fmt.Sprintf("The client was not heard of for %s, since %s.", r.Lifetimes.LostAfter, clockTime(s.Life.LastHeartbeat))
	case idle:
		e.Message = fmt.Sprintf("The session was idle for %s, since %s.", r.idlePeriod(&s), clockTime(s.Life.lastActivity()))
	case notDue:
	}
	return e
}

// Asked is how a session ends that somebody wants to end.
func (r Rules) Asked(s Session) End { return r.end(s, asked) }

// displaced is how a session ends that makes room for a newer one of its user.
func (r Rules) displaced(s Session) End {
	return End{Session: s.ID, Action: OldestSessionTerminated,
		Message: fmt.Sprintf("The user signed in anew and may have %d sessions, so the oldest ended.", r.Lifetimes.MaxPerUser)}
}

func clockTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
