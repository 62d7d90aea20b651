// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating_test

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// after says whether a time, if it is one, was at least that long ago; 0 is no such rule.
func (l *lives) after(t time.Time, long time.Duration) bool {
	return !t.IsZero() && long > 0 && l.now.Sub(t) >= long
}

// The oracle's view of a session now, in the plainest words.

func (l *lives) idlePeriod(s seating.Session) time.Duration {
	r := l.rules.Lifetimes
	if s.Life.UnsavedWork && r.Idle > 0 && r.UnsavedWork > r.Idle {
		return r.UnsavedWork
	}
	return r.Idle
}

func (l *lives) idle(s seating.Session) bool {
	return s.Seat == seating.Concurrent && l.after(s.Life.LastActivity, l.idlePeriod(s))
}

func (l *lives) lost(s seating.Session) bool {
	return l.after(s.Life.LastHeartbeat, l.rules.Lifetimes.LostAfter)
}

func (l *lives) outlived(s seating.Session) bool {
	return l.after(s.Life.Logon, l.rules.Lifetimes.MaxLifetime)
}

// missing says whether the client, of one that is due as idle or lost, was once heard and is not now.
func (l *lives) missing(s seating.Session) bool {
	return !s.Life.LastHeartbeat.IsZero() && l.now.Sub(s.Life.LastHeartbeat) > l.rules.Lifetimes.Heartbeat*5/4
}

func (l *lives) spared(s seating.Session) bool {
	return (s.Life.Found || s.Life.Logon.Before(l.moment.Adopted)) && l.now.Before(l.moment.Until)
}

func (l *lives) outlook(s seating.Session) seating.Outlook {
	o := seating.Outlook{KeepAlive: !l.idle(s)}
	if period := l.idlePeriod(s); s.Seat == seating.Concurrent && period > 0 {
		o.Timeout = s.Life.LastActivity.Add(period)
		lead := l.rules.Lifetimes.PromptLead
		o.Prompt = lead > 0 && s.Module == "Web" && l.now.Sub(s.Life.LastActivity) >= period-lead
	}
	return o
}

func (l *lives) check(t *rapid.T) {
	// (c, d) What ended is out of all counts, and what was counted bit by bit is what is counted from the records.
	if found := append(seating.Differences(l.ledger, l.recounted()), seating.Flaws(l.ledger)...); len(found) > 0 {
		t.Fatalf("the ledger is not what its records say: %q", found)
	}
	if got, want := l.ledger.Table(), l.table(); !reflect.DeepEqual(got, want) {
		t.Fatalf("the table shows %s; the records say %s", inWords(got), inWords(want))
	}
	for id, s := range l.sessions {
		if _, on := l.ledger.Session(id); on == (s.State == seating.Ended) {
			t.Fatalf("session %+v counts: %t", s, on)
		}
	}
	// (b) A sweep changes nothing, and follows from the records alone.
	before := seating.Clone(l.ledger)
	w := l.plan(unlimited)
	if !seating.Same(before, l.ledger) {
		t.Fatalf("sweeping changed the ledger: %q", seating.Differences(before, l.ledger))
	}
	l.judge(t, w, unlimited)
	l.elsewhere().limits(t)
	for _, most := range []int{unlimited, rapid.IntRange(1, 4).Draw(t, "most at once")} {
		l.elsewhere().settles(t, most)
	}
}

// limits: whoever waits is decided on; nobody comes to have more sessions than one may, and whose oldest session ended has the newest instead.
func (l *lives) limits(t *rapid.T) {
	signedOn := func(user string) int {
		n := 0
		for _, s := range l.on() {
			if !s.System && sameUser(l.rules, s.User, user) {
				n++
			}
		}
		return n
	}
	before, displaced := map[string]int{}, map[string]bool{}
	for _, s := range l.sessions {
		before[s.User] = signedOn(s.User)
	}
	for round := 0; ; round++ {
		plan := l.ledger.Decide(l.now, unlimited)
		for _, e := range plan.Ends {
			s := l.sessions[e.Session]
			if e.Action == seating.OldestSessionTerminated {
				displaced[s.User] = true
			}
			for _, o := range l.on() {
				older := o.Life.Logon.Before(s.Life.Logon) || o.Life.Logon.Equal(s.Life.Logon) && o.Arrival.Before(s.Arrival)
				goes := func(e seating.End) bool { return e.Session == o.ID }
				if s.State == seating.Held && !o.System && sameUser(l.rules, o.User, s.User) && older && !slices.ContainsFunc(plan.Ends, goes) {
					t.Fatalf("at %s %+v makes room, and %+v is older", l.now, s, o)
				}
			}
		}
		if l.decide(); !plan.Next.Equal(l.now) {
			break
		}
		if round > 200 {
			t.Fatalf("at %s there is always more to decide: %+v", l.now, plan)
		}
	}
	limit := l.rules.Lifetimes.MaxPerUser
	for user, had := range before {
		if has := signedOn(user); limit > 0 && has > max(had, limit) || displaced[user] && has != limit {
			t.Fatalf("at %s %s has %d sessions, from %d, of %d; displaced: %t", l.now, user, has, had, limit, displaced[user])
		}
	}
}

