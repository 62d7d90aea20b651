// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// A login is refused on sight exactly if it would be denied, were it to queue; and looking changes nothing.
func TestARefusalIsWhatDecideWouldAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := aPool().concurrent(rapid.IntRange(0, 3).Draw(t, "seats"))
		if rapid.Bool().Draw(t, "accounts only") {
			p = p.accountsOnly()
		}
		if limit := rapid.IntRange(0, 2).Draw(t, "limit"); limit > 0 {
			p.Lifetimes.MaxPerUser, p.Lifetimes.DisplaceOldest = limit, rapid.Bool().Draw(t, "displace")
		}
		l := seating.NewLedger(p.Rules)
		users := rapid.SampledFrom([]string{"ann", "bob", "cy", "dee"})
		for i := range rapid.IntRange(0, 3).Draw(t, "accounts") {
			l.PutAccount(seating.Account{ID: fmt.Sprint("a", i), User: users.Draw(t, "account"), Type: seating.Concurrent, Disabled: rapid.Bool().Draw(t, "disabled")})
		}
		for i := range rapid.IntRange(0, 4).Draw(t, "on") {
			id := fmt.Sprint("on", i)
			l.PutSession(seating.Session{ID: id, User: users.Draw(t, "user"), Module: "Web", State: seating.Held, Seat: seating.Concurrent, Connection: id,
				Life: seating.Life{Logon: nine, Shown: seating.Outlook{KeepAlive: true}}})
		}
		for i := range rapid.IntRange(0, 2).Draw(t, "waiting") {
			l.PutSession(seating.Session{ID: fmt.Sprint("w", i), User: users.Draw(t, "user"), Module: "Web", MaxWait: time.Hour,
				Arrival: seating.Arrival{Time: nine, Revision: uint64(i), ID: fmt.Sprint("w", i)}})
		}
		s := seating.Session{ID: "new", User: users.Draw(t, "user"), Module: "Web", System: rapid.Bool().Draw(t, "system"),
			MaxWait: time.Duration(rapid.IntRange(0, 1).Draw(t, "wait")) * time.Minute, Arrival: seating.Arrival{Time: nine.Add(time.Second), ID: "new"}}
		before := l.Table()
		denial, refused := l.Refusal(s, nine.Add(time.Second), false)
		if !reflect.DeepEqual(l.Table(), before) {
			t.Fatal("looking changed the ledger")
		}
		l.PutSession(s)
		denied := false
		for _, d := range l.Decide(nine.Add(time.Second), unlimited).Denials {
			if d.Session == "new" {
				denied = true
				if refused && d != denial {
					t.Fatalf("refused with %+v, would be denied with %+v", denial, d)
				}
			}
		}
		if denied != refused {
			t.Fatalf("refused: %v, denied: %v", refused, denied)
		}
	})
}

// While a seat is about to come free nobody is refused for want of one; but an overdue session that the brake holds keeps its seat.
func TestNobodyIsRefusedWhileASeatComesFree(t *testing.T) {
	rules := aPool().concurrent(1).Rules
	rules.Lifetimes = seating.Lifetimes{Idle: time.Minute}
	l := seating.NewLedger(rules)
	l.PutSession(seating.Session{ID: "on", User: "ann", State: seating.Held, Seat: seating.Concurrent, Connection: "on",
		Life: seating.Life{Logon: nine, LastActivity: nine, Shown: seating.Outlook{KeepAlive: true, Timeout: nine.Add(time.Minute)}}})
	bob := seating.Session{ID: "new", User: "bob"}
	for _, c := range []struct {
		at            time.Duration
		held, refused bool
	}{{time.Minute - 1, false, true}, {time.Minute, false, false}, {time.Minute, true, true}} {
		if _, refused := l.Refusal(bob, nine.Add(c.at), c.held); refused != c.refused {
			t.Errorf("at %s, held %v: refused %v", c.at, c.held, refused)
		}
	}
}
