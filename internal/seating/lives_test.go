// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// Users sign on, work, fall silent and come back, settings change, ends are asked for, allocators are replaced, sweeps are carried out in part, time passes; and after
// every step all that lives_judgement_test.go says holds.
func TestWhateverLivesAreLed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := &lives{now: nine, moment: seating.Moment{LongestBrake: 3 * minute},
			records: records{sessions: map[string]seating.Session{}, accounts: map[string]seating.Account{}}}
		l.rules = l.drawRules(t)
		l.ledger = seating.NewLedger(l.rules)
		l.putAccount("named")
		t.Repeat(map[string]func(*rapid.T){
			"":        l.check,
			"sign on": l.signOn,
			"work":    l.work,
			"beat":    l.beat,
			"ask":     l.ask,
			"delete":  l.delete,
			"reapply": l.reapply,
			"replace": l.replace,
			"release": func(*rapid.T) { l.moment.Release = l.now },
			"pass":    l.pass,
			"sweep":   l.sweep,
			"decide":  func(*rapid.T) { l.decide() },
		})
	})
}

// lives is a pool of many seats. What has ended stays in the records until it is cleared.
type lives struct {
	records

	ledger *seating.Ledger
	now    time.Time
	serial uint64
	moment seating.Moment // but for the time
}

func (l *lives) drawRules(t *rapid.T) seating.Rules {
	seconds := func(what string, of ...int) time.Duration {
		return time.Duration(rapid.SampledFrom(of).Draw(t, what)) * time.Second
	}
	p := aPool().named(100).concurrent(rapid.SampledFrom([]int{1, 2, 3, 100, 100, 100}).Draw(t, "seats"))
	p.Lifetimes = seating.Lifetimes{
		Idle:           seconds("idle", 0, 60, 100),
		UnsavedWork:    seconds("unsaved work", 0, 100, 200),
		PromptLead:     seconds("lead", 0, 10, 40),
		PromptModules:  []string{"Web"},
		Heartbeat:      10 * time.Second,
		LostAfter:      seconds("lost", 0, 50, 90),
		MaxLifetime:    seconds("lifetime", 0, 0, 300),
		Retention:      seconds("retention", 0, 30),
		MaxPerUser:     rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(t, "limit"),
		DisplaceOldest: rapid.Bool().Draw(t, "the oldest ends"),
	}
	p.Sharing.ClientHost = rapid.Bool().Draw(t, "per host")
	return p.Rules
}

func (l *lives) putAccount(user string) {
	a := aNamed(user).Account
	a.Licensed = true
	l.accounts[a.ID] = a
	l.ledger.PutAccount(a)
}

func (l *lives) put(s seating.Session) {
	l.sessions[s.ID] = s
	l.ledger.PutSession(s)
}

func (l *lives) remove(id string) {
	delete(l.sessions, id)
	l.ledger.RemoveSession(id)
}

func (l *lives) end(id string) {
	s := l.sessions[id]
	s.State, s.Life.Ended = seating.Ended, l.now
	l.put(s)
}

// on lists who is on, by id.
func (l *lives) on() []seating.Session {
	var on []seating.Session
	for _, s := range l.sessions {
		if s.State == seating.Held {
			on = append(on, s)
		}
	}
	slices.SortFunc(on, func(a, b seating.Session) int { return strings.Compare(a.ID, b.ID) })
	return on
}

// signOn lets one sign on, or a crowd.
func (l *lives) signOn(t *rapid.T) {
	for range rapid.SampledFrom([]int{1, 2, 6, 14}).Draw(t, "how many sign on") {
		l.serial++
		user := rapid.SampledFrom([]string{"named", "ann", "ANN", fmt.Sprint("user", l.serial)}).Draw(t, "user")
		s := by(user).to(rapid.SampledFrom([]string{"Web", "Desktop"}).Draw(t, "module")).
			on(rapid.SampledFrom([]string{"pc", "phone"}).Draw(t, "host")).Session
		s.ID = fmt.Sprintf("%c%d", 'a'+rapid.IntRange(0, 25).Draw(t, "letter"), l.serial)
		s.System = oneIn(t, 12, "system")
		s.MaxWait = time.Duration(rapid.SampledFrom([]int{0, 60}).Draw(t, "waits")) * time.Second
		s.Arrival = seating.Arrival{Time: l.now.Truncate(time.Second), Revision: l.serial, ID: s.ID}
		l.put(s)
	}
	if oneIn(t, 2, "at once") {
		l.decide()
	}
}

