// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package demand says what is on record of the demand for a pool's seats, and what follows from it: the same to all who show it.
package demand

import (
	"errors"
	"fmt"
	"time"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/usage"
)

// skew is how far the operator's clock may be ahead of the viewer's without a word.
const skew = 2 * time.Minute

// History is what a record tells. One without a history, or that was never written, gives one that knows nothing. An error tells the viewer to upgrade: that a record can be deleted is the operator's to
// say, which cannot go on with it.
func History(record *licensing.LicenseUsage) (*usage.History, error) {
	if record.Status.History == "" {
		return usage.NewHistory(), nil
	}
	history, err := usage.Decode(record.Status.History)
	switch {
	case errors.Is(err, usage.ErrLater):
		return nil, fmt.Errorf("the usage on record must be of a version that this kubectl-seats knows; a newer operator wrote it: upgrade kubectl-seats to the operator's version (%w)", err)
	case err != nil:
		return nil, fmt.Errorf("the usage on record must be whole, and of a version that this kubectl-seats knows: upgrade kubectl-seats to the operator's version; "+
			"where it is that, the operator cannot read the record either, and its log says what to do (%w)", err)
	}
	return history, nil
}

// Advise says how many seats of a model would have been enough in the period that ends now, if this share of the demand may be turned away (0 to 1; concurrent seats alone). Of a pool that is
// gone, which is nil, nobody knows how many seats are held. A record that runs ahead of the clock gives no advice, and the reasoning says why; it says so as well while a part was told by another clock.
func Advise(pool *licensing.LicensePool, record *licensing.LicenseUsage, history *usage.History, model usage.Model, period usage.Period, share float64, now time.Time) *usage.Advice {
	if ahead := Ahead(history, now); ahead != "" {
		return &usage.Advice{Model: model, Period: period, Share: share, Licensed: usage.NotLicensed, Enough: usage.Unknown, Comfortable: usage.Unknown,
			Held: usage.Unknown, Dormant: usage.Unknown, Reasoning: ahead}
	}
	q := usage.Question{Model: model, Period: period, Now: now, Share: share, Held: usage.Unknown, Dormant: usage.Unknown}
	if pool != nil && pool.Status.Named != nil && pool.Status.Named.Used != nil {
		q.Held = int(*pool.Status.Named.Used)
	}
	if n := record.Status.Named; n != nil && n.DormantAccounts != nil {
		q.Dormant = int(*n.DormantAccounts)
	}
	advice := history.Advise(q)
	if until := history.Disputed(); !until.IsZero() {
		advice.Reasoning += " The operator's clock was set back: what it had told before of the time up to " + until.UTC().Format(time.RFC3339) + " may be wrong."
	}
	return advice
}

// Ahead says in a sentence that a record tells of a time that is still to come, so that what it tells of the last time may be wrong as well; empty: it does not.
func Ahead(history *usage.History, now time.Time) string {
	through := history.Through()
	if !through.After(now.Add(skew)) {
		return ""
	}
	return "The record runs to " + through.UTC().Format(time.RFC3339) + ", which is still to come: the operator's clock was ahead, or yours is behind. " +
		"What is shown up to now may be wrong as well, and there is no advice meanwhile."
}
