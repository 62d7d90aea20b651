// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package history checks what the API server told of pools, accounts and sessions, revision by revision, against the promises of docs/design.md: never oversold (1),
// held means held (2), final is final (3), no seat is lost (5), every end is told (6). It is pure: changes go in, findings come out; it reads no clock and does no I/O.
//
// It counts and reckons deadlines from the records and the specs alone, by code of its own; of the operator's it uses how a spec is read and how user names compare.
// A finding is a broken promise: what can come of a legal race, of a stale watch or of a crash at any point is none. What that leaves unseen is said at each check.
package history

import (
	"fmt"
	"strings"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// Invariants are numbered as in docs/design.md.
const (
	NeverOversold  = 1
	HeldMeansHeld  = 2
	FinalIsFinal   = 3
	NoSeatIsLost   = 5
	EveryEndIsTold = 6
)

// Allowances, each as small as the reason for it lets it be.
const (
	// DefaultGrace is --pool-removal-grace of the operator.
	DefaultGrace = 5 * time.Minute
	// DefaultSeatBound is how long a free seat may stay unoffered: an allocator whose connection to the API server is cut without a sign learns that after 45 seconds
	// (HTTP/2 pings), and until then cannot know that others gave seats back.
	DefaultSeatBound = time.Minute
	// rulesLag is how long sessions may still end by the rules of before a change: a replica knows of it within 2 seconds, the clocks of two machines differ by 1 at the most,
	// and records keep whole seconds.
	rulesLag = 4 * time.Second
	// skew is by how much a time on a record may be behind one that was seen: clocks differ by 1 second at the most, and records keep whole seconds.
	skew = 2 * time.Second
	// awakeStep is how much of the time between two of an allocator's writes counts as proof that it was at work: it may have been dead or paused for the rest.
	awakeStep = 2 * time.Second
)

// Options of a check; the zero value is right for the operator's defaults.
type Options struct {
	// Grace is how long sessions outlive their pool; 0: DefaultGrace.
	Grace time.Duration
	// SeatBound is how long a free seat may stay unoffered; 0: DefaultSeatBound.
	SeatBound time.Duration
	// Events demands an Event of each end by the time of Settle. An Event is lost when the operator crashes between an end and its Event, so this is for histories without a crash.
	Events bool
}

// Finding is one broken promise.
type Finding struct {
	// Invariant is its number in docs/design.md.
	Invariant int `json:"invariant"`
	// Revision is the API server's at which it showed.
	Revision uint64 `json:"revision"`
	// Objects are those concerned: kind, namespace and name.
	Objects []string `json:"objects"`
	// Message says in a sentence what is wrong.
	Message string `json:"message"`
}

func (f Finding) String() string {
	return fmt.Sprintf("revision %d: invariant %d: %s [%s]", f.Revision, f.Invariant, f.Message, strings.Join(f.Objects, ", "))
}

// Checker checks one history. Feed it each change in the order of revisions, and call Settle at the end if all was quiet. It is not safe for concurrent use.
type Checker struct {
	opts     Options
	findings []Finding

	revision uint64
	// clock is a time that had come before the next change was made: of the last mark, or stamped on a record.
	clock time.Time
	// blind is set from a gap until all that a new list shows is in: what changed meanwhile was not seen.
	blind  bool
	listed map[types.UID]bool

	pools    map[types.NamespacedName]*pool
	sessions map[types.UID]*licensing.UserSession
	accounts map[types.UID]*licensing.LicenseAccount
	ended    map[types.UID]ending          // what is final of those that ended; kept for good
	told     map[types.UID]map[string]bool // reasons of the Events of each session
	untold   map[types.UID]Finding         // ends without an Event so far
	awaited  map[types.UID]string          // the reasons of those Events
	gaps     []Gap
}

// Gap is a part of the history that nobody saw: the changes after one revision and up to another.
type Gap struct {
	After uint64 `json:"after"`
	Until uint64 `json:"until"`
	Why   string `json:"why,omitempty"`
}

// NewChecker returns a checker that has seen nothing yet.
func NewChecker(opts Options) *Checker {
	if opts.Grace == 0 {
		opts.Grace = DefaultGrace
	}
	if opts.SeatBound == 0 {
		opts.SeatBound = DefaultSeatBound
	}
	return &Checker{opts: opts, pools: map[types.NamespacedName]*pool{}, sessions: map[types.UID]*licensing.UserSession{},
		accounts: map[types.UID]*licensing.LicenseAccount{}, ended: map[types.UID]ending{},
		told: map[types.UID]map[string]bool{}, untold: map[types.UID]Finding{}, awaited: map[types.UID]string{}, listed: map[types.UID]bool{}}
}

// Findings are all so far, in the order of revisions.
func (c *Checker) Findings() []Finding { return c.findings }

// Gaps are the parts of the history that nobody saw.
func (c *Checker) Gaps() []Gap { return c.gaps }

// Revision is that of the last change.
func (c *Checker) Revision() uint64 { return c.revision }

// Feed takes in the next entry of the history. An error says that the history itself cannot be: entries out of order, an object that is none of ours.
func (c *Checker) Feed(e Entry) error {
	if e.Revision < c.revision {
		return fmt.Errorf("revision %d comes after revision %d: entries must be in the order of revisions", e.Revision, c.revision)
	}
	c.revision = e.Revision
	switch e.Type {
	case Began:
		c.blind = true
		return nil
	case Missed:
		c.gaps = append(c.gaps, Gap{After: e.After, Until: e.Revision, Why: e.Why})
		c.blind, c.listed = true, map[types.UID]bool{}
		return nil
	case Listed:
		if c.blind {
			c.listed[e.Object.GetUID()] = true
		}
	case Marked:
		c.see()
		c.clock = later(c.clock, e.Seen)
		return nil
	case Added, Modified, Deleted:
		c.see()
	default:
		return fmt.Errorf("revision %d: an entry must be of a known type, not %q", e.Revision, e.Type)
	}
	return c.change(e)
}

func (c *Checker) change(e Entry) error {
	when := later(c.clock, e.Seen) // by then it was made
	switch o := e.Object.(type) {
	case *licensing.LicensePool:
		c.takePool(o, e.Type == Deleted, when)
	case *licensing.LicenseAccount:
		c.takeAccount(o, e.Type == Deleted, when)
	case *licensing.UserSession:
		c.takeSession(o, e.Type == Deleted, when)
	case *eventsv1.Event:
		if e.Type != Deleted {
			c.hear(o)
		}
	default:
		return fmt.Errorf("revision %d: an object must be a pool, an account, a session or an Event, not %T", e.Revision, e.Object)
	}
	return nil
}

// see ends the blindness after a gap: objects that the new list does not show went away unseen.
func (c *Checker) see() {
	if !c.blind {
		return
	}
	for uid, s := range c.sessions {
		if !c.listed[uid] {
			c.takeSession(s, true, c.clock)
		}
	}
	for uid, a := range c.accounts {
		if !c.listed[uid] {
			c.takeAccount(a, true, c.clock)
		}
	}
	for _, p := range c.pools {
		if p.object != nil && !c.listed[p.object.UID] {
			c.takePool(p.object, true, c.clock)
		}
		p.unsure = p.object == nil || p.object.Status.Grants == nil || !p.object.Status.Grants.SessionsFenced
		p.vacant.reset()
		p.free.reset()
		p.miscounted.reset()
	}
	c.blind, c.listed = false, map[types.UID]bool{}
}

// find notes a broken promise.
func (c *Checker) find(invariant int, objects []string, format string, args ...any) {
	c.findings = append(c.findings, c.finding(invariant, objects, format, args...))
}

func (c *Checker) finding(invariant int, objects []string, format string, args ...any) Finding {
	return Finding{Invariant: invariant, Revision: c.revision, Objects: objects, Message: fmt.Sprintf(format, args...)}
}

// stamp moves the clock on to a time that stands on a record; one that was not yet when the record was seen is none.
func (c *Checker) stamp(when time.Time, times ...time.Time) {
	for _, t := range times {
		if when.IsZero() || !t.After(when.Add(skew)) {
			c.clock = later(c.clock, t)
		}
	}
}

func (c *Checker) pool(namespace, name string) *pool {
	key := types.NamespacedName{Namespace: namespace, Name: name}
	if c.pools[key] == nil {
		c.pools[key] = newPool(key)
	}
	return c.pools[key]
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func clockTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
