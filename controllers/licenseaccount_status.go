// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// showsStanding says whether an account's condition says how it stands.
func showsStanding(a *licensing.LicenseAccount, st seating.Standing) bool {
	c := meta.FindStatusCondition(a.Status.Conditions, licensing.ConditionLicensed)
	return c != nil && c.Status == conditionStatus(st.Licensed) && c.Reason == string(st.Reason) && c.Message == st.Message &&
		c.ObservedGeneration == a.Generation && a.Status.ObservedGeneration == a.Generation
}

// licenseAccount writes to an account that it holds a named seat, of the pool with that uid.
func (r *LicensePoolReconciler) licenseAccount(ctx context.Context, a *licensing.LicenseAccount, by types.UID, now time.Time) (client.Object, error) {
	written, err := r.patchAccount(ctx, a, func(a *licensing.LicenseAccount) {
		setLicensed(a, seating.HoldsSeat(), now)
		if a.Status.PoolUID != "" {
			a.Status.PoolUID = string(by)
		}
	})
	if err != nil {
		return nil, err
	}
	r.announceAccount(a, seating.HoldsSeat())
	return written, nil
}

// judgeAccount writes how an account stands.
func (r *LicensePoolReconciler) judgeAccount(ctx context.Context, a *licensing.LicenseAccount, st seating.Standing, now time.Time) (client.Object, error) {
	return r.patchAccount(ctx, a, func(a *licensing.LicenseAccount) { setLicensed(a, st, now) })
}

func setLicensed(a *licensing.LicenseAccount, st seating.Standing, now time.Time) {
	meta.SetStatusCondition(&a.Status.Conditions, metav1.Condition{
		Type: licensing.ConditionLicensed, Status: conditionStatus(st.Licensed), Reason: string(st.Reason), Message: st.Message,
		ObservedGeneration: a.Generation, LastTransitionTime: metav1.NewTime(now),
	})
	a.Status.ObservedGeneration = a.Generation
	rememberArrival(a, &a.Status.ArrivalRevision)
}

func conditionStatus(b bool) metav1.ConditionStatus {
	if b {
		return metav1.ConditionTrue
	}
	return metav1.ConditionFalse
}
