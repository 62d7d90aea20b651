// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating_test

import (
	"strings"
	"testing"
	"time"

	"github.com/seatkeeper/seatkeeper/internal/seating"
)

func (p pool) idle(after time.Duration) pool     { p.Lifetimes.Idle = after; return p }
func (p pool) unsaved(after time.Duration) pool  { p.Lifetimes.UnsavedWork = after; return p }
func (p pool) lost(after time.Duration) pool     { p.Lifetimes.LostAfter = after; return p }
func (p pool) lifetime(most time.Duration) pool  { p.Lifetimes.MaxLifetime = most; return p }
func (p pool) retention(stay time.Duration) pool { p.Lifetimes.Retention = stay; return p }
func (p pool) prompt(lead time.Duration, modules ...string) pool {
	p.Lifetimes.PromptLead, p.Lifetimes.PromptModules = lead, modules
	return p
}

// office is a pool of many seats of both kinds whose clients beat every 30 seconds.
func office() pool {
	p := aPool().named(1000).concurrent(1000)
	p.Lifetimes.Heartbeat = 30 * time.Second
	return p
}

// on is a session that signed on at nine, with a concurrent seat, and whose client never sent a heartbeat.
func on(id string) login {
	l := by(id)
	l.ID, l.State, l.Seat, l.Life.Logon, l.Life.LastActivity = id, seating.Held, seating.Concurrent, nine, nine
	l.Life.Shown.KeepAlive = true
	return l
}

func (l login) seated(s seating.Seat) login { l.Seat = s; return l }
func (l login) since(after time.Duration) login {
	l.Life.Logon = nine.Add(after)
	return l.active(after)
}
func (l login) active(after time.Duration) login    { l.Life.LastActivity = nine.Add(after); return l }
func (l login) heard(after time.Duration) login     { l.Life.LastHeartbeat = nine.Add(after); return l }
func (l login) withUnsavedWork(reported bool) login { l.Life.UnsavedWork = reported; return l }
func (l login) told(a seating.Action, m string) login {
	l.Life.Termination = &seating.Termination{Action: a, Message: m}
	return l
}

// night is a desk where time catches up with sessions.
type night struct {
	*desk

	moment  seating.Moment // but for the time
	ended   map[string]seating.End
	order   []string
	cleared []string
}

func (p pool) keeps(t *testing.T, sessions ...login) *night {
	t.Helper()
	n := &night{desk: p.opens(t), ended: map[string]seating.End{}, moment: seating.Moment{Most: unlimited, LongestBrake: 15 * minute}}
	n.puts(sessions...)
	return n
}

// puts takes sessions in as their records now are.
func (n *night) puts(sessions ...login) {
	for _, l := range sessions {
		n.PutSession(l.Session)
	}
}

// becomes changes what is recorded of a session.
func (n *night) becomes(id string, how func(login) login) {
	n.t.Helper()
	s, ok := n.Session(id)
	if !ok {
		n.t.Fatalf("session %s has ended", id)
	}
	n.puts(how(login{s}))
}

// plan is the sweep of now, which is not carried out.
func (n *night) plan() *seating.Sweep {
	n.moment.Now = n.now
	return n.Sweep(n.moment)
}

// sweep sweeps once and carries it out.
func (n *night) sweep() *seating.Sweep {
	w := n.plan()
	n.moment.Brake = w.Brake
	for _, e := range w.Ends {
		n.end(e)
	}
	for _, s := range w.Shows {
		n.becomes(s.Session, func(l login) login { l.Life.Shown = s.Outlook; return l })
	}
	for _, id := range w.Clear {
		n.cleared = append(n.cleared, id)
		n.RemoveSession(id)
	}
	return w
}

func (n *night) end(e seating.End) {
	if _, again := n.ended[e.Session]; again || e.Message == "" {
		n.t.Errorf("%+v; it ended before: %t", e, again)
	}
	n.ended[e.Session] = e
	n.order = append(n.order, e.Session)
	n.becomes(e.Session, func(l login) login { l.State, l.Life.Ended = seating.Ended, n.now; return l })
}

// at sweeps at a time after nine until there is no more to do.
func (n *night) at(after time.Duration) *night {
	n.now = nine.Add(after)
	for range 1000 {
		if n.sweep().Empty() {
			return n
		}
	}
	n.t.Fatalf("at %s there is always more to do", n.now)
	return n
}

// isOn wants that these are still on.
func (n *night) isOn(ids string) {
	n.t.Helper()
	for id := range strings.FieldsSeq(ids) {
		if _, ok := n.Session(id); !ok {
			n.t.Errorf("at %s session %s has ended: %+v", n.now, id, n.ended[id])
		}
	}
}

