// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// deletedMessage is why a session ended that was deleted while it was on; one that somebody's finalizer keeps is ended all the same.
const deletedMessage = "An administrator deleted it."

// defaultRetention is how long records stay whose pool is gone; the same as a pool's default.
const defaultRetention = time.Hour

// rulesOf are a pool's rules as the seating package takes them.
func rulesOf(pool *licensing.LicensePool) seating.Rules {
	if pool == nil {
		return seating.Rules{Lifetimes: seating.Lifetimes{Retention: defaultRetention}}
	}
	spec := &pool.Spec
	rules := seating.Rules{
		Named:      seatsOf(spec.Named),
		Concurrent: seatsOf(spec.Concurrent),
		Enroll:     spec.Enrollment != licensing.EnrollmentAccountsOnly,
		FoldCase:   spec.UserNameCase != licensing.UserNameCaseSensitive,
		Lifetimes:  lifetimesOf(spec.Sessions),
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

// lifetimesOf are the rules of how long a pool's sessions live.
func lifetimesOf(rules *licensing.SessionRules) seating.Lifetimes {
	if rules == nil {
		return seating.Lifetimes{Retention: defaultRetention}
	}
	l := seating.Lifetimes{
		Idle:        secondsOf(rules.IdleTimeoutSeconds),
		UnsavedWork: secondsOf(rules.UnsavedWorkTimeoutSeconds),
		Heartbeat:   secondsOf(rules.HeartbeatIntervalSeconds),
		LostAfter:   secondsOf(rules.LostAfterSeconds),
		MaxLifetime: secondsOf(rules.MaxLifetimeSeconds),
		Retention:   secondsOf(rules.RetentionSeconds),
	}
	if p := rules.Prompt; p != nil {
		l.PromptLead = secondsOf(p.LeadSeconds)
		for _, module := range p.Modules {
			l.PromptModules = append(l.PromptModules, string(module))
		}
	}
	if m := rules.MaxPerUser; m != nil {
		l.MaxPerUser, l.DisplaceOldest = int(m.Sessions), m.WhenExceeded == licensing.LimitTerminateOldest
	}
	return l
}

// secondsOf is a duration that a spec states in seconds; absent: 0, off.
func secondsOf(seconds *int32) time.Duration {
	if seconds == nil {
		return 0
	}
	return time.Duration(*seconds) * time.Second
}

func seatsOf(s *licensing.Seats) *int {
	if s == nil || s.Seats == nil {
		return nil
	}
	return new(int(*s.Seats))
}

// sessionFacts is a session as the seating package takes it. One that is being deleted before it was granted has no use for a seat.
func sessionFacts(s *licensing.UserSession) seating.Session {
	facts := seating.Session{
		ID:         string(s.UID),
		User:       s.Spec.UserName,
		Module:     string(s.Spec.Module),
		System:     s.Spec.SystemLogin,
		Arrival:    arrivalOf(s, s.Status.ArrivalRevision),
		MaxWait:    time.Duration(s.Spec.MaxWaitSeconds) * time.Second,
		Seat:       seating.Seat(s.Status.Seat),
		Connection: s.Status.Connection,
		Life:       lifeOf(s),
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

// lifeOf is what a session's record says of its life.
func lifeOf(s *licensing.UserSession) seating.Life {
	status := &s.Status
	life := seating.Life{
		Logon:         timeOf(status.LogonTime),
		LastActivity:  timeOf(status.LastActivityTime),
		LastHeartbeat: timeOf(status.LastHeartbeatTime),
		UnsavedWork:   status.UnsavedWork,
		Ended:         timeOf(status.TerminatedTime),
		Shown: seating.Outlook{
			KeepAlive: status.KeepAlive == nil || *status.KeepAlive,
			Prompt:    meta.IsStatusConditionTrue(status.Conditions, licensing.ConditionPrompt),
			Timeout:   timeOf(status.TimeoutTime),
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
		life.Termination = &seating.Termination{Action: seating.RequestedByAdministrator, Message: deletedMessage}
	}
	return life
}

// timeOf is a recorded time; absent: zero.
func timeOf(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}

// accountFacts is an account as the seating package takes it.
func accountFacts(a *licensing.LicenseAccount) seating.Account {
	return seating.Account{
		ID:       string(a.UID),
		User:     a.Spec.UserName,
		Type:     seating.Seat(a.Spec.Type),
		Disabled: a.Spec.Disabled,
		Arrival:  arrivalOf(a, a.Status.ArrivalRevision),
		Licensed: holdsSeat(a),
	}
}

// arrivalOf is an object's place in the queue. The revision of one that was not written since its creation is that of its creation.
func arrivalOf(obj client.Object, recorded string) seating.Arrival {
	if recorded == "" {
		recorded = obj.GetResourceVersion()
	}
	revision, _ := strconv.ParseUint(recorded, 10, 64)
	return seating.Arrival{Time: obj.GetCreationTimestamp().Time, Revision: revision, ID: string(obj.GetUID())}
}
