// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// book is what this manager knows of one pool. Without a term it is the watch's view, good for seeing that there is work to do; with one it is
// the truth of who has a seat, since no other manager can have given one away since the term was taken (docs/design.md, the fenced grant).
// Only the pool's own reconcile touches it, and the work queue never runs two of those at once.
type book struct {
	key types.NamespacedName
	// pool is the newest seen, read or written; nil: none exists.
	pool *licensing.LicensePool
	// term is the fencing token this manager wrote to the pool; empty: it may not grant.
	term string

	ledger   *seating.Ledger
	sessions map[types.UID]*licensing.UserSession
	accounts map[types.UID]*licensing.LicenseAccount
	// sessionsListed and accountsListed are the revisions at which live lists told all there was: older news of unknown objects is of
	// objects since deleted.
	sessionsListed, accountsListed string

	// todo are the intents recorded on the pool and not yet known to be carried out. Each counts as a seat taken.
	todo map[types.UID]licensing.GrantIntent
	// recorded are the intents of this term's last write of the pool.
	recorded map[types.UID]struct{}
	// due are the accounts whose condition may differ from how they stand.
	due map[types.UID]struct{}

	// firstSeen is when each undecided session was first seen here.
	firstSeen map[types.UID]time.Time
	rivalry   rivalry
	// drawn are the terms that this manager drew last, whether or not it came to hold them: the watch may show one when the next is drawn already.
	drawn []string
	// delivered is when what the watches saw was last taken in.
	delivered time.Time
	// rulesRevision is the pool's revision when this manager first saw the rules in force.
	rulesRevision uint64
	// rules are those of the pool, the last known if it is gone; nil: it was never seen. patient is until when nobody is taken for lost by them.
	rules   *seating.Rules
	patient time.Time
	// adopted is when this manager took over the sessions that were there; found are those.
	adopted time.Time
	found   map[types.UID]struct{}
	// nearer are the revisions of the records that brought a session's deadline nearer: those who hear clients must have seen them before it ends.
	nearer map[types.UID]uint64
	// brake is what holds the end of missing clients' sessions.
	brake seating.Brake
	// departed are ends that this manager did not write, or cannot say whether it did, and that are not told of yet.
	departed []departure
	// unsure are the ends, of each session by its uid, whose write failed without saying whether it was applied; a conflict does not say it either, since a request may arrive twice.
	unsure sync.Map
	// awaitedSince is since when sessions that are due wait for a replica to be heard, or when that was last logged.
	awaitedSince time.Time
	// unseen are sessions that a write found gone before any watch had shown whether they had been granted.
	unseen map[types.UID]struct{}
	// retryAt is when to look again after a write that somebody else's overtook; zero: there was none.
	retryAt time.Time
	// refused: the API server refused a write, which is tried again after a while.
	refused bool
	// refusals are the sessions and accounts of which the API server refused the last write: they come after all others, and may never end.
	refusals map[types.UID]struct{}
	// moreDue: a sweep left sessions that are due for the next, so that seats are about to come free.
	moreDue bool
	// sweepFull: it left them because they were more than one sweep may end.
	sweepFull bool
	// goneSince is when the pool was first seen missing, goneSeen when it last was.
	goneSince, goneSeen time.Time
	// tidyAt is when carried-out intents are cleared off the pool, should nothing else write it before.
	tidyAt time.Time
}

func newBook(key types.NamespacedName) *book {
	b := &book{key: key, nearer: map[types.UID]uint64{}, unseen: map[types.UID]struct{}{}, refusals: map[types.UID]struct{}{}}
	b.clear()
	return b
}

// clear forgets sessions and accounts.
func (b *book) clear() {
	b.ledger = seating.NewLedger(facts.Rules(b.pool))
	b.sessions = map[types.UID]*licensing.UserSession{}
	b.accounts = map[types.UID]*licensing.LicenseAccount{}
	b.todo = map[types.UID]licensing.GrantIntent{}
	b.recorded = map[types.UID]struct{}{}
	b.due = map[types.UID]struct{}{}
	b.firstSeen = map[types.UID]time.Time{}
	b.tidyAt = time.Time{}
}