// hasEnded wants that a session ended like this.
func (n *night) hasEnded(id string, action seating.Action, message string) {
	n.t.Helper()
	if e, ended := n.ended[id]; !ended || e.Action != action || e.Message != message {
		n.t.Errorf("at %s session %s ended: %t, %+v; want %s, %q", n.now, id, ended, e, action, message)
	}
}

func (n *night) shown(id string) seating.Outlook {
	s, _ := n.Session(id)
	return s.Life.Shown
}

func TestWhenSessionsEnd(t *testing.T) {
	const never = 0
	expired := seating.ExpiredSessionTerminated
	rules := office().idle(60 * minute).unsaved(4 * hour).lost(10 * minute)
	for _, c := range []struct {
		sentence string
		pool     pool
		session  login
		ends     time.Duration // after nine
		action   seating.Action
		message  string
	}{
		{"A10: a concurrent session ends an idle period after its logon", rules, on("ann"), hour, expired,
			"The session was idle for 1h0m0s, since 2026-03-02T09:00:00Z."},
		{"A10: and after its last activity", rules, on("ann").active(20 * minute), 80 * minute, expired,
			"The session was idle for 1h0m0s, since 2026-03-02T09:20:00Z."},
		{"a session without a recorded activity counts from its logon", rules, login{func() seating.Session {
			s := on("ann").since(5 * minute).Session
			s.Life.LastActivity = time.Time{}
			return s
		}()}, 65 * minute, expired, "The session was idle for 1h0m0s, since 2026-03-02T09:05:00Z."},
		{"A10: a named session never idles out", rules, on("ann").seated(seating.Named), never, "", ""},
		{"C4: a system login never idles out", rules, on("ann").ofSystem().seated(seating.Uncounted), never, "", ""},
		{"A10: idle expiry can be switched off", office(), on("ann"), never, "", ""},
		{"B8: unsaved work has the longer period", rules, on("ann").withUnsavedWork(true), 4 * hour, expired,
			"The session was idle for 4h0m0s, since 2026-03-02T09:00:00Z."},
		{"B8: without a second period unsaved work changes nothing", office().idle(hour), on("ann").withUnsavedWork(true), hour, expired,
			"The session was idle for 1h0m0s, since 2026-03-02T09:00:00Z."},
		{"B8: without a first period there is no second", office().unsaved(hour), on("ann").withUnsavedWork(true), never, "", ""},
		{"C7: a lost client's session ends before it would idle out", rules, on("ann").heard(7 * minute), 17 * minute, expired,
			"The client was not heard of for 10m0s, since 2026-03-02T09:07:00Z."},
		{"C7: unsaved work does not keep a lost client", rules, on("ann").heard(0).withUnsavedWork(true), 10 * minute, expired,
			"The client was not heard of for 10m0s, since 2026-03-02T09:00:00Z."},
		{"C7: nor does a named seat", rules, on("ann").seated(seating.Named).heard(0), 10 * minute, expired,
			"The client was not heard of for 10m0s, since 2026-03-02T09:00:00Z."},
		{"C7: nor that none is needed", rules, on("ann").ofSystem().seated(seating.Uncounted).heard(0), 10 * minute, expired,
			"The client was not heard of for 10m0s, since 2026-03-02T09:00:00Z."},
		{"a pool may take no client for lost", office(), on("ann").heard(0), never, "", ""},
		{"C7: a patient pool waits longer", office().lost(24 * hour), on("ann").heard(0), 24 * hour, expired,
			"The client was not heard of for 24h0m0s, since 2026-03-02T09:00:00Z."},
		{"a client that beats and does nothing idles out", rules, on("ann").heard(59 * minute), hour, expired,
			"The session was idle for 1h0m0s, since 2026-03-02T09:00:00Z."},
		{"a client that never beat is never lost", office().lost(10 * minute), on("ann"), never, "", ""},
		{"a lifetime ends in use", office().idle(hour).lifetime(8 * hour), on("ann").active(8*hour - time.Second).heard(8*hour - time.Second), 8 * hour,
			seating.TerminatedBySystem, "The session reached its maximum lifetime of 8h0m0s."},
		{"a named session's too", office().lifetime(8 * hour), on("ann").seated(seating.Named), 8 * hour,
			seating.TerminatedBySystem, "The session reached its maximum lifetime of 8h0m0s."},
		{"a system login's too", office().lifetime(8 * hour), on("ann").ofSystem().seated(seating.Uncounted), 8 * hour,
			seating.TerminatedBySystem, "The session reached its maximum lifetime of 8h0m0s."},
		{"A9: by hand at once, with the administrator's words", rules, on("ann").told(seating.RequestedByAdministrator, "Maintenance."), instant,
			seating.RequestedByAdministrator, "Maintenance."},
		{"A9: and without", rules, on("ann").told(seating.RequestedByAdministrator, ""), instant,
			seating.RequestedByAdministrator, "An administrator ended the session."},
		{"A9: a named session too", rules, on("ann").seated(seating.Named).told(seating.RequestedByAdministrator, ""), instant,
			seating.RequestedByAdministrator, "An administrator ended the session."},
		{"C5: by the user", rules, on("ann").told(seating.RequestedByUser, ""), instant, seating.RequestedByUser, "The user signed out."},
		{"C5: by the user, with words", rules, on("ann").told(seating.RequestedByUser, "Bye."), instant, seating.RequestedByUser, "Bye."},
		{"C5: by the system", rules, on("ann").told(seating.TerminatedBySystem, ""), instant, seating.TerminatedBySystem, "The system ended the session."},
		{"C5: by the system, with words", rules, on("ann").told(seating.TerminatedBySystem, "Moving."), instant, seating.TerminatedBySystem, "Moving."},
		{"C5: what was asked for goes before what is due", rules, on("ann").since(-9*hour).told(seating.RequestedByUser, ""), instant,
			seating.RequestedByUser, "The user signed out."},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			n := c.pool.keeps(t, c.session)
			if c.ends == never {
				n.at(10000 * hour).isOn("ann")
				if w := n.plan(); !w.Next.IsZero() {
					t.Errorf("looks again at %s", w.Next)
				}
				return
			}
			if c.ends > instant {
				n.at(c.ends - instant).isOn("ann")
				if w := n.plan(); !w.Next.Equal(nine.Add(c.ends)) || !n.NextTurn(n.now).Equal(w.Next) {
					t.Errorf("looks again at %s, and by the ledger at %s", w.Next, n.NextTurn(n.now))
				}
			}
			n.at(c.ends).hasEnded("ann", c.action, c.message)
			if table := n.Table(); table.Named.Connected+table.Concurrent.Connected != 0 {
				t.Errorf("its seat is not free: %s", inWords(table))
			}
		})
	}
}

