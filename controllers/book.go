// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
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
	// fenced: the sessions and accounts that an earlier pool of this name may have intended to grant were written anew.
	fenced bool

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
	// tidyAt is when carried-out intents are cleared off the pool, should nothing else write it before.
	tidyAt time.Time
}

func newBook(key types.NamespacedName) *book {
	b := &book{key: key}
	b.clear()
	return b
}

// clear forgets sessions and accounts.
func (b *book) clear() {
	b.ledger = seating.NewLedger(rulesOf(b.pool))
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
	b.term, b.fenced = "", false
	b.recount(now)
}

// recount makes the ledger anew from the objects.
func (b *book) recount(now time.Time) {
	sessions, accounts := b.sessions, b.accounts
	b.clear()
	for _, s := range sessions {
		b.putSession(s, now)
	}
	for _, a := range accounts {
		b.putAccount(a)
	}
}

// putPool takes in a newer pool.
func (b *book) putPool(pool *licensing.LicensePool) {
	changed := b.pool == nil || b.pool.UID != pool.UID || b.pool.Generation != pool.Generation
	b.pool = pool
	if changed {
		b.ledger.SetRules(rulesOf(pool))
	}
}

// putSession takes in a session unless what is known of it is newer.
func (b *book) putSession(s *licensing.UserSession, now time.Time) {
	if known, ok := b.sessions[s.UID]; ok {
		if older(s, known.ResourceVersion) {
			return
		}
	} else if b.sessionsListed != "" && older(s, b.sessionsListed) {
		return
	}
	b.takeSession(s, now)
}

// takeSession takes in a session that is known to be the newest.
func (b *book) takeSession(s *licensing.UserSession, now time.Time) {
	facts := sessionFacts(s)
	if facts.State != seating.Pending || takenOver(s, b.pool) {
		delete(b.todo, s.UID)
	}
	if intent, ok := b.todo[s.UID]; ok {
		facts.State, facts.Seat, facts.Connection = seating.Held, seating.Seat(intent.Seat), intent.Connection
	}
	b.sessions[s.UID] = s
	b.ledger.PutSession(facts)
	if facts.State != seating.Pending {
		delete(b.firstSeen, s.UID)
	} else if _, ok := b.firstSeen[s.UID]; !ok {
		b.firstSeen[s.UID] = now
	}
}

// dropSession forgets a session that no longer exists.
func (b *book) dropSession(uid types.UID) {
	delete(b.sessions, uid)
	delete(b.todo, uid)
	delete(b.firstSeen, uid)
	b.ledger.RemoveSession(string(uid))
}

// putAccount takes in an account unless what is known of it is newer; it says whether it did.
func (b *book) putAccount(a *licensing.LicenseAccount) bool {
	if known, ok := b.accounts[a.UID]; ok {
		if older(a, known.ResourceVersion) {
			return false
		}
	} else if b.accountsListed != "" && older(a, b.accountsListed) {
		return false
	}
	b.takeAccount(a)
	return true
}

