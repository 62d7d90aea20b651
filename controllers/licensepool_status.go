// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// notApplicable is shown in place of the counts of a model that the pool lacks (A4).
const notApplicable = "N/A"

// poolStatus is what the pool should show, the grant log aside.
func (r *LicensePoolReconciler) poolStatus(b *book, table seating.Table, now time.Time) *licensing.LicensePoolStatus {
	pool := b.pool
	status := pool.Status.DeepCopy()
	status.ObservedGeneration = pool.Generation
	status.Model = modelOf(table)
	status.Named, status.Concurrent = seatCounts(table.Named), seatCounts(table.Concurrent)
	status.Table = &licensing.SeatTable{Named: seatCells(table.Named), Concurrent: seatCells(table.Concurrent)}
	status.ExpiryHold = expiryHold(b.brake)
	for _, c := range []metav1.Condition{readyCondition(), seatsAvailableCondition(table), inForceCondition(b.ledger.Rules(), now), expiryHeldCondition(b.brake, r.LongestHold)} {
		c.ObservedGeneration = pool.Generation
		c.LastTransitionTime = metav1.NewTime(now)
		meta.SetStatusCondition(&status.Conditions, c)
	}
	return status
}

// shows says whether the pool already shows this.
func shows(pool *licensing.LicensePool, status *licensing.LicensePoolStatus) bool {
	current := pool.Status
	current.Grants = status.Grants
	return equality.Semantic.DeepEqual(&current, status)
}

func modelOf(t seating.Table) licensing.LicensingModel {
	switch {
	case t.Named != nil && t.Concurrent != nil:
		return licensing.ModelCombined
	case t.Named != nil:
		return licensing.ModelNamed
	default:
		return licensing.ModelConcurrent
	}
}

func seatCounts(r *seating.Row) *licensing.SeatCounts {
	if r == nil {
		return nil
	}
	count := func(n int) *int32 { return new(int32(n)) } //nolint:gosec // counts of objects and seats stay far below 2^31
	return &licensing.SeatCounts{Licensed: count(r.Licensed), Used: count(r.Used), Available: count(r.Available),
		Accounts: count(r.Accounts), Connected: count(r.Connected)}
}

func seatCells(r *seating.Row) licensing.SeatCells {
	if r == nil {
		return licensing.SeatCells{Licensed: notApplicable, Used: notApplicable, Available: notApplicable, Accounts: notApplicable, Connected: notApplicable}
	}
	return licensing.SeatCells{Licensed: strconv.Itoa(r.Licensed), Used: strconv.Itoa(r.Used), Available: strconv.Itoa(r.Available),
		Accounts: strconv.Itoa(r.Accounts), Connected: strconv.Itoa(r.Connected)}
}

func readyCondition() metav1.Condition {
	return metav1.Condition{Type: licensing.ConditionReady, Status: metav1.ConditionTrue, Reason: licensing.ReasonReconciled,
		Message: "The counts are those of this generation."}
}

func seatsAvailableCondition(t seating.Table) metav1.Condition {
	availability := t.Availability()
	var sentences []string
	if t.Named != nil {
		sentences = append(sentences, fmt.Sprintf("Named: %d of %d seats are taken.", t.Named.Used, t.Named.Licensed))
	}
	if t.Concurrent != nil {
		sentences = append(sentences, fmt.Sprintf("Concurrent: %d of %d seats are taken.", t.Concurrent.Used, t.Concurrent.Licensed))
	}
	if availability == seating.Overcommitted {
		sentences = append(sentences, "Nobody loses a seat; newcomers are denied until enough are given back.")
	}
	return metav1.Condition{Type: licensing.ConditionSeatsAvailable,
		Status: conditionStatus(availability == seating.Available || availability == seating.NearlyExhausted),
		Reason: string(availability), Message: strings.Join(sentences, " ")}
}

func inForceCondition(rules seating.Rules, now time.Time) metav1.Condition {
	c := metav1.Condition{Type: licensing.ConditionInForce, Status: metav1.ConditionTrue, Reason: licensing.ReasonInForce, Message: "Seats are granted."}
	switch {
	case rules.NotYetValid(now):
		c.Status, c.Reason = metav1.ConditionFalse, licensing.ReasonNotYetValid
		c.Message = "Seats are granted from " + rules.NotBefore.UTC().Format(time.RFC3339) + " on."
	case rules.Expired(now):
		c.Status, c.Reason = metav1.ConditionFalse, licensing.ReasonExpired
		c.Message = "Seats were granted until " + rules.NotAfter.UTC().Format(time.RFC3339) + "; sessions that hold one keep it."
	}
	return c
}

// announcePool emits an Event for each condition whose reason has changed.
func (r *LicensePoolReconciler) announcePool(before, after *licensing.LicensePool) {
	for _, c := range after.Status.Conditions {
		was := meta.FindStatusCondition(before.Status.Conditions, c.Type)
		good := metav1.ConditionTrue
		if c.Type == licensing.ConditionExpiryHeld {
			good = metav1.ConditionFalse
		}
		if c.Type == licensing.ConditionReady || (was == nil && c.Status == good) || (was != nil && was.Reason == c.Reason) {
			continue
		}
		kind := corev1.EventTypeNormal
		if c.Status != good {
			kind = corev1.EventTypeWarning
		}
		r.Recorder.Eventf(after, nil, kind, c.Reason, "CountSeats", "%s", c.Message)
	}
}

// announceAccount emits an Event when an account comes to stand otherwise than before.
func (r *LicensePoolReconciler) announceAccount(before *licensing.LicenseAccount, st seating.Standing) {
	was := meta.FindStatusCondition(before.Status.Conditions, licensing.ConditionLicensed)
	if st.Reason == seating.SharesSeats || (was != nil && was.Reason == string(st.Reason)) {
		return
	}
	kind := corev1.EventTypeNormal
	if !st.Licensed {
		kind = corev1.EventTypeWarning
	}
	r.Recorder.Eventf(before, nil, kind, string(st.Reason), "LicenseAccount", "%s", st.Message)
}
