// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package activity keeps in memory what clients tell by their heartbeats, and says which of it must be written to the API server by now, and which may be. Heartbeats themselves
// write nothing (invariant 9).
package activity

import (
	"fmt"
	"maps"
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
	// synced: all pools and sessions that there were have been seen.
	synced atomic.Bool

	mu       sync.RWMutex
	sessions map[types.UID]*entry
	pools    map[types.NamespacedName]*pool
}

// pool is the rules of one, as they are now; none while it is unknown.
type pool struct {
	rules atomic.Pointer[seating.Rules]
	// changed is when this replica saw them change, in nanoseconds since 1970.
	changed atomic.Int64
	of      string // the pool's uid and generation; guarded by Recorder.mu
}

func (p *pool) now() *seating.Rules {
	if rules := p.rules.Load(); rules != nil {
		return rules
	}
	return &unknown
}

// unknown are the rules of a pool that is not there.
var unknown = facts.Rules(nil)

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

// told is what a client told. Zero values: nothing.
type told struct {
	// heard and activity are when the client was last heard, and when its user last did something; the latter in whole seconds, rounded up.
	heard, activity time.Time
	// What differs from the record; nil: nothing does.
	unsaved      *bool
	applications *[]string
	attributes   *map[string]licensing.AttributeValue
	// unsavedAt is when unsaved work was last told of; changed is since when any of the three waits to be written.
	unsavedAt, changed time.Time
}

// Report is what one heartbeat says.
type Report struct {
	// Active: the user did something since the heartbeat before.
	Active bool
	// IdleFor, if HasIdleFor, is how long ago the user last did something, by the client's own elapsed time: it is exact, and whichever replica hears it next knows as much as the one before.
	IdleFor    time.Duration
	HasIdleFor bool
	// UnsavedWork, Applications and SessionAttributes are as before where they are nil.
	UnsavedWork       *bool
	Applications      *[]string
	SessionAttributes *map[string]licensing.AttributeValue
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

// hear keeps what a heartbeat says.
func (e *entry) hear(report *Report, now time.Time) {
	e.heard = now
	if report.Active || report.HasIdleFor {
		at := now
		if report.HasIdleFor {
			at = now.Add(-report.IdleFor)
		}
		if at = wholeSecond(at); at.After(e.activity) {
			e.activity = at
		}
	}
	if report.UnsavedWork != nil {
		e.unsaved, e.unsavedAt = report.UnsavedWork, now
	}
	if report.Applications != nil {
		e.applications = report.Applications
	}
	if report.SessionAttributes != nil {
		e.attributes = report.SessionAttributes
	}
	if report.UnsavedWork != nil || report.Applications != nil || report.SessionAttributes != nil {
		e.compare(now)
	}
}

// compare forgets what was told and is on record, and notes since when something is not.
func (e *entry) compare(now time.Time) {
	status := &e.record.Status
	if e.unsaved != nil && *e.unsaved == status.UnsavedWork {
		e.unsaved = nil
	}
	applications, attributes := e.record.Spec.Applications, e.record.Spec.SessionAttributes
	if status.Applications != nil {
		applications = status.Applications
	}
	if status.SessionAttributes != nil {
		attributes = status.SessionAttributes
	}
	if e.applications != nil && slices.Equal(*e.applications, applications) {
		e.applications = nil
	}
	if e.attributes != nil && maps.Equal(*e.attributes, attributes) {
		e.attributes = nil
	}
	switch differs := e.unsaved != nil || e.applications != nil || e.attributes != nil; {
	case !differs:
		e.changed = time.Time{}
	case e.changed.IsZero():
		e.changed = now
	}
}

// known is the session as this replica knows it: its record, and what its client told since.
func (e *entry) known() seating.Session {
	s := e.facts
	if e.activity.After(s.Life.LastActivity) {
		s.Life.LastActivity = e.activity
	}
	if e.heard.After(s.Life.LastHeartbeat) {
		s.Life.LastHeartbeat = e.heard
	}
	if e.unsaved != nil {
		s.Life.UnsavedWork = *e.unsaved
	}
	return s
}

func (e *entry) openApplications() []string {
	switch {
	case e.applications != nil:
		return *e.applications
	case e.record.Status.Applications != nil:
		return e.record.Status.Applications
	default:
		return e.record.Spec.Applications
	}
}

func (e *entry) sessionAttributes() map[string]licensing.AttributeValue {
	switch {
	case e.attributes != nil:
		return *e.attributes
	case e.record.Status.SessionAttributes != nil:
		return e.record.Status.SessionAttributes
	default:
		return e.record.Spec.SessionAttributes
	}
}

// wholeSecond rounds up to a second, which is what records keep: nobody's idle period is cut short.
func wholeSecond(t time.Time) time.Time {
	return t.Add(time.Second - time.Nanosecond).Truncate(time.Second)
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

// SetPool takes in a pool's rules; nil: there is no such pool.
func (r *Recorder) SetPool(key types.NamespacedName, now *licensing.LicensePool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.pool(key)
	of := ""
	if now != nil {
		of = fmt.Sprintf("%s %d", now.UID, now.Generation)
	}
	if now != nil {
		defer newest(&r.seenPools, now.ResourceVersion)
	}
	if p.rules.Load() != nil && p.of == of {
		return
	}
	rules := facts.Rules(now)
	p.of = of
	p.rules.Store(&rules)
	p.changed.Store(r.clock.Now().UnixNano())
}

// pool is the one of that name, known or not; r.mu is held.
func (r *Recorder) pool(key types.NamespacedName) *pool {
	p := r.pools[key]
	if p == nil {
		p = &pool{}
		r.pools[key] = p
	}
	return p
}

// newest raises what has been seen to a revision.
func newest(seen *atomic.Uint64, resourceVersion string) {
	revision := facts.Revision(resourceVersion)
	for {
		before := seen.Load()
		if revision <= before || seen.CompareAndSwap(before, revision) {
			return
		}
	}
}

// seen are the revisions up to which the watches' news of pools and sessions has been taken in; 0: not yet all that there were.
func (r *Recorder) seen() (pools, sessions uint64) {
	if !r.synced.Load() {
		return 0, 0
	}
	return r.seenPools.Load(), r.seenSessions.Load()
}

// notNewer says whether a record is no newer than a revision.
func notNewer(s *licensing.UserSession, revision string) bool {
	order, err := resourceversion.CompareResourceVersion(s.ResourceVersion, revision)
	return err == nil && order <= 0
}

// Oldest is when the oldest session that is live was signed on; false: there is none, or the watch has not shown all yet.
func (r *Recorder) Oldest() (time.Time, bool) {
	var oldest time.Time
	if !r.synced.Load() {
		return oldest, false
	}
	r.each(func(_ types.UID, e *entry, _ *seating.Rules) {
		if e.end != nil {
			return
		}
		if at := e.record.CreationTimestamp.Time; oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	})
	return oldest, !oldest.IsZero()
}
