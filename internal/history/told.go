// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package history

import (
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// Invariant 6. The record of each end says when, how and why, and so does an Event where Events are demanded (see Options). The metric and what the client is told do not show in a history.

// tells checks what is told of a session's end, or denial.
func (c *Checker) tells(before, s *licensing.UserSession, deleted bool, from, to licensing.SessionState) {
	objects := []string{sessionName(s)}
	ends := from == licensing.SessionActive && (deleted || to == licensing.SessionTerminated)
	if ends && to == licensing.SessionTerminated {
		c.expectEvent(s, string(s.Status.TerminationAction))
	} else if ends {
		c.expectEvent(s, string(licensing.RequestedByAdministrator))
	}
	if before == nil || final(from) || !final(to) {
		return
	}
	granted := meta.FindStatusCondition(s.Status.Conditions, licensing.ConditionGranted)
	switch {
	case s.Status.TerminatedTime.IsZero():
		c.find(EveryEndIsTold, objects, "the session became %s without a time (terminatedTime)", to)
	case s.Status.Message == "":
		c.find(EveryEndIsTold, objects, "the session became %s without a message", to)
	case to == licensing.SessionTerminated && (s.Status.TerminationAction == "" || s.Status.TerminationAction == licensing.NotTerminated):
		c.find(EveryEndIsTold, objects, "the session was Terminated without an action (terminationAction)")
	case granted == nil || granted.Status != metav1.ConditionFalse || granted.Reason == "":
		c.find(EveryEndIsTold, objects, "the session became %s, and its condition Granted does not say why not", to)
	}
}

// expectEvent notes that an end is to be told by an Event of that reason.
func (c *Checker) expectEvent(s *licensing.UserSession, reason string) {
	if c.told[s.UID][reason] {
		return
	}
	c.untold[s.UID] = c.finding(EveryEndIsTold, []string{sessionName(s)}, "no Event tells of the session's end (%s)", reason)
	c.awaited[s.UID] = reason
}

// hear takes in an Event.
func (c *Checker) hear(e *eventsv1.Event) {
	uid := e.Regarding.UID
	if c.told[uid] == nil {
		c.told[uid] = map[string]bool{}
	}
	c.told[uid][e.Reason] = true
	if c.awaited[uid] == e.Reason {
		delete(c.untold, uid)
		delete(c.awaited, uid)
	}
}
