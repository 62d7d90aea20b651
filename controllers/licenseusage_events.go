// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// tellUnreadable says once of each revision that the history cannot be read. The object is left as it is: another version of the operator, or an administrator's copy, may still make something of it.
func (r *LicenseUsageReconciler) tellUnreadable(ctx context.Context, l *line, object *licensing.LicenseUsage, why string) {
	r.mu.Lock()
	again := l.unreadable == object.ResourceVersion
	l.unreadable = object.ResourceVersion
	r.mu.Unlock()
	if again {
		return
	}
	const advice = "Run the operator's version that wrote it, or delete the LicenseUsage to begin a new one."
	log.FromContext(ctx).Info("The pool's history cannot be read; it is left as it is, and nothing is added to it", "why", why, "advice", advice)
	r.Recorder.Eventf(object, nil, corev1.EventTypeWarning, licensing.ReasonHistoryUnreadable, "ReadHistory", "%s",
		cut("The history is left as it is, and nothing is added to it: "+why+". "+advice, maxNote))
}

// tellDisagreed says that the history ended far ahead of this manager's clock, once an hour at the most.
func (r *LicenseUsageReconciler) tellDisagreed(ctx context.Context, l *line, object *licensing.LicenseUsage, ahead time.Duration) {
	if ahead == 0 {
		return
	}
	now := r.now()
	r.mu.Lock()
	again := !l.disagreed.IsZero() && now.Sub(l.disagreed) < usageTold
	if !again {
		l.disagreed = now
	}
	r.mu.Unlock()
	if again {
		return
	}
	ahead = ahead.Round(time.Second)
	log.FromContext(ctx).Info("The pool's history ended ahead of this leader's clock; it goes on by this clock, after a gap", "ahead", ahead.String())
	r.Recorder.Eventf(object, nil, corev1.EventTypeWarning, licensing.ReasonClocksDisagree, "ResumeHistory",
		"The history ended %s ahead of this leader's clock, so either that or the clock of an earlier leader is wrong. The history goes on by this clock, after a gap; nothing is removed. "+
			"Check the clocks of the nodes that run the operator.", ahead)
}
