// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// maxReplica is the longest name of a replica, as the schema allows.
const maxReplica = 253

// grantSession makes a session Active, as its intent says.
func (r *LicensePoolReconciler) grantSession(ctx context.Context, s *licensing.UserSession, intent licensing.GrantIntent, rules seating.Rules, now time.Time) (client.Object, error) {
	grant := seating.Grant{Session: string(s.UID), Seat: seating.Seat(intent.Seat), Connection: intent.Connection}
	written, err := r.patchSession(ctx, s, func(s *licensing.UserSession) {
		setGranted(s, metav1.ConditionTrue, string(grant.Reason()), grant.Message(), now)
		status := &s.Status
		status.State = licensing.SessionActive
		status.Seat, status.Connection = intent.Seat, intent.Connection
		status.LogonTime, status.LastActivityTime = new(metav1.NewTime(now)), new(metav1.NewTime(now))
		status.DurationSeconds = new(int64(0))
		status.KeepAlive = new(true)
		status.TerminationAction = licensing.NotTerminated
		status.SessionAttributeCount = new(int32(len(s.Spec.SessionAttributes))) //nolint:gosec // the schema allows 64
		status.WaitUntilTime = nil
		if by := s.Annotations[licensing.AnnotationHeardBy]; by != "" && len(by) <= maxReplica {
			status.HeardBy, status.LastHeartbeatTime = by, new(metav1.NewTime(now)) // who signed it in hears its client from now on
		}
		facts.ShowOutlook(s, rules.Outlook(facts.Session(s), now), now)
	})
	if err != nil {
		return nil, err
	}
	sessionsGranted.WithLabelValues(s.Namespace, s.Spec.PoolRef.Name, string(grant.Reason())).Inc()
	return written, nil
}

// denySession refuses a session for good.
func (r *LicensePoolReconciler) denySession(ctx context.Context, s *licensing.UserSession, d seating.Denial, now time.Time) (client.Object, error) {
	written, err := r.patchSession(ctx, s, func(s *licensing.UserSession) {
		setGranted(s, metav1.ConditionFalse, string(d.Reason), d.Message, now)
		s.Status.State = licensing.SessionDenied
		s.Status.TerminatedTime = new(metav1.NewTime(now))
		s.Status.WaitUntilTime = nil
	})
	if err != nil {
		return nil, err
	}
	sessionsDenied.WithLabelValues(s.Namespace, s.Spec.PoolRef.Name, string(d.Reason)).Inc()
	return written, nil
}

// queueSession tells a session that it waits, and until when.
func (r *LicensePoolReconciler) queueSession(ctx context.Context, s *licensing.UserSession, d seating.Denial, now time.Time) (client.Object, error) {
	return r.patchSession(ctx, s, func(s *licensing.UserSession) {
		setGranted(s, metav1.ConditionFalse, string(d.Reason), d.Message, now)
		s.Status.WaitUntilTime = new(metav1.NewTime(d.Until))
		rememberArrival(s, &s.Status.ArrivalRevision)
	})
}

// setGranted sets the Granted condition, from which the state and the message follow.
func setGranted(s *licensing.UserSession, status metav1.ConditionStatus, reason, message string, now time.Time) {
	meta.SetStatusCondition(&s.Status.Conditions, metav1.Condition{
		Type: licensing.ConditionGranted, Status: status, Reason: reason, Message: message,
		ObservedGeneration: s.Generation, LastTransitionTime: metav1.NewTime(now),
	})
	s.Status.ObservedGeneration = s.Generation
	s.Status.Message = message
	if s.Status.State == "" {
		s.Status.State = licensing.SessionPending
	}
}

// rememberArrival keeps the revision of an object's creation before the first write takes it away.
func rememberArrival(obj client.Object, recorded *string) {
	if *recorded == "" {
		*recorded = obj.GetResourceVersion()
	}
}
