// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating

import (
	"maps"
	"slices"
	"time"
)

// Ledger is what an allocator knows of one pool. It is fed each change of a session or an account, so that a decision costs the same
// with a hundred sessions as with a hundred thousand. It is not safe for concurrent use.
//
// A connection is identified by the session that opened it and keeps that name for as long as it lives: a change of the sharing rules
// neither merges nor splits live connections, it only says which one a newcomer joins. So what the records say is what is counted.
type Ledger struct {
	rules    Rules
	sessions map[string]Session
	pending  map[string]struct{}
	accounts map[string]Account

	// connections counts each live connection's members; live counts the connections of each seat type.
	connections map[connection]int
	live        map[Seat]int
	// shares lists, under each share key, the connections that a newcomer of that key joins, with the number of members that say so.
	shares map[string]map[string]int

	// signedOn lists the held sessions of each user, system logins aside.
	signedOn map[string]map[string]struct{}
	// turns knows which sessions have something due; records is when each ended one did.
	turns   *turns
	records map[string]time.Time

	// users lists each user's accounts, the first to come first: that one counts.
	users map[string][]string
	// existing counts the accounts that count, by type.
	existing map[Seat]int
	// unlicensed are the named accounts that count and hold no seat.
	unlicensed map[string]struct{}
	// holders counts, for each user who holds a named seat, what it is held by: licensed accounts and live sessions.
	holders map[string]int
	// witnesses hear clients; witnessed is since when they are looked at.
	witnesses map[string]Witness
	witnessed time.Time
	// touched are the accounts whose standing may have changed since TakeTouched.
	touched map[string]struct{}
}

// connection is a live one. Its seat type is part of it: a session that opened a connection may come to have a seat of the other type, when its own
// record was lost, those who joined keep theirs, and its user's account changed meanwhile.
type connection struct {
	id   string
	seat Seat
}

// NewLedger returns an empty ledger under these rules.
func NewLedger(rules Rules) *Ledger {
	l := &Ledger{}
	l.reset(rules)
	return l
}

func (l *Ledger) reset(rules Rules) {
	*l = Ledger{
		witnesses:   l.witnesses,
		witnessed:   l.witnessed,
		rules:       rules,
		sessions:    map[string]Session{},
		pending:     map[string]struct{}{},
		accounts:    map[string]Account{},
		connections: map[connection]int{},
		live:        map[Seat]int{},
		shares:      map[string]map[string]int{},
		signedOn:    map[string]map[string]struct{}{},
		turns:       newTurns(),
		records:     map[string]time.Time{},
		users:       map[string][]string{},
		existing:    map[Seat]int{},
		unlicensed:  map[string]struct{}{},
		holders:     map[string]int{},
		touched:     map[string]struct{}{},
	}
}

// Rules are the rules in force.
func (l *Ledger) Rules() Rules { return l.rules }

// SetRules counts anew under other rules. It costs as much as the ledger is large; rules change seldom.
func (l *Ledger) SetRules(rules Rules) {
	sessions, accounts, records := l.sessions, l.accounts, l.records
	l.reset(rules)
	for id, ended := range records {
		l.PutSession(Session{ID: id, State: Ended, Life: Life{Ended: ended}})
	}
	for _, s := range sessions {
		l.PutSession(s)
	}
	for _, a := range accounts {
		l.PutAccount(a)
	}
}

// Session returns what is known of a session.
func (l *Ledger) Session(id string) (Session, bool) {
	s, ok := l.sessions[id]
	return s, ok
}

// Live is the number of sessions that hold a seat or need none.
func (l *Ledger) Live() int { return len(l.sessions) - len(l.pending) }

// PutSession takes in a session as it now is. Of one that has ended only the time is kept, to clear its record: its seat is free.
func (l *Ledger) PutSession(s Session) {
	l.RemoveSession(s.ID)
	switch s.State {
	case Ended:
		if !s.Life.Ended.IsZero() {
			l.records[s.ID] = s.Life.Ended
			l.turns.set(s.ID, s.Life.Ended.Add(l.rules.Lifetimes.Retention))
		}
		return
	case Pending:
		l.pending[s.ID] = struct{}{}
	case Held:
		if s.Connection == "" {
			s.Connection = s.ID
		}
		l.hear(&s)
		l.hold(s, 1)
		l.turns.set(s.ID, l.rules.turn(s))
	}
	l.sessions[s.ID] = s
}

