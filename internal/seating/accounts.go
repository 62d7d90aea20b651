// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Standing says whether an account may take a seat, and why.
type Standing struct {
	Licensed bool
	Reason   Reason
	Message  string
}

// TakeTouched returns the accounts whose standing may have changed since the last call.
func (l *Ledger) TakeTouched() []string {
	ids := make([]string, 0, len(l.touched))
	for id := range l.touched {
		ids = append(ids, id)
	}
	clear(l.touched)
	return ids
}

// Account returns what is known of an account.
func (l *Ledger) Account(id string) (Account, bool) {
	a, ok := l.accounts[id]
	return a, ok
}

// KnowsUser says whether the user has an account.
func (l *Ledger) KnowsUser(name string) bool {
	_, ok := l.account(l.rules.UserKey(name))
	return ok
}

// Standing says how the account stands; the zero value for an unknown one.
func (l *Ledger) Standing(id string) Standing {
	a, ok := l.accounts[id]
	if !ok {
		return Standing{}
	}
	first, _ := l.account(l.rules.UserKey(a.User))
	switch {
	case first.ID != a.ID:
		return Standing{Reason: DuplicateAccount, Message: "An earlier account of the same user in this pool counts; this one does not."}
	case a.Type == Concurrent && l.rules.Concurrent == nil:
		return Standing{Reason: ModelNotLicensed, Message: "The account is concurrent, and the pool has no concurrent seats."}
	case a.Type == Concurrent:
		return Standing{Licensed: true, Reason: SharesSeats, Message: "The account takes a concurrent seat while it is signed on."}
	case l.rules.Named == nil:
		return Standing{Reason: ModelNotLicensed, Message: "The account is named, and the pool has no named seats."}
	case !a.Licensed:
		return Standing{Reason: SeatsExhausted, Message: allTaken(*l.rules.Named, Named)}
	default:
		return HoldsSeat()
	}
}

// HoldsSeat is how an account stands that holds a named seat.
func HoldsSeat() Standing {
	return Standing{Licensed: true, Reason: SeatHeld, Message: "The account holds a named seat."}
}

// EnrolledName is the object name of the account that a user is enrolled under: the same for every spelling of the user's name that the rules
// take for one, so that two enrollments at once make one account, and a valid object name whatever characters the user's has.
func (r Rules) EnrolledName(pool, user string) string {
	key := r.UserKey(user)
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %t %q", pool, r.FoldCase, key))
	return label(pool, 120) + "-" + label(key, 60) + "-" + hex.EncodeToString(sum[:8])
}

// label makes the readable part of a name: lower-case letters, digits and dashes, beginning and ending with neither dot nor dash.
func label(text string, most int) string {
	text = strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			return c
		case c >= 'A' && c <= 'Z':
			return c - 'A' + 'a'
		default:
			return '-'
		}
	}, text)
	text = strings.Trim(text[:min(most, len(text))], "-")
	if text == "" {
		return "user"
	}
	return text
}
