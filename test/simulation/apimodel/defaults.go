// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package apimodel

import (
	"cmp"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// fillIn fills in what the schemas do where nothing is stated.
func (k *Kind) fillIn(obj client.Object) {
	switch o := obj.(type) {
	case *licensing.LicensePool:
		fillInPool(&o.Spec)
	case *licensing.LicenseAccount:
		state(&o.Spec.Type, licensing.AccountConcurrent)
	case *licensing.UserSession:
		spec := &o.Spec
		state(&spec.Module, "Web")
		state(&spec.Type, licensing.SessionTypeNotApplicable)
		if spec.Client != nil {
			state(&spec.Client.Mode, licensing.ClientModeNotApplicable)
		}
		if spec.Termination != nil {
			state(&spec.Termination.RequestedBy, licensing.RequesterAdministrator)
		}
		if equality.Semantic.DeepEqual(o.Status, licensing.UserSessionStatus{}) {
			o.Status.State = licensing.SessionPending
		}
	}
}

func fillInPool(spec *licensing.LicensePoolSpec) {
	state(&spec.Enrollment, licensing.EnrollmentOpen)
	state(&spec.UserNameCase, licensing.UserNameCaseInsensitive)
	if spec.Sharing == nil {
		spec.Sharing = &licensing.Sharing{}
	}
	if len(spec.Sharing.SeatPer) == 0 {
		spec.Sharing.SeatPer = []licensing.SeatDimension{licensing.SeatPerUser}
	}
	if spec.Sessions == nil {
		spec.Sessions = &licensing.SessionRules{}
	}
	rules := spec.Sessions
	state(&rules.ClientIPCheck, licensing.ClientIPCheckIgnored)
	state(&rules.OnClientExit, licensing.ExitKeepSession)
	stateNumber(&rules.HeartbeatIntervalSeconds, 30)
	stateNumber(&rules.LostAfterSeconds, 600)
	stateNumber(&rules.RetentionSeconds, 3600)
	if p := rules.Prompt; p != nil {
		stateNumber(&p.LeadSeconds, 60)
		if len(p.Modules) == 0 {
			p.Modules = []licensing.ModuleName{"Web"}
		}
	}
	if m := rules.MaxPerUser; m != nil {
		state(&m.WhenExceeded, licensing.LimitDeny)
	}
}

func state[T ~string](field *T, value T) { *field = cmp.Or(*field, value) }

func stateNumber(field **int32, value int32) {
	if *field == nil {
		*field = &value
	}
}
