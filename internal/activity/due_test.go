// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// expectMust fails unless these sessions, and no others, have to be written now.
func (w *world) expectMust(want ...types.UID) {
	w.t.Helper()
	due := w.Due(w.clock.Now(), w.sweeper.sworn, true)
	if got := append(due.Must, due.Soon...); fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("at %s must write %v, want %v", w.clock.Now().Sub(nine), got, want)
	}
}

func TestActivityIsWrittenJustBeforeTheDeadlineOnRecord(t *testing.T) {
	w := newWorld(t, office().Obj())
	s := w.on("s", "me")
	const margin = 2*beat + failover
	for at := time.Duration(0); at < 30*minute-margin; at += beat {
		w.at(at).active(s)
		w.expectMust()
	}
	w.at(30*minute - margin).active(s)
	w.expectMust(s)
	if err := w.sweep(); err != nil {
		t.Fatal(err)
	}
	w.expectMust()
	if got := w.record(s).Status; after(got.LastActivityTime) != 30*minute-margin || after(got.TimeoutTime) != 60*minute-margin ||
		*got.DurationSeconds != int64((30*minute-margin)/time.Second) || got.HeardBy != "me" {
		t.Errorf("%+v", got)
	}
}

func TestIdlersAndNamedSessionsAreNotWritten(t *testing.T) {
	w := newWorld(t, office().Obj())
	idle := w.on("idle", "me")
	named := w.on("named", "me", func(s *licensing.UserSession) { s.Status.Seat, s.Status.TimeoutTime = licensing.SeatNamed, nil })
	for at := beat; at < 3*time.Hour; at += beat {
		w.at(at).bare(idle)
		w.active(named)
		w.expectMust()
	}
}

func TestWithAShortIdleTimeoutAQuarterOfItPassesBetweenWrites(t *testing.T) {
	w := newWorld(t, office().IdleTimeout(minute).HeartbeatInterval(10*time.Second).Obj())
	s := w.on("s", "me")
	w.at(15*time.Second - time.Millisecond).active(s)
	w.expectMust()
	w.at(15 * time.Second)
	w.expectMust(s)
}

func TestAnAnsweredPromptIsWrittenAtOnce(t *testing.T) {
	w := newWorld(t, office().Prompt(minute, "Web").Obj())
	s := w.on("s", "me", func(s *licensing.UserSession) {
		meta.SetStatusCondition(&s.Status.Conditions, metav1.Condition{Type: licensing.ConditionPrompt, Status: metav1.ConditionTrue, Reason: licensing.ReasonIdle})
	})
	w.at(29*minute + time.Second).bare(s)
	w.expectMust()
	w.active(s)
	w.expectMust(s)
	if err := w.sweep(); err != nil {
		t.Fatal(err)
	}
	if meta.IsStatusConditionTrue(w.record(s).Status.Conditions, licensing.ConditionPrompt) {
		t.Error("the prompt still shows")
	}
}

// What is unsaved puts the deadline off, what is saved brings it nearer: both must be on record before the nearer of the two.
func TestUnsavedWorkIsWrittenBeforeTheNearerDeadline(t *testing.T) {
	w := newWorld(t, office().UnsavedWorkTimeout(8*time.Hour).Obj())
	s := w.on("s", "me")
	w.at(10*minute).Beat(s, &Report{UnsavedWork: new(true)})
	w.expectMust()
	w.at(28*minute + 30*time.Second).bare(s)
	w.expectMust(s)
	if err := w.sweep(); err != nil {
		t.Fatal(err)
	}
	w.at(29*minute).Beat(s, &Report{UnsavedWork: new(false)})
	w.expectMust(s)
}

func TestApplicationsAndAttributesAreWrittenSoonAndSeldom(t *testing.T) {
	w := newWorld(t, office().Obj())
	s := w.on("s", "me", func(s *licensing.UserSession) { s.Spec.Applications = []string{"crm"} })
	w.at(minute).Beat(s, &Report{Applications: &[]string{"crm"}})
	w.at(2 * minute)
	w.expectMust()
	w.Beat(s, &Report{Applications: &[]string{}, SessionAttributes: &map[string]licensing.AttributeValue{"a": "1", "b": "2"}})
	w.expectMust()
	w.at(2*minute + settled)
	w.expectMust(s)
	if err := w.sweep(); err != nil {
		t.Fatal(err)
	}
	if got := w.record(s).Status; got.Applications == nil || len(got.Applications) != 0 || len(got.SessionAttributes) != 2 || *got.SessionAttributeCount != 2 {
		t.Errorf("%+v", got)
	}
	w.expectMust()
	w.at(2*minute+settled+time.Second).Beat(s, &Report{Applications: &[]string{"erp"}})
	w.at(2*minute + settled + rewritten - time.Second)
	w.expectMust()
	w.at(2*minute + settled + rewritten)
	w.expectMust(s)
}

func TestAClientThatAnotherReplicaAnswersForIsLeftToIt(t *testing.T) {
	w := newWorld(t, office().Obj())
	w.alive["other"] = true
	s := w.on("s", "other")
	for at := beat; at < 28*minute; at += 2 * beat {
		w.at(at).bare(s)
		w.expectMust()
	}
	w.alive["other"] = false // it is gone: its clients are claimed
	w.expectMust(s)
	if err := w.sweep(); err != nil {
		t.Fatal(err)
	}
	if got := w.record(s).Status; got.HeardBy != "me" {
		t.Errorf("%+v", got)
	}
	w.expectMust()
}

