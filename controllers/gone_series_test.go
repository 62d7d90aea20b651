// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// hasSeries says whether the operator shows a metric of the pool p.
func hasSeries(t *testing.T, name string) bool {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetName() == "pool" && label.GetValue() == poolKey.Name {
					return true
				}
			}
		}
	}
	return false
}

// A named account that keeps its seat must not bring back the series of a pool that was deleted.
func TestAPoolThatIsGoneLeavesNoSeriesThoughAccountsHoldSeats(t *testing.T) {
	const writes = "seatkeeper_usage_writes_total"
	d := newDiary(t, keptPool().Obj())
	c := d.clerk()
	c.r.putAccount(MakeLicenseAccount("ann").UID("ann").Pool("p").User("ann").Named().Licensed(metav1.ConditionTrue, licensing.ReasonSeatHeld).Obj())
	d.logon("s", "ann")
	d.passes(3 * time.Minute)
	if !hasSeries(t, writes) {
		t.Fatal("the history is written while the pool is there")
	}
	d.logoff("s")
	d.delete("s")
	d.passes(3 * time.Minute)
	d.removePool()
	if hasSeries(t, writes) {
		t.Error("the series must go with the pool")
	}
	d.passes(30 * time.Minute)
	if hasSeries(t, writes) {
		t.Error("the series of a pool that is gone came back")
	}
}

// The same of what the pool's own controller shows: accounts outlive their pool for as long as nobody deletes them.
func TestAPoolThatIsGoneLeavesNoSeriesThoughAccountsStay(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Named(2).Concurrent(2).Obj(), MakeLicenseAccount("ann").Pool("p").User("ann").Named().Obj())
	m := w.manager()
	m.settle()
	w.delete(w.pool())
	for look := range 20 * 12 {
		w.clock.SetTime(w.clock.Now().Add(5 * time.Second))
		if _, err := m.see().reconcile(); err != nil {
			t.Fatal(err)
		}
		if look == 12 && !hasSeries(t, "seatkeeper_pool_writes_total") {
			t.Error("what was counted must be kept for a while")
		}
	}
	for _, name := range []string{"seatkeeper_pool_expiry_held", "seatkeeper_pool_writes_total"} {
		if hasSeries(t, name) {
			t.Errorf("%s still shows a pool that has been gone for 20 minutes", name)
		}
	}
}
