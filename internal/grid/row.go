// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package grid

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
)

// Row is one session in the grid (A7). It keeps nothing of the object that it was made from but strings, so that a grid of many thousands stays small.
type Row struct {
	Namespace, Name, Pool string
	UID                   types.UID
	// ResourceVersion is that of the record.
	ResourceVersion string
	// User is the sign-in name (A7: login).
	User, FullName       string
	Module               string
	ClientIP, ClientHost string
	State                licensing.SessionState
	// Seat is what the session is counted against; empty: it has none yet. Whether to show it is ShowSeat's to say.
	Seat licensing.SeatType
	// ShowSeat: the pool is combined, so that the seat tells something (A7).
	ShowSeat bool
	// Logon, Timeout and Ended are zero where there are none: not granted yet, never, not ended.
	Logon, Timeout, Ended time.Time
	// LastActivity and LastHeartbeat are when the user last did something and when the client was last heard, as far as is known; zero: never.
	LastActivity, LastHeartbeat time.Time
	// KeepAlive is nil where it does not apply: before the grant.
	KeepAlive   *bool
	UnsavedWork bool
	// Reason is why the session stands as it does, in a word: that of its Granted condition, or how it ended.
	Reason  string
	Message string
	// Ending: somebody asked for the session's end, and it has not ended yet.
	Ending bool
	// Exact: a gateway said what the client told, so that LastActivity and what follows from it are no older than that answer. Otherwise they are the record's, and may lag (B4).
	Exact bool
}

// NewRow is the row of a session, as its record has it; combined says whether its pool has both models.
func NewRow(s *licensing.UserSession, combined bool) Row {
	spec, status := &s.Spec, &s.Status
	row := Row{
		Namespace: s.Namespace, Name: s.Name, Pool: spec.PoolRef.Name, UID: s.UID, ResourceVersion: s.ResourceVersion,
		User: spec.UserName, FullName: spec.UserFullName, Module: string(spec.Module),
		State: State(s), Seat: status.Seat, ShowSeat: combined,
		Logon: facts.Time(status.LogonTime), Timeout: facts.Time(status.TimeoutTime), Ended: facts.Time(status.TerminatedTime),
		LastActivity: facts.Time(status.LastActivityTime), LastHeartbeat: facts.Time(status.LastHeartbeatTime),
		UnsavedWork: status.UnsavedWork, Reason: reason(s), Message: status.Message,
	}
	if c := spec.Client; c != nil {
		row.ClientIP, row.ClientHost = c.IP, c.HostName
	}
	if row.State == licensing.SessionActive && status.KeepAlive != nil {
		row.KeepAlive = new(*status.KeepAlive)
	}
	row.Ending = row.Live() && (spec.Termination != nil || !s.DeletionTimestamp.IsZero())
	return row
}

// State is where a session stands; one that the operator has not seen yet is Pending.
func State(s *licensing.UserSession) licensing.SessionState {
	if s.Status.State == "" {
		return licensing.SessionPending
	}
	return s.Status.State
}

func reason(s *licensing.UserSession) string {
	if s.Status.State == licensing.SessionTerminated {
		return string(s.Status.TerminationAction)
	}
	for i := range s.Status.Conditions {
		if c := &s.Status.Conditions[i]; c.Type == licensing.ConditionGranted {
			return c.Reason
		}
	}
	return ""
}

// Live says whether the session has not ended and was not denied: it is on, or waits to be.
func (r *Row) Live() bool {
	return r.State == licensing.SessionPending || r.State == licensing.SessionActive
}

// Duration is how long the session was in use: from logon to last activity (A7), never negative. False: it was not granted.
func (r *Row) Duration() (time.Duration, bool) {
	if r.Logon.IsZero() {
		return 0, false
	}
	return max(0, r.LastActivity.Sub(r.Logon)), true
}

// Idle is for how long the session's user has done nothing, never negative. False: the session is not on, so that nobody idles.
func (r *Row) Idle(now time.Time) (time.Duration, bool) {
	if r.State != licensing.SessionActive || r.LastActivity.IsZero() {
		return 0, false
	}
	return max(0, now.Sub(r.LastActivity)), true
}

// Fresh is what a gateway replica knows of a session, which may be more than its record has.
type Fresh struct {
	// LastActivity and LastHeartbeat are as in Row; zero: not known.
	LastActivity, LastHeartbeat time.Time
	UnsavedWork                 bool
	KeepAlive                   bool
	// Timeout is when the session ends if it stays idle; zero: never.
	Timeout time.Time
}

// With is what two answers about a session say together. One replica may have heard of the user's activity, and another a bare heartbeat after it: each is newer in its own way, and
// what follows from the activity is said by who knows of the later one.
func (f Fresh) With(other Fresh) Fresh {
	if other.LastHeartbeat.After(f.LastHeartbeat) {
		f, other = other, f
	}
	if other.LastActivity.After(f.LastActivity) {
		f.LastActivity, f.KeepAlive, f.Timeout = other.LastActivity, other.KeepAlive, other.Timeout
	}
	return f
}

// Refresh takes in what a gateway knows, where that is newer than what the row has. Only rows of sessions that are on have anything to refresh.
func (r *Row) Refresh(f Fresh) {
	if r.State != licensing.SessionActive {
		return
	}
	r.Exact = true
	if f.LastActivity.After(r.LastActivity) {
		r.LastActivity, r.Timeout = f.LastActivity, f.Timeout
	}
	if !f.LastHeartbeat.Before(r.LastHeartbeat) {
		r.LastHeartbeat, r.UnsavedWork, r.KeepAlive, r.Timeout = f.LastHeartbeat, f.UnsavedWork, new(f.KeepAlive), f.Timeout
	}
}
