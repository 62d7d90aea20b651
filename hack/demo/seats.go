// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/client"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// newestEvents is how many events are remembered: more than a screen has lines.
const newestEvents = 200

// event is something that happened, in words.
type event struct {
	at   time.Time
	kind eventKind
	text string
}

type eventKind int

const (
	eventGranted eventKind = iota
	eventWaiting
	eventDenied
	eventLeft
	eventPool
	eventPrompt
	eventTold
)

// counters are what happened since the beginning. Told are those who left because their sessions were ended, and whose clients were told so.
type counters struct{ granted, shared, waited, denied, left, told int }

// seats follows the pool and its sessions, one revision after the other as the API server's watch tells them. It holds no truth of its own:
// what it shows is what anybody can see who watches. What leaves no object, the users say: a denial by the gateway, a prompt, what a client is told.
type seats struct {
	poolKey types.NamespacedName
	now     func() time.Time
	// poolNow reads the pool from the API server itself.
	poolNow func(context.Context) (*licensing.LicensePool, error)
	changed chan struct{} // a token is in it when something changed since it was last taken

	mu       sync.Mutex
	pool     *licensing.LicensePool
	sessions map[types.UID]*licensing.UserSession // those that exist
	open     map[string]int                       // live sessions by concurrent connection
	counts   counters
	events   []event
	decided  func(user string)

	granted   int32    // the most concurrent seats that the pool was seen to have
	mostOpen  int      // the most concurrent connections that were live at one revision
	violation []string // revisions at which more were live than there are seats
}

func newSeats(poolKey types.NamespacedName, poolNow func(context.Context) (*licensing.LicensePool, error)) *seats {
	return &seats{
		poolKey: poolKey, poolNow: poolNow, now: time.Now,
		changed:  make(chan struct{}, 1),
		sessions: map[types.UID]*licensing.UserSession{},
		open:     map[string]int{},
		decided:  func(string) {},
	}
}

// onDecision sets whom to tell that a login got its first answer: a seat, a denial, or to wait.
func (s *seats) onDecision(tell func(user string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.decided = tell
}

// note adds what only users know.
func (s *seats) note(kind eventKind, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell(kind, format, args...)
	s.wake()
}

// denied counts a login that the gateway denied. Most leave no object behind that a watch could show.
func (s *seats) denied(user string, problem *gatewayapi.Problem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.denied++
	s.tell(eventDenied, "%s was denied: %s. %s", user, problem.Reason, problem.Detail)
	s.wake()
}

// told counts a client that was told that its session has ended.
func (s *seats) told(user, module string, end client.End) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.told++
	s.tell(eventTold, "%s's %s client is told: %s", user, module, end.Message)
	s.wake()
}

// poolHandler and sessionHandler take in what the watches tell.
func (s *seats) poolHandler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { s.seePool(obj.(*licensing.LicensePool)) },
		UpdateFunc: func(_, obj any) { s.seePool(obj.(*licensing.LicensePool)) },
	}
}

func (s *seats) sessionHandler(ctx context.Context) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { s.seeSession(ctx, obj.(*licensing.UserSession)) },
		UpdateFunc: func(_, obj any) { s.seeSession(ctx, obj.(*licensing.UserSession)) },
		DeleteFunc: func(obj any) {
			if unknown, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = unknown.Obj
			}
			s.seeDeletion(obj.(*licensing.UserSession))
		},
	}
}