func TestAClientThatNobodyAnswersForIsClaimedWhenItIsHeard(t *testing.T) {
	w := newWorld(t, office().Obj())
	s := w.on("s", "")
	w.at(5 * minute)
	w.expectMust()
	w.bare(s)
	w.expectMust(s)
	w.at(5*minute + beat*5/4 + time.Second) // too late to claim it, but what is known is written
	w.expectMust(s)
	if err := w.sweep(); err != nil {
		t.Fatal(err)
	}
	if got := w.record(s).Status; got.HeardBy != "" || after(got.LastHeartbeatTime) != 5*minute {
		t.Errorf("%+v", got)
	}
	w.expectMust()
}

// A pool that is gone may come back, and with it the time after which a client is lost: it must not have run while nobody answered for the client.
func TestAClientIsClaimedWhileItsPoolIsGone(t *testing.T) {
	w := newWorld(t, office().Obj())
	s := w.on("s", "other")
	w.alive["other"] = false
	w.SetPool(poolKey, nil)
	w.at(5 * minute).bare(s)
	if err := w.sweep(); err != nil {
		t.Fatal(err)
	}
	if got := w.record(s).Status; got.HeardBy != "me" {
		t.Errorf("%+v", got)
	}
}

// Who claims a client while its pool is gone does not say that the user did something, who did not.
func TestAClaimWhileThePoolIsGoneTellsNothingOfTheUser(t *testing.T) {
	w := newWorld(t, office().Obj())
	s := w.on("s", "other", func(s *licensing.UserSession) {
		s.Status.KeepAlive = new(false)
		meta.SetStatusCondition(&s.Status.Conditions, metav1.Condition{Type: licensing.ConditionPrompt, Status: metav1.ConditionTrue, Reason: licensing.ReasonIdle, Message: "The session ends soon."})
	})
	w.alive["other"] = false
	w.SetPool(poolKey, nil)
	w.at(5 * minute).bare(s)
	if err := w.sweep(); err != nil {
		t.Fatal(err)
	}
	status := w.record(s).Status
	if status.HeardBy != "me" {
		t.Errorf("it is not claimed: %+v", status)
	}
	if c := meta.FindStatusCondition(status.Conditions, licensing.ConditionPrompt); c == nil || c.Status != metav1.ConditionTrue || *status.KeepAlive || status.TimeoutTime == nil {
		t.Errorf("a bare heartbeat changed what the record shows: %+v, keep alive %v, timeout %v", c, *status.KeepAlive, status.TimeoutTime)
	}
}

// It lets go of a client after half of the time after which that is lost, so that another replica that hears it can answer for it.
func TestASilentClientIsLetGo(t *testing.T) {
	w := newWorld(t, office().Obj())
	s := w.on("s", "me")
	w.at(minute).bare(s)
	w.at(6 * minute)
	w.expectMust()
	w.at(6*minute + time.Second)
	w.expectMust(s)
	if err := w.sweep(); err != nil {
		t.Fatal(err)
	}
	if got := w.record(s).Status; got.HeardBy != "" || after(got.LastHeartbeatTime) != minute {
		t.Errorf("%+v", got)
	}
	w.expectMust()
}

// Whether a client is missing, or beats while nobody does anything, is not the same to the brake: so it is let go at the idle deadline.
func TestASilentClientIsLetGoAtItsIdleDeadline(t *testing.T) {
	w := newWorld(t, office().LostAfter(3*time.Hour).Obj())
	silent, beating := w.on("silent", "me"), w.on("beating", "me")
	w.at(29 * minute).bare(silent)
	w.at(30*minute - time.Second).bare(beating)
	w.at(30 * minute)
	w.expectMust(silent)
	if due := w.Due(w.clock.Now(), nine, true); !due.Passed {
		t.Error("the leader waits for this sweep")
	}
}

func TestMissingClientsAreCountedByPool(t *testing.T) {
	w := newWorld(t, office().Obj())
	for i := range 10 {
		s := w.on(fmt.Sprint("s", i), "me")
		w.at(time.Duration(i) * time.Second).bare(s)
	}
	w.on("other", "elsewhere")
	here := w.on("here", "me")
	w.at(minute).bare(here)
	missing := w.Due(w.clock.Now(), nine, true).Missing
	if got := missing[poolKey]; len(missing) != 1 || got.Clients != 10 || !got.Last.Equal(nine.Add(9*time.Second)) {
		t.Errorf("%+v", missing)
	}
}

func TestASweepComesRightAtTheNextDeadline(t *testing.T) {
	w := newWorld(t, office().Obj())
	w.on("s", "me")
	if due := w.at(30*minute-200*time.Millisecond).Due(w.clock.Now(), w.clock.Now().Add(-time.Second), true); due.Passed || !due.Next.Equal(nine.Add(30*minute)) {
		t.Errorf("%+v", due)
	}
	for at, passed := range map[time.Duration]bool{30 * minute: true, 30*minute + 500*time.Millisecond: false, 30*minute + time.Second: true, 30*minute + 2*time.Second: false} {
		if due := w.at(at).Due(w.clock.Now(), w.clock.Now().Add(-200*time.Millisecond), true); due.Passed != passed {
			t.Errorf("at %s: %+v", at, due)
		}
	}
}

func TestTheStalestIsFreshenedFirst(t *testing.T) {
	w := newWorld(t, office().Obj())
	a, b, c := w.on("a", "me"), w.on("b", "me"), w.on("c", "me")
	w.at(40 * time.Second).active(a)
	w.at(50 * time.Second).active(b)
	w.at(20 * time.Second).active(c)
	w.at(50 * time.Second)
	if got := w.Due(w.clock.Now(), nine, true).May; fmt.Sprint(got) != fmt.Sprint([]types.UID{b, a}) {
		t.Errorf("%v", got)
	}
}
