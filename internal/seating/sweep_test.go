// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// shows wants that a session's record shows this outlook; the timeout is that long after nine, 0: none.
func (n *night) shows(id string, keepAlive, prompt bool, timeout time.Duration) {
	n.t.Helper()
	want := seating.Outlook{KeepAlive: keepAlive, Prompt: prompt}
	if timeout != 0 {
		want.Timeout = nine.Add(timeout)
	}
	if got := n.shown(id); got.KeepAlive != keepAlive || got.Prompt != prompt || !got.Timeout.Equal(want.Timeout) {
		n.t.Errorf("at %s session %s shows %+v; want %+v", n.now, id, got, want)
	}
}

func TestA11ThePrompt(t *testing.T) {
	n := office().idle(hour).prompt(minute, "Web", "Portal").keeps(t, on("web"), on("portal").to("Portal").active(time.Second), on("desktop").to("Desktop"),
		on("named").seated(seating.Named))
	n.at(59*minute - instant)
	n.shows("web", true, false, hour)
	n.shows("desktop", true, false, hour)
	n.shows("named", true, false, 0)
	if w := n.plan(); !w.Next.Equal(nine.Add(59 * minute)) {
		t.Errorf("looks again at %s", w.Next)
	}
	n.at(59 * minute)
	n.shows("web", true, true, hour)
	n.shows("portal", true, false, hour+time.Second)
	n.shows("desktop", true, false, hour)
	n.at(59*minute + time.Second)
	n.shows("portal", true, true, hour+time.Second)
	// The prompt is shown, and the deadline is not forgotten over it.
	if w := n.plan(); !w.Next.Equal(nine.Add(hour)) || !n.NextTurn(n.now).Equal(w.Next) {
		t.Errorf("looks again at %s, and by the ledger at %s", w.Next, n.NextTurn(n.now))
	}
	// An answer is an activity.
	n.becomes("portal", func(l login) login { return l.active(59*minute + 30*time.Second) })
	n.at(59*minute + 30*time.Second)
	n.shows("portal", true, false, 2*hour-30*time.Second)
	n.at(hour - instant).isOn("web portal desktop named")
	n.at(hour).isOn("portal named")
	for _, id := range []string{"web", "desktop"} { // without an answer, and without a question
		n.hasEnded(id, seating.ExpiredSessionTerminated, "The session was idle for 1h0m0s, since 2026-03-02T09:00:00Z.")
	}
	n.at(2*hour - 30*time.Second).isOn("named")
}

func TestA11ThePromptFollowsItsSettings(t *testing.T) {
	p := office().idle(hour).prompt(10*minute, "Web")
	n := p.keeps(t, on("ann")).at(55 * minute)
	n.shows("ann", true, true, hour)
	for _, c := range []struct {
		sentence string
		pool     pool
		prompt   bool
		next     time.Duration
	}{
		{"a shorter lead withdraws it", p.prompt(2*minute, "Web"), false, 58 * minute},
		{"a longer one brings it back", p.prompt(10*minute, "Web"), true, hour},
		{"its module is listed no longer", p.prompt(10*minute, "Desktop"), false, hour},
		{"and is again", p.prompt(10*minute, "Desktop", "Web"), true, hour},
		{"there are no prompts", p.prompt(0, "Web"), false, hour},
		{"and are again", p, true, hour},
	} {
		n.SetRules(c.pool.Rules)
		n.at(55 * minute)
		n.shows("ann", true, c.prompt, hour)
		if w := n.plan(); !w.Next.Equal(nine.Add(c.next)) || !n.NextTurn(n.now).Equal(w.Next) {
			t.Errorf("%s: looks again at %s, and by the ledger at %s", c.sentence, w.Next, n.NextTurn(n.now))
		}
	}
	n.SetRules(p.idle(0).Rules)
	n.at(hour)
	n.shows("ann", true, false, 0)
	n.isOn("ann")
}