func (s *seats) seePool(pool *licensing.LicensePool) {
	if pool.Namespace != s.poolKey.Namespace || pool.Name != s.poolKey.Name {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pool != nil && s.pool.Generation != pool.Generation {
		s.tell(eventPool, "The pool's spec changed: %d named and %d concurrent seats", seatsOf(pool.Spec.Named), seatsOf(pool.Spec.Concurrent))
	}
	s.pool = pool
	s.granted = max(s.granted, seatsOf(pool.Spec.Concurrent))
	s.wake()
}

func (s *seats) seeSession(ctx context.Context, session *licensing.UserSession) {
	if session.Namespace != s.poolKey.Namespace || session.Spec.PoolRef.Name != s.poolKey.Name {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.sessions[session.UID]
	if before == nil {
		before = &licensing.UserSession{}
	}
	s.sessions[session.UID] = session
	s.recount(ctx, before, session)
	s.narrate(before, session)
	s.wake()
}

func (s *seats) seeDeletion(session *licensing.UserSession) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.sessions[session.UID]
	if before == nil {
		return
	}
	delete(s.sessions, session.UID)
	s.release(before)
	switch before.Status.State {
	case licensing.SessionActive:
		s.narrateEnd(before, "deleted")
	case licensing.SessionPending:
		s.tell(eventLeft, "%s gave up waiting for %s", before.Spec.UserName, before.Spec.Module)
	default: // a record was cleared: its end was told before
	}
	s.wake()
}

// recount keeps the live concurrent connections, and looks at each newly opened one whether there was a seat for it.
func (s *seats) recount(ctx context.Context, before, after *licensing.UserSession) {
	if concurrent(before) == concurrent(after) {
		return
	}
	if !concurrent(after) {
		s.release(before)
		return
	}
	s.open[after.Status.Connection]++
	s.mostOpen = max(s.mostOpen, len(s.open))
	if len(s.open) > int(s.granted) {
		// Somebody may have raised the seats, and the pool's watch be behind the sessions'.
		if pool, err := s.poolNow(ctx); err == nil {
			s.granted = max(s.granted, seatsOf(pool.Spec.Concurrent))
		}
	}
	if len(s.open) > int(s.granted) {
		s.violation = append(s.violation, fmt.Sprintf("revision %s: %d connections, %d seats", after.ResourceVersion, len(s.open), s.granted))
		s.tell(eventDenied, "OVERSOLD: %d concurrent connections are live and the pool has %d seats", len(s.open), s.granted)
	}
}

func (s *seats) release(session *licensing.UserSession) {
	if !concurrent(session) {
		return
	}
	if s.open[session.Status.Connection]--; s.open[session.Status.Connection] <= 0 {
		delete(s.open, session.Status.Connection)
	}
}

// narrate tells a session's change in words, and counts it.
func (s *seats) narrate(before, after *licensing.UserSession) {
	user, module := after.Spec.UserName, after.Spec.Module
	was, is := reason(before), reason(after)
	if was == is {
		return
	}
	s.decided(user)
	switch after.Status.State {
	case licensing.SessionActive:
		waited := ""
		if was == licensing.ReasonWaiting {
			waited = " after waiting " + s.now().Sub(after.CreationTimestamp.Time).Round(time.Second).String()
		}
		if is == licensing.ReasonSeatShared {
			s.counts.shared++
			s.tell(eventGranted, "%s signed in to %s%s: seat shared", user, module, waited)
		} else {
			s.counts.granted++
			s.tell(eventGranted, "%s signed in to %s%s: %s seat granted", user, module, waited, strings.ToLower(string(after.Status.Seat)))
		}
	case licensing.SessionDenied:
		if after.Spec.InstanceName == instance {
			return // its user says so
		}
		s.counts.denied++
		s.tell(eventDenied, "%s was denied: %s. %s", user, is, after.Status.Message)
	case licensing.SessionTerminated:
		by := string(after.Status.TerminationAction)
		if after.Status.TerminationAction == licensing.RequestedByUser {
			by = "" // the usual way
		}
		s.narrateEnd(after, by)
	case licensing.SessionPending:
		if is == licensing.ReasonWaiting {
			s.counts.waited++
			s.tell(eventWaiting, "%s waits for a seat for %s, %d s at most", user, module, after.Spec.MaxWaitSeconds)
		}
	}
}

func (s *seats) narrateEnd(session *licensing.UserSession, by string) {
	s.counts.left++
	free := ""
	if session.Status.Seat == licensing.SeatConcurrent && s.open[session.Status.Connection] == 0 {
		free = ": seat free again"
	}
	if by != "" {
		by = " (" + by + ")"
	}
	s.tell(eventLeft, "%s left %s%s%s", session.Spec.UserName, session.Spec.Module, by, free)
}

func (s *seats) tell(kind eventKind, format string, args ...any) {
	s.events = append(s.events, event{s.now(), kind, fmt.Sprintf(format, args...)})
	s.events = s.events[max(0, len(s.events)-newestEvents):]
}

func (s *seats) wake() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func concurrent(s *licensing.UserSession) bool {
	return s.Status.State == licensing.SessionActive && s.Status.Seat == licensing.SeatConcurrent
}

func reason(s *licensing.UserSession) string {
	if c := meta.FindStatusCondition(s.Status.Conditions, licensing.ConditionGranted); c != nil {
		return c.Reason
	}
	return ""
}

func seatsOf(s *licensing.Seats) int32 {
	if s == nil || s.Seats == nil {
		return 0
	}
	return *s.Seats
}
