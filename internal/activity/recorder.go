// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package activity keeps in memory what clients tell by their heartbeats, and says which of it must be written to the API server by now, and which may be. Heartbeats themselves
// write nothing (invariant 9).
package activity

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/utils/clock"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// Recorder is what one replica knows of the sessions: their records, as its watch shows them, and what their clients told this replica since. It is safe for concurrent use.
type Recorder struct {
	replica string
	clock   clock.PassiveClock
	alive   func(replica string) (last time.Time, alive bool)
	// seenPools and seenSessions are the revisions up to which the watches' news has been taken in.
	seenPools, seenSessions atomic.Uint64
	// synced says whether all pools and sessions that there were have been seen; nil: the recorder follows no watch.
	synced func() bool

	mu       sync.RWMutex
	sessions map[types.UID]*entry
	pools    map[types.NamespacedName]*pool
}

// entry is one session. Its record is shared with the watch's cache and never changed.
type entry struct {
	mu     sync.Mutex
	key    types.NamespacedName
	pool   *pool
	record *licensing.UserSession
	facts  seating.Session
	// told is what the client told this replica and the record may lack.
	told
	// refusing is since when the API server has refused each write of the session; refused is until when it is left alone for that.
	refusing, refused time.Time
	// nearer is when a record was taken in that brought the deadline nearer.
	nearer time.Time
	// wrote is when this replica last wrote the record.
	wrote time.Time
	// unwatched is since when the record is known that no watch has shown yet; zero: one has. It may have been deleted before.
	unwatched time.Time
	// end is how the session ended, gone when its record was seen to be deleted.
	end  *End
	gone time.Time
	subs []chan struct{}
}

// Outcome is what a heartbeat is answered.
type Outcome struct {
	// Known: the session is known here. If not, nothing was recorded.
	Known bool
	// Ended is how the session ended; nil: it lives.
	Ended *End
	State licensing.SessionState
	// Timeout is when the session ends if it stays idle; zero: never.
	Timeout           time.Time
	Prompt, KeepAlive bool
	// Heartbeat is how often the client should be heard.
	Heartbeat time.Duration
}

// End is how a session ended, or was denied.
type End struct {
	Action          licensing.TerminationAction
	Reason, Message string
	Time            time.Time
}

// New returns a recorder for a replica. The alive function says whether another replica answers for the clients that it says it hears, and if not, when it last did.
func New(replica string, clock clock.PassiveClock, alive func(replica string) (last time.Time, alive bool)) *Recorder {
	return &Recorder{replica: replica, clock: clock, alive: alive, sessions: map[types.UID]*entry{}, pools: map[types.NamespacedName]*pool{}}
}

// Replica is the name under which this replica answers for clients.
func (r *Recorder) Replica() string { return r.replica }

// Beat takes in a heartbeat. It writes nothing and waits for nothing.
func (r *Recorder) Beat(uid types.UID, report *Report) Outcome {
	e := r.entry(uid)
	if e == nil {
		return Outcome{}
	}
	rules := e.pool.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.end != nil {
		return Outcome{Known: true, Ended: e.end}
	}
	now := r.clock.Now() // under the lock: a sweep that begins later sees what was heard earlier
	e.hear(report, now)
	s := e.known()
	o := rules.Outlook(s, now)
	return Outcome{Known: true, State: e.record.Status.State, Timeout: o.Timeout, Prompt: o.Prompt, KeepAlive: o.KeepAlive, Heartbeat: rules.Lifetimes.Heartbeat}
}

func (r *Recorder) entry(uid types.UID) *entry {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.sessions[uid]
}

// Snapshot is a session as this replica knows it.
type Snapshot struct {
	Namespace, Name string
	// Record is the API server's, shared and not to be changed; nil: it was deleted, and only its end is known.
	Record *licensing.UserSession
	// The rest is the freshest known here.
	LastActivity, LastHeartbeat time.Time
	UnsavedWork                 bool
	Applications                []string
	SessionAttributes           map[string]licensing.AttributeValue
	Outlook                     seating.Outlook
	// Ended is how the session ended; nil: it has not.
	Ended *End
}

