// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// Invariant 5, as far as it shows while all goes on: a seat is not withheld from those who wait for longer than a bound, nor from newcomers who are denied for want of one; those who wait get
// theirs in the order of arrival; a pool's counts make sense at every write, and do not stay wrong. Settle has what can be said when all is quiet.
//
// That time passes is no proof that an allocator was there to use it: what counts is the time between its writes of the pool and its sessions, by one term, a few seconds at a time.

// meter measures for how long an allocator at work left something wrong.
type meter struct {
	what  string    // what is wrong; empty: nothing
	since time.Time // by when it had begun
	last  time.Time
	awake time.Duration
	told  bool
}

func (m *meter) reset() { *m = meter{} }

// look takes in whether something is wrong at a change, seen at that time; it says whether that has lasted for too long.
func (m *meter) look(what string, wrote bool, clock, when time.Time, bound time.Duration) bool {
	if what == "" || what != m.what {
		*m = meter{what: what, since: when, last: later(clock, when)}
		return false
	}
	if !wrote || !clock.After(m.last) {
		return false
	}
	m.awake += min(clock.Sub(m.last), awakeStep)
	m.last = clock
	if m.told || m.awake < bound {
		return false
	}
	m.told = true
	return true
}

// watchSeats looks at a pool after a change of it, of an account or of a session; wrote: by its allocator.
func (c *Checker) watchSeats(p *pool, wrote bool, when time.Time) {
	vacant := ""
	if p.hasFree() {
		vacant = "seats are free in term " + p.term()
	}
	p.vacant.look(vacant, wrote, c.clock, when, c.opts.SeatBound)
	what := ""
	if p.hasFree() {
		if first := c.firstWaiting(p, when, nil); first != nil {
			what = fmt.Sprintf("%s waits in term %s", sessionName(first), p.term())
		}
	}
	if p.free.look(what, wrote, c.clock, when, c.opts.SeatBound) {
		first := c.firstWaiting(p, when, nil)
		c.find(NoSeatIsLost, []string{p.name(), sessionName(first)}, "%d of %d concurrent seats are taken, and the session has waited for one since %s while its allocator was at work",
			p.taken(licensing.SeatConcurrent), p.seats(licensing.SeatConcurrent), clockTime(p.free.since))
	}
	wrong := p.miscount()
	if wrong != "" {
		wrong += " (term " + p.term() + ")"
	}
	if p.miscounted.look(wrong, wrote, c.clock, when, c.opts.SeatBound) {
		c.find(NoSeatIsLost, []string{p.name()}, "the pool has shown wrong counts since %s while its allocator was at work: %s", clockTime(p.miscounted.since), p.miscount())
	}
}

// hasFree says whether a concurrent seat is free.
func (p *pool) hasFree() bool {
	return p.taken(licensing.SeatConcurrent) < p.seats(licensing.SeatConcurrent)
}

// firstWaiting is the first in the queue of those whom nothing but a seat keeps from being granted; nil: there is none. It leaves out whoever there is any doubt about.
func (c *Checker) firstWaiting(p *pool, when time.Time, surely func(*licensing.UserSession) bool) *licensing.UserSession {
	var first *licensing.UserSession
	for uid := range p.pending {
		if s := p.sessions[uid]; c.waits(p, s, when) && (surely == nil || surely(s)) && (first == nil || arrival(s).Before(arrival(first))) {
			first = s
		}
	}
	return first
}

func (c *Checker) waits(p *pool, s *licensing.UserSession, when time.Time) bool {
	granted := meta.FindStatusCondition(s.Status.Conditions, licensing.ConditionGranted)
	return granted != nil && granted.Reason == licensing.ReasonWaiting && c.couldWait(p, s, when) &&
		s.Status.WaitUntilTime != nil && s.Status.WaitUntilTime.After(later(c.clock, when).Add(skew))
}

// couldWait says whether nothing but a seat can keep a session from being granted a concurrent one.
func (c *Checker) couldWait(p *pool, s *licensing.UserSession, when time.Time) bool {
	if _, claims := p.claims[s.UID]; claims || s.Spec.SystemLogin || asked(s) != "" || p.object == nil {
		return false
	}
	if p.object.Spec.Validity != nil && !p.rules.InForce(later(c.clock, when)) {
		return false
	}
	user := p.user(s.Spec.UserName)
	if p.rules.Lifetimes.MaxPerUser > 0 && len(p.users[user]) > 0 {
		return false
	}
	if at, lately := p.allowed[user]; lately && later(c.clock, when).Before(at.Add(c.opts.SeatBound)) {
		return false
	}
	return p.allows(user)
}

// allows says whether a user's accounts allow concurrent logins.
func (p *pool) allows(user string) bool {
	known := false
	for _, a := range p.accounts {
		if p.user(a.Spec.UserName) != user {
			continue
		}
		if known = true; a.Spec.Disabled || a.Spec.Type == licensing.AccountNamed {
			return false
		}
	}
	return known || p.rules.Enroll
}

func arrival(s *licensing.UserSession) seating.Arrival { return facts.Session(s).Arrival }

