// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxDenials bounds the denials of a plan: who is to be granted a seat that comes free meanwhile must not wait for all of them to be written.
const maxDenials = 500

// Grant gives a session its seat.
type Grant struct {
	Session string
	Seat    Seat
	// Connection is the one that the session joins, or its own id: then it opens one. Empty for Uncounted.
	Connection string
	// Enroll: the user has no account yet and becomes one.
	Enroll bool
}

// Reason says why, in a word.
func (g Grant) Reason() Reason {
	switch g.Connection {
	case "":
		return SystemLogin
	case g.Session:
		return SeatGranted
	default:
		return SeatShared
	}
}

// Message says why, in a sentence.
func (g Grant) Message() string {
	switch g.Reason() {
	case SystemLogin:
		return "A system login takes no seat."
	case SeatShared:
		return "The session shares " + g.Seat.article() + " with the user's other sessions."
	default:
		return "The session has " + g.Seat.article() + "."
	}
}

// Denial refuses a session for good, or tells it to wait (reason Waiting) until a time.
type Denial struct {
	Session string
	Reason  Reason
	Message string
	Until   time.Time
}

// Plan is what is to be done now. Carried out in full it leaves nothing to decide until Next.
type Plan struct {
	// License lists accounts that are given a named seat. MoreToLicense: the next plan gives more of them one.
	License       []string
	MoreToLicense bool
	// Grants, Denials and Waits are in the order of arrival.
	Grants  []Grant
	Denials []Denial
	// Waits are the sessions that begin to wait; those that already do are left alone.
	Waits []Denial
	// Ends are the oldest sessions of users who may have no more, who end before the new ones are decided on, and those that need no seat any longer before they
	// got one.
	Ends []End
	// Next is when to look again though nothing changed; zero: never.
	Next time.Time

	table Table
}

// Empty says that nothing is to be granted, denied or told to wait.
func (p *Plan) Empty() bool {
	return len(p.License)+len(p.Grants)+len(p.Denials)+len(p.Waits)+len(p.Ends) == 0
}

// SpareWhileDue puts off the denials for want of a seat: sessions are due to end, and give seats back.
func (p *Plan) SpareWhileDue(now time.Time) {
	before := len(p.Denials)
	p.Denials = slices.DeleteFunc(p.Denials, func(d Denial) bool { return d.Reason == SeatsExhausted || d.Reason == WaitExpired })
	if len(p.Denials) < before {
		p.Next = now
	}
}

// Decide plans for all who wait, first come first served, and at most maxGrants seats. It changes nothing: the plan holds once its grants were
// recorded where other allocators see them, and the ledger learns it by Grant and PutAccount.
func (l *Ledger) Decide(now time.Time, maxGrants int) *Plan {
	d := newDeciding(l, now, maxGrants)
	d.licenseAccounts()
	queue := l.queue()
	d.reclaim(queue)
	for _, s := range queue {
		d.session(s)
	}
	d.plan.table = l.tableWith(d.newHolders, d.more)
	return d.plan
}

// queue is the pending sessions in the order of arrival.
func (l *Ledger) queue() []Session {
	queue := make([]Session, 0, len(l.pending))
	for id := range l.pending {
		queue = append(queue, l.sessions[id])
	}
	slices.SortFunc(queue, func(a, b Session) int { return compareArrivals(a.Arrival, b.Arrival) })
	return queue
}

// deciding is a plan in the making: the ledger, and what the plan has given away so far.
type deciding struct {
	*Ledger

	now        time.Time
	plan       *Plan
	budget     int
	licensed   map[string]bool   // accounts licensed by this plan
	newHolders int               // users who hold a named seat by this plan alone
	open       map[string]string // connections that this plan opens, or that reclaim found, by share key
	seated     map[string]int    // sessions seated by this plan, by user
	displaced  map[string]bool   // users of whom sessions end by this plan for a newer one
	queued     int               // sessions that wait for a concurrent seat
	kept       int               // free concurrent seats that are kept for logins for which others end
	more       map[Seat]int      // how many connections this plan opens, by seat type
}

func newDeciding(l *Ledger, now time.Time, maxGrants int) *deciding {
	return &deciding{Ledger: l, now: now, plan: &Plan{Next: l.rules.nextChange(now)}, budget: maxGrants,
		licensed: map[string]bool{}, open: map[string]string{}, more: map[Seat]int{}, seated: map[string]int{}, displaced: map[string]bool{}}
}

// licenseAccounts gives free named seats to named accounts without one, in the order of arrival. An account that has a seat keeps it
// whatever comes: later accounts only ever get what is free.
func (d *deciding) licenseAccounts() {
	if d.rules.Named == nil {
		return
	}
	waiting := make([]Account, 0, len(d.unlicensed))
	full := len(d.holders) >= *d.rules.Named
	for id := range d.unlicensed {
		if a := d.accounts[id]; !full || d.holders[d.rules.UserKey(a.User)] > 0 {
			waiting = append(waiting, a)
		}
	}
	slices.SortFunc(waiting, func(a, b Account) int { return compareArrivals(a.Arrival, b.Arrival) })
	for _, a := range waiting {
		// A user who holds a seat already, by a live session of an earlier account, needs no second one.
		holds := d.holders[d.rules.UserKey(a.User)] > 0
		if !holds && len(d.holders)+d.newHolders >= *d.rules.Named {
			continue
		}
		if d.budget == 0 {
			d.plan.MoreToLicense, d.plan.Next = true, d.now
			return
		}
		d.budget--
		if !holds {
			d.newHolders++
		}
		d.licensed[a.ID] = true
		d.plan.License = append(d.plan.License, a.ID)
	}
}