// judge: (a) nobody ends, and nothing is shown or cleared, but for cause.
func (l *lives) judge(t *rapid.T, w *seating.Sweep, most int) {
	if len(w.Ends) > most || len(w.Shows) > most || len(w.Clear) > most || !w.Next.IsZero() && w.Next.Before(l.now) {
		t.Fatalf("within %d, at %s: %+v", most, l.now, w)
	}
	answered := map[string]bool{}
	for _, e := range w.Ends {
		s := l.sessions[e.Session]
		asked := s.Life.Termination
		answered[e.Session] = true
		right := s.State == seating.Held && e.Message != ""
		switch {
		case asked != nil:
			right = right && e.Action == asked.Action && (asked.Message == "" || e.Message == asked.Message)
		case l.outlived(s):
			right = right && e.Action == seating.TerminatedBySystem
		case w.Brake.On() && (l.lost(s) || l.missing(s)), l.spared(s):
			right = false
		default:
			right = right && e.Action == seating.ExpiredSessionTerminated &&
				(l.idle(s) && strings.Contains(e.Message, "was idle") || l.lost(s) && strings.Contains(e.Message, "not heard of"))
		}
		if !right {
			t.Fatalf("at %s, under %+v, %+v ends %+v (%+v)", l.now, l.rules.Lifetimes, e, s, w.Brake)
		}
	}
	for _, shows := range w.Shows {
		s := l.sessions[shows.Session]
		if want := l.outlook(s); answered[s.ID] || s.State != seating.Held || shows.Outlook != want || s.Life.Shown == want {
			t.Fatalf("at %s %+v is shown for %+v; want %+v", l.now, shows, s, want)
		}
		answered[s.ID] = true
	}
	for _, id := range w.Clear {
		s := l.sessions[id]
		if s.State != seating.Ended || l.now.Before(s.Life.Ended.Add(l.rules.Lifetimes.Retention)) {
			t.Fatalf("at %s %+v is cleared", l.now, s)
		}
	}
}

// settles: (b) when a sweep says that there is no more to do there is not, and (e) there will be none before it says so.
func (l *lives) settles(t *rapid.T, most int) {
	var told, next time.Time
	for round := 0; ; round++ {
		before, w := l.moment.Brake, l.plan(most)
		l.judge(t, w, most)
		l.carryOut(w, all)
		if next = w.Next; w.Empty() && w.Brake == before {
			break
		}
		if told = l.ledger.NextTurn(l.now); told.IsZero() || !w.Next.IsZero() && w.Next.Before(told) {
			told = w.Next
		}
		if round > 200 {
			t.Fatalf("at %s there is always more to do: %+v", l.now, w)
		}
		// Who does not sweep again at once does so in time, by what the sweep said and what the ledger has learnt from its being carried out.
		if again := l.plan(unlimited); w.Brake == (seating.Brake{}) && (!again.Next.IsZero() || !again.Empty()) &&
			(told.IsZero() || told.After(l.now) && (!again.Empty() || told.After(again.Next))) {
			t.Fatalf("at %s, after %+v, it is to look again at %s; there is %+v", l.now, w, told, again)
		}
	}
	l.quiet(t, next)
	later := l.now.Add(1000 * hour)
	if !next.IsZero() {
		later = next.Add(-instant)
	}
	for _, at := range []time.Time{later, l.now.Add(later.Sub(l.now) / 2)} {
		then := l.elsewhere()
		then.now = at
		then.quiet(t, next)
	}
}

// quiet: nobody is due, no record shows anything wrong, none is to be cleared, and a sweep says so.
func (l *lives) quiet(t *rapid.T, next time.Time) {
	w := l.plan(unlimited)
	was := l.moment.Brake // whether clients are heard while it holds is looked at now and then, and changes nothing by itself
	if !w.Empty() || !w.Brake.Since.Equal(was.Since) || !w.Brake.Released.Equal(was.Released) || w.Next.IsZero() != next.IsZero() || w.Next.Before(next) {
		t.Fatalf("at %s there is more to do (next was %s): %+v (brake was %+v)", l.now, next, w, l.moment.Brake)
	}
	for _, s := range l.sessions {
		if s.State == seating.Ended && !l.now.Before(s.Life.Ended.Add(l.rules.Lifetimes.Retention)) {
			t.Fatalf("at %s the record %+v is still there", l.now, s)
		}
		if s.State != seating.Held {
			continue
		}
		b := w.Brake
		missing := l.lost(s) || l.missing(s)
		held := missing && (b.On() || !b.Released.IsZero() && b.Ended == 10 && l.now.Sub(b.Counting) < time.Second)
		due := s.Life.Termination != nil || l.outlived(s) || (l.idle(s) || l.lost(s)) && !held && !l.spared(s)
		if want := l.outlook(s); due || s.Life.Shown != want {
			t.Fatalf("at %s, under %+v, due: %t, %+v; its outlook is %+v (%+v)", l.now, l.rules.Lifetimes, due, s, want, w)
		}
	}
}