// Session returns what is known of a session; false: nothing.
func (r *Recorder) Session(uid types.UID) (Snapshot, bool) {
	e := r.entry(uid)
	if e == nil {
		return Snapshot{}, false
	}
	rules := e.pool.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.gone.IsZero() {
		return Snapshot{Namespace: e.key.Namespace, Name: e.key.Name, Ended: e.end}, true
	}
	s := e.known()
	return Snapshot{Namespace: e.key.Namespace, Name: e.key.Name, Record: e.record, LastActivity: s.Life.LastActivity, LastHeartbeat: s.Life.LastHeartbeat, UnsavedWork: s.Life.UnsavedWork,
		Applications: e.openApplications(), SessionAttributes: e.sessionAttributes(), Outlook: rules.Outlook(s, r.clock.Now()), Ended: e.end}, true
}

// Learn takes in a record that was read or written; the newest stays.
func (r *Recorder) Learn(s *licensing.UserSession) { r.learn(s, false) }

func (r *Recorder) learn(s *licensing.UserSession, watched bool) {
	r.mu.Lock()
	e := r.sessions[s.UID]
	if e == nil {
		key := types.NamespacedName{Namespace: s.Namespace, Name: s.Name}
		e = &entry{key: key, pool: r.pool(types.NamespacedName{Namespace: s.Namespace, Name: s.Spec.PoolRef.Name}), unwatched: r.clock.Now()}
		r.sessions[s.UID] = e
	}
	e.mu.Lock()
	r.mu.Unlock()
	defer e.mu.Unlock()
	if watched {
		e.unwatched = time.Time{}
		defer newest(&r.seenSessions, s.ResourceVersion)
	}
	if !e.gone.IsZero() || (e.record != nil && notNewer(s, e.record.ResourceVersion)) {
		return
	}
	e.take(s, r.clock.Now())
	e.tell()
}

// take takes in a newer record and drops what was told and is in it.
func (e *entry) take(s *licensing.UserSession, now time.Time) {
	before, known := e.record, e.facts
	e.record, e.facts = s, facts.Session(s)
	if before != nil && e.pool.now().ComesNearer(known, e.facts) {
		e.nearer = now
	}
	if before != nil && before.Status.UnsavedWork != s.Status.UnsavedWork && !e.facts.Life.LastHeartbeat.Before(e.unsavedAt.Truncate(time.Second)) {
		e.unsaved = nil // another replica was told something else since
	}
	e.compare(now)
	if s.Status.State == licensing.SessionTerminated || s.Status.State == licensing.SessionDenied {
		e.end = endOf(s)
		e.told = told{}
	}
}

func endOf(s *licensing.UserSession) *End {
	end := &End{Action: s.Status.TerminationAction, Reason: string(s.Status.TerminationAction), Message: s.Status.Message, Time: facts.Time(s.Status.TerminatedTime)}
	if s.Status.State == licensing.SessionDenied {
		end.Reason = licensing.ReasonTerminated
		for _, c := range s.Status.Conditions {
			if c.Type == licensing.ConditionGranted {
				end.Reason = c.Reason
			}
		}
	}
	return end
}

// Forget takes in that a record was deleted. A live session ended thereby (C8); how a session ended is remembered for an hour.
func (r *Recorder) Forget(uid types.UID) {
	r.mu.Lock()
	e := r.sessions[uid]
	if e == nil {
		r.mu.Unlock()
		return
	}
	r.mu.Unlock()
	now := r.clock.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.end == nil {
		action := licensing.RequestedByAdministrator
		e.end = &End{Action: action, Reason: string(action), Message: facts.DeletedMessage, Time: now}
		if t := e.facts.Life.Termination; t != nil { // somebody had asked for its end before
			e.end.Action, e.end.Reason = licensing.TerminationAction(t.Action), string(t.Action)
			if t.Message != "" {
				e.end.Message = t.Message
			}
		}
	}
	e.told, e.record, e.gone = told{}, nil, now
	e.tell()
}

// Subscribe returns a channel that gets a token when the session's record changes, and a function to leave by. Of a session that is not known there is no news.
func (r *Recorder) Subscribe(uid types.UID) (changes <-chan struct{}, leave func()) {
	c := make(chan struct{}, 1)
	r.mu.Lock()
	e := r.sessions[uid]
	if e == nil {
		r.mu.Unlock()
		return c, func() {}
	}
	r.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.subs = append(e.subs, c)
	return c, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.subs = slices.DeleteFunc(e.subs, func(other chan struct{}) bool { return other == c })
	}
}

// tell wakes those who wait for the session to change.
func (e *entry) tell() {
	for _, c := range e.subs {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// notNewer says whether a record is no newer than a revision.
func notNewer(s *licensing.UserSession, revision string) bool {
	order, err := resourceversion.CompareResourceVersion(s.ResourceVersion, revision)
	return err == nil && order <= 0
}
