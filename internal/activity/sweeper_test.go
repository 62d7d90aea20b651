// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/usage"
)

var resource = schema.GroupResource{Group: licensing.GroupVersion.Group, Resource: "usersessions"}

// The lease is renewed every ten seconds, and with the first sweep after a deadline on record.
func TestTheLeaseSaysWhatWasSwept(t *testing.T) {
	w := newWorld(t, office().Obj())
	w.on("s", "me")
	w.at(2 * minute)
	for _, c := range []struct{ at, want time.Duration }{
		{0, 0}, {9 * time.Second, 0}, {10 * time.Second, 10 * time.Second}, {15 * time.Second, 10 * time.Second},
	} {
		if err := w.at(2*minute + c.at).sweep(); err != nil {
			t.Fatal(err)
		}
		if got := w.swept(); got != 2*minute+c.want {
			t.Errorf("at %s: swept %s", c.at, got)
		}
	}
	for _, at := range []time.Duration{30*minute - time.Second, 30*minute + 100*time.Millisecond} {
		if err := w.at(at).sweep(); err != nil {
			t.Fatal(err)
		}
		if got := w.swept(); got != at {
			t.Errorf("swept %s at %s", got, at)
		}
	}
}

// As long as something that must be written is not, the lease is not renewed.
func TestNothingIsSwornToThatIsNotWritten(t *testing.T) {
	w := newWorld(t, office().Obj())
	s := w.on("s", "me")
	if err := w.sweep(); err != nil {
		t.Fatal(err)
	}
	w.at(29 * minute).active(s)
	w.refuse = func() error { return errors.New("connection refused") }
	if err := w.sweep(); err == nil || w.swept() != 0 {
		t.Fatalf("error %v, swept %s", err, w.swept())
	}
	w.refuse = nil
	if err := w.at(31 * minute).sweep(); err != nil || w.swept() != 31*minute {
		t.Fatalf("error %v, swept %s", err, w.swept())
	}
	if got := after(w.record(s).Status.LastActivityTime); got != 29*minute {
		t.Errorf("recorded %s", got)
	}
}

func TestAWriteWhoseAnswerWasLostIsMadeOnce(t *testing.T) {
	w := newWorld(t, office().Obj())
	s := w.on("s", "me")
	w.at(29 * minute).active(s)
	w.lose = true
	if err := w.sweep(); err == nil {
		t.Fatal("no error")
	}
	w.lose = false
	before := w.record(s).ResourceVersion
	if err := w.sweep(); err != nil {
		t.Fatal(err)
	}
	if w.record(s).ResourceVersion != before {
		t.Error("written twice")
	}
}

// Another replica's write, or the leader's, that this one has not seen: the write conflicts, the record is read, and what is fresher is written.
func TestAnOldViewLosesNothing(t *testing.T) {
	w := newWorld(t, office().Obj())
	s := w.on("s", "me")
	w.elsewhere(s, func(s *licensing.UserSession) {
		s.Status.LastActivityTime = new(metav1.NewTime(nine.Add(10 * minute)))
		s.Status.Applications = []string{"crm"}
	})
	w.at(29 * minute).active(s)
	if err := w.sweep(); err != nil {
		t.Fatal(err)
	}
	if got := w.record(s).Status; after(got.LastActivityTime) != 29*minute || len(got.Applications) != 1 {
		t.Errorf("%+v", got)
	}
}

// An end that was written meanwhile stands.
func TestActivityDoesNotReviveWhatHasEnded(t *testing.T) {
	w := newWorld(t, office().Obj())
	s := w.on("s", "me")
	w.elsewhere(s, func(s *licensing.UserSession) {
		s.Status.State, s.Status.TerminationAction = licensing.SessionTerminated, licensing.RequestedByAdministrator
		s.Status.TerminatedTime = new(metav1.NewTime(nine.Add(29 * minute)))
	})
	w.at(29 * minute).active(s)
	if err := w.sweep(); err != nil {
		t.Fatal(err)
	}
	if got := w.record(s).Status; got.State != licensing.SessionTerminated || after(got.LastActivityTime) != 0 {
		t.Errorf("%+v", got)
	}
	if o := w.active(s); o.Ended == nil || o.Ended.Action != licensing.RequestedByAdministrator {
		t.Errorf("%+v", o)
	}
}

