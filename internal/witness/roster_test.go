// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package witness

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/seatkeeper/seatkeeper/internal/seating"
)

var (
	nine = time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
	pool = types.NamespacedName{Namespace: "itsm", Name: "desk"}
)

// hall is a namespace with replicas' leases, and a roster that sees each write at once unless it is cut off.
type hall struct {
	t      *testing.T
	clock  *clocktesting.FakePassiveClock
	api    client.Client
	roster *Roster
	leases map[string]*Lease
}

func newHall(t *testing.T) *hall {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := coordinationv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	h := &hall{t: t, clock: clocktesting.NewFakePassiveClock(nine), api: fake.NewClientBuilder().WithScheme(scheme).Build(), leases: map[string]*Lease{}}
	h.roster = NewRoster("me", h.clock)
	h.roster.replicas["me"], h.roster.since = &replica{seen: nine.Add(100 * 24 * time.Hour)}, nine.Add(-time.Hour) // unless a test is about that, this one's view is fresh
	return h
}

func (h *hall) at(d time.Duration) *hall {
	h.clock.SetTime(nine.Add(d))
	return h
}

// renew lets a replica renew its lease, unseen.
func (h *hall) renew(name string, swept time.Duration, missing ...seating.Missing) *coordinationv1.Lease {
	h.t.Helper()
	if h.leases[name] == nil {
		h.leases[name] = &Lease{Client: h.api, Namespace: "ns", Replica: name}
	}
	report := Report{Renewed: nine.Add(swept), Swept: nine.Add(swept), Missing: map[types.NamespacedName]seating.Missing{}}
	for _, m := range missing {
		report.Missing[pool] = m
	}
	if err := h.leases[name].Renew(h.t.Context(), report); err != nil {
		h.t.Fatal(err)
	}
	lease := &coordinationv1.Lease{}
	if err := h.api.Get(h.t.Context(), types.NamespacedName{Namespace: "ns", Name: name}, lease); err != nil {
		h.t.Fatal(err)
	}
	return lease
}

// renewed lets a replica renew its lease, seen at once.
func (h *hall) renewed(name string, swept time.Duration, missing ...seating.Missing) {
	h.t.Helper()
	h.roster.Observe(h.renew(name, swept, missing...))
}

// isAlive says whether a replica is alive, as a replica sees it whose own view has long been fresh.
func (h *hall) isAlive(name string) bool {
	_, alive := h.roster.Alive(name)
	return alive
}

func (h *hall) witness(name string) seating.Witness { return h.roster.Witnesses(pool)[name] }

func TestWhatALeaseSaysIsRead(t *testing.T) {
	h := newHall(t)
	missing := seating.Missing{Clients: 3, Last: nine.Add(-time.Minute)}
	h.renewed("a", 1500*time.Millisecond, missing)
	if got := h.witness("a"); !reflect.DeepEqual(got, seating.Witness{Swept: nine.Add(1500 * time.Millisecond), Missing: missing}) {
		t.Errorf("%+v", got)
	}
	if got := h.roster.Witnesses(types.NamespacedName{Namespace: "itsm", Name: "other"})["a"]; got.Missing.Clients != 0 {
		t.Errorf("of another pool: %+v", got)
	}
	h.renewed("me", 2*time.Second)
	if got := h.witness("me"); !got.Own || got.Missing.Clients != 0 {
		t.Errorf("%+v", got)
	}
}

func TestWhoIsNotSeenToRenewIsSilentSinceItWas(t *testing.T) {
	h := newHall(t)
	h.renewed("a", 0)
	if h.at(SilentAfter); !h.isAlive("a") || !h.witness("a").Silent.IsZero() {
		t.Error("silent too soon")
	}
	if h.at(SilentAfter + 1); h.isAlive("a") || !h.witness("a").Silent.Equal(nine) {
		t.Errorf("not silent: %+v", h.witness("a"))
	}
	h.renewed("a", SilentAfter)
	if !h.isAlive("a") {
		t.Error("not heard again")
	}
}

