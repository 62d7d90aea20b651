// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// 5,000 sessions in constant use, a heartbeat every half minute, half an hour to idle out, nothing written for people's sake: a session costs about one write per idle period, and
// a replica one per ten seconds (B4).
func TestWritesPerHeartbeat(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("takes some seconds, and a minute with the race detector")
	}
	const sessions, last = 5000, 31 * minute
	w := newWorld(t, office().Obj())
	random := rand.New(rand.NewPCG(1, 2))
	due := make([][]types.UID, beat/time.Second) // who beats in which second of the interval
	for i := range sessions {
		slot := random.IntN(len(due))
		due[slot] = append(due[slot], w.on(fmt.Sprint("s", i), "me"))
	}
	beats := 0
	for at := time.Duration(0); at < last; at += time.Second {
		w.at(at)
		for _, uid := range due[int(at/time.Second)%len(due)] {
			if o := w.active(uid); o.Ended != nil || !o.Known {
				t.Fatalf("%+v", o)
			}
			beats++
		}
		if err := w.sweep(); err != nil {
			t.Fatal(err)
		}
	}
	each := float64(w.writes.Load()) / float64(beats)
	t.Logf("%d heartbeats of %d sessions in %s: %d API writes, leases included: %.4f each", beats, sessions, last, w.writes.Load(), each)
	if each > 0.02 {
		t.Errorf("%.4f API writes a heartbeat, want at most 0.02", each)
	}
}
