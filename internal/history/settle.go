// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
)

// Settle checks what must hold when all is quiet: the caller says that an allocator was at work, and that nobody has written a pool, an account or a session for some seconds. Counts equal what
// the records say, no seat is given and not written, nobody waits for a seat that is free, and what was asked to end has ended. It may be called again later.
func (c *Checker) Settle() {
	c.see()
	var keys []types.NamespacedName
	for key := range c.pools {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b types.NamespacedName) int {
		if a.String() < b.String() {
			return -1
		}
		return 1
	})
	for _, key := range keys {
		if p := c.pools[key]; p.object != nil {
			c.settlePool(p)
		}
	}
	if !c.opts.Events {
		return
	}
	var untold []Finding
	for _, f := range c.untold {
		untold = append(untold, f)
	}
	slices.SortFunc(untold, func(a, b Finding) int { return int(a.Revision) - int(b.Revision) }) //nolint:gosec // revisions are far below 2^63
	c.findings = append(c.findings, untold...)
	clear(c.untold)
}

func (c *Checker) settlePool(p *pool) {
	if wrong := p.miscountAll(); wrong != "" {
		c.find(NoSeatIsLost, []string{p.name()}, "all is quiet, and the pool's counts are wrong: %s", wrong)
	}
	for _, uid := range sorted(p.sessions) {
		s := p.sessions[uid]
		switch {
		case s.Status.State == licensing.SessionActive && asked(s) != "":
			c.find(NoSeatIsLost, []string{sessionName(s)}, "all is quiet, and the session is Active though its end was asked for")
		case s.Status.State == licensing.SessionActive:
		case p.intents[uid].UID == uid && p.intents[uid].Kind != "":
			c.find(NoSeatIsLost, []string{p.name(), sessionName(s)}, "all is quiet, and the seat that the pool records for the session was never written to it")
		case p.hasFree() && c.couldWait(p, s, time.Time{}):
			c.find(NoSeatIsLost, []string{p.name(), sessionName(s)}, "all is quiet, %d of %d concurrent seats are taken, and the session waits for one",
				p.taken(licensing.SeatConcurrent), p.seats(licensing.SeatConcurrent))
		case meta.FindStatusCondition(s.Status.Conditions, licensing.ConditionGranted) == nil:
			c.find(NoSeatIsLost, []string{p.name(), sessionName(s)}, "all is quiet, and nobody has decided on the session")
		}
	}
	if len(p.holders) >= p.seats(licensing.SeatNamed) {
		return
	}
	for _, a := range p.firstAccounts() {
		if a.Spec.Type == licensing.AccountNamed && !facts.HoldsSeat(a) {
			c.find(NoSeatIsLost, []string{p.name(), name("LicenseAccount", a.Namespace, a.Name)}, "all is quiet, %d of %d named seats are taken, and the account has none",
				len(p.holders), p.seats(licensing.SeatNamed))
		}
	}
}

// firstAccounts are those that count: the first of each user.
func (p *pool) firstAccounts() map[string]*licensing.LicenseAccount {
	first := map[string]*licensing.LicenseAccount{}
	for _, a := range p.accounts {
		user := p.user(a.Spec.UserName)
		if other := first[user]; other == nil || facts.Account(a).Arrival.Before(facts.Account(other).Arrival) {
			first[user] = a
		}
	}
	return first
}

// miscountAll is miscount with the accounts, which take longer to count.
func (p *pool) miscountAll() string {
	var wrong strings.Builder
	wrong.WriteString(p.miscount())
	existing := map[licensing.AccountType]int{}
	for _, a := range p.firstAccounts() {
		existing[a.Spec.Type]++
	}
	for _, m := range []struct {
		of     licensing.AccountType
		seats  *licensing.Seats
		counts *licensing.SeatCounts
	}{{licensing.AccountNamed, p.object.Spec.Named, p.object.Status.Named}, {licensing.AccountConcurrent, p.object.Spec.Concurrent, p.object.Status.Concurrent}} {
		switch {
		case (m.seats == nil) != (m.counts == nil):
			fmt.Fprintf(&wrong, " the %s model is in the spec or in the status alone", m.of)
		case m.counts != nil && rowOf(m.counts).accounts != existing[m.of]:
			fmt.Fprintf(&wrong, " %d %s accounts exist, and the status says: %s", existing[m.of], m.of, rowOf(m.counts))
		}
	}
	return wrong.String()
}

func sorted[T any](objects map[types.UID]T) []types.UID {
	var uids []types.UID
	for uid := range objects {
		uids = append(uids, uid)
	}
	slices.Sort(uids)
	return uids
}
