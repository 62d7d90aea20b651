// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package facts turns the kinds into the plain values that package seating decides on.
package facts

import (
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// DeletedMessage is why a session ended that was deleted while it was on; one that somebody's finalizer keeps is ended all the same.
const DeletedMessage = "An administrator deleted it."

// DefaultRetention is how long records stay whose pool is gone; the same as a pool's default.
const DefaultRetention = time.Hour

// DefaultHeartbeat is how often clients are to be heard whose pool is gone; the same as a pool's default.
const DefaultHeartbeat = 30 * time.Second

// Rules are a pool's rules as the seating package takes them.
func Rules(pool *licensing.LicensePool) seating.Rules {
	if pool == nil {
		return seating.Rules{Lifetimes: seating.Lifetimes{Retention: DefaultRetention}}
	}
	spec := &pool.Spec
	rules := seating.Rules{
		Named:      seats(spec.Named),
		Concurrent: seats(spec.Concurrent),
		Enroll:     spec.Enrollment != licensing.EnrollmentAccountsOnly,
		FoldCase:   spec.UserNameCase != licensing.UserNameCaseSensitive,
		Lifetimes:  lifetimes(spec.Sessions),
	}
	if v := spec.Validity; v != nil {
		if v.NotBefore != nil {
			rules.NotBefore = v.NotBefore.Time
		}
		if v.NotAfter != nil {
			rules.NotAfter = v.NotAfter.Time
		}
	}
	if spec.Sharing == nil {
		return rules
	}
	for _, dimension := range spec.Sharing.SeatPer {
		switch dimension {
		case licensing.SeatPerClientHost:
			rules.Sharing.ClientHost = true
		case licensing.SeatPerClientIP:
			rules.Sharing.ClientIP = true
		case licensing.SeatPerModule:
			rules.Sharing.Module = true
		case licensing.SeatPerUser:
		}
	}
	for _, group := range spec.Sharing.ModuleGroups {
		var modules []string
		for _, module := range group {
			modules = append(modules, string(module))
		}
		rules.Sharing.Groups = append(rules.Sharing.Groups, modules)
	}
	return rules
}

// lifetimes are the rules of how long a pool's sessions live.
func lifetimes(rules *licensing.SessionRules) seating.Lifetimes {
	if rules == nil {
		return seating.Lifetimes{Retention: DefaultRetention}
	}
	l := seating.Lifetimes{
		Idle:        seconds(rules.IdleTimeoutSeconds),
		UnsavedWork: seconds(rules.UnsavedWorkTimeoutSeconds),
		Heartbeat:   seconds(rules.HeartbeatIntervalSeconds),
		LostAfter:   seconds(rules.LostAfterSeconds),
		MaxLifetime: seconds(rules.MaxLifetimeSeconds),
		Retention:   seconds(rules.RetentionSeconds),
	}
	if p := rules.Prompt; p != nil {
		l.PromptLead = seconds(p.LeadSeconds)
		for _, module := range p.Modules {
			l.PromptModules = append(l.PromptModules, string(module))
		}
	}
	if m := rules.MaxPerUser; m != nil {
		l.MaxPerUser, l.DisplaceOldest = int(m.Sessions), m.WhenExceeded == licensing.LimitTerminateOldest
	}
	return l
}

// seconds is a duration that a spec states in seconds; absent: 0, off.
func seconds(seconds *int32) time.Duration {
	if seconds == nil {
		return 0
	}
	return time.Duration(*seconds) * time.Second
}

func seats(s *licensing.Seats) *int {
	if s == nil || s.Seats == nil {
		return nil
	}
	return new(int(*s.Seats))
}

// Session is a session as the seating package takes it. One that is being deleted before it was granted has no use for a seat.
func Session(s *licensing.UserSession) seating.Session {
	facts := seating.Session{
		ID:         string(s.UID),
		User:       s.Spec.UserName,
		Module:     string(s.Spec.Module),
		System:     s.Spec.SystemLogin,
		Arrival:    arrival(s, s.Status.ArrivalRevision),
		MaxWait:    time.Duration(s.Spec.MaxWaitSeconds) * time.Second,
		Seat:       seating.Seat(s.Status.Seat),
		Connection: s.Status.Connection,
		Life:       Life(s),
	}
	if c := s.Spec.Client; c != nil {
		facts.ClientHost, facts.ClientIP = c.HostName, c.IP
	}
	if t := s.Status.WaitUntilTime; t != nil {
		facts.WaitUntil = t.Time
	}
	switch s.Status.State {
	case licensing.SessionActive:
		facts.State = seating.Held
	case licensing.SessionDenied, licensing.SessionTerminated:
		facts.State = seating.Ended
	case licensing.SessionPending, "":
		if !s.DeletionTimestamp.IsZero() {
			facts.State = seating.Ended
		}
	}
	return facts
}

// Life is what a session's record says of its life.
func Life(s *licensing.UserSession) seating.Life {
	status := &s.Status
	life := seating.Life{
		Logon:         Time(status.LogonTime),
		LastActivity:  Time(status.LastActivityTime),
		LastHeartbeat: Time(status.LastHeartbeatTime),
		HeardBy:       status.HeardBy,
		UnsavedWork:   status.UnsavedWork,
		Ended:         Time(status.TerminatedTime),
		Shown: seating.Outlook{
			KeepAlive: status.KeepAlive == nil || *status.KeepAlive,
			Prompt:    meta.IsStatusConditionTrue(status.Conditions, licensing.ConditionPrompt),
			Timeout:   Time(status.TimeoutTime),
		},
	}
	if t := s.Spec.Termination; t != nil {
		action := map[licensing.Requester]seating.Action{
			licensing.RequesterUser:          seating.RequestedByUser,
			licensing.RequesterAdministrator: seating.RequestedByAdministrator,
			licensing.RequesterSystem:        seating.TerminatedBySystem,
		}[t.RequestedBy]
		life.Termination = &seating.Termination{Action: action, Message: t.Message}
	}
	if life.Termination == nil && !s.DeletionTimestamp.IsZero() {
		life.Termination = &seating.Termination{Action: seating.RequestedByAdministrator, Message: DeletedMessage}
	}
	return life
}

// Time is a recorded time; absent: zero.
func Time(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}

// Account is an account as the seating package takes it.
func Account(a *licensing.LicenseAccount) seating.Account {
	return seating.Account{
		ID:       string(a.UID),
		User:     a.Spec.UserName,
		Type:     seating.Seat(a.Spec.Type),
		Disabled: a.Spec.Disabled,
		Arrival:  arrival(a, a.Status.ArrivalRevision),
		Licensed: HoldsSeat(a),
	}
}

// arrival is an object's place in the queue. The revision of one that was not written since its creation is that of its creation.
func arrival(obj client.Object, recorded string) seating.Arrival {
	if recorded == "" {
		recorded = obj.GetResourceVersion()
	}
	return seating.Arrival{Time: obj.GetCreationTimestamp().Time, Revision: Revision(recorded), ID: string(obj.GetUID())}
}

// HoldsSeat says whether an account's record says that it holds a named seat.
func HoldsSeat(a *licensing.LicenseAccount) bool {
	c := meta.FindStatusCondition(a.Status.Conditions, licensing.ConditionLicensed)
	return c != nil && c.Status == metav1.ConditionTrue && c.Reason == licensing.ReasonSeatHeld
}

// Revision is a resourceVersion as the number that it is: of one store, only growing. One that is none is 0.
func Revision(resourceVersion string) uint64 {
	revision, _ := strconv.ParseUint(resourceVersion, 10, 64)
	return revision
}
