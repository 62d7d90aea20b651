// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"maps"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// pool is all that is known of one pool's name: the pool, its sessions and accounts, and who has a claim to its seats.
type pool struct {
	key    types.NamespacedName
	object *licensing.LicensePool // nil: none exists
	// specs are those that were in force, the newest last.
	specs []spec
	// rules say how user names compare, by the newest of them.
	rules seating.Rules
	// goneSince is a time that had come when the pool was deleted; zero: none is known.
	goneSince time.Time
	// back is when it was there again; zero: it never was gone.
	back time.Time
	// came counts the pools of this name in the order in which they came, by uid.
	came map[string]int
	// unsure: intents of an earlier pool of this name may exist that the history does not show.
	unsure bool
	// intents are on the pool; orphans were on an earlier one of this name and may still be carried out, until this one is fenced.
	intents, orphans map[types.UID]intent

	sessions map[types.UID]*licensing.UserSession
	accounts map[types.UID]*licensing.LicenseAccount
	pending  map[types.UID]bool

	claims      map[types.UID]claim
	connections map[connection]int
	live        map[licensing.SeatType]int
	holders     map[string]int                // of named seats, by user
	users       map[string]map[types.UID]bool // those with a claim, by user

	// lapsed is when a connection's last session ended.
	lapsed map[connection]time.Time
	// yielded is when a user last gave a named seat up: no session and no account held it any more.
	yielded map[string]time.Time
	// crowded is when users last had as many sessions as one may, and another to come; left when a session of theirs last ended, parted when one did or a login was given up; displaced when one ended for a newer.
	crowded, left, parted, displaced map[string]time.Time

	// allowed is when a user's accounts last came to allow concurrent logins: an allocator may not have seen that yet.
	allowed map[string]time.Time

	// vacant measures for how long a concurrent seat has been free, free for how long somebody waited for one, miscounted for how long the counts were wrong.
	vacant, free, miscounted meter
}

// spec is one that was in force until it was replaced, at the latest; zero: it still is.
type spec struct {
	of    *licensing.LicensePool
	until time.Time
}

type intent struct {
	licensing.GrantIntent
	pool types.UID
}

// connection is what a concurrent or named seat is counted for.
type connection struct {
	id   string
	seat licensing.SeatType
}

// claim is a session's or an account's to a seat: it has it, or the pool says that it is to have it.
type claim struct {
	connection
	user    string
	account bool
}

func newPool(key types.NamespacedName) *pool {
	return &pool{key: key, came: map[string]int{}, intents: map[types.UID]intent{}, orphans: map[types.UID]intent{},
		sessions: map[types.UID]*licensing.UserSession{}, accounts: map[types.UID]*licensing.LicenseAccount{}, pending: map[types.UID]bool{},
		claims: map[types.UID]claim{}, connections: map[connection]int{}, live: map[licensing.SeatType]int{}, holders: map[string]int{}, users: map[string]map[types.UID]bool{},
		lapsed: map[connection]time.Time{}, crowded: map[string]time.Time{}, left: map[string]time.Time{}, parted: map[string]time.Time{}, displaced: map[string]time.Time{},
		allowed: map[string]time.Time{}, yielded: map[string]time.Time{}}
}

// user is what the spellings of a user's name have in common.
func (p *pool) user(name string) string {
	return p.rules.UserKey(name)
}

// intend finds the intent by which an object may be granted a seat, if it has one. A session that another pool took over has none by this one, and an account that a later pool did: one that had a
// seat, or wanted none, when this pool was fenced still bears an earlier one's uid.
func (p *pool) intend(uid types.UID, takenOverBy string) (intent, bool) {
	i, ok := p.intents[uid]
	if !ok {
		i, ok = p.orphans[uid]
	}
	if i.Kind == "LicenseAccount" && p.came[takenOverBy] < p.came[string(i.pool)] {
		return i, ok
	}
	return i, ok && (takenOverBy == "" || takenOverBy == string(i.pool))
}

// claim is what an object has a claim to.
func (p *pool) claim(uid types.UID) (claim, bool) {
	if s := p.sessions[uid]; s != nil {
		user := p.user(s.Spec.UserName)
		switch s.Status.State {
		case licensing.SessionActive:
			return claim{connection{s.Status.Connection, s.Status.Seat}, user, false}, s.Status.Seat != licensing.SeatUncounted
		case licensing.SessionPending, "":
			i, ok := p.intend(uid, s.Status.PoolUID)
			return claim{connection{i.Connection, i.Seat}, user, false}, ok && i.Seat != licensing.SeatUncounted
		case licensing.SessionDenied, licensing.SessionTerminated:
		}
		return claim{}, false
	}
	a := p.accounts[uid]
	if a == nil {
		return claim{}, false
	}
	_, intended := p.intend(uid, a.Status.PoolUID)
	return claim{connection{"", licensing.SeatNamed}, p.user(a.Spec.UserName), true}, intended || facts.HoldsSeat(a)
}

// count brings an object's claim up to date.
func (p *pool) count(uid types.UID) {
	if old, ok := p.claims[uid]; ok {
		p.add(uid, old, -1)
		delete(p.claims, uid)
	}
	if now, ok := p.claim(uid); ok {
		p.add(uid, now, 1)
		p.claims[uid] = now
	}
}