// C6, and settings that change act on live sessions from their last activity; nothing but the rules changes here.
func TestC6TheTimeoutIsThatOfTheLastActivityAndTheSettingsOfNow(t *testing.T) {
	p := office().idle(hour).unsaved(4 * hour)
	n := p.keeps(t, on("ann").active(10*minute), on("bob").active(10*minute).withUnsavedWork(true), on("named").seated(seating.Named)).at(11 * minute)
	n.shows("ann", true, false, 70*minute)
	n.shows("bob", true, false, 4*hour+10*minute)
	n.shows("named", true, false, 0)

	n.SetRules(p.idle(30 * minute).Rules) // shorter
	n.at(12 * minute)
	n.shows("ann", true, false, 40*minute)
	n.shows("bob", true, false, 4*hour+10*minute)

	n.SetRules(p.idle(0).Rules) // off
	n.at(41 * minute)
	n.shows("ann", true, false, 0)
	n.shows("bob", true, false, 0)
	n.isOn("ann bob named")

	n.SetRules(p.idle(2 * hour).Rules) // on
	n.at(42 * minute)
	n.shows("ann", true, false, 130*minute)
	n.becomes("ann", func(l login) login { return l.active(42 * minute) })
	n.at(42 * minute)
	n.shows("ann", true, false, 162*minute)

	n.SetRules(p.idle(minute).Rules) // so short that it is over
	n.at(43*minute - instant).isOn("ann bob named")
	n.at(43*minute).hasEnded("ann", seating.ExpiredSessionTerminated, "The session was idle for 1m0s, since 2026-03-02T09:42:00Z.")
	n.isOn("bob named")
}

func TestTheLongestDueEndFirst(t *testing.T) {
	n := office().idle(hour).lost(10*minute).keeps(t,
		on("idle-3").active(3*minute), on("lost-2").active(9*minute).heard(52*minute), on("idle-1").active(minute), on("asked").told(seating.RequestedByUser, ""),
		on("idle-1b").active(minute), on("named-asked").seated(seating.Named).told(seating.RequestedByAdministrator, ""))
	n.now, n.moment.Most = nine.Add(2*hour), 2
	for _, want := range []int{2, 2, 2, 0} {
		w := n.sweep()
		if len(w.Ends) != want || (len(n.order) < 6) != w.Next.Equal(n.now) {
			t.Errorf("%d ends, and looks again at %s; want %d", len(w.Ends), w.Next, want)
		}
	}
	// What somebody asked for does not wait until all that idle have ended.
	if want := []string{"asked", "named-asked", "idle-1", "idle-1b", "lost-2", "idle-3"}; !slices.Equal(n.order, want) {
		t.Errorf("they end in the order %v; want %v", n.order, want)
	}
}

func TestASweepIsBoundedInAllItDoes(t *testing.T) {
	n := office().idle(hour).prompt(minute, "Web").keeps(t)
	for i := range 7 {
		n.puts(on(fmt.Sprint("on", i)).active(2 * hour))
		ended := on(fmt.Sprint("ended", i))
		ended.State, ended.Life.Ended = seating.Ended, nine
		n.puts(ended)
	}
	n.now, n.moment.Most = nine.Add(2*hour), 3
	for round, want := range []int{3, 3, 1, 0} {
		w := n.sweep()
		if len(w.Shows) != want || len(w.Clear) != want || len(w.Ends) != 0 {
			t.Errorf("round %d: %+v", round, w)
		}
		if again := w.Next.Equal(n.now); again != (round < 2) {
			t.Errorf("round %d: looks again at %s", round, w.Next)
		}
	}
	if got := n.NextTurn(n.now); !got.Equal(nine.Add(3*hour - minute)) {
		t.Errorf("looks again at %s", got)
	}
}

func TestC7RecordsStayForTheirRetention(t *testing.T) {
	p := office().idle(hour).retention(30 * minute)
	n := p.keeps(t, on("ann"), on("bob").active(time.Second)).at(hour).at(hour + time.Second)
	n.at(90*minute - instant)
	if w := n.plan(); len(n.cleared) != 0 || !w.Next.Equal(nine.Add(90*minute)) {
		t.Errorf("cleared %v; looks again at %s", n.cleared, w.Next)
	}
	if n.at(90 * minute); !slices.Equal(n.cleared, []string{"ann"}) {
		t.Errorf("cleared %v", n.cleared)
	}
	n.SetRules(p.retention(2 * hour).Rules) // records that are there follow the setting too
	n.at(3 * hour)
	n.SetRules(p.retention(minute).Rules)
	if n.at(3 * hour); !slices.Equal(n.cleared, []string{"ann", "bob"}) {
		t.Errorf("cleared %v", n.cleared)
	}
	if w := n.plan(); !w.Empty() || !w.Next.IsZero() {
		t.Errorf("%+v", w)
	}
}