// inOrder checks that a write of the pool gives concurrent seats to those who came first. A login for which another of its user's sessions ended has that one's seat.
func (c *Checker) inOrder(p *pool, fresh []licensing.GrantIntent, when time.Time) {
	if len(fresh) == 0 {
		return
	}
	// Of several logins of a user, with a limit, each is decided on when the one before it is on: who passes over another may not have seen that one go.
	first := c.firstWaiting(p, when, func(s *licensing.UserSession) bool {
		at, lately := p.parted[p.user(s.Spec.UserName)]
		return p.rules.Lifetimes.MaxPerUser == 0 || !lately || when.Sub(at) >= c.opts.SeatBound
	})
	if first == nil {
		return
	}
	for _, i := range fresh {
		s := p.sessions[i.UID]
		if i.Seat != licensing.SeatConcurrent || s == nil || i.Connection != string(i.UID) || p.connections[connection{i.Connection, i.Seat}] != 1 {
			continue
		}
		at, displaced := p.displaced[p.user(s.Spec.UserName)]
		if displaced && !at.Before(s.CreationTimestamp.Time) {
			continue
		}
		if arrival(first).Before(arrival(s)) {
			c.find(NoSeatIsLost, []string{p.name(), sessionName(s), sessionName(first)}, "the pool gives %s a seat before %s, which came earlier and waits for one", s.Name, first.Name)
			return
		}
	}
}

// sound checks what a pool's status says for itself.
func (c *Checker) sound(p *pool) {
	status := &p.object.Status
	for _, m := range []struct {
		seat   licensing.SeatType
		counts *licensing.SeatCounts
	}{{licensing.SeatNamed, status.Named}, {licensing.SeatConcurrent, status.Concurrent}} {
		if m.counts == nil {
			continue
		}
		r := rowOf(m.counts)
		switch {
		case min(r.licensed, r.used, r.available, r.accounts, r.connected) < 0:
			c.find(NoSeatIsLost, []string{p.name()}, "the pool shows a negative count of %s seats: %s", word(m.seat), r)
		case r.available != max(0, r.licensed-r.used):
			c.find(NoSeatIsLost, []string{p.name()}, "the pool shows other %s seats available than licensed less used: %s", word(m.seat), r)
		case status.ObservedGeneration == p.object.Generation && r.licensed != p.seats(m.seat):
			c.find(NoSeatIsLost, []string{p.name()}, "the pool shows %d %s seats licensed, and its spec of that generation has %d", r.licensed, word(m.seat), p.seats(m.seat))
		}
	}
}

// row is a model's row of the A4 table.
type row struct{ licensed, used, available, accounts, connected int }

func rowOf(c *licensing.SeatCounts) row {
	n := func(v *int32) int {
		if v == nil {
			return 0
		}
		return int(*v)
	}
	return row{n(c.Licensed), n(c.Used), n(c.Available), n(c.Accounts), n(c.Connected)}
}

func (r row) String() string {
	return fmt.Sprintf("licensed %d, used %d, available %d, accounts %d, connected %d", r.licensed, r.used, r.available, r.accounts, r.connected)
}

// miscount says how a pool's counts of what is taken differ from what the records say; empty: they do not, or it has none yet.
func (p *pool) miscount() string {
	if p.object == nil {
		return ""
	}
	text := ""
	if c := p.object.Status.Named; c != nil {
		if r := rowOf(c); r.used != len(p.holders) || r.connected != p.live[licensing.SeatNamed] {
			text = fmt.Sprintf("named used %d and connected %d, while the records say %d and %d", r.used, r.connected, len(p.holders), p.live[licensing.SeatNamed])
		}
	}
	if c := p.object.Status.Concurrent; c != nil {
		if r := rowOf(c); r.used != p.live[licensing.SeatConcurrent] || r.connected != r.used {
			text += fmt.Sprintf(" concurrent used %d and connected %d, while the records say %d", r.used, r.connected, p.live[licensing.SeatConcurrent])
		}
	}
	return text
}

// deniedRightly checks, before it is taken in, that a session that was denied for want of a concurrent seat did not find one free for longer than the bound while its allocator was at work, with nobody before it.
func (c *Checker) deniedRightly(p *pool, s *licensing.UserSession) {
	granted := meta.FindStatusCondition(s.Status.Conditions, licensing.ConditionGranted)
	if granted == nil || (granted.Reason != licensing.ReasonSeatsExhausted && granted.Reason != licensing.ReasonWaitExpired) {
		return
	}
	if p.rules.Lifetimes.MaxPerUser > 0 && len(p.users[p.user(s.Spec.UserName)]) > 0 {
		return // another of its user's sessions was to end for it, and those who wait come first
	}
	// Intents of logins that were withdrawn leave seats free that nobody at work may have seen yet.
	if p.vacant.awake < c.opts.SeatBound || facts.Time(s.Status.TerminatedTime).Before(p.vacant.since.Add(c.opts.SeatBound)) {
		return
	}
	c.find(NoSeatIsLost, []string{sessionName(s), p.name()}, "the session was denied for want of a seat (%s), and %d of %d concurrent seats have been free since %s while its allocator was at work",
		granted.Reason, p.seats(licensing.SeatConcurrent)-p.taken(licensing.SeatConcurrent), p.seats(licensing.SeatConcurrent), clockTime(p.vacant.since))
}
