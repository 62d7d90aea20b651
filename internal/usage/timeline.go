// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"hash/fnv"
	"time"
)

// Session is what one session's record says.
type Session struct {
	// ID is the session's own; User is folded as the pool folds names.
	ID, User string
	// Model and Connection are what it is counted as; an empty Connection is not counted (C4).
	Model      Model
	Connection string
	// Logon is when it got its seat; zero: it has none.
	Logon time.Time
	// Ended is when it ended or was denied; zero: it goes on.
	Ended time.Time
	// Denied is why it was denied; empty: it was not.
	Denied string
	// Disputed: its times were another clock's (SeenAt). Who had that clock counted its grant or its denial; here it is in the levels alone.
	Disputed bool
}

// Timeline turns what sessions' records say into the levels of one pool over time, by the records' own times: whoever reads the same records finds the same
// levels, however late it looks. News costs the logarithm of how much of it is not settled yet, however many connections are open. It is not safe for concurrent use.
type Timeline struct {
	// known are the sessions whose records exist.
	known map[string]*record
	// events are those at or after settled.
	events events
	// settled is up to when the steps are made; what is learnt of an earlier time counts from here.
	settled int64
	// sessions counts the open sessions of each open connection.
	sessions [2]map[string]int
	now      step
	// steps are how the levels changed since the time that was forgotten up to: the first one was in force then.
	steps []step
	facts []fact
	chain Denials
	late  int
	// sure is from when on this timeline saw everything itself. Before that the records tell, as far back as they are kept, but not before reach.
	reach, sure int64
}

// record is what the timeline knows of a session.
type record struct {
	// session is as it was put last.
	session Session
	// model, connection and user are as it was counted.
	model                  int
	connection             string
	user                   uint32
	started, ended, denied bool
}

// step is what is open, and what is licensed, from a time on.
type step struct {
	at       int64
	open     [2]opening
	licensed [2]int
}

// licenseUnknown is the licensed number before the pool was seen.
const licenseUnknown = -2

// fact is a grant or a denial.
type fact struct {
	// known is when it was known, by the record's clock; at when it happened.
	known, at int64
	grant     bool
	model     Model
	user      uint32
	reason    string
	count     Count
}

// NewTimeline begins a timeline for one who sees the pool's records for the first time at now.
func NewTimeline(now time.Time) *Timeline {
	return &Timeline{
		known: map[string]*record{}, sessions: [2]map[string]int{{}, {}},
		now:  step{licensed: [2]int{licenseUnknown, licenseUnknown}},
		sure: now.Unix(),
	}
}

// SeenAt takes in that the records were not all seen before now.
func (t *Timeline) SeenAt(now time.Time) { t.sure = max(t.sure, now.Unix()) }

// Put takes in a session's record. The same may be put any number of times.
func (t *Timeline) Put(s Session) {
	r := t.known[s.ID]
	if r == nil {
		r = &record{}
		t.known[s.ID] = r
	}
	r.session = s
	if s.Denied != "" && !r.denied {
		r.denied = true // also a disputed one, which is the same when its time has come
		if !s.Disputed {
			t.events.push(event{at: s.Ended.Unix(), kind: denied, user: s.User, text: s.Denied})
		}
	}
	if s.Connection == "" || s.Logon.IsZero() {
		return
	}
	if !r.started {
		r.started, r.model, r.connection, r.user = true, s.Model.index(), s.Connection, userDigest(s.User)
		t.events.push(event{at: s.Logon.Unix(), kind: began, model: r.model, id: s.ID, user: s.User, text: r.connection, disputed: s.Disputed})
	}
	if !s.Ended.IsZero() && !r.ended {
		r.ended = true
		t.events.push(event{at: max(s.Logon.Unix(), s.Ended.Unix()), kind: ended, model: r.model, id: s.ID, text: r.connection})
	}
}

// Gone takes in that a session's record was deleted. One that was live ends with it.
func (t *Timeline) Gone(id string, at time.Time) {
	if r := t.known[id]; r != nil && r.started && !r.ended {
		t.events.push(event{at: at.Unix(), kind: ended, model: r.model, id: id, text: r.connection})
	}
	delete(t.known, id)
}