func TestASessionThatIsGoneKeepsNobodyWaiting(t *testing.T) {
	w := newWorld(t, office().Obj())
	s := w.on("s", "me")
	if err := w.api.Delete(t.Context(), w.record(s)); err != nil {
		t.Fatal(err)
	}
	w.at(29 * minute).active(s)
	if err := w.sweep(); err != nil || w.swept() != 29*minute {
		t.Fatalf("error %v, swept %s", err, w.swept())
	}
}

// A record that was read before a watch showed it may be deleted before one ever does: then no watch tells so.
func TestARecordThatNoWatchShowsIsLookedAt(t *testing.T) {
	w := newWorld(t, office().Obj())
	kept, deleted := w.on("kept", "me"), w.on("deleted", "me")
	for _, uid := range []types.UID{kept, deleted} {
		s := w.record(uid)
		w.drop([]types.UID{uid})
		w.Learn(s)
	}
	if err := w.api.Delete(t.Context(), w.record(deleted)); err != nil {
		t.Fatal(err)
	}
	w.at(unshown)
	w.expectMust()
	w.at(unshown + time.Second).bare(kept)
	w.bare(deleted)
	if err := w.sweep(); err != nil {
		t.Fatal(err)
	}
	if o := w.bare(deleted); o.Ended == nil {
		t.Errorf("%+v", o)
	}
	if o := w.bare(kept); o.Ended != nil {
		t.Errorf("%+v", o)
	}
	w.expectMust()
}

// One session that the API server does not let be written must not silence the replica.
func TestARefusedSessionKeepsTheOthersFromNothing(t *testing.T) {
	w := newWorld(t, office().Obj())
	s := w.on("s", "me")
	w.at(29 * minute).active(s)
	tries := 0
	w.refuse = func() error {
		tries++
		return apierrors.NewForbidden(resource, "s", errors.New("a policy"))
	}
	for at := time.Duration(0); at < 30*time.Second; at += time.Second {
		if err := w.at(29*minute + at).sweep(); (err == nil) != (at >= patience) {
			t.Fatalf("after %s: %v", at, err)
		}
	}
	if w.swept() < 29*minute || tries != int(patience/time.Second)+1 {
		t.Errorf("swept %s, tried %d times", w.swept(), tries)
	}
}

// When the API server is away a sweep gives up after a few writes: each would wait for its time-out.
func TestASweepGivesUpWhenTheAPIServerIsAway(t *testing.T) {
	w := newWorld(t, office().Obj())
	for i := range 1000 {
		w.at(29 * minute).active(w.on(fmt.Sprint("s", i), "me"))
	}
	tries := make(chan struct{}, 2000)
	w.refuse = func() error {
		tries <- struct{}{}
		return errors.New("connection refused")
	}
	if err := w.sweep(); err == nil || len(tries) > maxFailures+parallelWrites {
		t.Errorf("error %v, %d tries", err, len(tries))
	}
}

func TestWhatIsKnownIsWrittenBeforeAReplicaStops(t *testing.T) {
	w := newWorld(t, office().Obj())
	a, b := w.on("a", "me"), w.on("b", "me")
	if err := w.sweep(); err != nil {
		t.Fatal(err)
	}
	w.at(5 * minute).active(a)
	w.bare(b)
	if !w.sweeper.Finish() {
		t.Error("all is written down, and it does not say so")
	}
	if got := after(w.record(a).Status.LastActivityTime); got != 5*minute {
		t.Errorf("recorded %s", got)
	}
	if w.record(b).Status.LastActivityTime == nil || w.swept() != -1 {
		t.Errorf("the lease stands: %s", w.swept())
	}
}

