// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package history_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/history"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// model is a small pool that keeps its promises: it writes a legal history at random.
type model struct {
	*story
	seats  int
	logins int
	queue  []string // those who wait, in the order of arrival
	on     []string
	gone   []string // those who ended, and have a record
}

const idleAfter = 10 * time.Minute

func newModel(seats int) *model {
	m := &model{story: newStory(), seats: seats}
	m.write(MakeLicensePool("p").UID("pool-1").Concurrent(int32(seats)).IdleTimeout(idleAfter).Obj())
	m.show(0)
	return m
}

// step does one thing that may happen, and lets the allocator answer.
func (m *model) step(t *rapid.T) {
	m.after(time.Duration(rapid.IntRange(0, 90).Draw(t, "seconds")) * time.Second)
	m.expire()
	switch rapid.SampledFrom([]string{"login", "login", "login", "sign out", "delete", "buy", "sell", "clear", "work"}).Draw(t, "what") {
	case "login":
		m.logins++
		name := fmt.Sprintf("u%d", m.logins)
		m.login(name)
		if len(m.on) < m.seats && len(m.queue) == 0 || rapid.Bool().Draw(t, "waits") {
			if m.queue = append(m.queue, name); len(m.on) >= m.seats {
				m.wait(name)
			}
		} else {
			m.deny(name, licensing.ReasonSeatsExhausted)
			m.gone = append(m.gone, name)
		}
	case "sign out":
		if name, ok := draw(t, &m.on); ok {
			m.ask(name, licensing.RequesterUser).end(name, licensing.RequestedByUser)
			m.gone = append(m.gone, name)
		}
	case "delete":
		if name, ok := draw(t, &m.on); ok {
			m.remove(MakeUserSession(name).Obj())
		}
	case "buy", "sell":
		m.seats = rapid.IntRange(0, 6).Draw(t, "seats")
		m.pool(func(p *licensing.LicensePool) {
			p.Spec.Concurrent.Seats, p.Generation = new(int32(m.seats)), p.Generation+1
		})
	case "clear":
		if name, ok := draw(t, &m.gone); ok {
			m.remove(MakeUserSession(name).Obj())
		}
	case "work":
		for _, name := range m.on {
			m.session(name, func(s *licensing.UserSession) { s.Status.LastActivityTime.Time = m.now })
		}
	}
	m.grants(t)
}

// expire ends who was idle for long enough.
func (m *model) expire() {
	var left []string
	for _, name := range m.on {
		s := m.objects[key(MakeUserSession(name).Obj())].(*licensing.UserSession)
		if m.now.Sub(s.Status.LastActivityTime.Time) < idleAfter {
			left = append(left, name)
			continue
		}
		m.end(name, licensing.ExpiredSessionTerminated)
		m.gone = append(m.gone, name)
	}
	m.on = left
}

// grants gives the free seats to those who came first; a crash may come between the intents and the sessions.
func (m *model) grants(t *rapid.T) {
	n := min(max(0, m.seats-len(m.on)), len(m.queue))
	next := m.queue[:n]
	m.intend(next...)
	if n > 0 && rapid.IntRange(0, 9).Draw(t, "crash") == 0 {
		m.pool(func(p *licensing.LicensePool) { p.Status.Grants.Term = fmt.Sprint(m.revision) }) // another manager takes the term
	}
	for _, name := range next {
		m.activate(name, concurrent, name)
		m.on = append(m.on, name)
	}
	m.queue = append([]string(nil), m.queue[n:]...)
	m.show(int32(len(m.on)))
}

// draw takes one of some names out.
func draw(t *rapid.T, names *[]string) (string, bool) {
	if len(*names) == 0 {
		return "", false
	}
	i := rapid.IntRange(0, len(*names)-1).Draw(t, "who")
	name := (*names)[i]
	*names = append(append([]string(nil), (*names)[:i]...), (*names)[i+1:]...)
	return name, true
}

// plant adds one fault; it says which invariant it breaks, or 0 if there is no place for it.
func (m *model) plant(t *rapid.T) int {
	what := rapid.SampledFrom([]string{"oversell", "end", "revive", "silent end", "negative", "by hand"}).Draw(t, "fault")
	switch {
	case what == "oversell":
		names := make([]string, m.seats+1)
		for i := range names {
			names[i] = fmt.Sprintf("x%d", i)
			m.login(names[i])
		}
		m.intend(names...)
		return history.NeverOversold
	case what == "by hand":
		m.login("x").activate("x", concurrent, "x")
		return history.NeverOversold
	case what == "end" && len(m.on) > 0:
		m.end(m.on[0], rapid.SampledFrom([]licensing.TerminationAction{licensing.RequestedByUser, licensing.RequestedByAdministrator, licensing.TerminatedBySystem,
			licensing.OldestSessionTerminated, licensing.ExpiredSessionTerminated}).Draw(t, "action"))
		return history.HeldMeansHeld
	case what == "revive" && len(m.gone) > 0:
		name := m.gone[len(m.gone)-1]
		m.session(name, func(s *licensing.UserSession) {
			s.Status = MakeUserSession("").Active(concurrent, name, m.now).Obj().Status
		})
		return history.FinalIsFinal
	case what == "silent end" && len(m.on) > 0:
		m.ask(m.on[0], licensing.RequesterSystem).session(m.on[0], func(s *licensing.UserSession) {
			ended(s, licensing.TerminatedBySystem, m.now)
			s.Status.Message = ""
		})
		return history.EveryEndIsTold
	case what == "negative":
		m.pool(func(p *licensing.LicensePool) { p.Status.Concurrent.Connected = new(int32(-1)) })
		return history.NoSeatIsLost
	}
	return 0
}

func TestRandomLegalHistoriesPassAndOneFaultIsFound(t *testing.T) {
	t.Parallel()
	steps, planted := 0, map[int]int{}
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(rapid.IntRange(0, 6).Draw(t, "seats"))
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			m.step(t)
			steps++
		}
		c := m.check(t, history.Options{}, false)
		if len(c.Findings()) > 0 {
			t.Fatalf("a legal history has findings: %v", c.Findings())
		}
		before := len(m.entries)
		invariant := m.plant(t)
		if invariant == 0 {
			return
		}
		planted[invariant]++
		for _, e := range m.entries[before:] {
			if err := c.Feed(e); err != nil {
				t.Fatal(err)
			}
		}
		if len(c.Findings()) == 0 || c.Findings()[0].Invariant != invariant {
			t.Fatalf("a breach of invariant %d was planted, found: %v", invariant, c.Findings())
		}
		// What is written down and read again is the same history.
		var file bytes.Buffer
		for _, e := range m.entries {
			if err := history.Write(&file, e); err != nil {
				t.Fatal(err)
			}
		}
		entries, err := history.Read(&file)
		if err != nil {
			t.Fatal(err)
		}
		again := (&story{entries: entries}).check(t, history.Options{}, false)
		if fmt.Sprint(again.Findings()) != fmt.Sprint(c.Findings()) {
			t.Fatalf("the history as read has findings %v, as told %v", again.Findings(), c.Findings())
		}
	})
	t.Logf("%d steps, faults planted by invariant: %v", steps, planted)
}
