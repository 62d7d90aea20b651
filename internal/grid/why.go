// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package grid

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
)

// Told is one sentence of a session's story: what happened, when, and the reason in the word that conditions and Events use.
type Told struct {
	// Time is when it happened; zero: it is so now.
	Time time.Time
	// Reason is empty where there is none.
	Reason string
	Text   string
}

// Why tells of a session, in the order in which it happened: its login, why it was granted, denied or waits, what may end it, why it ended. The pool may be nil: then nothing is said of it. Opener
// is the name of the session whose connection this one shares; if it is empty, that one is called by its unique id.
func Why(s *licensing.UserSession, pool *licensing.LicensePool, opener string, now time.Time) []Told {
	story := []Told{{Time: s.CreationTimestamp.Time, Text: fmt.Sprintf("%s asked pool %s for a seat, to use %s%s.", s.Spec.UserName, s.Spec.PoolRef.Name, s.Spec.Module, from(s))}}
	if !facts.Time(s.Status.LogonTime).IsZero() {
		story = append(story, granted(s, opener))
	}
	switch State(s) {
	case licensing.SessionPending:
		story = append(story, waits(s), room(pool))
	case licensing.SessionActive:
		story = append(story, outlook(s, now)...)
	case licensing.SessionDenied:
		story = append(story, Told{facts.Time(s.Status.TerminatedTime), reason(s), "It was denied. " + s.Status.Message}, advice(s))
	case licensing.SessionTerminated:
		story = append(story, ended(s))
	}
	if row := NewRow(s, true); row.Ending {
		story = append(story, Told{Reason: "", Text: "Its end was asked for and is about to happen; if it does not within seconds, see whether the operator runs."})
	}
	var said []Told
	for _, t := range story {
		if t.Text != "" {
			said = append(said, t)
		}
	}
	return said
}

func from(s *licensing.UserSession) string {
	if c := s.Spec.Client; c != nil && c.IP != "" {
		return " from " + c.IP
	}
	return ""
}

// granted says which seat the session got. The reason follows from the record, since that of the condition is lost once the session has ended.
func granted(s *licensing.UserSession, opener string) Told {
	t := Told{Time: facts.Time(s.Status.LogonTime)}
	seat := map[licensing.SeatType]string{licensing.SeatNamed: "a named seat", licensing.SeatConcurrent: "a concurrent seat"}[s.Status.Seat]
	switch s.Status.Connection {
	case "":
		t.Reason, t.Text = licensing.ReasonSystemLogin, "It was granted without a seat: a system login is never counted."
	case string(s.UID):
		t.Reason, t.Text = licensing.ReasonSeatGranted, "It was granted "+seat+", and opened a connection of its own."
	default:
		if opener == "" {
			opener = "that has the unique id " + s.Status.Connection
		}
		t.Reason, t.Text = licensing.ReasonSeatShared, "It was granted without another seat: it shares "+seat+" with the user's session "+opener+"."
	}
	return t
}

func waits(s *licensing.UserSession) Told {
	if s.Status.Message == "" {
		return Told{Text: "Nobody has decided on it yet; if that lasts for more than seconds, see whether the operator runs."}
	}
	t := Told{Reason: reason(s), Text: "It waits. " + s.Status.Message}
	if c := meta.FindStatusCondition(s.Status.Conditions, licensing.ConditionGranted); c != nil {
		t.Time = c.LastTransitionTime.Time
	}
	return t
}

// room says that the pool that a session waits for has seats by now. That it has none is why the session waits, and was said.
func room(pool *licensing.LicensePool) Told {
	if pool == nil || pool.Status.Concurrent == nil || pool.Status.Concurrent.Used == nil || pool.Status.Concurrent.Licensed == nil {
		return Told{}
	}
	used, licensed := *pool.Status.Concurrent.Used, *pool.Status.Concurrent.Licensed
	if used >= licensed {
		return Told{}
	}
	return Told{Text: fmt.Sprintf("By now %d of the pool's %d concurrent seats are taken; who waits longest comes first.", used, licensed)}
}

// outlook says what may end a session that is on.
func outlook(s *licensing.UserSession, now time.Time) []Told {
	var story []Told
	if c := meta.FindStatusCondition(s.Status.Conditions, licensing.ConditionPrompt); c != nil && meta.IsStatusConditionTrue(s.Status.Conditions, licensing.ConditionPrompt) {
		story = append(story, Told{Time: c.LastTransitionTime.Time, Reason: c.Reason, Text: "Its user is asked whether to keep it. " + c.Message})
	}
	timeout := facts.Time(s.Status.TimeoutTime)
	switch {
	case timeout.IsZero():
		story = append(story, Told{Text: "It does not end for idleness."})
	case timeout.After(now):
		story = append(story, Told{Text: fmt.Sprintf("It ends in %s unless its user does something, as far as is recorded.", Period(timeout.Sub(now)))})
	default:
		story = append(story, Told{Text: "As far as is recorded it is past its idle timeout: either its user did something that is not recorded yet, or its end is held back or about to happen."})
	}
	if s.Status.UnsavedWork {
		story = append(story, Told{Text: "Its client reports unsaved work, so that the longer idle period applies."})
	}
	return story
}

// advice says what one may do about a denial.
func advice(s *licensing.UserSession) Told {
	pool := s.Spec.PoolRef.Name
	text := map[string]string{
		licensing.ReasonSeatsExhausted:     "A seat is free again when a connection of pool " + pool + " ends; a login with maxWaitSeconds waits for that.",
		licensing.ReasonWaitExpired:        "A seat is free again when a connection of pool " + pool + " ends; a longer maxWaitSeconds waits longer.",
		licensing.ReasonAccountRequired:    "Make a LicenseAccount for the user, or set the pool's enrollment to Open.",
		licensing.ReasonAccountDisabled:    "Set the account's disabled to false to let the user in.",
		licensing.ReasonAccountNotLicensed: "The account is named and has no seat: buy more named seats, or delete an account that is not needed.",
		licensing.ReasonModelNotLicensed:   "Change the account's type to a model that the pool has, or buy seats of its model.",
		licensing.ReasonPoolNotInForce:     "The pool's validity says from when until when seats are granted.",
		licensing.ReasonUserLimitReached:   "The pool's sessions.maxPerUser says how many sessions a user may have; end one of the user's to make room.",
	}[reason(s)]
	return Told{Text: text}
}

func ended(s *licensing.UserSession) Told {
	by := map[licensing.TerminationAction]string{
		licensing.RequestedByUser:          "Its user ended it.",
		licensing.RequestedByAdministrator: "An administrator ended it.",
		licensing.OldestSessionTerminated:  "It was its user's oldest session and made room for a newer one.",
		licensing.ExpiredSessionTerminated: "It expired.",
		licensing.TerminatedBySystem:       "The system ended it.",
	}[s.Status.TerminationAction]
	if s.Status.Message != "" && s.Status.Message != by {
		by += " " + s.Status.Message
	}
	return Told{facts.Time(s.Status.TerminatedTime), string(s.Status.TerminationAction), by}
}