func TestC7WithoutRetentionARecordIsClearedAtOnce(t *testing.T) {
	n := office().idle(hour).retention(0).keeps(t, on("ann")).at(hour)
	if _, ended := n.ended["ann"]; !ended || !slices.Equal(n.cleared, []string{"ann"}) {
		t.Errorf("ended: %t, cleared %v", ended, n.cleared)
	}
}

func TestNobodyIsTakenForLostWhilePatienceLasts(t *testing.T) {
	n := office().idle(hour).lost(10*minute).keeps(t, on("lost").active(20*minute).heard(20*minute), on("idle").heard(59*minute))
	n.moment.Patient = nine.Add(70 * minute)
	n.at(hour).isOn("lost")
	n.hasEnded("idle", seating.ExpiredSessionTerminated, "The session was idle for 1h0m0s, since 2026-03-02T09:00:00Z.")
	if w := n.plan(); !w.Next.Equal(n.moment.Patient) {
		t.Errorf("looks again at %s", w.Next)
	}
	n.at(70*minute).hasEnded("lost", seating.ExpiredSessionTerminated, "The client was not heard of for 10m0s, since 2026-03-02T09:20:00Z.")
}

func TestAdoptedSessionsAreSparedSilenceAndIdlenessForAWhile(t *testing.T) {
	found := on("found").since(2*hour + instant).active(hour).Session
	found.Life.Found = true
	n := office().idle(hour).lost(10*minute).lifetime(3*hour).keeps(t,
		on("idle"), on("lost").active(110*minute).heard(90*minute), on("named-lost").seated(seating.Named).heard(time.Second), on("asked").told(seating.RequestedByUser, ""),
		on("outlived").since(-2*hour), on("outlives").since(-59*minute), on("heard-again").heard(0),
		login{found}, // its grant was found, and written after the takeover
		on("new-idle").since(2*hour).active(hour), on("new-lost").since(2*hour).heard(100*minute))
	n.moment.Adopted, n.moment.Until = nine.Add(2*hour), nine.Add(2*hour+2*minute)

	n.at(2 * hour).isOn("idle lost named-lost outlives heard-again found")
	n.hasEnded("asked", seating.RequestedByUser, "The user signed out.")
	n.hasEnded("outlived", seating.TerminatedBySystem, "The session reached its maximum lifetime of 3h0m0s.")
	n.hasEnded("new-idle", seating.ExpiredSessionTerminated, "The session was idle for 1h0m0s, since 2026-03-02T10:00:00Z.")
	n.hasEnded("new-lost", seating.ExpiredSessionTerminated, "The client was not heard of for 10m0s, since 2026-03-02T10:40:00Z.")
	n.shows("idle", false, false, hour) // it says what it is
	if w := n.plan(); !w.Next.Equal(nine.Add(2*hour + minute)) {
		t.Errorf("looks again at %s, and not when a lifetime ends", w.Next)
	}
	n.at(2*hour+minute).hasEnded("outlives", seating.TerminatedBySystem, "The session reached its maximum lifetime of 3h0m0s.")
	if w := n.plan(); !w.Next.Equal(n.moment.Until) {
		t.Errorf("looks again at %s", w.Next)
	}
	n.becomes("heard-again", func(l login) login { return l.heard(121 * minute).active(100 * minute) })
	n.at(2*hour + 2*minute - instant).isOn("idle lost named-lost heard-again found")
	n.shows("heard-again", true, false, 160*minute)
	n.at(2*hour + 2*minute).isOn("heard-again")
	for _, id := range []string{"idle", "lost", "named-lost", "found"} {
		if _, ended := n.ended[id]; !ended {
			t.Errorf("%s is spared for ever", id)
		}
	}
}