// The same lease seen twice, as after the watch began anew, is no renewal.
func TestALeaseSeenTwiceIsRenewedOnce(t *testing.T) {
	h := newHall(t)
	lease := h.renew("a", 0)
	h.roster.Observe(lease)
	h.at(20 * time.Second).roster.Observe(lease)
	if h.at(SilentAfter + 1); h.isAlive("a") {
		t.Error("alive")
	}
}

// What a replica that crashed long ago left behind delays nobody for long; who is ahead or behind with its clock is alive when it is first met.
func TestALeaseMetForTheFirstTimeIsAsOldAsItSays(t *testing.T) {
	h := newHall(t)
	old, fresh, ahead := h.renew("old", -time.Hour), h.renew("fresh", -time.Second), h.renew("ahead", time.Second)
	for _, lease := range []*coordinationv1.Lease{old, fresh, ahead} {
		h.roster.Observe(lease)
	}
	if w := h.witness("old"); h.isAlive("old") || !w.Silent.Equal(nine.Add(-time.Hour+seating.MaxSkew)) {
		t.Errorf("%+v", w)
	}
	if !h.isAlive("fresh") || !h.isAlive("ahead") {
		t.Error("not alive")
	}
}

// Who slept is told late of what was renewed meanwhile, and must not leave the clients of one that died since to it for as long as if it were news (seed 60029986 of the simulation: another that had not slept
// took such a client for lost). For sentences the time counts at which the news came: a replica is waited for rather too long.
func TestLateNewsOfARenewalKeepsNobodyAlive(t *testing.T) {
	h := newHall(t)
	h.renewed("a", 0)
	last := h.renew("a", 10*time.Second)
	h.at(30 * time.Second).roster.Observe(last)
	if !h.isAlive("a") || !h.witness("a").Silent.IsZero() {
		t.Errorf("it renewed 20 s ago: %+v", h.witness("a"))
	}
	h.at(10*time.Second + seating.MaxSkew + SilentAfter + 1)
	if h.isAlive("a") || !h.witness("a").Silent.IsZero() {
		t.Errorf("it renewed more than %s ago, and that was told a moment ago: %+v", SilentAfter, h.witness("a"))
	}
}

// A Lease that is made after its replica has gone, since the request for it was long on its way, is as old as it says.
func TestALeaseMadeAfterItsReplicaLeftIsAsOldAsItSays(t *testing.T) {
	h := newHall(t)
	late := h.renew("a", 0)
	h.roster.Observe(late)
	h.at(20 * time.Second).roster.Drop("a")
	late.ResourceVersion += "0"
	h.at(40 * time.Second).roster.Observe(late)
	if w := h.witness("a"); h.isAlive("a") || !w.Silent.Equal(nine.Add(seating.MaxSkew)) {
		t.Errorf("alive: %t, %+v", h.isAlive("a"), w)
	}
}

func TestWhoLeavesInOrderIsNotWaitedForAndComesBack(t *testing.T) {
	h := newHall(t)
	h.renewed("a", 0)
	h.at(5 * time.Second).roster.Drop("a")
	if w := h.witness("a"); !w.Left || !w.Silent.Equal(nine.Add(5*time.Second)) || h.isAlive("a") {
		t.Errorf("%+v", w)
	}
	if err := h.api.Delete(t.Context(), &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "a"}}); err != nil {
		t.Fatal(err)
	}
	h.renewed("a", 6*time.Second) // somebody removed the lease of a live replica
	if w := h.witness("a"); w.Left || !h.isAlive("a") {
		t.Errorf("%+v", w)
	}
	h.roster.Drop("a")
	if h.at(remembered + time.Minute); h.roster.Witnesses(pool)["a"] != (seating.Witness{}) {
		t.Error("remembered for ever")
	}
}