// takeAccount takes in an account that is known to be the newest.
func (b *book) takeAccount(a *licensing.LicenseAccount) {
	facts := accountFacts(a)
	if facts.Licensed || takenOver(a, b.pool) {
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
	b.ledger.RemoveAccount(string(uid))
}

// takenOver says whether another pool of the same name has taken over the object: an intent of this one is void then.
func takenOver(obj client.Object, pool *licensing.LicensePool) bool {
	var by string
	switch o := obj.(type) {
	case *licensing.UserSession:
		by = o.Status.PoolUID
	case *licensing.LicenseAccount:
		by = o.Status.PoolUID
	}
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
		b.dropSession(obj.GetUID())
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
	for _, l := range letters {
		if l.gone {
			b.drop(l.object)
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

// older says whether the object is no newer than a revision. Revisions of one store are numbers that only grow.
func older(obj client.Object, revision string) bool {
	order, err := resourceversion.CompareResourceVersion(obj.GetResourceVersion(), revision)
	return err == nil && order <= 0
}

// rulesOf are a pool's rules as the seating package takes them.
func rulesOf(pool *licensing.LicensePool) seating.Rules {
	if pool == nil {
		return seating.Rules{}
	}
	spec := &pool.Spec
	rules := seating.Rules{
		Named:      seatsOf(spec.Named),
		Concurrent: seatsOf(spec.Concurrent),
		Enroll:     spec.Enrollment != licensing.EnrollmentAccountsOnly,
		FoldCase:   spec.UserNameCase != licensing.UserNameCaseSensitive,
	}
	if v := spec.Validity; v != nil {
		if v.NotBefore != nil {
			rules.NotBefore = v.NotBefore.Time
		}
		if v.NotAfter != nil {
			rules.NotAfter = v.NotAfter.Time
		}
	}
	if spec.Sharing == nil {
		return rules
	}
	for _, dimension := range spec.Sharing.SeatPer {
		switch dimension {
		case licensing.SeatPerClientHost:
			rules.Sharing.ClientHost = true
		case licensing.SeatPerClientIP:
			rules.Sharing.ClientIP = true
		case licensing.SeatPerModule:
			rules.Sharing.Module = true
		case licensing.SeatPerUser:
		}
	}
	for _, group := range spec.Sharing.ModuleGroups {
		var modules []string
		for _, module := range group {
			modules = append(modules, string(module))
		}
		rules.Sharing.Groups = append(rules.Sharing.Groups, modules)
	}
	return rules
}

func seatsOf(s *licensing.Seats) *int {
	if s == nil || s.Seats == nil {
		return nil
	}
	return new(int(*s.Seats))
}

// sessionFacts is a session as the seating package takes it. One that is being deleted before it was granted has no use for a seat.
func sessionFacts(s *licensing.UserSession) seating.Session {
	facts := seating.Session{
		ID:         string(s.UID),
		User:       s.Spec.UserName,
		Module:     string(s.Spec.Module),
		System:     s.Spec.SystemLogin,
		Arrival:    arrivalOf(s, s.Status.ArrivalRevision),
		MaxWait:    time.Duration(s.Spec.MaxWaitSeconds) * time.Second,
		Seat:       seating.Seat(s.Status.Seat),
		Connection: s.Status.Connection,
	}
	if c := s.Spec.Client; c != nil {
		facts.ClientHost, facts.ClientIP = c.HostName, c.IP
	}
	if t := s.Status.WaitUntilTime; t != nil {
		facts.WaitUntil = t.Time
	}
	switch s.Status.State {
	case licensing.SessionActive:
		facts.State = seating.Held
	case licensing.SessionDenied, licensing.SessionTerminated:
		facts.State = seating.Ended
	case licensing.SessionPending, "":
		if !s.DeletionTimestamp.IsZero() {
			facts.State = seating.Ended
		}
	}
	return facts
}

// accountFacts is an account as the seating package takes it.
func accountFacts(a *licensing.LicenseAccount) seating.Account {
	return seating.Account{
		ID:       string(a.UID),
		User:     a.Spec.UserName,
		Type:     seating.Seat(a.Spec.Type),
		Disabled: a.Spec.Disabled,
		Arrival:  arrivalOf(a, a.Status.ArrivalRevision),
		Licensed: holdsSeat(a),
	}
}

// arrivalOf is an object's place in the queue. The revision of one that was not written since its creation is that of its creation.
func arrivalOf(obj client.Object, recorded string) seating.Arrival {
	if recorded == "" {
		recorded = obj.GetResourceVersion()
	}
	revision, _ := strconv.ParseUint(recorded, 10, 64)
	return seating.Arrival{Time: obj.GetCreationTimestamp().Time, Revision: revision, ID: string(obj.GetUID())}
}