// loseTerm goes back to the watch's view: what this manager intended is no longer its to carry out.
func (b *book) loseTerm(now time.Time) {
	b.term = ""
	b.recount(now)
}

// recount makes the ledger anew from the objects.
func (b *book) recount(now time.Time) {
	sessions, accounts := b.sessions, b.accounts
	b.clear()
	for _, s := range inOrder(sessions) {
		b.takeSession(s, now)
	}
	for _, a := range accounts {
		b.takeAccount(a)
	}
}

// putPool takes in a newer pool.
func (b *book) putPool(pool *licensing.LicensePool, now time.Time) {
	changed := b.meetRules(pool, now)
	b.pool = pool
	if changed {
		b.ledger.SetRules(*b.rules)
	}
}

// meetRules takes in the rules of a pool that is to be the book's, and says whether they changed. While the pool was gone clients were told to beat as a pool's defaults say.
func (b *book) meetRules(pool *licensing.LicensePool, now time.Time) (changed bool) {
	another := b.pool == nil || b.pool.UID != pool.UID
	if !another && b.pool.Generation == pool.Generation {
		return false
	}
	rules, between := facts.Rules(pool), time.Duration(0)
	if another {
		between = facts.DefaultHeartbeat
	}
	if b.rules != nil {
		if until := now.Add(rules.Patience(*b.rules, between)); until.After(b.patient) { // an earlier change may have left clients that beat more slowly still
			b.patient = until
		}
	}
	b.rules, b.rulesRevision = &rules, facts.Revision(pool.ResourceVersion)
	return true
}

// putSession takes in a session unless what is known of it is newer.
func (b *book) putSession(s *licensing.UserSession, now time.Time) {
	if known, ok := b.sessions[s.UID]; ok {
		if known.ResourceVersion == s.ResourceVersion {
			b.sessions[s.UID] = s // the same, but the cache's copy: ours can go
		}
		if notNewer(s, known.ResourceVersion) {
			return
		}
	} else if b.sessionsListed != "" && notNewer(s, b.sessionsListed) {
		return
	}
	b.takeSession(s, now)
}

// takeSession takes in a session that is known to be the newest.
func (b *book) takeSession(s *licensing.UserSession, now time.Time) {
	known := facts.Session(s)
	if tries, ok := b.unsure.Load(s.UID); ok && known.State == seating.Ended {
		b.unsure.Delete(s.UID)
		for _, e := range tries.([]unsureEnd) {
			if e.wrote(s) {
				b.departed = append(b.departed, departure{session: s, end: e.End, own: true})
				break
			}
		}
	}
	if known.State != seating.Pending || takenOver(s, b.pool) {
		delete(b.todo, s.UID)
	}
	if intent, ok := b.todo[s.UID]; ok {
		known.State, known.Seat, known.Connection = seating.Held, seating.Seat(intent.Seat), intent.Connection
	}
	_, known.Life.Found = b.found[s.UID]
	if before, ok := b.ledger.Session(string(s.UID)); ok && before.State == seating.Held && b.ledger.Rules().ComesNearer(before, known) {
		b.nearer[s.UID] = facts.Revision(s.ResourceVersion)
	}
	if known.State == seating.Ended {
		delete(b.nearer, s.UID)
	}
	known.Life.Nearer = b.nearer[s.UID]
	b.sessions[s.UID] = s
	b.ledger.PutSession(known)
	if known.State != seating.Pending {
		delete(b.firstSeen, s.UID)
	} else if _, ok := b.firstSeen[s.UID]; !ok {
		b.firstSeen[s.UID] = now
	}
}

// dropSession forgets a session that no longer existed at a revision; empty: none is known.
func (b *book) dropSession(uid types.UID, revision string) {
	// A live session that is deleted is ended by who deletes it (C8); unless this manager may have ended it before, which then nobody else can tell of.
	if s, ok := b.sessions[uid]; ok && s.Status.State == licensing.SessionActive {
		_, own := b.unsure.Load(uid)
		b.departed = append(b.departed, deleted(s, revision, own))
	} else if ok && facts.Session(s).State == seating.Pending {
		b.unseen[uid] = struct{}{} // a grant of it may have been written whose answer was lost
	}
	b.unsure.Delete(uid)
	delete(b.sessions, uid)
	delete(b.todo, uid)
	delete(b.firstSeen, uid)
	delete(b.found, uid)
	delete(b.nearer, uid)
	delete(b.refusals, uid)
	b.ledger.RemoveSession(string(uid))
}