func (p *pool) add(uid types.UID, c claim, by int) {
	if c.seat == licensing.SeatNamed {
		tally(p.holders, c.user, by)
	}
	if c.account {
		return
	}
	if by > 0 {
		if p.users[c.user] == nil {
			p.users[c.user] = map[types.UID]bool{}
		}
		p.users[c.user][uid] = true
	} else if delete(p.users[c.user], uid); len(p.users[c.user]) == 0 {
		delete(p.users, c.user)
	}
	before := len(p.connections)
	tally(p.connections, c.connection, by)
	p.live[c.seat] += len(p.connections) - before
}

func tally[K comparable](counts map[K]int, key K, by int) {
	if counts[key] += by; counts[key] == 0 {
		delete(counts, key)
	}
}

// taken is how many seats of a model are taken.
func (p *pool) taken(seat licensing.SeatType) int {
	if seat == licensing.SeatNamed {
		return len(p.holders)
	}
	return p.live[seat]
}

// seats is how many of a model the pool's spec allows now; 0 without the model, or without the pool.
func (p *pool) seats(seat licensing.SeatType) int {
	if p.object == nil {
		return 0
	}
	of := p.object.Spec.Concurrent
	if seat == licensing.SeatNamed {
		of = p.object.Spec.Named
	}
	if of == nil || of.Seats == nil {
		return 0
	}
	return int(*of.Seats)
}

func (p *pool) term() string {
	if p.object == nil || p.object.Status.Grants == nil {
		return ""
	}
	return p.object.Status.Grants.Term
}

// ruledBy are the specs that may have been in force, for all that who decided at this time could know: the newest, or one that was replaced a moment ago.
func (p *pool) ruledBy(t time.Time) []*licensing.LicensePool {
	var pools []*licensing.LicensePool
	for _, s := range p.specs {
		if s.until.IsZero() || !t.After(s.until.Add(rulesLag)) {
			pools = append(pools, s.of)
		}
	}
	return pools
}

// replaceSpec takes in another spec, or none any more, seen at that time.
func (p *pool) replaceSpec(object *licensing.LicensePool, when time.Time) {
	if n := len(p.specs); n > 0 && p.specs[n-1].until.IsZero() {
		if p.specs[n-1].until = when; when.IsZero() {
			p.specs = p.specs[:n-1] // no time is known: at once
		}
	}
	if n := len(p.specs); n > 16 {
		p.specs = p.specs[n-16:]
	}
	if object == nil {
		return
	}
	folded := p.rules.FoldCase
	p.specs, p.rules = append(p.specs, spec{of: object}), facts.Rules(object)
	if p.rules.FoldCase == folded {
		return
	}
	for uid, c := range p.claims { // users are other users now
		p.add(uid, c, -1)
	}
	clear(p.claims)
	for uid := range p.sessions {
		p.count(uid)
	}
	for uid := range p.accounts {
		p.count(uid)
	}
}

// takePool takes in a change of a pool.
func (c *Checker) takePool(o *licensing.LicensePool, deleted bool, when time.Time) {
	p := c.pool(o.Namespace, o.Name)
	before := p.object
	if before != nil && !deleted && before.UID == o.UID && before.ResourceVersion == o.ResourceVersion {
		return
	}
	c.stamp(when, o.CreationTimestamp.Time)
	if before != nil && (deleted || before.UID != o.UID) {
		maps.Copy(p.orphans, p.intents)
		clear(p.intents)
		p.object, p.goneSince = nil, c.clock
		p.replaceSpec(nil, when)
		before = nil
	}
	if deleted {
		p.vacant.reset()
		p.free.reset()
		p.miscounted.reset()
		return
	}
	if p.object == nil && !p.goneSince.IsZero() {
		p.back = later(c.clock, when)
	}
	p.object = o
	if _, known := p.came[string(o.UID)]; !known {
		p.came[string(o.UID)] = len(p.came) + 1
	}
	if before == nil || !equality.Semantic.DeepEqual(before.Spec, o.Spec) {
		p.replaceSpec(o, when)
	}
	was := p.tally()
	fresh := p.readIntents(o)
	wrote := before == nil || !equality.Semantic.DeepEqual(before.Status, o.Status)
	if c.blind {
		return
	}
	c.recorded(p, was, fresh, when)
	if wrote {
		c.inOrder(p, fresh, when)
		c.sound(p)
	}
	c.watchSeats(p, wrote, when)
}

// readIntents takes over the intents on the pool; it returns those that were not there.
func (p *pool) readIntents(o *licensing.LicensePool) []licensing.GrantIntent {
	old := p.intents
	p.intents = map[types.UID]intent{}
	var fresh []licensing.GrantIntent
	var touched []types.UID
	if log := o.Status.Grants; log != nil {
		if log.SessionsFenced {
			for uid := range p.orphans {
				touched = append(touched, uid)
			}
			clear(p.orphans)
			p.unsure = false
		}
		for _, i := range log.Intents {
			p.intents[i.UID] = intent{i, o.UID}
			if _, known := old[i.UID]; !known {
				fresh = append(fresh, i)
			}
			touched = append(touched, i.UID)
		}
	}
	for uid := range old {
		touched = append(touched, uid)
	}
	for _, uid := range touched {
		p.count(uid)
	}
	return fresh
}