// One heartbeat's report is enough to live on until the second period; the next one without is enough to end.
func TestB8KeepAliveBetweenTheTwoPeriods(t *testing.T) {
	n := office().idle(hour).unsaved(4*hour).keeps(t, on("ann").withUnsavedWork(true), on("bob").withUnsavedWork(true))
	for _, after := range []time.Duration{0, hour, 3 * hour} {
		n.at(after).isOn("ann bob")
		if got := n.shown("ann"); !got.KeepAlive || !got.Timeout.Equal(nine.Add(4*hour)) {
			t.Errorf("at %s it shows %+v", n.now, got)
		}
	}
	n.becomes("ann", func(l login) login { return l.withUnsavedWork(false) })
	if s, _ := n.Session("ann"); n.Rules().Outlook(s, n.now).KeepAlive {
		t.Error("it is kept alive past the first period without unsaved work")
	}
	n.at(3*hour).hasEnded("ann", seating.ExpiredSessionTerminated, "The session was idle for 1h0m0s, since 2026-03-02T09:00:00Z.")
	n.isOn("bob")
	n.at(4*hour).hasEnded("bob", seating.ExpiredSessionTerminated, "The session was idle for 4h0m0s, since 2026-03-02T09:00:00Z.")
}

func TestC8APendingSessionEndsAsWasAskedFor(t *testing.T) {
	d := office().concurrent(0).opens(t)
	k := d.arrives(by("ann").waiting(hour).told(seating.RequestedByUser, ""))
	system := d.arrives(by("monitor").ofSystem().told(seating.RequestedByAdministrator, "No."))
	plan := d.Decide(d.now, unlimited)
	want := []seating.End{{Session: k.id, Action: seating.RequestedByUser, Message: "The user signed out."},
		{Session: system.id, Action: seating.RequestedByAdministrator, Message: "No."}}
	if len(plan.Ends) != 2 || plan.Ends[0] != want[0] || plan.Ends[1] != want[1] || len(plan.Grants)+len(plan.Waits)+len(plan.Denials) != 0 || plan.Empty() {
		t.Errorf("%+v", plan)
	}
}