// After a gap in its view a replica takes nobody for dead, so it does not know which clients are its to claim: it says that it lives, and swears to nothing new.
func TestWhoCannotTellWhoIsDeadSwearsToNothingNew(t *testing.T) {
	w := newWorld(t, office().Obj())
	settled := true
	w.sweeper.Settled = func() bool { return settled }
	if err := w.at(minute).sweep(); err != nil {
		t.Fatal(err)
	}
	settled = false
	lease := func() time.Duration {
		l := &coordinationv1.Lease{}
		if err := w.api.Get(t.Context(), types.NamespacedName{Namespace: "seatkeeper-system", Name: "me"}, l); err != nil {
			t.Fatal(err)
		}
		return l.Spec.RenewTime.Sub(nine)
	}
	for _, at := range []time.Duration{2 * minute, 3 * minute} {
		if err := w.at(at).sweep(); err != nil {
			t.Fatal(err)
		}
		if renewed := lease(); renewed != at || w.swept() != minute {
			t.Errorf("renewed at %s, swept %s; want %s and %s", renewed, w.swept(), at, minute)
		}
	}
	settled = true
	if err := w.at(4 * minute).sweep(); err != nil || w.swept() != 4*minute {
		t.Errorf("swept %s: %v", w.swept(), err)
	}
}

// If it cannot be written, the lease stays: others then wait for this replica's clients to be heard elsewhere.
func TestAReplicaThatCannotWriteLeavesItsLease(t *testing.T) {
	w := newWorld(t, office().Obj())
	s := w.on("s", "me")
	if err := w.sweep(); err != nil {
		t.Fatal(err)
	}
	w.at(5 * minute).active(s)
	w.refuse = func() error { return errors.New("connection refused") }
	if w.sweeper.Finish() {
		t.Error("nothing is written down, and it says so")
	}
	if w.swept() != 0 {
		t.Errorf("swept %s", w.swept())
	}
}

func TestFreshnessKeepsToItsBudget(t *testing.T) {
	w := newWorld(t, office().Obj())
	for i := range 50 {
		w.at(minute).active(w.on(fmt.Sprint("s", i), "me"))
	}
	w.sweeper.Freshness = 10
	if err := w.sweep(); err != nil {
		t.Fatal(err)
	}
	for w.sweeper.fresh.Load() {
		time.Sleep(time.Millisecond)
	}
	if n := w.writes.Load(); n != 10+1 { // and the lease
		t.Errorf("%d writes", n)
	}
}

// What this replica denied by itself goes with its lease, also the last of it: who watches the lease sees how it was when it went.
func TestTheLeaseTellsOfDenials(t *testing.T) {
	w := newWorld(t, office().Obj())
	counter := &usage.Counter{}
	w.sweeper.Denials = counter.Tallies
	told := func() string {
		lease := &coordinationv1.Lease{}
		if err := w.api.Get(t.Context(), types.NamespacedName{Namespace: "seatkeeper-system", Name: "me"}, lease); err != nil {
			return "no lease"
		}
		return lease.Annotations["licensing.seatkeeper.dev/denials"]
	}
	if err := w.sweep(); err != nil || told() != "" {
		t.Fatalf("%v, %q", err, told())
	}
	counter.Denied("itsm/desk", "ann", "SeatsExhausted", nine)
	if err := w.at(11 * time.Second).sweep(); err != nil || !strings.Contains(told(), `"denied":1`) || strings.Contains(told(), "ann") {
		t.Fatalf("%v, %q", err, told())
	}
	counter.Denied("itsm/desk", "bob", "SeatsExhausted", nine)
	last := ""
	w.beforeDelete = func() { last = told() }
	w.sweeper.Finish()
	if !strings.Contains(last, `"denied":2`) || told() != "no lease" {
		t.Errorf("last %q, now %q", last, told())
	}
}