// Lost takes in that records were deleted unseen, some time before now: what happened before is not sure any more.
func (t *Timeline) Lost(now time.Time) {
	t.reach, t.sure = max(t.reach, now.Unix()), max(t.sure, now.Unix())
}

// License takes in how many seats there are from a time on, NotLicensed for none.
func (t *Timeline) License(at time.Time, named, concurrent int) {
	t.events.push(event{at: at.Unix(), kind: licensed, seats: [2]int{named, concurrent}})
}

// Sessions is the number of sessions whose records exist.
func (t *Timeline) Sessions() int { return len(t.known) }

// Tell adds to the history what happened from where it ends up to a time (excluded); all that happened before that time must have been put in. Records are kept for the
// retention after a session ends. Where the history does not fit what this timeline knows, or this timeline did not see all, the history gets a gap. It says whether anything happened.
// Nothing is forgotten: the same may be told to a history that is read anew.
func (t *Timeline) Tell(h *History, to time.Time, retention time.Duration) bool {
	if !t.Settle(to) {
		return false
	}
	end := t.settled
	from := h.through
	reach := max(t.reach, t.sure-min(h.retention, int64(retention/time.Second)))
	switch {
	case from < reach:
		from = t.sure
	case t.before(from).open != h.open:
		if from < t.sure {
			from = t.sure
		} else {
			from = end
		}
	}
	if end < from || end <= h.through {
		return false
	}
	told := h.through
	if h.since == 0 {
		told = from // what happened before the history began is none of it
	}
	happened := t.tellFacts(h, told, end)
	happened = happened || h.through < from
	h.begin(from)
	current := t.stepIn(from, h)
	happened = happened || h.open != current.open || h.licensed != current.licensed
	for _, s := range t.steps {
		if s.at <= from {
			continue
		}
		h.add(s.at, current.open, current.licensed)
		current, happened = s.filled(h), true
	}
	h.add(end, current.open, current.licensed)
	for _, r := range t.known {
		if r.started && !r.ended && models[r.model] == Named {
			h.signIns.add(r.user, end)
		}
	}
	h.signIns.trim(end)
	h.retention = int64(retention / time.Second)
	h.late += t.late
	return happened
}

// Settle makes of what happened up to a time (excluded) what can be told, of which a bounded amount is kept. It is called where there is nothing to tell it to; Tell does it by itself. False: no clock says so.
func (t *Timeline) Settle(to time.Time) bool {
	if to.Unix() < earliest {
		return false
	}
	t.settle(to.Unix())
	return true
}

// stepIn is what is in force from a time on.
func (t *Timeline) stepIn(second int64, h *History) step {
	found := step{licensed: [2]int{licenseUnknown, licenseUnknown}}
	for _, s := range t.steps {
		if s.at > second {
			break
		}
		found = s
	}
	return found.filled(h)
}

// filled has what the history knows where the timeline does not.
func (s step) filled(h *History) step {
	if s.licensed[0] == licenseUnknown {
		s.licensed = h.licensed
	}
	return s
}

// before is what was in force just before a time.
func (t *Timeline) before(second int64) step {
	var found step
	for _, s := range t.steps {
		if s.at >= second {
			break
		}
		found = s
	}
	return found
}

func (t *Timeline) tellFacts(h *History, from, to int64) bool {
	told := false
	for _, f := range t.facts {
		switch {
		case f.known < from || f.known >= to:
			continue
		case f.grant:
			h.addGrant(f.at, f.model, f.user)
		default:
			h.addDenials(f.at, f.reason, f.count)
		}
		told = true
	}
	return told
}

// Forget drops what a stored history tells, once it is known to be stored.
func (t *Timeline) Forget(h *History) {
	t.late = 0
	t.forget(h.through)
}

func (t *Timeline) forget(through int64) {
	t.reach, t.sure = max(t.reach, through), max(t.sure, through)
	i := 0
	for i+1 < len(t.steps) && t.steps[i+1].at < through {
		i++
	}
	t.steps = append([]step(nil), t.steps[i:]...)
	facts := t.facts[:0]
	for _, f := range t.facts {
		if f.known >= through {
			facts = append(facts, f)
		}
	}
	t.facts = facts
}

// digestOf is a session's part in a digest: digests add up, so that one session more or less costs the same however many there are.
func digestOf(session string) uint64 {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(session)) // it never fails
	return sum.Sum64()
}
