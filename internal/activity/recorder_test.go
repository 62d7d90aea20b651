// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

func TestActivityMovesTheDeadlineAndABareHeartbeatDoesNot(t *testing.T) {
	w := newWorld(t, office().Obj())
	s := w.on("s", "me")
	if o := w.at(10 * minute).bare(s); !o.Timeout.Equal(nine.Add(30*minute)) || o.State != licensing.SessionActive || !o.KeepAlive || o.Heartbeat != beat {
		t.Errorf("a bare heartbeat: %+v", o)
	}
	if o := w.active(s); !o.Timeout.Equal(nine.Add(40 * minute)) {
		t.Errorf("activity: %+v", o)
	}
	if o := w.at(11*minute + time.Millisecond).active(s); !o.Timeout.Equal(nine.Add(41*minute + time.Second)) {
		t.Errorf("activity within a second counts to its end: %+v", o)
	}
}

func TestHowLongAgoIsByTheClientsOwnElapsedTime(t *testing.T) {
	w := newWorld(t, office().Obj())
	s := w.on("s", "me")
	ago := func(d time.Duration) *Report { return &Report{Active: true, HasIdleFor: true, IdleFor: d} }
	if o := w.at(20*minute).Beat(s, ago(5*minute)); !o.Timeout.Equal(nine.Add(45 * minute)) {
		t.Errorf("five minutes ago: %+v", o)
	}
	if o := w.Beat(s, ago(15*minute)); !o.Timeout.Equal(nine.Add(45 * minute)) {
		t.Errorf("what is older moves nothing back: %+v", o)
	}
	if o := w.Beat(s, ago(1<<62)); !o.Timeout.Equal(nine.Add(45 * minute)) {
		t.Errorf("nor does what is absurd: %+v", o)
	}
}

func TestAPromptIsShownWithinItsLead(t *testing.T) {
	w := newWorld(t, office().Prompt(minute, "Web").Obj())
	s := w.on("s", "me")
	if o := w.at(29*minute - time.Second).bare(s); o.Prompt {
		t.Error("prompted too soon")
	}
	if o := w.at(29 * minute).bare(s); !o.Prompt {
		t.Error("not prompted")
	}
	if o := w.active(s); o.Prompt {
		t.Error("prompted in spite of an answer")
	}
}

func TestUnsavedWorkHasTheLongerPeriod(t *testing.T) {
	w := newWorld(t, office().UnsavedWorkTimeout(8*time.Hour).Obj())
	s := w.on("s", "me")
	if o := w.at(minute).Beat(s, &Report{UnsavedWork: new(true)}); !o.Timeout.Equal(nine.Add(8 * time.Hour)) {
		t.Errorf("%+v", o)
	}
	if o := w.bare(s); !o.Timeout.Equal(nine.Add(8 * time.Hour)) {
		t.Errorf("it stays so until told otherwise: %+v", o)
	}
	if o := w.Beat(s, &Report{UnsavedWork: new(false)}); !o.Timeout.Equal(nine.Add(30 * minute)) {
		t.Errorf("%+v", o)
	}
}

func TestAnEndIsToldAlsoAfterItsRecordWasDeleted(t *testing.T) {
	w := newWorld(t, office().Obj())
	ended, deleted, asked := w.on("ended", "me"), w.on("deleted", "me"), w.on("asked", "me", func(s *licensing.UserSession) {
		s.Spec.Termination = &licensing.Termination{RequestedBy: licensing.RequesterUser, Message: "good night"}
	})
	gone := w.record(ended)
	gone.ResourceVersion = "1000000"
	gone.Status.State, gone.Status.TerminationAction, gone.Status.Message = licensing.SessionTerminated, licensing.ExpiredSessionTerminated, "idle"
	gone.Status.TerminatedTime = new(metav1.NewTime(nine.Add(minute)))
	w.Learn(gone)
	w.at(2 * minute)
	for _, uid := range []string{"ended", "deleted", "asked"} {
		w.Forget(MakeUserSession("").UID(uid).Obj().UID)
	}
	for _, c := range []struct {
		o    Outcome
		want End
	}{
		{w.active(ended), End{licensing.ExpiredSessionTerminated, "ExpiredSessionTerminated", "idle", nine.Add(minute)}},
		{w.active(deleted), End{licensing.RequestedByAdministrator, "RequestedByAdministrator", "An administrator deleted it.", nine.Add(2 * minute)}},
		{w.active(asked), End{licensing.RequestedByUser, "RequestedByUser", "good night", nine.Add(2 * minute)}},
	} {
		if !c.o.Known || c.o.Ended == nil || *c.o.Ended != c.want {
			t.Errorf("%+v (%+v), want %+v", c.o, c.o.Ended, c.want)
		}
	}
	w.at(2*minute+remembered+time.Second).Due(w.clock.Now(), nine, true)
	if o := w.active(ended); o.Known {
		t.Error("remembered for ever")
	}
}

func TestWhatIsNotKnownIsNotRecorded(t *testing.T) {
	w := newWorld(t, office().Obj())
	if o := w.active("nobody"); o.Known {
		t.Errorf("%+v", o)
	}
}

func TestTheNewestRecordStays(t *testing.T) {
	w := newWorld(t, office().Obj())
	s := w.on("s", "me")
	old := w.record(s)
	w.elsewhere(s, func(s *licensing.UserSession) { s.Status.LastActivityTime = new(metav1.NewTime(nine.Add(5 * minute))) })
	w.Learn(w.record(s))
	w.Learn(old)
	if o := w.at(6 * minute).bare(s); !o.Timeout.Equal(nine.Add(35 * minute)) {
		t.Errorf("%+v", o)
	}
}

func TestSubscribersAreToldOfChangesUntilTheyLeave(t *testing.T) {
	w := newWorld(t, office().Obj())
	s := w.on("s", "me")
	changes, leave := w.Subscribe(s)
	w.elsewhere(s, func(s *licensing.UserSession) { s.Status.Message = "changed" })
	w.Learn(w.record(s))
	select {
	case <-changes:
	default:
		t.Error("not told")
	}
	leave()
	w.Forget(s)
	select {
	case <-changes:
		t.Error("told after leaving")
	default:
	}
}
