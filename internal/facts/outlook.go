// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package facts

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// ShowOutlook states in a session's record what the session may expect: whether it is kept alive, whether its user should be asked, when it times out.
func ShowOutlook(s *licensing.UserSession, o seating.Outlook, now time.Time) {
	s.Status.KeepAlive = new(o.KeepAlive)
	s.Status.TimeoutTime = nil
	if !o.Timeout.IsZero() {
		s.Status.TimeoutTime = new(metav1.NewTime(o.Timeout))
	}
	prompted := meta.FindStatusCondition(s.Status.Conditions, licensing.ConditionPrompt)
	if !o.Prompt && prompted == nil {
		return
	}
	c := metav1.Condition{Type: licensing.ConditionPrompt, Status: metav1.ConditionFalse, Reason: licensing.ReasonActive,
		Message: "The user did something since.", ObservedGeneration: s.Generation, LastTransitionTime: metav1.NewTime(now)}
	if o.Prompt {
		c.Status, c.Reason = metav1.ConditionTrue, licensing.ReasonIdle
		c.Message = fmt.Sprintf("The session ends at %s unless its user does something.", o.Timeout.UTC().Format(time.RFC3339))
	}
	meta.SetStatusCondition(&s.Status.Conditions, c)
}

// ShowDuration states how long the session was in use (A7).
func ShowDuration(s *licensing.UserSession) {
	if logon, last := Time(s.Status.LogonTime), Time(s.Status.LastActivityTime); !logon.IsZero() && !last.Before(logon) {
		s.Status.DurationSeconds = new(int64(last.Sub(logon) / time.Second))
	}
}
