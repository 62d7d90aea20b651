// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating_test

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// The oracle says the rules once more, in the plainest way and at any cost: over lists, without keys and without counters.

// sameUser says whether two names are one user's.
func sameUser(r seating.Rules, a, b string) bool {
	return a == b || r.FoldCase && strings.EqualFold(a, b)
}

// share says whether two sessions of one seat type share a seat (A2).
func share(r seating.Rules, a, b seating.Session) bool {
	return sameUser(r, a.User, b.User) &&
		(!r.Sharing.ClientHost || sameHost(a.ClientHost, b.ClientHost)) &&
		(!r.Sharing.ClientIP || a.ClientIP == b.ClientIP) &&
		(!r.Sharing.Module && len(r.Sharing.Groups) == 0 || sameGroup(r, a.Module, b.Module))
}

// sameHost says whether two host names are one. Folding would take a few more letters for one than lowering does; no host name has these.
func sameHost(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	return a == b
}

func sameGroup(r seating.Rules, a, b string) bool {
	for _, group := range r.Sharing.Groups {
		if slices.Contains(group, a) || slices.Contains(group, b) {
			return slices.Contains(group, a) && slices.Contains(group, b)
		}
	}
	return a == b
}

// records are what the store has of one pool.
type records struct {
	rules    seating.Rules
	sessions map[string]seating.Session
	accounts map[string]seating.Account
}

func (r *records) clone() *records {
	return &records{rules: r.rules, sessions: maps.Clone(r.sessions), accounts: maps.Clone(r.accounts)}
}

// recounted is a ledger that is made from the records alone.
func (r *records) recounted() *seating.Ledger {
	l := seating.NewLedger(r.rules)
	for _, s := range r.sessions {
		l.PutSession(s)
	}
	for _, a := range r.accounts {
		l.PutAccount(a)
	}
	return l
}

// held are the sessions that hold a seat of this type.
func (r *records) held(seat seating.Seat) []seating.Session {
	var held []seating.Session
	for _, s := range r.sessions {
		if s.State == seating.Held && s.Seat == seat {
			held = append(held, s)
		}
	}
	return held
}

// connected counts the live connections of a seat type.
func (r *records) connected(seat seating.Seat) int {
	live := map[string]bool{}
	for _, s := range r.held(seat) {
		live[s.Connection] = true
	}
	return len(live)
}

// holders counts the users who hold a named seat: by an account, or by a live session.
func (r *records) holders() int {
	var users []string
	note := func(user string) {
		if !slices.ContainsFunc(users, func(other string) bool { return sameUser(r.rules, user, other) }) {
			users = append(users, user)
		}
	}
	for _, a := range r.accounts {
		if a.Licensed {
			note(a.User)
		}
	}
	for _, s := range r.held(seating.Named) {
		note(s.User)
	}
	return len(users)
}

// holds says whether a user holds a named seat.
func (r *records) holds(user string) bool {
	for _, a := range r.accounts {
		if a.Licensed && sameUser(r.rules, a.User, user) {
			return true
		}
	}
	return slices.ContainsFunc(r.held(seating.Named), func(s seating.Session) bool { return sameUser(r.rules, s.User, user) })
}

// counting is the user's account that counts: the first.
func (r *records) counting(user string) (seating.Account, bool) {
	var first seating.Account
	found := false
	for _, a := range r.accounts {
		if sameUser(r.rules, a.User, user) && (!found || a.Arrival.Before(first.Arrival)) {
			first, found = a, true
		}
	}
	return first, found
}

// exist counts the accounts that count, by type.
func (r *records) exist(seat seating.Seat) int {
	n := 0
	for _, a := range r.accounts {
		if first, _ := r.counting(a.User); first.ID == a.ID && a.Type == seat {
			n++
		}
	}
	return n
}

// table is A4.
func (r *records) table() seating.Table {
	var t seating.Table
	if r.rules.Named != nil {
		used := r.holders()
		t.Named = &seating.Row{Licensed: *r.rules.Named, Used: used, Available: max(0, *r.rules.Named-used),
			Accounts: r.exist(seating.Named), Connected: r.connected(seating.Named)}
	}
	if r.rules.Concurrent != nil {
		used := r.connected(seating.Concurrent)
		t.Concurrent = &seating.Row{Licensed: *r.rules.Concurrent, Used: used, Available: max(0, *r.rules.Concurrent-used),
			Accounts: r.exist(seating.Concurrent), Connected: used}
	}
	return t
}

// queue is the sessions that wait for a decision, in the order of arrival.
func (r *records) queue() []seating.Session {
	var queue []seating.Session
	for _, s := range r.sessions {
		if s.State == seating.Pending {
			queue = append(queue, s)
		}
	}
	slices.SortFunc(queue, func(a, b seating.Session) int {
		return cmp.Or(a.Arrival.Time.Compare(b.Arrival.Time), cmp.Compare(a.Arrival.Revision, b.Arrival.Revision), cmp.Compare(a.ID, b.ID))
	})
	return queue
}
