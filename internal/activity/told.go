// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"maps"
	"slices"
	"time"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// Report is what one heartbeat says.
type Report struct {
	// Active: the user did something since the heartbeat before.
	Active bool
	// IdleFor, if HasIdleFor, is how long ago the user last did something, by the client's own elapsed time: it is exact, and whichever replica hears it next knows as much as the one before.
	IdleFor    time.Duration
	HasIdleFor bool
	// UnsavedWork, Applications and SessionAttributes are as before where they are nil.
	UnsavedWork       *bool
	Applications      *[]string
	SessionAttributes *map[string]licensing.AttributeValue
}

// told is what a client told. Zero values: nothing.
type told struct {
	// heard and activity are when the client was last heard, and when its user last did something; the latter in whole seconds, rounded up.
	heard, activity time.Time
	// What differs from the record; nil: nothing does.
	unsaved      *bool
	applications *[]string
	attributes   *map[string]licensing.AttributeValue
	// unsavedAt is when unsaved work was last told of; changed is since when any of the three waits to be written.
	unsavedAt, changed time.Time
}

// hear keeps what a heartbeat says.
func (e *entry) hear(report *Report, now time.Time) {
	e.heard = now
	if report.Active || report.HasIdleFor {
		at := now
		if report.HasIdleFor {
			at = now.Add(-report.IdleFor)
		}
		if at = wholeSecond(at); at.After(e.activity) {
			e.activity = at
		}
	}
	if report.UnsavedWork != nil {
		e.unsaved, e.unsavedAt = report.UnsavedWork, now
	}
	if report.Applications != nil {
		e.applications = report.Applications
	}
	if report.SessionAttributes != nil {
		e.attributes = report.SessionAttributes
	}
	if report.UnsavedWork != nil || report.Applications != nil || report.SessionAttributes != nil {
		e.compare(now)
	}
}

// compare forgets what was told and is on record, and notes since when something is not.
func (e *entry) compare(now time.Time) {
	status := &e.record.Status
	if e.unsaved != nil && *e.unsaved == status.UnsavedWork {
		e.unsaved = nil
	}
	applications, attributes := e.record.Spec.Applications, e.record.Spec.SessionAttributes
	if status.Applications != nil {
		applications = status.Applications
	}
	if status.SessionAttributes != nil {
		attributes = status.SessionAttributes
	}
	if e.applications != nil && slices.Equal(*e.applications, applications) {
		e.applications = nil
	}
	if e.attributes != nil && maps.Equal(*e.attributes, attributes) {
		e.attributes = nil
	}
	switch differs := e.unsaved != nil || e.applications != nil || e.attributes != nil; {
	case !differs:
		e.changed = time.Time{}
	case e.changed.IsZero():
		e.changed = now
	}
}

// known is the session as this replica knows it: its record, and what its client told since.
func (e *entry) known() seating.Session {
	s := e.facts
	if e.activity.After(s.Life.LastActivity) {
		s.Life.LastActivity = e.activity
	}
	if e.heard.After(s.Life.LastHeartbeat) {
		s.Life.LastHeartbeat = e.heard
	}
	if e.unsaved != nil {
		s.Life.UnsavedWork = *e.unsaved
	}
	return s
}

func (e *entry) openApplications() []string {
	switch {
	case e.applications != nil:
		return *e.applications
	case e.record.Status.Applications != nil:
		return e.record.Status.Applications
	default:
		return e.record.Spec.Applications
	}
}

func (e *entry) sessionAttributes() map[string]licensing.AttributeValue {
	switch {
	case e.attributes != nil:
		return *e.attributes
	case e.record.Status.SessionAttributes != nil:
		return e.record.Status.SessionAttributes
	default:
		return e.record.Spec.SessionAttributes
	}
}

// wholeSecond rounds up to a second, which is what records keep: nobody's idle period is cut short.
func wholeSecond(t time.Time) time.Time {
	return t.Add(time.Second - time.Nanosecond).Truncate(time.Second)
}
