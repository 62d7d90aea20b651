// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
)

// Invariant 1. A seat is given when the pool records the intent (docs/design.md, the fenced grant): a write that has the newest spec in it, whose seats bound what is taken then.
// So what counts is growth: that a spec's seats become fewer than are taken breaks nothing, to give one more away then does. Besides, nobody becomes Active, and no account
// Licensed, but by an intent that is on the pool at that revision.

var models = []licensing.SeatType{licensing.SeatNamed, licensing.SeatConcurrent}

// tally is how many seats of each model are taken.
func (p *pool) tally() map[licensing.SeatType]int {
	counts := map[licensing.SeatType]int{}
	for _, seat := range models {
		counts[seat] = p.taken(seat)
	}
	return counts
}

// outgrown is the model of which more seats are taken than before and than there are; empty: none is.
func (p *pool) outgrown(was map[licensing.SeatType]int) licensing.SeatType {
	for _, seat := range models {
		if now := p.taken(seat); now > was[seat] && now > p.seats(seat) {
			return seat
		}
	}
	return ""
}

// recorded checks a write of the pool that gives seats away.
//
// Who joins a connection takes no seat. When the connection's last session ended a moment ago, and the allocator had not seen that, the connection goes on by that login; that more are taken than there are can
// come of it only where seats were made fewer than were taken, and it is no seat given away. So it is with the seat of an account whose user was on it until a moment ago.
func (c *Checker) recorded(p *pool, was map[licensing.SeatType]int, fresh []licensing.GrantIntent, when time.Time) {
	seat := p.outgrown(was)
	if seat == "" {
		return
	}
	goOn := map[connection]bool{}
	for _, i := range fresh {
		if user := p.userOf(i.UID); i.Seat == seat && seat == licensing.SeatNamed {
			if at, yielded := p.yielded[user]; yielded && when.Sub(at) < c.opts.SeatBound {
				goOn[connection{user, seat}] = true
			}
			continue
		}
		if of := (connection{i.Connection, i.Seat}); i.Seat == seat && i.Connection != string(i.UID) {
			if at, lapsed := p.lapsed[of]; lapsed && when.Sub(at) < c.opts.SeatBound {
				goOn[of] = true
			}
		}
	}
	if p.taken(seat)-len(goOn) <= max(was[seat], p.seats(seat)) {
		return
	}
	objects := []string{p.name()}
	for _, i := range fresh {
		if i.Seat == seat {
			objects = append(objects, name(i.Kind, p.key.Namespace, i.Name))
		}
	}
	c.find(NeverOversold, objects, "the pool gives away seats that it does not have: %d %s seats are taken now, %d before, and its spec has %d", p.taken(seat), word(seat), was[seat], p.seats(seat))
}

// userOf is the user of an account or a session; empty: neither is known.
func (p *pool) userOf(uid types.UID) string {
	if a := p.accounts[uid]; a != nil {
		return p.user(a.Spec.UserName)
	}
	if s := p.sessions[uid]; s != nil {
		return p.user(s.Spec.UserName)
	}
	return ""
}

// granted checks a session that has become Active. The intent is that of before.
func (c *Checker) granted(p *pool, s *licensing.UserSession, was map[licensing.SeatType]int, by intent, intended bool) {
	if p.unsure && !intended {
		return // an intent of before the history may have been carried out
	}
	seat := p.outgrown(was)
	objects := []string{sessionName(s), p.name()}
	switch {
	case seat != "":
		c.find(NeverOversold, objects, "the session became Active with a %s seat that the pool does not have: %d are taken now, %d before, and its spec has %d",
			word(seat), p.taken(seat), was[seat], p.seats(seat))
	case !intended:
		c.find(NeverOversold, objects, "the session became Active though the pool had recorded no seat for it")
	case by.Seat != s.Status.Seat || by.Connection != s.Status.Connection:
		c.find(NeverOversold, objects, "the session became Active with another seat (%s, connection %q) than the pool had recorded for it (%s, connection %q)",
			s.Status.Seat, s.Status.Connection, by.Seat, by.Connection)
	}
}

// takeAccount takes in a change of an account.
func (c *Checker) takeAccount(a *licensing.LicenseAccount, deleted bool, when time.Time) {
	before := c.accounts[a.UID]
	if before != nil && before.ResourceVersion == a.ResourceVersion && !deleted {
		return
	}
	c.stamp(when, a.CreationTimestamp.Time)
	p := c.pool(a.Namespace, a.Spec.PoolRef.Name)
	was, user := p.tally(), p.user(a.Spec.UserName)
	allowed := p.allows(user)
	held := p.holders[user]
	takenOverBy := ""
	if before != nil {
		takenOverBy = before.Status.PoolUID
	}
	_, intended := p.intend(a.UID, takenOverBy)
	if deleted {
		delete(c.accounts, a.UID)
		delete(p.accounts, a.UID)
	} else {
		c.accounts[a.UID], p.accounts[a.UID] = a, a
	}
	p.count(a.UID)
	if held > 0 && p.holders[user] == 0 {
		p.yielded[user] = when
	}
	if !allowed && p.allows(user) {
		p.allowed[user] = later(c.clock, when)
	}
	if c.blind {
		return
	}
	newly := !deleted && facts.HoldsSeat(a) && (before == nil || !facts.HoldsSeat(before))
	if newly && (intended || !p.unsure) {
		objects := []string{name("LicenseAccount", a.Namespace, a.Name), p.name()}
		if seat := p.outgrown(was); seat != "" {
			c.find(NeverOversold, objects, "the account was given a named seat that the pool does not have: %d are taken now, %d before, and its spec has %d", p.taken(seat), was[seat], p.seats(seat))
		} else if !intended {
			c.find(NeverOversold, objects, "the account was given a named seat though the pool had recorded none for it")
		}
	}
	c.watchSeats(p, false, when)
}

func (p *pool) name() string { return name("LicensePool", p.key.Namespace, p.key.Name) }

func sessionName(s *licensing.UserSession) string { return name("UserSession", s.Namespace, s.Name) }

func name(kind, namespace, name string) string {
	return kind + " " + types.NamespacedName{Namespace: namespace, Name: name}.String()
}

func word(seat licensing.SeatType) string { return strings.ToLower(string(seat)) }
