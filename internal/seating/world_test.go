// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// world is a pool to which anything may happen, with the ledger that is fed it and the records that it follows from.
type world struct {
	records

	ledger *seating.Ledger
	now    time.Time
	serial uint64
	// stood is how each account stood when the touched ones were last taken.
	stood map[string]seating.Standing
	// steady: the sharing rules and the case mode stay, and no session is on record with a seat that was not granted here.
	steady bool
}

// A small world, so that things meet.
var (
	users   = []string{"ann", "ANN", "bob", "Bob", "cy", "\u212Aim", "kim"}
	modules = []string{"Web", "Desktop", "Mobile"}
	hosts   = []string{"pc", "PC", "phone"}
	ips     = []string{"192.0.2.1", "192.0.2.2"}
	seats   = []seating.Seat{seating.Named, seating.Concurrent}
)

func newWorld(t *rapid.T, steady bool) *world {
	w := &world{now: nine, steady: steady, stood: map[string]seating.Standing{},
		records: records{sessions: map[string]seating.Session{}, accounts: map[string]seating.Account{}}}
	w.rules = w.drawRules(t)
	w.ledger = seating.NewLedger(w.rules)
	return w
}

func (w *world) drawRules(t *rapid.T) seating.Rules {
	bought := func(model string) *int {
		return rapid.Ptr(rapid.IntRange(0, 4), true).Draw(t, model)
	}
	r := seating.Rules{Named: bought("named"), Concurrent: bought("concurrent"), Enroll: !oneIn(t, 4, "accounts only")}
	if oneIn(t, 6, "begins") {
		r.NotBefore = w.now.Add(time.Duration(rapid.IntRange(-1, 2).Draw(t, "in minutes")) * minute)
	}
	if oneIn(t, 6, "ends") {
		r.NotAfter = w.now.Add(time.Duration(rapid.IntRange(-1, 3).Draw(t, "in minutes")) * minute)
	}
	r.FoldCase = rapid.Bool().Draw(t, "fold case")
	r.Sharing = seating.Sharing{ClientHost: rapid.Bool().Draw(t, "per host"), ClientIP: oneIn(t, 4, "per address"), Module: oneIn(t, 3, "per module")}
	if oneIn(t, 3, "groups") {
		r.Sharing.Groups = [][]string{rapid.Permutation([]string{"Web", "Desktop"}).Draw(t, "group")}
	}
	return r
}

// oneIn is true now and then.
func oneIn(t *rapid.T, n int, what string) bool { return rapid.IntRange(1, n).Draw(t, what) == n }

// some draws one of what a map has; there may be none.
func some[V any](t *rapid.T, of map[string]V, what string, which func(V) bool) (V, bool) {
	var ids []string
	for id, v := range of {
		if which == nil || which(v) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		var none V
		return none, false
	}
	slices.Sort(ids)
	return of[rapid.SampledFrom(ids).Draw(t, what)], true
}

// arrival draws a place in the queue: most come within the same few seconds, and news of them may be late.
func (w *world) arrival(t *rapid.T, id string) seating.Arrival {
	w.serial++
	late := time.Duration(rapid.IntRange(0, 2).Draw(t, "late by")) * time.Second
	return seating.Arrival{Time: w.now.Add(-late).Truncate(time.Second), Revision: w.serial, ID: id}
}

// put takes a session in, in the records and in the ledger.
func (w *world) put(s seating.Session) {
	w.sessions[s.ID] = s
	if s.State == seating.Ended {
		delete(w.sessions, s.ID)
	}
	w.ledger.PutSession(s)
}

func (w *world) putAccount(a seating.Account) {
	w.accounts[a.ID] = a
	w.ledger.PutAccount(a)
}

func (w *world) draw(t *rapid.T) seating.Session {
	w.serial++ // an id is never used twice; the letter sees to it that ids do not grow in the order of arrival
	s := seating.Session{
		ID:         fmt.Sprintf("%c%d", 'a'+rapid.IntRange(0, 25).Draw(t, "letter"), w.serial),
		User:       rapid.SampledFrom(users).Draw(t, "user"),
		Module:     rapid.SampledFrom(modules).Draw(t, "module"),
		ClientHost: rapid.SampledFrom(hosts).Draw(t, "host"),
		ClientIP:   rapid.SampledFrom(ips).Draw(t, "address"),
		System:     oneIn(t, 12, "system"),
	}
	s.Arrival = w.arrival(t, s.ID)
	return s
}

// arrive puts some sessions into the queue.
func (w *world) arrive(t *rapid.T) {
	for range rapid.IntRange(1, 5).Draw(t, "how many arrive") {
		s := w.draw(t)
		s.MaxWait = time.Duration(max(0, rapid.IntRange(-2, 3).Draw(t, "waits minutes"))) * minute
		w.put(s)
	}
}

