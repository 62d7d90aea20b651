// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// unlimited is a budget that no plan uses up.
const unlimited = math.MaxInt

// nine is when every story begins.
var nine = time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)

// pool is a pool's rules; unless said otherwise as the kind's defaults are: enrollment is open, the case of user names does not matter, and all of a
// user's sessions share a seat.
type pool struct{ seating.Rules }

func aPool() pool { return pool{seating.Rules{Enroll: true, FoldCase: true}} }

func (p pool) named(seats int) pool      { p.Named = &seats; return p }
func (p pool) concurrent(seats int) pool { p.Concurrent = &seats; return p }
func (p pool) withoutNamed() pool        { p.Named = nil; return p }
func (p pool) withoutConcurrent() pool   { p.Concurrent = nil; return p }
func (p pool) accountsOnly() pool        { p.Enroll = false; return p }
func (p pool) caseSensitive() pool       { p.FoldCase = false; return p }
func (p pool) from(t time.Time) pool     { p.NotBefore = t; return p }
func (p pool) until(t time.Time) pool    { p.NotAfter = t; return p }
func (p pool) perHost() pool             { p.Sharing.ClientHost = true; return p }
func (p pool) perIP() pool               { p.Sharing.ClientIP = true; return p }
func (p pool) perModule() pool           { p.Sharing.Module = true; return p }

// groups takes each group as its modules, with spaces between.
func (p pool) groups(groups ...string) pool {
	p.Sharing.Groups = nil
	for _, g := range groups {
		p.Sharing.Groups = append(p.Sharing.Groups, strings.Fields(g))
	}
	return p
}

// login is a session that is about to ask for a seat: of a user on the Web module, from one host, who does not wait.
type login struct{ seating.Session }

func by(user string) login {
	return login{seating.Session{User: user, Module: "Web", ClientHost: "pc", ClientIP: "192.0.2.1"}}
}

func (l login) to(module string) login           { l.Module = module; return l }
func (l login) on(host string) login             { l.ClientHost = host; return l }
func (l login) at(ip string) login               { l.ClientIP = ip; return l }
func (l login) waiting(most time.Duration) login { l.MaxWait = most; return l }
func (l login) ofSystem() login                  { l.System = true; return l }

// account is one that is about to be created; its id is its user's name unless said otherwise.
type account struct{ seating.Account }

func aNamed(user string) account {
	return account{seating.Account{ID: user, User: user, Type: seating.Named}}
}

func aConcurrent(user string) account {
	return account{seating.Account{ID: user, User: user, Type: seating.Concurrent}}
}

func (a account) called(id string) account { a.ID = id; return a }
func (a account) disabled() account        { a.Disabled = true; return a }

// desk is where a story is played: a ledger, its clock, and what everybody was told last.
type desk struct {
	*seating.Ledger

	t        *testing.T
	now      time.Time
	arrivals uint64
	told     map[string]seating.Reason
}

func (p pool) opens(t *testing.T) *desk {
	t.Helper()
	return &desk{Ledger: seating.NewLedger(p.Rules), t: t, now: nine, told: map[string]seating.Reason{}}
}

// arrival is the next place in the queue. The store's times are whole seconds.
func (d *desk) arrival(id string) seating.Arrival {
	d.arrivals++
	return seating.Arrival{Time: d.now.Truncate(time.Second), Revision: d.arrivals, ID: id}
}

// create creates accounts, each in its turn, and decides on nothing.
func (d *desk) create(accounts ...account) {
	for _, a := range accounts {
		a.Arrival = d.arrival(a.ID)
		d.PutAccount(a.Account)
	}
}

// hire creates accounts and decides.
func (d *desk) hire(accounts ...account) {
	d.create(accounts...)
	d.settle()
}

// change changes an account and decides.
func (d *desk) change(id string, how func(*seating.Account)) {
	d.t.Helper()
	a, ok := d.Account(id)
	if !ok {
		d.t.Fatalf("there is no account %s", id)
	}
	how(&a)
	d.PutAccount(a)
	d.settle()
}

// dismiss removes an account and decides.
func (d *desk) dismiss(id string) {
	d.RemoveAccount(id)
	d.settle()
}

// reapply changes the pool's rules and decides.
func (d *desk) reapply(p pool) {
	d.SetRules(p.Rules)
	d.settle()
}