// RemoveSession forgets a session; unknown ones are none of its business.
func (l *Ledger) RemoveSession(id string) {
	l.turns.set(id, time.Time{})
	delete(l.records, id)
	s, ok := l.sessions[id]
	if !ok {
		return
	}
	delete(l.sessions, id)
	delete(l.pending, id)
	if s.State == Held {
		l.hold(s, -1)
	}
}

// Grant records that a session was given a seat. Its life is not known before its record is written.
func (l *Ledger) Grant(g Grant) {
	s, ok := l.sessions[g.Session]
	if !ok || s.State != Pending {
		return
	}
	s.State, s.Seat, s.Connection = Held, g.Seat, g.Connection
	l.PutSession(s)
}

// hold adds a held session to the counts, or takes it out (by is 1 or -1).
func (l *Ledger) hold(s Session, by int) {
	if s.Seat == Uncounted {
		return
	}
	user := l.rules.UserKey(s.User)
	if by > 0 && l.signedOn[user] == nil {
		l.signedOn[user] = map[string]struct{}{}
	}
	if by > 0 {
		l.signedOn[user][s.ID] = struct{}{}
	} else if delete(l.signedOn[user], s.ID); len(l.signedOn[user]) == 0 {
		delete(l.signedOn, user)
	}
	before := len(l.connections)
	count(l.connections, connection{id: s.Connection, seat: s.Seat}, by)
	count(l.live, s.Seat, len(l.connections)-before)

	key := l.rules.shareKey(&s, s.Seat)
	if l.shares[key] == nil {
		l.shares[key] = map[string]int{}
	}
	count(l.shares[key], s.Connection, by)
	if len(l.shares[key]) == 0 {
		delete(l.shares, key)
	}
	if s.Seat == Named {
		count(l.holders, user, by)
	}
}

// count adds to a counter and drops it at zero, so that a map's length counts what is there.
func count[K comparable](counts map[K]int, key K, by int) {
	if counts[key] += by; counts[key] == 0 {
		delete(counts, key)
	}
}

// joins returns the live connection that a session of this key joins: of several (after a change of rules), the least by id.
func (l *Ledger) joins(key string) (string, bool) {
	if len(l.shares[key]) == 0 {
		return "", false
	}
	return slices.Min(slices.Collect(maps.Keys(l.shares[key]))), true
}

// PutAccount takes in an account as it now is.
func (l *Ledger) PutAccount(a Account) {
	l.RemoveAccount(a.ID)
	l.accounts[a.ID] = a
	key := l.rules.UserKey(a.User)
	l.changeUser(key, func(ids []string) []string {
		ids = append(slices.Clone(ids), a.ID)
		slices.SortFunc(ids, func(x, y string) int { return compareArrivals(l.accounts[x].Arrival, l.accounts[y].Arrival) })
		return ids
	})
	if a.Licensed {
		count(l.holders, key, 1)
	}
}

// RemoveAccount forgets an account. Its seat is free once no session of its user holds it any longer.
func (l *Ledger) RemoveAccount(id string) {
	a, ok := l.accounts[id]
	if !ok {
		return
	}
	key := l.rules.UserKey(a.User)
	l.changeUser(key, func(ids []string) []string {
		return slices.DeleteFunc(slices.Clone(ids), func(other string) bool { return other == id })
	})
	delete(l.accounts, id)
	delete(l.touched, id)
	if a.Licensed {
		count(l.holders, key, -1)
	}
}

// changeUser changes a user's list of accounts and keeps what follows from which of them comes first.
func (l *Ledger) changeUser(key string, change func([]string) []string) {
	if first, ok := l.account(key); ok {
		count(l.existing, first.Type, -1)
		delete(l.unlicensed, first.ID)
	}
	if ids := change(l.users[key]); len(ids) > 0 {
		l.users[key] = ids
	} else {
		delete(l.users, key)
	}
	if first, ok := l.account(key); ok {
		count(l.existing, first.Type, 1)
		if first.Type == Named && !first.Licensed {
			l.unlicensed[first.ID] = struct{}{}
		}
	}
	for _, id := range l.users[key] {
		l.touched[id] = struct{}{}
	}
}

// account is the account of a user that counts: the first to come.
func (l *Ledger) account(key string) (Account, bool) {
	ids := l.users[key]
	if len(ids) == 0 {
		return Account{}, false
	}
	return l.accounts[ids[0]], true
}
