// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package seating decides who gets a seat. It is pure: plain values and a now go in, decisions come out. It knows no
// Kubernetes, reads no clock and does no I/O, so that the operator, simulations and what-if tools run the same rules.
package seating

import (
	"strings"
	"time"
)

// Seat is what a session is counted against.
type Seat string

const (
	// Named is the seat that a named account holds while it exists.
	Named Seat = "Named"
	// Concurrent is a seat shared by whoever comes first.
	Concurrent Seat = "Concurrent"
	// Uncounted is no seat: system logins are never counted (C4).
	Uncounted Seat = "Uncounted"
)

// Reason is why something was decided; the same word stands in conditions, Events, metrics and HTTP answers.
type Reason string

// Why a session was granted.
const (
	SeatGranted Reason = "SeatGranted"
	SeatShared  Reason = "SeatShared"
	SystemLogin Reason = "SystemLogin"
)

// Why a session waits or was denied.
const (
	Waiting            Reason = "Waiting"
	SeatsExhausted     Reason = "SeatsExhausted"
	WaitExpired        Reason = "WaitExpired"
	AccountRequired    Reason = "AccountRequired"
	AccountDisabled    Reason = "AccountDisabled"
	AccountNotLicensed Reason = "AccountNotLicensed"
	ModelNotLicensed   Reason = "ModelNotLicensed"
	PoolNotInForce     Reason = "PoolNotInForce"
	UserLimitReached   Reason = "UserLimitReached"
)

// OfAccount says whether a denial is for want of an account that lets its user in, rather than for want of a seat.
func (r Reason) OfAccount() bool {
	return r == AccountRequired || r == AccountDisabled || r == AccountNotLicensed || r == ModelNotLicensed
}

// Why an account may take a seat, or may not; beside SeatsExhausted and ModelNotLicensed.
const (
	SeatHeld         Reason = "SeatHeld"
	SharesSeats      Reason = "SharesSeats"
	DuplicateAccount Reason = "DuplicateAccount"
)

// Rules are a pool's: what was bought and who may have it.
type Rules struct {
	// Named and Concurrent are the seats bought; nil: the pool lacks the model (A3).
	Named, Concurrent *int
	// Enroll makes an unknown user a concurrent account at the first login that gets a seat.
	Enroll bool
	// FoldCase compares user names without regard to case.
	FoldCase bool
	// NotBefore and NotAfter bound the time in which seats are granted; zero: no bound.
	NotBefore, NotAfter time.Time
	// Sharing says which sessions of a user share a seat.
	Sharing Sharing
	// Lifetimes says how long sessions live.
	Lifetimes Lifetimes
}

// InForce says whether seats are granted at this time: from NotBefore on, until just before NotAfter.
func (r Rules) InForce(now time.Time) bool {
	return !r.NotYetValid(now) && !r.Expired(now)
}

// NotYetValid says whether the validity has not begun.
func (r Rules) NotYetValid(now time.Time) bool {
	return !r.NotBefore.IsZero() && now.Before(r.NotBefore)
}

// Expired says whether the validity has ended.
func (r Rules) Expired(now time.Time) bool { return !r.NotAfter.IsZero() && !now.Before(r.NotAfter) }

// nextChange is the first time after now at which the validity begins or ends; zero: never.
func (r Rules) nextChange(now time.Time) time.Time {
	switch {
	case r.NotYetValid(now):
		return r.NotBefore
	case !r.NotAfter.IsZero() && now.Before(r.NotAfter):
		return r.NotAfter
	default:
		return time.Time{}
	}
}

// Arrival orders those who come: by time, then by the revision of the store at which they were first seen, then by id.
type Arrival struct {
	Time     time.Time
	Revision uint64
	ID       string
}

// Before says whether a came before b.
func (a Arrival) Before(b Arrival) bool {
	if !a.Time.Equal(b.Time) {
		return a.Time.Before(b.Time)
	}
	if a.Revision != b.Revision {
		return a.Revision < b.Revision
	}
	return a.ID < b.ID
}

func compareArrivals(a, b Arrival) int {
	switch {
	case a.Before(b):
		return -1
	case b.Before(a):
		return 1
	default:
		return 0
	}
}

// State is where a session stands.
type State int

const (
	// Pending sessions have no decision yet, or wait.
	Pending State = iota
	// Held sessions have their seat, or were given it by an intent.
	Held
	// Ended sessions were denied, or gave their seat back; final.
	Ended
)

// Session is one login, as far as seats are concerned.
type Session struct {
	// ID is the session's uid.
	ID string
	// The facts that sharing goes by.
	User, Module, ClientHost, ClientIP string
	// System logins take no seat.
	System bool
	// Arrival is its place in the queue.
	Arrival Arrival
	// MaxWait is how long it waits for a seat; 0: denied at once.
	MaxWait time.Duration
	// WaitUntil is when its wait ends, once it waits.
	WaitUntil time.Time
	// State, Seat and Connection are what was decided; the latter two are empty while Pending.
	State      State
	Seat       Seat
	Connection string
	// Life is what is recorded of its life.
	Life Life
}

// Account is a user known to the pool.
type Account struct {
	// ID is the account's uid.
	ID   string
	User string
	// Named or Concurrent.
	Type     Seat
	Disabled bool
	// Arrival says which of two accounts came first.
	Arrival Arrival
	// Licensed is true while the account holds a named seat, as its record or an intent says.
	Licensed bool
}

func (s Seat) article() string { return "a " + strings.ToLower(string(s)) + " seat" }
