// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllertest"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/seating"
)

var desk = types.NamespacedName{Namespace: "itsm", Name: "desk"}

func aPool(uid types.UID, seats int32) *licensing.LicensePool {
	return &licensing.LicensePool{ObjectMeta: metav1.ObjectMeta{Namespace: "itsm", Name: "desk", UID: uid, Generation: int64(seats)},
		Spec: licensing.LicensePoolSpec{Concurrent: &licensing.Seats{Seats: new(seats)}, Sessions: &licensing.SessionRules{
			IdleTimeoutSeconds: new(int32(1800)), LostAfterSeconds: new(int32(600)), ClientIPCheck: licensing.ClientIPCheckEnforced}}}
}

func aSession(uid types.UID, revision string) *licensing.UserSession {
	return &licensing.UserSession{ObjectMeta: metav1.ObjectMeta{Namespace: "itsm", Name: string(uid), UID: uid, ResourceVersion: revision},
		Spec: licensing.UserSessionSpec{PoolRef: licensing.PoolReference{Name: "desk"}, UserName: string(uid), Module: "Web"},
		Status: licensing.UserSessionStatus{State: licensing.SessionActive, Seat: licensing.SeatConcurrent, Connection: string(uid),
			LogonTime: new(metav1.NewTime(nine)), LastActivityTime: new(metav1.NewTime(nine)), TimeoutTime: new(metav1.NewTime(nine.Add(30 * time.Minute)))}}
}

func wantVerdict(t *testing.T, v *view, when string, want verdict) {
	t.Helper()
	if denial, got := v.refuse(desk, seating.Session{User: "newcomer", Module: "Web"}, nine.Add(time.Minute)); got != want {
		t.Errorf("%s: verdict %d (%+v), want %d", when, got, denial, want)
	}
}

func TestViewFollowsTheWatches(t *testing.T) {
	v := newView()
	wantVerdict(t, v, "before anything was seen", undecided)
	v.inSync.Store(true)
	wantVerdict(t, v, "without a pool", poolUnknown)
	v.put(aSession("ann", "10"))
	wantVerdict(t, v, "with a session, but no pool", poolUnknown)
	v.put(aPool("p1", 1))
	wantVerdict(t, v, "full", deny)
	if !v.enforces(desk) || v.enforcing.Load() != 1 {
		t.Error("the pool enforces addresses")
	}
	v.put(aPool("p1", 2))
	wantVerdict(t, v, "one more seat", undecided)
	v.put(aPool("p1", 1))
	ended := aSession("ann", "12")
	ended.Status.State = licensing.SessionTerminated
	v.put(ended)
	wantVerdict(t, v, "ended", undecided)
	v.put(aSession("ann", "11"))
	wantVerdict(t, v, "older news", undecided)
	bob := aSession("bob", "13")
	v.update(bob)
	wantVerdict(t, v, "one that no watch has shown", undecided)
	v.put(bob)
	wantVerdict(t, v, "full again", deny)
	leaving := aSession("bob", "14")
	leaving.Spec.Termination = &licensing.Termination{RequestedBy: licensing.RequesterUser}
	v.update(leaving)
	wantVerdict(t, v, "about to end", undecided)
	v.drop(bob)
	v.update(leaving)
	held := aPool("p1", 1)
	held.Status.Conditions = []metav1.Condition{{Type: licensing.ConditionExpiryHeld, Status: metav1.ConditionTrue}}
	lost := aSession("cid", "15")
	lost.Status.LastHeartbeatTime = new(metav1.NewTime(nine.Add(-time.Hour)))
	v.put(lost)
	wantVerdict(t, v, "a lost client", undecided)
	v.put(held)
	wantVerdict(t, v, "a lost client whose end is held", deny)
	v.put(aPool("p1", 1))
	answered := aSession("cid", "16")
	answered.Status.LastHeartbeatTime, answered.Status.HeardBy = lost.Status.LastHeartbeatTime, "another"
	v.put(answered)
	wantVerdict(t, v, "a client that a replica answers for", deny)
	v.drop(aPool("p0", 1))
	wantVerdict(t, v, "an older pool was deleted", deny)
	v.drop(aPool("p1", 1))
	wantVerdict(t, v, "the pool was deleted", poolUnknown)
	v.drop(answered)
	v.drop(ended)
	if len(v.pools) != 0 || v.enforcing.Load() != 0 {
		t.Errorf("%d pools are left, %d enforcing", len(v.pools), v.enforcing.Load())
	}
}

func TestViewIsFedByTheCache(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := licensing.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	watches := &informertest.FakeInformers{Scheme: scheme}
	v := newView()
	if err := v.follow(t.Context(), watches); err != nil {
		t.Fatal(err)
	}
	informer := func(obj client.Object) *controllertest.FakeInformer {
		i, err := watches.FakeInformerFor(t.Context(), obj)
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	v.inSync.Store(true)
	informer(&licensing.LicensePool{}).Add(aPool("p1", 1))
	sessions := informer(&licensing.UserSession{})
	sessions.Add(aSession("ann", "1"))
	wantVerdict(t, v, "full", deny)
	sessions.Update(aSession("ann", "1"), aSession("ann", "2"))
	wantVerdict(t, v, "still full", deny)
	other := aSession("bob", "3")
	other.Status.State = licensing.SessionPending
	sessions.Update(aSession("ann", "2"), other) // made anew under the same name
	wantVerdict(t, v, "the namesake waits", deny)
	sessions.Update(other, aSession("bob", "4"))
	sessions.Delete(aSession("bob", "4"))
	wantVerdict(t, v, "free", undecided)
	account := &licensing.LicenseAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "itsm", Name: "a", UID: "a"},
		Spec: licensing.LicenseAccountSpec{PoolRef: licensing.PoolReference{Name: "desk"}, UserName: "newcomer", Type: licensing.AccountConcurrent, Disabled: true}}
	informer(&licensing.LicenseAccount{}).Add(account)
	wantVerdict(t, v, "disabled", deny)
	informer(&licensing.LicenseAccount{}).Delete(account)
	wantVerdict(t, v, "no account", undecided)
}