// putAccount takes in an account unless what is known of it is newer; it says whether it did.
func (b *book) putAccount(a *licensing.LicenseAccount) bool {
	if known, ok := b.accounts[a.UID]; ok {
		if known.ResourceVersion == a.ResourceVersion {
			b.accounts[a.UID] = a
		}
		if notNewer(a, known.ResourceVersion) {
			return false
		}
	} else if b.accountsListed != "" && notNewer(a, b.accountsListed) {
		return false
	}
	b.takeAccount(a)
	return true
}

// takeAccount takes in an account that is known to be the newest.
func (b *book) takeAccount(a *licensing.LicenseAccount) {
	facts := facts.Account(a)
	if facts.Licensed {
		delete(b.todo, a.UID)
	}
	if _, ok := b.todo[a.UID]; ok {
		facts.Licensed = true
	}
	b.accounts[a.UID] = a
	b.ledger.PutAccount(facts)
}

// dropAccount forgets an account that no longer exists.
func (b *book) dropAccount(uid types.UID) {
	delete(b.accounts, uid)
	delete(b.todo, uid)
	delete(b.due, uid)
	delete(b.refusals, uid)
	b.ledger.RemoveAccount(string(uid))
}

// takenOver says whether another pool of the same name has taken over the session: an intent of this one is void then. Of an account that does not show: one that had a seat, or wanted none, when this
// pool was fenced still bears an earlier one's uid. Its intents are confirmed instead.
func takenOver(s *licensing.UserSession, pool *licensing.LicensePool) bool {
	by := s.Status.PoolUID
	return by != "" && pool != nil && by != string(pool.UID)
}

// take takes in an object that was just written or read.
func (b *book) take(obj client.Object, now time.Time) {
	switch o := obj.(type) {
	case *licensing.UserSession:
		b.takeSession(o, now)
	case *licensing.LicenseAccount:
		b.takeAccount(o)
	}
}

// drop forgets an object that no longer exists.
func (b *book) drop(obj client.Object) {
	switch obj.(type) {
	case *licensing.UserSession:
		b.dropSession(obj.GetUID(), "") // the revision is one at which it was there
	case *licensing.LicenseAccount:
		b.dropAccount(obj.GetUID())
	}
}

// noteDue finds the accounts whose condition differs from how they stand.
func (b *book) noteDue() {
	for _, id := range b.ledger.TakeTouched() {
		b.due[types.UID(id)] = struct{}{}
	}
	for uid := range b.due {
		if a, ok := b.accounts[uid]; !ok || showsStanding(a, b.ledger.Standing(string(uid))) {
			delete(b.due, uid)
		}
	}
}

// deliver takes in what the watches saw.
func (b *book) deliver(letters map[types.UID]letter, now time.Time) {
	b.delivered = now
	for _, l := range inOrder(letters) {
		if l.gone {
			last, ok := l.object.(*licensing.UserSession)
			if ok && b.sessions[last.UID] != nil {
				b.putSession(last, now) // it may have ended otherwise before it was deleted
			} else if _, unseen := b.unseen[l.object.GetUID()]; unseen && last.Status.State == licensing.SessionActive {
				b.departed = append(b.departed, deleted(last, l.at, false))
			}
			if ok {
				b.dropSession(last.UID, l.at)
			} else {
				b.drop(l.object)
			}
			delete(b.unseen, l.object.GetUID())
			continue
		}
		switch o := l.object.(type) {
		case *licensing.UserSession:
			b.putSession(o, now)
		case *licensing.LicenseAccount:
			b.putAccount(o)
		}
	}
}

// notNewer says whether the object is no newer than a revision. Revisions of one store are numbers that only grow.
func notNewer(obj client.Object, revision string) bool {
	order, err := resourceversion.CompareResourceVersion(obj.GetResourceVersion(), revision)
	return err == nil && order <= 0
}
