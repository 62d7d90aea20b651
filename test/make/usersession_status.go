// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package maker

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// Status replaces the whole status.
func (b *UserSessionBuilder) Status(status licensing.UserSessionStatus) *UserSessionBuilder {
	b.session.Status = status
	return b
}

// State sets status.state alone.
func (b *UserSessionBuilder) State(state licensing.SessionState) *UserSessionBuilder {
	b.session.Status.State = state
	return b
}

// Waiting makes it a session that waits for a seat until then; a zero time leaves that open.
func (b *UserSessionBuilder) Waiting(until time.Time) *UserSessionBuilder {
	if !until.IsZero() {
		b.session.Status.WaitUntilTime = instant(until)
	}
	return b.State(licensing.SessionPending).granted(metav1.ConditionFalse, licensing.ReasonWaiting, b.session.CreationTimestamp.Time)
}

// Active makes it a live session with that seat and connection, logged on at that time.
func (b *UserSessionBuilder) Active(seat licensing.SeatType, connection string, logon time.Time) *UserSessionBuilder {
	status := &b.session.Status
	status.Seat, status.Connection = seat, connection
	status.LogonTime, status.LastActivityTime = instant(logon), instant(logon)
	status.TerminationAction = licensing.NotTerminated
	return b.State(licensing.SessionActive).granted(metav1.ConditionTrue, licensing.ReasonSeatGranted, logon)
}

// Denied makes it a session that was denied a seat for that reason at that time.
func (b *UserSessionBuilder) Denied(reason string, at time.Time) *UserSessionBuilder {
	b.session.Status.TerminatedTime = instant(at)
	b.session.Status.TerminationAction = licensing.NotTerminated
	return b.State(licensing.SessionDenied).granted(metav1.ConditionFalse, reason, at)
}

// Terminated makes it a session that ended that way at that time.
func (b *UserSessionBuilder) Terminated(action licensing.TerminationAction, at time.Time) *UserSessionBuilder {
	b.session.Status.TerminatedTime = instant(at)
	b.session.Status.TerminationAction = action
	return b.State(licensing.SessionTerminated).granted(metav1.ConditionFalse, licensing.ReasonTerminated, at)
}

// LastActivity sets status.lastActivityTime.
func (b *UserSessionBuilder) LastActivity(t time.Time) *UserSessionBuilder {
	b.session.Status.LastActivityTime = instant(t)
	return b
}

// LastHeartbeat sets status.lastHeartbeatTime.
func (b *UserSessionBuilder) LastHeartbeat(t time.Time) *UserSessionBuilder {
	b.session.Status.LastHeartbeatTime = instant(t)
	return b
}

// Timeout sets status.timeoutTime.
func (b *UserSessionBuilder) Timeout(t time.Time) *UserSessionBuilder {
	b.session.Status.TimeoutTime = instant(t)
	return b
}

// KeepAlive sets status.keepAlive.
func (b *UserSessionBuilder) KeepAlive(keep bool) *UserSessionBuilder {
	b.session.Status.KeepAlive = &keep
	return b
}

// ArrivalRevision sets status.arrivalRevision.
func (b *UserSessionBuilder) ArrivalRevision(revision string) *UserSessionBuilder {
	b.session.Status.ArrivalRevision = revision
	return b
}

// PoolUID sets status.poolUID.
func (b *UserSessionBuilder) PoolUID(uid string) *UserSessionBuilder {
	b.session.Status.PoolUID = uid
	return b
}

// Message sets status.message.
func (b *UserSessionBuilder) Message(message string) *UserSessionBuilder {
	b.session.Status.Message = message
	return b
}

func (b *UserSessionBuilder) granted(status metav1.ConditionStatus, reason string, since time.Time) *UserSessionBuilder {
	return b.Condition(metav1.Condition{
		Type: licensing.ConditionGranted, Status: status, Reason: reason, LastTransitionTime: metav1.NewTime(since),
	})
}
