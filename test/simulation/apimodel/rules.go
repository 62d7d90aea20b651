// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package apimodel

import (
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// allows says whether the schema lets a change through, or, where nothing was before, a new object: those of its rules that runs of the simulation can come upon.
func (k *Kind) allows(before, after client.Object) error {
	why := unsound(after)
	if before != nil && why == "" {
		why = breaks(before, after)
	}
	if why == "" {
		return nil
	}
	return apierrors.NewInvalid(k.groupKind, after.GetName(), field.ErrorList{field.Invalid(field.NewPath("spec"), nil, why)})
}

// unsound says what is wrong with an object, whatever it was before.
func unsound(obj client.Object) string {
	switch o := obj.(type) {
	case *licensing.LicensePool:
		rules := o.Spec.Sessions
		switch {
		case o.Spec.Named == nil && o.Spec.Concurrent == nil:
			return "at least one of named and concurrent must be stated"
		case *rules.LostAfterSeconds < 2**rules.HeartbeatIntervalSeconds:
			return "lostAfterSeconds must be at least twice heartbeatIntervalSeconds"
		case rules.IdleTimeoutSeconds != nil && rules.Prompt != nil && *rules.Prompt.LeadSeconds >= *rules.IdleTimeoutSeconds:
			return "prompt.leadSeconds must be shorter than idleTimeoutSeconds"
		case o.Status.Grants != nil && o.Status.Grants.Term == "":
			return "grants must state their term"
		}
	case *licensing.LicenseAccount:
		if o.Spec.UserName == "" {
			return "userName must be stated"
		}
	case *licensing.UserSession:
		if o.Spec.UserName == "" {
			return "userName must be stated"
		}
		return lacks(&o.Status)
	}
	return ""
}

// breaks says what is wrong with a change.
func breaks(before, after client.Object) string {
	switch o := after.(type) {
	case *licensing.LicenseAccount:
		if was := before.(*licensing.LicenseAccount); was.Spec.PoolRef != o.Spec.PoolRef || was.Spec.UserName != o.Spec.UserName {
			return "poolRef and userName may not change; make another account"
		}
	case *licensing.UserSession:
		was := before.(*licensing.UserSession)
		if why := changesFacts(was, o); why != "" {
			return why
		}
		return breaksState(&was.Status, &o.Status)
	}
	return ""
}

// changesFacts says what is wrong with a change of a session's facts: none may, and its termination may be asked for once.
func changesFacts(before, after *licensing.UserSession) string {
	was, is := before.Spec, after.Spec
	if was.Termination != nil && !equality.Semantic.DeepEqual(was.Termination, is.Termination) {
		return "termination may not be changed once it was requested"
	}
	was.Termination, is.Termination = nil, nil
	if !equality.Semantic.DeepEqual(was, is) {
		return "the facts of a session may not change after its creation: only termination may be set"
	}
	return ""
}

func final(s licensing.SessionState) bool {
	return s == licensing.SessionDenied || s == licensing.SessionTerminated
}

// lacks says what a session's status does not state though its state wants it.
func lacks(is *licensing.UserSessionStatus) string {
	switch {
	case is.State == licensing.SessionActive && (is.Seat == "" || is.LogonTime == nil):
		return "an Active session must state its seat and logonTime"
	case is.State == licensing.SessionActive && is.Seat != licensing.SeatUncounted && is.Connection == "":
		return "an Active session must state its connection, unless its seat is Uncounted"
	case final(is.State) && is.TerminatedTime == nil:
		return "a Denied or Terminated session must state its terminatedTime"
	case is.State == licensing.SessionTerminated && (is.TerminationAction == "" || is.TerminationAction == licensing.NotTerminated):
		return "a Terminated session must state a terminationAction other than NotTerminated"
	}
	return ""
}

// breaksState says what is wrong with a change of a session's status.
func breaksState(was, is *licensing.UserSessionStatus) string {
	switch {
	case final(was.State) && is.State != was.State:
		return "state may not change once it is Denied or Terminated; the user must sign in anew"
	case was.State == licensing.SessionActive && is.State != licensing.SessionActive && is.State != licensing.SessionTerminated:
		return "state of an Active session may only become Terminated"
	case (was.State == licensing.SessionActive || was.State == licensing.SessionTerminated) && (is.Seat != was.Seat || is.Connection != was.Connection || !sameTime(is.LogonTime, was.LogonTime)):
		return "seat, connection and logonTime may not change once the session is Active"
	case final(was.State) && !sameTime(is.TerminatedTime, was.TerminatedTime):
		return "terminatedTime of a Denied or Terminated session may not change"
	case was.State == licensing.SessionTerminated && is.TerminationAction != was.TerminationAction:
		return "terminationAction of a Terminated session may not change"
	}
	return ""
}

func sameTime(a, b *metav1.Time) bool { return a.Equal(b) }