// arrives puts a session into the queue and decides on nothing.
func (d *desk) arrives(l login) *ticket {
	arrival := d.arrival("")
	l.ID = fmt.Sprintf("%s-%02d", l.User, arrival.Revision)
	arrival.ID = l.ID
	l.Arrival = arrival
	d.PutSession(l.Session)
	return &ticket{desk: d, id: l.ID}
}

// signsOn puts a session into the queue and decides.
func (d *desk) signsOn(l login) *ticket {
	k := d.arrives(l)
	d.settle()
	return k
}

// passes lets time pass and decides.
func (d *desk) passes(time time.Duration) *seating.Plan {
	d.now = d.now.Add(time)
	return d.settle()
}

// settle decides on all who wait and carries it out.
func (d *desk) settle() *seating.Plan { return d.settleWith(unlimited) }

func (d *desk) settleWith(budget int) *seating.Plan {
	plan := d.Decide(d.now, budget)
	for _, id := range plan.License {
		license(d.Ledger, id)
	}
	for _, g := range plan.Grants {
		d.told[g.Session] = g.Reason()
		d.Grant(g)
		if s, _ := d.Session(g.Session); g.Enroll && !d.KnowsUser(s.User) {
			d.create(aConcurrent(s.User).called(d.Rules().EnrolledName("pool", s.User)))
		}
	}
	for _, w := range plan.Waits {
		d.told[w.Session] = w.Reason
		await(d.Ledger, w)
	}
	for _, n := range plan.Denials {
		d.told[n.Session] = n.Reason
		d.RemoveSession(n.Session)
	}
	return plan
}

// license carries out that an account is given a named seat.
func license(l *seating.Ledger, id string) {
	if a, ok := l.Account(id); ok {
		a.Licensed = true
		l.PutAccount(a)
	}
}

// await carries out that a session begins to wait.
func await(l *seating.Ledger, w seating.Denial) {
	if s, ok := l.Session(w.Session); ok {
		s.WaitUntil = w.Until
		l.PutSession(s)
	}
}

// shows wants the A4 table: a model's row is "licensed used available accounts connected", or "N/A".
func (d *desk) shows(named, concurrent string) {
	d.t.Helper()
	if got, want := inWords(d.Table()), "Named: "+named+"; Concurrent: "+concurrent; got != want {
		d.t.Errorf("the table shows\n  %s\nand not\n  %s", got, want)
	}
}

// inWords is a table in one line.
func inWords(table seating.Table) string {
	row := func(r *seating.Row) string {
		if r == nil {
			return "N/A"
		}
		return fmt.Sprintf("%d %d %d %d %d", r.Licensed, r.Used, r.Available, r.Accounts, r.Connected)
	}
	return "Named: " + row(table.Named) + "; Concurrent: " + row(table.Concurrent)
}

// stands wants accounts to stand like this.
func (d *desk) stands(licensed bool, reason seating.Reason, ids ...string) {
	d.t.Helper()
	for _, id := range ids {
		if got := d.Standing(id); got.Licensed != licensed || got.Reason != reason || got.Message == "" {
			d.t.Errorf("account %s: %+v; want licensed %t, %s, and a message", id, got, licensed, reason)
		}
	}
}

// ticket is a session that came to the desk.
type ticket struct {
	desk *desk
	id   string
}

// got wants that the session was told this last; waiting and denied sessions have no seat.
func (k *ticket) got(want seating.Reason) *ticket {
	k.desk.t.Helper()
	if got := k.desk.told[k.id]; got != want {
		k.desk.t.Errorf("session %s was told %q; want %q", k.id, got, want)
	}
	s, known := k.desk.Session(k.id)
	seated := known && s.State == seating.Held
	if granted := slices.Contains([]seating.Reason{seating.SeatGranted, seating.SeatShared, seating.SystemLogin}, want); granted != seated {
		k.desk.t.Errorf("session %s was told %q, and is held: %t", k.id, want, seated)
	}
	return k
}

// shares wants that the session has no seat of its own but that of another.
func (k *ticket) shares(with *ticket) *ticket {
	k.desk.t.Helper()
	k.got(seating.SeatShared)
	if k.connection() != with.connection() {
		k.desk.t.Errorf("session %s has the connection %q, and %s has %q", k.id, k.connection(), with.id, with.connection())
	}
	return k
}

func (k *ticket) connection() string {
	s, _ := k.desk.Session(k.id)
	return s.Connection
}

// ends is the session at its end; then the desk decides.
func (k *ticket) ends() {
	s, _ := k.desk.Session(k.id)
	s.State = seating.Ended
	k.desk.PutSession(s)
	k.desk.settle()
}