// decide plans once and carries it out.
func (l *lives) decide() {
	plan := l.ledger.Decide(l.now, unlimited)
	for _, e := range plan.Ends {
		l.end(e.Session)
	}
	for _, g := range plan.Grants {
		s := l.sessions[g.Session]
		s.State, s.Seat, s.Connection = seating.Held, g.Seat, g.Connection
		s.Life.Logon, s.Life.LastActivity, s.Life.Shown.KeepAlive = l.now, l.now, true
		l.put(s)
	}
	for _, w := range plan.Waits {
		s := l.sessions[w.Session]
		s.WaitUntil = w.Until
		l.put(s)
	}
	for _, d := range plan.Denials {
		l.end(d.Session)
	}
}

// work lets one user do something, and report unsaved work or none.
func (l *lives) work(t *rapid.T) {
	if on := l.on(); len(on) > 0 {
		s := rapid.SampledFrom(on).Draw(t, "who works")
		s.Life.LastActivity, s.Life.UnsavedWork = l.now, rapid.Bool().Draw(t, "unsaved")
		if !s.Life.LastHeartbeat.IsZero() || rapid.Bool().Draw(t, "by heartbeat") {
			s.Life.LastHeartbeat = l.now
		}
		l.put(s)
	}
}

// beat lets all clients be heard but some: nobody, a few, or most.
func (l *lives) beat(t *rapid.T) {
	but := rapid.SampledFrom([]int{0, 0, 3, 8}).Draw(t, "but tenths")
	for i, s := range l.on() {
		if i%10 >= but {
			s.Life.LastHeartbeat = l.now
			l.put(s)
		}
	}
}

// ask asks for an end, of a session that is on or waits.
func (l *lives) ask(t *rapid.T) {
	if s, ok := some(t, l.sessions, "is asked to end", func(s seating.Session) bool { return s.State != seating.Ended }); ok && s.Life.Termination == nil {
		s.Life.Termination = &seating.Termination{Action: rapid.SampledFrom([]seating.Action{seating.RequestedByUser, seating.RequestedByAdministrator,
			seating.TerminatedBySystem}).Draw(t, "by"), Message: rapid.SampledFrom([]string{"", "Bye."}).Draw(t, "saying")}
		l.put(s)
	}
}

// delete removes a session or a record.
func (l *lives) delete(t *rapid.T) {
	if s, ok := some(t, l.sessions, "is deleted", nil); ok {
		l.remove(s.ID)
	}
}

func (l *lives) reapply(t *rapid.T) {
	l.rules = l.drawRules(t)
	l.ledger.SetRules(l.rules)
}

// replace lets another allocator take over: it has the records, and of the brake what they say.
func (l *lives) replace(*rapid.T) {
	b := l.moment.Brake
	l.ledger, l.moment.Brake = l.recounted(), seating.Brake{Since: b.Since, Released: b.Released}
	l.moment.Adopted, l.moment.Until = l.now, l.now.Add(25*time.Second)
}

// pass lets time pass: often just to when something is due, or just short of it.
func (l *lives) pass(t *rapid.T) {
	if next := l.plan(unlimited).Next; next.After(l.now) && rapid.Bool().Draw(t, "to what comes next") {
		l.now = next
		if before := next.Add(-instant); oneIn(t, 4, "almost") && before.After(l.now) {
			l.now = before
		}
		return
	}
	l.now = l.now.Add(time.Duration(rapid.SampledFrom([]int{1, 9, 10, 21, 60}).Draw(t, "seconds")) * time.Second)
}

func (l *lives) plan(most int) *seating.Sweep {
	m := l.moment
	m.Now, m.Most = l.now, most
	return l.ledger.Sweep(m)
}

// sweep sweeps within bounds and carries out all of it, or some.
func (l *lives) sweep(t *rapid.T) {
	most := rapid.SampledFrom([]int{1, 3, unlimited}).Draw(t, "most")
	wholly := rapid.Bool().Draw(t, "wholly")
	w := l.plan(most)
	l.judge(t, w, most)
	l.carryOut(w, func(string) bool { return wholly || rapid.Bool().Draw(t, "written") })
}

func (l *lives) carryOut(w *seating.Sweep, written func(string) bool) {
	l.moment.Brake = w.Brake
	for _, e := range w.Ends {
		if written(e.Session) {
			l.end(e.Session)
		}
	}
	for _, shows := range w.Shows {
		if written(shows.Session) {
			s := l.sessions[shows.Session]
			s.Life.Shown = shows.Outlook
			l.put(s)
		}
	}
	for _, id := range w.Clear {
		if written(id) {
			l.remove(id)
		}
	}
}

// elsewhere is a copy of it all, to try things in.
func (l *lives) elsewhere() *lives {
	c := *l
	c.records, c.ledger = *l.clone(), seating.Clone(l.ledger)
	return &c
}
