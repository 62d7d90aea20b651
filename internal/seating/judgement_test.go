// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating_test

import (
	"reflect"
	"slices"

	"pgregory.net/rapid"

	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// neverOversold: (a) what was just given did not raise the use above what the pool has; above it, it stays where it was or falls.
func (w *world) neverOversold(t *rapid.T, used, holders int) {
	bought := func(seats *int) int {
		if seats == nil {
			return 0
		}
		return *seats
	}
	if now := w.connected(seating.Concurrent); now > max(used, bought(w.rules.Concurrent)) {
		t.Fatalf("%d concurrent connections, from %d, of %d seats", now, used, bought(w.rules.Concurrent))
	}
	if now := w.holders(); now > max(holders, bought(w.rules.Named)) {
		t.Fatalf("%d holders of named seats, from %d, of %d seats", now, holders, bought(w.rules.Named))
	}
}

// judge looks at a plan, of whatever budget, that was made just now.
func (w *world) judge(t *rapid.T, plan *seating.Plan) {
	w.answersOnce(t, plan)
	w.firstCome(t, plan)
	w.sharesRightly(t, plan)
	then := w.elsewhere()
	then.commit(plan, all)
	then.neverOversold(t, w.connected(seating.Concurrent), w.holders())
	if got, want := plan.Table(), then.table(); !reflect.DeepEqual(got, want) {
		t.Fatalf("the plan foresaw %s; it comes to %s", inWords(got), inWords(want))
	}
	// No seat is lost: nobody waits or goes away for want of one while one is free.
	if c := then.table().Concurrent; c != nil && c.Available > 0 {
		for _, d := range slices.Concat(plan.Waits, plan.Denials) {
			if slices.Contains([]seating.Reason{seating.Waiting, seating.SeatsExhausted, seating.WaitExpired}, d.Reason) {
				t.Fatalf("%+v, and %d seats are free", d, c.Available)
			}
		}
	}
	if plan.Next.Before(w.now) && !plan.Next.IsZero() {
		t.Fatalf("the plan is to look again at %s; it is %s", plan.Next, w.now)
	}
}

// answersOnce: only those who wait are told anything, and each is told one thing.
func (w *world) answersOnce(t *rapid.T, plan *seating.Plan) {
	told := map[string]bool{}
	tell := func(id string) {
		if s, ok := w.sessions[id]; !ok || s.State != seating.Pending || told[id] {
			t.Fatalf("session %s (%+v) is told something, again: %t", id, s, told[id])
		}
		told[id] = true
	}
	for _, g := range plan.Grants {
		tell(g.Session)
	}
	for _, d := range slices.Concat(plan.Denials, plan.Waits) {
		tell(d.Session)
		if d.Reason == "" || d.Message == "" {
			t.Fatalf("a denial without a reason or a message: %+v", d)
		}
	}
}

// firstCome: (e) nobody who waits for a concurrent seat is passed over by one who came later, unless that one joins a live connection. So with accounts that
// wait for a named seat, unless the later one's user holds one already.
func (w *world) firstCome(t *rapid.T, plan *seating.Plan) {
	opens := map[string]bool{}
	for _, g := range plan.Grants {
		opens[g.Session] = g.Seat == seating.Concurrent && g.Connection == g.Session && !w.lives(g.Seat, g.Connection)
	}
	content := func(s seating.Session) bool {
		return slices.ContainsFunc(plan.Grants, func(g seating.Grant) bool { return g.Session == s.ID }) ||
			slices.ContainsFunc(plan.Denials, func(d seating.Denial) bool {
				return d.Session == s.ID && (d.Reason.OfAccount() || d.Reason == seating.PoolNotInForce)
			})
	}
	var passed *seating.Session
	for _, s := range w.queue() {
		if opens[s.ID] && passed != nil {
			t.Fatalf("session %+v was passed over by %+v", *passed, s)
		}
		if !content(s) {
			passed = &s
		}
	}
	for _, id := range plan.License {
		for _, a := range w.accounts {
			first, _ := w.counting(a.User)
			waits := first.ID == a.ID && a.Type == seating.Named && !a.Licensed && !slices.Contains(plan.License, a.ID)
			if waits && a.Arrival.Before(w.accounts[id].Arrival) && !w.holds(w.accounts[id].User) {
				t.Fatalf("account %+v was passed over by %+v", a, w.accounts[id])
			}
		}
	}
}

// lives says whether a connection has members.
func (w *world) lives(seat seating.Seat, connection string) bool {
	return slices.ContainsFunc(w.held(seat), func(s seating.Session) bool { return s.Connection == connection })
}

// sharesRightly: each grant joins a connection that shares with it by the rules of now, and opens one only where there is none.
func (w *world) sharesRightly(t *rapid.T, plan *seating.Plan) {
	granted := map[seating.Seat][]seating.Session{seating.Named: w.held(seating.Named), seating.Concurrent: w.held(seating.Concurrent)}
	for _, g := range plan.Grants {
		s := w.sessions[g.Session]
		if s.System != (g.Seat == seating.Uncounted) || s.System != (g.Connection == "") {
			t.Fatalf("%+v for %+v", g, s)
		}
		if _, known := w.counting(s.User); g.Enroll != (!known && !s.System) {
			t.Fatalf("%+v, and the user is known: %t", g, known)
		}
		if s.System {
			continue
		}
		var mates []string
		for _, other := range granted[g.Seat] {
			if share(w.rules, s, other) {
				mates = append(mates, other.Connection)
			}
		}
		for _, other := range w.queue() { // one whose own connection others hold already is as good as part of it
			if w.lives(g.Seat, other.ID) && share(w.rules, s, other) {
				mates = append(mates, other.ID)
			}
		}
		if len(mates) == 0 && g.Connection != s.ID || len(mates) > 0 && !slices.Contains(mates, g.Connection) {
			t.Fatalf("%+v; it shares with %v", g, mates)
		}
		s.Connection = g.Connection
		granted[g.Seat] = append(granted[g.Seat], s)
	}
	if !w.steady {
		return
	}
	for _, held := range granted { // A2: as long as the rules stay, two sessions have one connection exactly if they share
		for _, a := range held {
			for _, b := range held {
				if one := a.Connection == b.Connection; one != share(w.rules, a, b) {
					t.Fatalf("one connection: %t, %+v and %+v", one, a, b)
				}
			}
		}
	}
}
