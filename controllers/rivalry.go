// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"io"
	"time"

	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// Another manager that grants from the same pool is met when one restarts beside a leader that was thought dead, or when leader election is off.
// Both stay safe by the term; so that they also get on, the one that lost its term leaves the pool to the other, and takes it back
// only when work has lain undone for longer than its patience.
const (
	firstPatience = time.Second
	mostPatience  = 16 * time.Second
	// peace is how long after the last lost term a rival is forgotten.
	peace = time.Minute
)

type rivalry struct {
	losses   int
	lastLoss time.Time
	patience time.Duration
	// wrote is the pool's revision when its status was last seen to be written by a rival.
	wrote uint64
	// lostAt is the pool's revision at which this manager was last seen to have lost its term: of what was before, the rival did not know that this one would not tell.
	lostAt uint64
	// idleSince is since when there is work other than undecided sessions (which know how old they are); zero: there is none.
	idleSince time.Time
}

// lost notes that a term was lost, and draws a patience: twice as long at each loss, with jitter, so that two managers do not move in step.
func (r *rivalry) lost(now time.Time, chance io.Reader) {
	if now.Sub(r.lastLoss) > peace {
		r.losses = 0
	}
	r.losses++
	r.lastLoss = now
	longest := min(mostPatience, firstPatience<<min(r.losses, 8))
	r.patience = longest/2 + jitter(chance, longest/2)
}

// met notes that a rival has taken the pool, be it from another: it is to be given time with it.
func (r *rivalry) met(now time.Time, chance io.Reader) {
	if !r.near(now) {
		r.losses = 0
		r.lost(now, chance)
	}
	r.lastLoss = now
}

// near says whether there is a rival, as far as is known.
func (r *rivalry) near(now time.Time) bool { return r.losses > 0 && now.Sub(r.lastLoss) <= peace }

// wait is how long to leave the pool to the rival, given since when the oldest work lies undone, and for how long a manager that has just begun leaves such work alone: were the
// pool taken from it before that is over, nothing would be won.
func (r *rivalry) wait(now, undoneSince time.Time, spared time.Duration) time.Duration {
	if !r.near(now) {
		return 0
	}
	if undoneSince.IsZero() {
		if r.idleSince.IsZero() {
			r.idleSince = now
		}
		undoneSince = r.idleSince
	}
	// A work item older than the loss has had no time to be seen by the winner: patience runs from the loss at the earliest.
	if undoneSince.Before(r.lastLoss) {
		undoneSince = r.lastLoss
	}
	return max(0, undoneSince.Add(spared+r.patience).Sub(now))
}

// onlySpares says whether a sweep would do nothing but end sessions for idleness or silence, or hold their end, which a manager that has just begun does not do yet.
func onlySpares(sweep *seating.Sweep) bool {
	for _, e := range sweep.Ends {
		if e.Action != seating.ExpiredSessionTerminated {
			return false
		}
	}
	return len(sweep.Shows)+len(sweep.Clear) == 0
}

// chance is what terms and jitter are drawn from.
func (r *LicensePoolReconciler) chance() io.Reader {
	if r.Chance != nil {
		return r.Chance
	}
	return rand.Reader
}

// jitter draws a duration below a bound.
func jitter(chance io.Reader, below time.Duration) time.Duration {
	var drawn [8]byte
	_, _ = io.ReadFull(chance, drawn[:])                                       // a source that has run dry gives no jitter
	return time.Duration(binary.LittleEndian.Uint64(drawn[:]) % uint64(below)) //nolint:gosec // both are far below 2^63
}

// newTerm draws a term: 128 bits as text.
func newTerm(chance io.Reader) (string, error) {
	var drawn [16]byte
	if _, err := io.ReadFull(chance, drawn[:]); err != nil {
		return "", err
	}
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(drawn[:]), nil
}