// observe puts a session on record that another manager granted: with a seat of any type, in a connection of its own or in a live one.
func (w *world) observe(t *rapid.T) {
	s := w.draw(t)
	s.State, s.Seat, s.Connection = seating.Held, rapid.SampledFrom(seats).Draw(t, "seat"), s.ID
	if s.System {
		s.Seat, s.Connection = seating.Uncounted, ""
	} else if other, ok := some(t, w.sessions, "joins", func(o seating.Session) bool { return o.State == seating.Held && o.Seat == s.Seat }); ok && oneIn(t, 2, "joins") {
		s.Connection = other.Connection
	}
	w.put(s)
}

// regress shows a granted session as it was before: its grant was not yet written when another manager, or another pool, took over.
func (w *world) regress(t *rapid.T) {
	if s, ok := some(t, w.sessions, "regresses", func(s seating.Session) bool { return s.State == seating.Held }); ok {
		s.State, s.Seat, s.Connection = seating.Pending, "", ""
		w.put(s)
	}
}

// end ends a session, or removes it.
func (w *world) end(t *rapid.T) {
	if s, ok := some(t, w.sessions, "ends", nil); ok {
		if rapid.Bool().Draw(t, "is removed") {
			delete(w.sessions, s.ID)
			w.ledger.RemoveSession(s.ID)
			return
		}
		s.State = seating.Ended
		w.put(s)
	}
}

// hire creates accounts.
func (w *world) hire(t *rapid.T) {
	for range rapid.IntRange(1, 3).Draw(t, "how many accounts") {
		w.serial++
		id := fmt.Sprintf("a%d", w.serial)
		w.putAccount(seating.Account{ID: id, User: rapid.SampledFrom(users).Draw(t, "of user"), Type: rapid.SampledFrom(seats).Draw(t, "type"),
			Disabled: oneIn(t, 5, "disabled"), Arrival: w.arrival(t, id), Licensed: !w.steady && oneIn(t, 10, "licensed")})
	}
}

// change changes an account's type, or whether it is disabled, or takes its named seat away, as its record may come to say.
func (w *world) change(t *rapid.T) {
	a, ok := some(t, w.accounts, "changes", nil)
	if !ok {
		return
	}
	switch rapid.IntRange(0, 2).Draw(t, "what") {
	case 0:
		a.Type = rapid.SampledFrom(seats).Draw(t, "type")
	case 1:
		a.Disabled = !a.Disabled
	default:
		a.Licensed = false
	}
	w.putAccount(a)
}

// dismiss removes an account.
func (w *world) dismiss(t *rapid.T) {
	if a, ok := some(t, w.accounts, "is dismissed", nil); ok {
		delete(w.accounts, a.ID)
		w.ledger.RemoveAccount(a.ID)
	}
}

// reapply changes the rules.
func (w *world) reapply(t *rapid.T) {
	r := w.drawRules(t)
	if w.steady {
		r.Sharing, r.FoldCase = w.rules.Sharing, w.rules.FoldCase
	}
	w.rules = r
	w.ledger.SetRules(r)
}

// pass lets time pass: often just to a time at which something is due.
func (w *world) pass(t *rapid.T) {
	if next := w.ledger.Decide(w.now, unlimited).Next; !next.IsZero() && rapid.Bool().Draw(t, "to the next deadline") {
		w.now = next
		return
	}
	w.now = w.now.Add(time.Duration(rapid.IntRange(1, 100).Draw(t, "seconds")) * time.Second)
}

// commit carries out a plan, or the part of it that was written before a crash.
func (w *world) commit(plan *seating.Plan, written func(string) bool) {
	for _, id := range plan.License {
		if written(id) {
			a := w.accounts[id]
			a.Licensed = true
			w.putAccount(a)
		}
	}
	for _, g := range plan.Grants {
		if written(g.Session) {
			s := w.sessions[g.Session]
			s.State, s.Seat, s.Connection = seating.Held, g.Seat, g.Connection
			w.sessions[s.ID] = s
			w.ledger.Grant(g)
		}
	}
	for _, n := range plan.Waits {
		if written(n.Session) {
			s := w.sessions[n.Session]
			s.WaitUntil = n.Until
			w.put(s)
		}
	}
	for _, n := range plan.Denials {
		if written(n.Session) {
			s := w.sessions[n.Session]
			s.State = seating.Ended
			w.put(s)
		}
	}
}

func all(string) bool { return true }

// enroll makes accounts of the users who were granted a seat without one.
func (w *world) enroll(plan *seating.Plan) {
	for _, g := range plan.Grants {
		s, on := w.sessions[g.Session]
		if _, known := w.counting(s.User); g.Enroll && on && !known {
			w.serial++
			id := fmt.Sprintf("a%d", w.serial)
			w.putAccount(seating.Account{ID: id, User: s.User, Type: seating.Concurrent, Arrival: seating.Arrival{Time: w.now, Revision: w.serial, ID: id}})
		}
	}
}

// elsewhere is a copy of the world, to try things in.
func (w *world) elsewhere() *world {
	c := *w
	c.records, c.ledger, c.stood = *w.clone(), seating.Clone(w.ledger), maps.Clone(w.stood)
	return &c
}