// A view is fresh as long as this replica sees its own renewals. After a gap, be it that the API server was away or that this process slept, it is fresh anew.
func TestAViewIsFreshSinceTheLastGap(t *testing.T) {
	h := newHall(t)
	h.roster = NewRoster("me", h.clock)
	since := func() string {
		at, fresh := h.roster.Since()
		return fmt.Sprint(at.Sub(nine), fresh)
	}
	if _, fresh := h.roster.Since(); fresh {
		t.Error("fresh before anything was seen")
	}
	h.at(2*time.Second).renewed("me", 2*time.Second)
	if got := since(); got != "0s true" {
		t.Errorf("at the start: %s", got)
	}
	h.at(25*time.Second).renewed("me", 25*time.Second)
	if got := since(); got != "0s true" {
		t.Errorf("without a gap: %s", got)
	}
	h.at(51 * time.Second)
	if _, fresh := h.roster.Since(); fresh {
		t.Error("fresh in a gap")
	}
	h.renewed("me", 51*time.Second)
	if got := since(); got != "51s true" {
		t.Errorf("after a gap: %s", got)
	}
}

func TestOtherLeasesAreNoReplicas(t *testing.T) {
	h := newHall(t)
	lease := h.renew("a", 0)
	lease.Labels = nil
	h.roster.Observe(lease)
	if h.witness("a") != (seating.Witness{}) {
		t.Error("taken for a replica")
	}
}

func TestLeasesOfTheLongGoneAreStale(t *testing.T) {
	h := newHall(t)
	h.renewed("me", 0)
	h.renewed("a", 0)
	h.at(time.Hour)
	if got := h.roster.Stale(); len(got) != 0 {
		t.Errorf("%v", got)
	}
	if got := h.at(time.Hour + 1).roster.Stale(); len(got) != 1 || got["a"] == "" {
		t.Errorf("%v", got)
	}
}

// Whoever was cut off and comes back has not seen the others' renewals yet: it takes nobody for dead.
func TestWhoIsNotInTheKnowTakesNobodyForDead(t *testing.T) {
	h := newHall(t)
	h.roster = NewRoster("me", h.clock)
	h.renewed("me", 0)
	h.renewed("a", 0)
	if h.at(settled - 1); !h.isAlive("unknown") {
		t.Error("dead at once")
	}
	if last, alive := h.at(settled).roster.Alive("unknown"); alive || !last.Equal(nine) {
		t.Error("unknown, and alive since", last)
	}
	h.at(time.Minute)
	if !h.isAlive("a") {
		t.Error("taken for dead while cut off")
	}
	h.renewed("me", time.Minute)
	if h.at(time.Minute + settled - 1); !h.isAlive("a") {
		t.Error("taken for dead right after")
	}
	if last, alive := h.at(time.Minute + settled).roster.Alive("a"); alive || !last.Equal(nine) {
		t.Error("alive, last seen", last)
	}
}

// A lease that is renewed while somebody clears it away, since its replica was gone for an hour, stays.
func TestALeaseThatCameBackIsNotCleared(t *testing.T) {
	h := newHall(t)
	h.renewed("a", 0)
	stale := h.at(2 * time.Hour).roster.Stale()
	h.renew("a", 2*time.Hour)
	me := &Lease{Client: h.api, Namespace: "ns", Replica: "me"}
	if err := me.Clear(t.Context(), "a", stale["a"]); err != nil {
		t.Fatal(err)
	}
	lease := h.renew("a", 2*time.Hour+time.Second)
	if err := me.Clear(t.Context(), "a", lease.ResourceVersion); err != nil {
		t.Fatal(err)
	}
	if err := h.api.Get(t.Context(), client.ObjectKeyFromObject(lease), lease); !apierrors.IsNotFound(err) {
		t.Error("not cleared:", err)
	}
}

// A renewal whose answer was lost, and a lease that somebody wrote, conflict once.
func TestARenewalThatConflictsIsMadeAnew(t *testing.T) {
	h := newHall(t)
	lease := h.renew("a", 0)
	lease.Annotations["somebody"] = "was here"
	if err := h.api.Update(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	if got := h.renew("a", time.Second); got.Annotations["somebody"] != "was here" || !got.Spec.RenewTime.Time.Equal(nine.Add(time.Second)) {
		t.Errorf("%+v", got)
	}
}
