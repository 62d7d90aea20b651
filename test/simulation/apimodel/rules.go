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

// allows says whether the schema lets a change through: those of its rules that speak of what was before, and of what the states of a session want stated.
func (k *Kind) allows(before, after client.Object) error {
	why := ""
	switch o := after.(type) {
	case *licensing.LicensePool:
		if o.Spec.Named == nil && o.Spec.Concurrent == nil {
			why = "at least one of named and concurrent must be stated"
		}
	case *licensing.LicenseAccount:
		if was := before.(*licensing.LicenseAccount); was.Spec.PoolRef != o.Spec.PoolRef || was.Spec.UserName != o.Spec.UserName {
			why = "poolRef and userName may not change; make another account"
		}
	case *licensing.UserSession:
		why = changesFacts(before.(*licensing.UserSession), o)
		if why == "" {
			why = breaksState(&before.(*licensing.UserSession).Status, &o.Status)
		}
	}
	if why == "" {
		return nil
	}
	return apierrors.NewInvalid(k.groupKind, after.GetName(), field.ErrorList{field.Invalid(field.NewPath("spec"), nil, why)})
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

// breaksState says what is wrong with a change of a session's status.
func breaksState(was, is *licensing.UserSessionStatus) string {
	final := func(s licensing.SessionState) bool {
		return s == licensing.SessionDenied || s == licensing.SessionTerminated
	}
	switch {
	case is.State == licensing.SessionActive && (is.Seat == "" || is.LogonTime == nil):
		return "an Active session must state its seat and logonTime"
	case is.State == licensing.SessionActive && is.Seat != licensing.SeatUncounted && is.Connection == "":
		return "an Active session must state its connection, unless its seat is Uncounted"
	case final(is.State) && is.TerminatedTime == nil:
		return "a Denied or Terminated session must state its terminatedTime"
	case is.State == licensing.SessionTerminated && (is.TerminationAction == "" || is.TerminationAction == licensing.NotTerminated):
		return "a Terminated session must state a terminationAction other than NotTerminated"
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