func (d *deciding) session(s Session) {
	if s.Life.Termination != nil {
		d.plan.Ends = append(d.plan.Ends, d.rules.end(s, asked))
		return
	}
	if s.System {
		d.grant(Grant{Session: s.ID, Seat: Uncounted})
		return
	}
	if !d.rules.InForce(d.now) {
		d.deny(s, PoolNotInForce, d.notInForce())
		return
	}
	account, known := d.account(d.rules.UserKey(s.User))
	switch {
	case !known && !d.rules.Enroll:
		d.deny(s, AccountRequired, "The user has no account in this pool; an administrator must create one.")
	case !known && d.rules.Concurrent == nil:
		d.deny(s, AccountRequired, "The user has no account in this pool, which has named seats only; an administrator must create one.")
	case known && account.Disabled:
		d.deny(s, AccountDisabled, "The user's account is disabled; an administrator must enable it.")
	case known && account.Type == Named:
		d.named(s, account)
	case d.rules.Concurrent == nil:
		d.deny(s, ModelNotLicensed, "The user's account is concurrent, and this pool has no concurrent seats.")
	default:
		d.concurrent(s, !known)
	}
}

func (d *deciding) notInForce() string {
	if d.rules.NotYetValid(d.now) {
		return fmt.Sprintf("The pool grants seats from %s on.", d.rules.NotBefore.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("The pool granted seats until %s.", d.rules.NotAfter.UTC().Format(time.RFC3339))
}

// limited says whether the session's user has as many sessions as one may have.
func (d *deciding) limited(s Session) bool {
	user, limit := d.rules.UserKey(s.User), d.rules.Lifetimes.MaxPerUser
	return limit > 0 && d.rules.Concurrent != nil && len(d.signedOn[user])+d.seated[user] >= limit
}

// displaceable lists the sessions of its user that would end for a login beyond the limit: the oldest; more than one where the limit was lowered. There are none, and the
// login is denied, where nobody is displaced; or it is decided on anew, once what this plan grants is written.
func (d *deciding) displaceable(s Session) []Session {
	user, limit := d.rules.UserKey(s.User), d.rules.Lifetimes.MaxPerUser
	if !d.rules.Lifetimes.DisplaceOldest {
		d.deny(s, UserLimitReached, fmt.Sprintf("The user has %d sessions, as many as one may have; one of them must end first.", limit))
		return nil
	}
	signedOn := d.oldest(user)
	stay := limit - 1 - (len(d.signedOn[user]) - len(signedOn)) // the grants of some are still to be written
	// Of several logins at once each is decided on when the one before it is on: what it finds to join, or to end, depends on that.
	if d.budget == 0 || stay < 0 || d.seated[user] > 0 || d.displaced[user] {
		d.lookAgain(d.now)
		return nil
	}
	return signedOn[:len(signedOn)-stay]
}

// oldest lists the user's sessions, the oldest first: by logon, then by arrival. Those whose grants are still to be written are left out.
func (d *deciding) oldest(user string) []Session {
	var signedOn []Session
	for id := range d.signedOn[user] {
		if s := d.sessions[id]; !s.Life.Logon.IsZero() {
			signedOn = append(signedOn, s)
		}
	}
	slices.SortFunc(signedOn, func(a, b Session) int {
		if order := a.Life.Logon.Compare(b.Life.Logon); order != 0 {
			return order
		}
		return compareArrivals(a.Arrival, b.Arrival)
	})
	return signedOn
}

// displace ends sessions for a login of their user, which is decided on once that is done.
func (d *deciding) displace(s Session, displaced []Session) {
	for _, old := range displaced {
		d.plan.Ends = append(d.plan.Ends, d.rules.displaced(old))
	}
	d.displaced[d.rules.UserKey(s.User)] = true
	d.lookAgain(d.now)
}

func (d *deciding) named(s Session, account Account) {
	switch {
	case d.rules.Named == nil:
		d.deny(s, ModelNotLicensed, "The user's account is named, and this pool has no named seats.")
	case !account.Licensed && !d.licensed[account.ID] && d.plan.MoreToLicense:
		// Its account may yet get a seat, by the next plan.
	case !account.Licensed && !d.licensed[account.ID]:
		d.deny(s, AccountNotLicensed, allTaken(*d.rules.Named, Named)+" An account that holds one must be deleted, or seats bought.")
	case !d.limited(s):
		d.seat(s, Named, false)
	default:
		if displaced := d.displaceable(s); len(displaced) > 0 {
			d.displace(s, displaced)
		}
	}
}

func (d *deciding) concurrent(s Session, enroll bool) {
	if d.limited(s) {
		displaced := d.displaceable(s)
		if len(displaced) == 0 {
			return
		}
		if d.keepsRoom(s, displaced) {
			d.displace(s, displaced)
			return
		}
	} else if _, lives := d.connection(d.rules.shareKey(&s, Concurrent)); lives || d.taken() < *d.rules.Concurrent {
		d.seat(s, Concurrent, enroll)
		return
	}
	full := allTaken(*d.rules.Concurrent, Concurrent)
	if s.MaxWait <= 0 {
		d.deny(s, SeatsExhausted, full)
		return
	}
	until := s.WaitUntil
	if until.IsZero() {
		until = wholeSecond(d.now.Add(s.MaxWait))
		d.plan.Waits = append(d.plan.Waits, Denial{Session: s.ID, Reason: Waiting, Until: until,
			Message: full + " The session waits its turn until " + until.UTC().Format(time.RFC3339) + "."})
	}
	if !d.now.Before(until) {
		d.deny(s, WaitExpired, full+" None came free while the session waited.")
		return
	}
	d.queued++
	d.lookAgain(until)
}

// allTaken says that no seat of a model is left.
func allTaken(seats int, model Seat) string {
	name := strings.ToLower(string(model))
	if seats == 1 {
		return "The only " + name + " seat is taken."
	}
	return fmt.Sprintf("All %d %s seats are taken.", seats, name)
}

// taken counts the concurrent seats that are left to nobody else.
func (d *deciding) taken() int { return d.live[Concurrent] + d.more[Concurrent] + d.kept }

// keepsRoom says whether a login has a seat once others of its user's sessions have ended for it, and keeps it for the login: nobody is displaced for a login that is then
// denied. It joins a connection that lives on without them, or there is a seat for it after those who wait.
func (d *deciding) keepsRoom(s Session, without []Session) bool {
	key := d.rules.shareKey(&s, Concurrent)
	freed, left, said := 0, map[connection]int{}, map[string]int{}
	for _, old := range without {
		c := connection{id: old.Connection, seat: old.Seat}
		if left[c]++; old.Seat != Concurrent {
			continue
		}
		if d.connections[c] == left[c] {
			freed++
		}
		if d.rules.shareKey(&old, Concurrent) == key {
			said[c.id]++
		}
	}
	// What it joins is what the others of its key are in; after a change of the sharing rules not all who share a seat are.
	reclaimed := connection{id: d.open[key], seat: Concurrent}
	lives := d.connections[reclaimed] > left[reclaimed]
	for id, members := range d.shares[key] {
		lives = lives || members > said[id]
	}
	if lives {
		return true
	}
	if d.taken()+d.queued-freed >= *d.rules.Concurrent {
		return false
	}
	d.kept += max(0, 1-freed)
	return true
}

// seat lets a session join its connection, or opens one.
func (d *deciding) seat(s Session, seat Seat, enroll bool) {
	key := d.rules.shareKey(&s, seat)
	id, lives := d.connection(key)
	if !lives {
		id = s.ID
	}
	if d.grant(Grant{Session: s.ID, Seat: seat, Connection: id, Enroll: enroll}) && !lives {
		d.open[key] = s.ID
		d.more[seat]++
	}
	d.seated[d.rules.UserKey(s.User)]++
}

// connection is the one that a session of this key joins, if there is one by now.
func (d *deciding) connection(key string) (string, bool) {
	if id, ok := d.joins(key); ok {
		return id, true
	}
	id, ok := d.open[key]
	return id, ok
}

// reclaim finds the sessions whose own connection lives already: others joined it, and only their records were written. It is still theirs, and
// takes no second seat, though the sharing rules may have changed meanwhile.
func (d *deciding) reclaim(queue []Session) {
	for _, s := range queue {
		for _, seat := range []Seat{Named, Concurrent} {
			if d.connections[connection{id: s.ID, seat: seat}] == 0 {
				continue
			}
			if key := d.rules.shareKey(&s, seat); d.open[key] == "" {
				d.open[key] = s.ID
			}
		}
	}
}

func (d *deciding) grant(g Grant) bool {
	if d.budget == 0 {
		d.plan.Next = d.now
		return false
	}
	d.budget--
	d.plan.Grants = append(d.plan.Grants, g)
	return true
}

func (d *deciding) deny(s Session, reason Reason, message string) {
	if len(d.plan.Denials) == maxDenials {
		d.lookAgain(d.now)
		return
	}
	d.plan.Denials = append(d.plan.Denials, Denial{Session: s.ID, Reason: reason, Message: message})
}

// wholeSecond rounds up to a second, which is what records keep: nobody's wait is cut short.
func wholeSecond(t time.Time) time.Time {
	return t.Add(time.Second - time.Nanosecond).Truncate(time.Second)
}

func (d *deciding) lookAgain(at time.Time) {
	if d.plan.Next.IsZero() || at.Before(d.plan.Next) {
		d.plan.Next = at
	}
}
