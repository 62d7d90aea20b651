// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"fmt"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/seating"
	"github.com/seatkeeper/seatkeeper/internal/witness"
)

// lease is this replica's, as a watch shows it.
func (w *world) lease() *coordinationv1.Lease {
	w.t.Helper()
	l := &coordinationv1.Lease{}
	if err := w.api.Get(w.t.Context(), types.NamespacedName{Namespace: "seatkeeper-system", Name: "me"}, l); err != nil {
		w.t.Fatal(err)
	}
	return l
}

// dead is the lease of a replica that was last alive at nine.
func dead() *coordinationv1.Lease {
	l := &coordinationv1.Lease{}
	l.Name, l.ResourceVersion, l.Labels, l.Spec.RenewTime = "dead", "1", map[string]string{licensing.LabelReplica: "true"}, new(metav1.NewMicroTime(nine))
	return l
}

// rostered lets the replica know of others by a roster, as the operator does.
func (w *world) rostered() *witness.Roster {
	r := w.sweeper.Roster
	w.Recorder.alive, w.sweeper.Settled, w.sweeper.Parallel = r.Alive, r.Settled, 1
	return r
}

// A replica can tell again who is dead, and claims that one's clients. The writes take so long that before the last of them it has not seen its own Lease renewed for 25 s, so it takes nobody for dead
// and leaves the rest alone: it must not swear that all is written.
func TestWhoCannotTellAnyMoreSwearsToNothingNew(t *testing.T) {
	w := newWorld(t, office().LostAfter(minute).Obj())
	roster := w.rostered()
	roster.Observe(dead())
	var clients []types.UID
	for i := range 40 {
		clients = append(clients, w.on(fmt.Sprintf("s%02d", i), "dead"))
	}
	sweep := func(at time.Duration) {
		t.Helper()
		if err := w.at(at).sweep(); err != nil {
			t.Fatal(err)
		}
		roster.Observe(w.lease())
	}
	for at := time.Duration(0); at <= 80*time.Second; at += 10 * time.Second {
		sweep(at)
	}
	// It cannot reach the API server. The clients come to it within three heartbeats.
	w.at(85 * time.Second)
	for _, c := range clients {
		w.bare(c)
	}
	w.at(115 * time.Second)
	for _, c := range clients {
		w.bare(c)
	}
	sweep(116 * time.Second) // it can again, and swears to nothing new
	if w.swept() != 80*time.Second {
		t.Fatalf("swept %s", w.swept())
	}
	w.refuse = func() error { w.clock.SetTime(w.clock.Now().Add(time.Second)); return nil } // each write takes a second
	sweep(121 * time.Second)
	left := 0
	for _, c := range clients {
		if w.record(c).Status.HeardBy == "dead" {
			left++
		}
	}
	// The leader waits for the dead one until 30 s and three heartbeats after nine, and for this one until it has sworn past that.
	if left > 0 && w.swept() >= 121*time.Second {
		t.Errorf("it swore to %s, and %d clients that it hears are not on record as its own", w.swept(), left)
	}
}

// The watch of Leases shows a replica nothing any more, though it can write. Nobody may be kept from ending for ever by that: the replica gives its clients to others, as one that is cut off does, and counts as silent.
func TestWhoNeverCanTellKeepsNobodyForEver(t *testing.T) {
	w := newWorld(t, office().LostAfter(minute).Obj())
	roster := w.rostered()
	leader := witness.NewRoster("leader", w.clock)
	uid := w.on("s", "dead")
	ledger := seating.NewLedger(facts.Rules(office().LostAfter(minute).Obj()))
	ledger.PutSession(facts.Session(w.record(uid)))
	leader.Observe(dead())
	var before int64
	for at := time.Duration(0); at <= time.Hour; at += time.Second {
		if err := w.at(at).sweep(); err != nil {
			t.Fatal(err)
		}
		if at < minute {
			roster.Observe(w.lease())
		}
		if at == 2*minute {
			before = w.writes.Load()
		}
		leader.Observe(w.lease())
	}
	if n := w.writes.Load() - before; n > 58*7 {
		t.Errorf("it wrote %d times in 58 minutes, in which it had nothing to say; want a renewal every ten seconds", n)
	}
	ledger.SetWitnesses(leader.Witnesses(poolKey), nine)
	sweep := ledger.Sweep(seating.Moment{Now: w.clock.Now(), Most: 10, Adopted: nine.Add(-time.Hour), Until: nine, LongestBrake: 15 * minute})
	if len(sweep.Ends) != 1 {
		t.Errorf("a session whose client and replica are gone for an hour has not ended; awaited are %q", sweep.Awaited)
	}
}
