// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// staleAfter is how old a decision to end a session may be when it is written: a process that slept since does not know what the pool's rules are by now.
const staleAfter = 2 * time.Second

// endSession ends a session and keeps its record. What it was decided by was last looked up at the time asOf; who recorded activity since the session was looked at wins: the write conflicts and
// all is decided anew. An end that somebody asked for does not grow old: no rules can change that.
func (r *LicensePoolReconciler) endSession(ctx context.Context, b *book, s *licensing.UserSession, e seating.End, asOf time.Time) (client.Object, error) {
	now := r.Clock.Now()
	known := facts.Session(s)
	if asked := known.Life.Termination != nil && e == b.ledger.Rules().Asked(known); !asked && now.Sub(asOf) > staleAfter {
		return nil, errChanged
	}
	written, err := r.patchSession(ctx, s, func(s *licensing.UserSession) {
		setGranted(s, metav1.ConditionFalse, licensing.ReasonTerminated, e.Message, now)
		meta.RemoveStatusCondition(&s.Status.Conditions, licensing.ConditionPrompt)
		status := &s.Status
		status.State = licensing.SessionTerminated
		status.TerminatedTime = new(metav1.NewTime(now))
		status.TerminationAction = licensing.TerminationAction(e.Action)
		status.KeepAlive = new(false)
		status.WaitUntilTime = nil
		if logon, last := facts.Time(status.LogonTime), facts.Time(status.LastActivityTime); last.After(logon) {
			status.DurationSeconds = new(int64(last.Sub(logon) / time.Second))
		}
	})
	if err != nil {
		tries, _ := b.unsure.Load(s.UID) // it may have been written: if so, it is told once the record is seen
		earlier, _ := tries.([]unsureEnd)
		b.unsure.Store(s.UID, append(earlier, unsureEnd{e, now}))
		return nil, err
	}
	b.unsure.Delete(s.UID)
	r.announceEnd(b, s, e)
	return written, nil
}

// announceEnd tells of an end by an Event on the session that names its pool, and by a metric (invariant 6).
func (r *LicensePoolReconciler) announceEnd(b *book, s *licensing.UserSession, e seating.End) {
	var pool runtime.Object
	if b.pool != nil {
		pool = b.pool
	}
	note := fmt.Sprintf("The session of %s in pool %s ended. %s", s.Spec.UserName, s.Spec.PoolRef.Name, e.Message)
	r.Recorder.Eventf(s, pool, corev1.EventTypeNormal, string(e.Action), "EndSession", "%s", cut(note, maxNote))
	sessionsEnded.WithLabelValues(s.Namespace, s.Spec.PoolRef.Name, string(e.Action)).Inc()
}

// maxNote is the longest note that an Event may have, in bytes.
const maxNote = 1024

// cut cuts a text to so many bytes, not within a character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most -= len("…"); !utf8.RuneStart(text[most]); most-- {
	}
	return text[:most] + "…"
}

// showOutlook writes to a session's record what it may expect: until when it is kept alive, whether its user should be asked, when it times out.
func (r *LicensePoolReconciler) showOutlook(ctx context.Context, s *licensing.UserSession, o seating.Outlook, now time.Time) (client.Object, error) {
	return r.patchSession(ctx, s, func(s *licensing.UserSession) { facts.ShowOutlook(s, o, now) })
}

// clearRecord deletes the record of a session that ended long enough ago, unless somebody wrote it since.
func (r *LicensePoolReconciler) clearRecord(ctx context.Context, s *licensing.UserSession) (client.Object, error) {
	err := r.Client.Delete(ctx, s, client.Preconditions{UID: &s.UID, ResourceVersion: &s.ResourceVersion})
	if err != nil {
		return unlessChanged(nil, err)
	}
	return nil, errGone
}
