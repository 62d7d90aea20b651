// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"
)

// What the tests see of the inside.

// ShareKey is the key under which a session shares a seat.
func ShareKey(r Rules, s Session, seat Seat) string { return r.shareKey(&s, seat) }

// Differences says in what two ledgers differ. What was touched is their history and not their state: it is left out.
func Differences(a, b *Ledger) []string {
	var found []string
	for name, of := range map[string]func(*Ledger) any{
		"rules":       func(l *Ledger) any { return l.rules },
		"sessions":    func(l *Ledger) any { return l.sessions },
		"pending":     func(l *Ledger) any { return l.pending },
		"accounts":    func(l *Ledger) any { return l.accounts },
		"connections": func(l *Ledger) any { return l.connections },
		"live":        func(l *Ledger) any { return l.live },
		"shares":      func(l *Ledger) any { return l.shares },
		"users":       func(l *Ledger) any { return l.users },
		"existing":    func(l *Ledger) any { return l.existing },
		"unlicensed":  func(l *Ledger) any { return l.unlicensed },
		"holders":     func(l *Ledger) any { return l.holders },
		"signedOn":    func(l *Ledger) any { return l.signedOn },
		"turns":       func(l *Ledger) any { return l.turns.byID() },
		"records":     func(l *Ledger) any { return l.records },
	} {
		if !reflect.DeepEqual(of(a), of(b)) {
			found = append(found, fmt.Sprintf("%s: %v, and not %v", name, of(a), of(b)))
		}
	}
	x, y := *a, *b
	x.touched, y.touched = nil, nil
	x.turns, y.turns = nil, nil // the order of a heap is its history too
	if len(found) == 0 && !reflect.DeepEqual(x, y) {
		found = append(found, "a field that is not listed here")
	}
	slices.Sort(found)
	return found
}

func (t *turns) byID() map[string]time.Time {
	all := map[string]time.Time{}
	for _, e := range t.entries {
		all[e.id] = e.at
	}
	return all
}

// Flaws says where a ledger holds what it never should: a counter that is not positive, an empty entry, an account or a session that it does not know.
func Flaws(l *Ledger) []string {
	var found []string
	flaw := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	for c, n := range l.connections {
		if n <= 0 {
			flaw("connection %v has %d members", c, n)
		}
		if c.seat == Uncounted {
			flaw("connection %v is counted", c)
		}
	}
	for name, counts := range map[string]map[Seat]int{"live": l.live, "existing": l.existing} {
		for seat, n := range counts {
			if n <= 0 {
				flaw("%s: %d %s", name, n, seat)
			}
		}
	}
	for key, n := range l.holders {
		if n <= 0 {
			flaw("holder %s holds by %d", key, n)
		}
	}
	for key, connections := range l.shares {
		if len(connections) == 0 {
			flaw("share %s is empty", key)
		}
		for c, n := range connections {
			if n <= 0 {
				flaw("share %s lists %s with %d members", key, c, n)
			}
		}
	}
	for key, ids := range l.users {
		if len(ids) == 0 {
			flaw("user %s is empty", key)
		}
		for _, id := range ids {
			if _, ok := l.accounts[id]; !ok {
				flaw("user %s has an unknown account %s", key, id)
			}
		}
	}
	for name, ids := range map[string]map[string]struct{}{"unlicensed": l.unlicensed, "touched": l.touched} {
		for id := range ids {
			if _, ok := l.accounts[id]; !ok {
				flaw("%s lists an unknown account %s", name, id)
			}
		}
	}
	for user, ids := range l.signedOn {
		if len(ids) == 0 {
			flaw("nobody is signed on as %s", user)
		}
		for id := range ids {
			if s, ok := l.sessions[id]; !ok || s.State != Held || s.Seat == Uncounted || l.rules.UserKey(s.User) != user {
				flaw("%s is not signed on as %s", id, user)
			}
		}
	}
	for id := range l.records {
		if _, ok := l.sessions[id]; ok {
			flaw("%s is a session and a record", id)
		}
	}
	for place, e := range l.turns.entries {
		_, held := l.sessions[e.id]
		_, ended := l.records[e.id]
		if l.turns.places[e.id] != place || len(l.turns.places) != len(l.turns.entries) || held == ended {
			flaw("the turn of %s is at place %d of %v", e.id, place, l.turns.places)
		}
	}
	for id := range l.pending {
		if s, ok := l.sessions[id]; !ok || s.State != Pending {
			flaw("pending lists %s, which is not", id)
		}
	}
	return found
}

// Touched says whether an account is noted as touched; it takes no note away.
func Touched(l *Ledger, id string) bool {
	_, ok := l.touched[id]
	return ok
}

// Clone copies a ledger in full depth.
func Clone(l *Ledger) *Ledger {
	c := *l
	c.sessions, c.pending, c.accounts = maps.Clone(l.sessions), maps.Clone(l.pending), maps.Clone(l.accounts)
	c.connections, c.live = maps.Clone(l.connections), maps.Clone(l.live)
	c.existing, c.unlicensed, c.holders, c.touched = maps.Clone(l.existing), maps.Clone(l.unlicensed), maps.Clone(l.holders), maps.Clone(l.touched)
	c.records, c.turns = maps.Clone(l.records), &turns{entries: slices.Clone(l.turns.entries), places: maps.Clone(l.turns.places)}
	c.signedOn = make(map[string]map[string]struct{}, len(l.signedOn))
	for user, ids := range l.signedOn {
		c.signedOn[user] = maps.Clone(ids)
	}
	c.shares = make(map[string]map[string]int, len(l.shares))
	for key, connections := range l.shares {
		c.shares[key] = maps.Clone(connections)
	}
	c.users = make(map[string][]string, len(l.users))
	for key, ids := range l.users {
		c.users[key] = slices.Clone(ids)
	}
	return &c
}

// Same says whether two ledgers are equal in all, what was touched included.
func Same(a, b *Ledger) bool { return reflect.DeepEqual(a, b) }
