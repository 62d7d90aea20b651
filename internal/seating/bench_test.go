// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating_test

import (
	"fmt"
	"testing"

	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// BenchmarkDecide decides on ten who wait, five of whom get a seat, beside few and beside very many held sessions. That both cost the same is the
// point of the ledger; x-of-100 is the cost as a multiple of that beside a hundred.
func BenchmarkDecide(b *testing.B) {
	few := 0.0
	for _, held := range []int{100, 100_000} {
		b.Run(fmt.Sprintf("held=%d", held), func(b *testing.B) {
			l := crowded(held)
			for b.Loop() {
				if plan := l.Decide(nine, unlimited); len(plan.Grants) != 5 || len(plan.Waits) != 5 {
					b.Fatalf("%d grants and %d waits", len(plan.Grants), len(plan.Waits))
				}
			}
			reportMultiple(b, &few)
		})
	}
}

// BenchmarkTurnover ends a session, decides, and records what was decided: what a pool costs in a day's work.
func BenchmarkTurnover(b *testing.B) {
	few := 0.0
	for _, held := range []int{100, 100_000} {
		b.Run(fmt.Sprintf("held=%d", held), func(b *testing.B) {
			l := crowded(held)
			for b.Loop() {
				l.RemoveSession("held-0")
				for _, g := range l.Decide(nine, unlimited).Grants {
					l.Grant(g)
					s, _ := l.Session(g.Session)
					s.State, s.Seat, s.Connection = seating.Pending, "", ""
					l.PutSession(s)
				}
				l.PutSession(heldSession(0))
			}
			reportMultiple(b, &few)
		})
	}
}

// crowded is the ledger of a pool with five free seats and ten who wait.
func crowded(held int) *seating.Ledger {
	l := seating.NewLedger(aPool().named(10).concurrent(held + 5).perHost().Rules)
	for i := range held {
		l.PutSession(heldSession(i))
		l.PutAccount(seating.Account{ID: fmt.Sprintf("account-%d", i), User: fmt.Sprintf("user%d@example.com", i), Type: seating.Concurrent,
			Arrival: seating.Arrival{Time: nine, ID: fmt.Sprint(i)}})
	}
	for i := range 10 {
		s := by(fmt.Sprintf("newcomer%d@example.com", i)).waiting(hour)
		s.ID = fmt.Sprintf("waiting-%d", i)
		s.Arrival = seating.Arrival{Time: nine, Revision: uint64(i), ID: s.ID}
		l.PutSession(s.Session)
	}
	return l
}

func heldSession(i int) seating.Session {
	s := by(fmt.Sprintf("user%d@example.com", i))
	s.ID, s.State, s.Seat = fmt.Sprintf("held-%d", i), seating.Held, seating.Concurrent
	return s.Session
}

func reportMultiple(b *testing.B, few *float64) {
	b.Helper()
	each := b.Elapsed().Seconds() / float64(b.N)
	if *few == 0 {
		*few = each
	}
	b.ReportMetric(each / *few, "x-of-100")
}

// BenchmarkSweep sweeps and decides beside very many held sessions: with nothing due, and with as many due as one sweep ends.
func BenchmarkSweep(b *testing.B) {
	const held = 100_000
	for _, due := range []int{0, 64} {
		b.Run(fmt.Sprintf("held=%d,due=%d", held, due), func(b *testing.B) {
			p := office().concurrent(held).idle(hour).lost(10*minute).prompt(minute, "Web")
			l := seating.NewLedger(p.Rules)
			for i := range held {
				s := on(fmt.Sprintf("user%d@example.com", i)).heard(59 * minute).active(30 * minute)
				if i < due {
					s = s.active(0)
				}
				s.Life.Shown = p.Outlook(s.Session, nine)
				l.PutSession(s.Session)
			}
			m := seating.Moment{Now: nine.Add(hour), Most: 64}
			for b.Loop() {
				if w, plan := l.Sweep(m), l.Decide(m.Now, unlimited); len(w.Ends) != due || len(w.Shows) != 0 || !plan.Empty() {
					b.Fatalf("%d ends, %d shows, %+v", len(w.Ends), len(w.Shows), plan)
				}
			}
		})
	}
}
