// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/client"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	maker "github.com/seatkeeper/seatkeeper/test/make"
)

// story tells a seats tracker what happens, as the watches would.
type story struct {
	t     *testing.T
	seats *seats
	pool  *licensing.LicensePool // as the API server has it
}

func newStory(t *testing.T, concurrent int32) *story {
	t.Helper()
	s := &story{t: t, pool: maker.MakeLicensePool("p").Namespace("n").Named(2).Concurrent(concurrent).Generation(1).Obj()}
	s.seats = newSeats(types.NamespacedName{Namespace: "n", Name: "p"}, func(context.Context) (*licensing.LicensePool, error) { return s.pool, nil })
	s.seats.now = func() time.Time { return time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC) }
	s.seats.poolHandler().OnAdd(s.pool, true)
	return s
}

func session(name string) *maker.UserSessionBuilder {
	user, _, _ := strings.Cut(name, "-")
	return maker.MakeUserSession(name).Namespace("n").UID(name).Pool("p").User(user).Module("Web")
}

// becomes is a revision of a session: its state, why, and the concurrent connection that it belongs to, if any.
func (s *story) becomes(name string, state licensing.SessionState, reason, connection string) *licensing.UserSession {
	o := session(name).Condition(metav1.Condition{Type: licensing.ConditionGranted, Reason: reason}).Obj()
	o.Status.State, o.Status.Connection = state, connection
	if state == licensing.SessionTerminated {
		o.Status.TerminationAction = licensing.RequestedByUser
	}
	if connection != "" {
		o.Status.Seat = licensing.SeatConcurrent
	}
	s.handler().OnUpdate(nil, o)
	return o
}

func (s *story) signsIn(name, connection string) *licensing.UserSession {
	reason := licensing.ReasonSeatGranted
	if connection != name {
		reason = licensing.ReasonSeatShared
	}
	return s.becomes(name, licensing.SessionActive, reason, connection)
}

func (s *story) leaves(o *licensing.UserSession) {
	s.becomes(o.Name, licensing.SessionTerminated, licensing.ReasonTerminated, o.Status.Connection)
	s.handler().OnDelete(o) // its record clears itself
}

func (s *story) handler() cache.ResourceEventHandler { return s.seats.sessionHandler(s.t.Context()) }

func (s *story) words() []string {
	var words []string
	for _, e := range s.seats.picture().events {
		words = append(words, e.text)
	}
	return words
}

func TestSeatsTellWhatHappened(t *testing.T) {
	s := newStory(t, 1)
	s.handler().OnAdd(session("ann-1").Obj(), false)
	first := s.signsIn("ann-1", "ann-1")
	second := s.signsIn("ann-2", "ann-1")
	s.becomes("bob-1", licensing.SessionPending, licensing.ReasonWaiting, "")
	s.becomes("cal-1", licensing.SessionDenied, licensing.ReasonSeatsExhausted, "")
	s.leaves(first)
	s.leaves(second)
	bob := s.signsIn("bob-1", "bob-1")
	s.handler().OnDelete(bob)

	want := []string{
		"ann signed in to Web: concurrent seat granted",
		"ann signed in to Web: seat shared",
		"bob waits for a seat for Web, 0 s at most",
		"cal was denied: SeatsExhausted. ",
		"ann left Web",
		"ann left Web: seat free again",
		"bob left Web (deleted): seat free again",
	}
	got := slices.DeleteFunc(s.words(), func(w string) bool { return strings.HasPrefix(w, "bob signed in to Web after waiting") })
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	p := s.seats.picture()
	if want := (counters{granted: 2, shared: 1, waited: 1, denied: 1, left: 3}); p.counts != want {
		t.Errorf("counted %+v, want %+v", p.counts, want)
	}
	if p.mostConnections != 1 || p.connections != 0 || len(p.violations) > 0 {
		t.Errorf("two sessions of one connection take one seat: %+v", p)
	}
}

func TestSeatsSeeAnOversoldPool(t *testing.T) {
	s := newStory(t, 2)
	s.signsIn("ann-1", "ann-1")
	s.signsIn("bob-1", "bob-1")
	if v := s.seats.picture().violations; len(v) > 0 {
		t.Errorf("a full pool is not oversold: %v", v)
	}
	s.signsIn("cal-1", "cal-1")
	if v := s.seats.picture().violations; len(v) != 1 {
		t.Errorf("three connections on two seats must show: %v", v)
	}
}

func TestSeatsBoughtMeanwhileCountBeforeTheirWatchTells(t *testing.T) {
	s := newStory(t, 1)
	s.signsIn("ann-1", "ann-1")
	s.pool = maker.MakeLicensePool("p").Namespace("n").Concurrent(2).Generation(2).Obj()
	s.signsIn("bob-1", "bob-1")
	if v := s.seats.picture().violations; len(v) > 0 {
		t.Errorf("the pool has two seats by now: %v", v)
	}
}

func TestSeatsLoweredTakeNobodysAway(t *testing.T) {
	s := newStory(t, 2)
	ann := s.signsIn("ann-1", "ann-1")
	s.signsIn("bob-1", "bob-1")
	s.pool = maker.MakeLicensePool("p").Namespace("n").Concurrent(1).Generation(2).Obj()
	s.seats.poolHandler().OnUpdate(nil, s.pool)
	s.leaves(ann)
	if v := s.seats.picture().violations; len(v) > 0 {
		t.Errorf("holders keep their seats: %v", v)
	}
}

func TestSessionsThatTheOperatorEndsGiveTheirSeatBack(t *testing.T) {
	s := newStory(t, 1)
	o := s.signsIn("ann-1", "ann-1").DeepCopy()
	o.Status.State, o.Status.TerminationAction = licensing.SessionTerminated, licensing.ExpiredSessionTerminated
	o.Status.Conditions[0].Reason = licensing.ReasonTerminated
	s.handler().OnUpdate(nil, o)
	s.handler().OnDelete(o) // its record clears itself
	if got, want := s.words()[1:], []string{"ann left Web (ExpiredSessionTerminated): seat free again"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if p := s.seats.picture(); p.connections != 0 || p.counts.left != 1 {
		t.Errorf("one session ended: %+v", p)
	}
}

func TestWhatLeavesNoObjectTheUsersSay(t *testing.T) {
	s := newStory(t, 1)
	own := session("ann-1").Obj()
	own.Spec.InstanceName = instance
	own.Status.State = licensing.SessionDenied
	own.Status.Conditions = []metav1.Condition{{Type: licensing.ConditionGranted, Reason: licensing.ReasonWaitExpired}}
	s.handler().OnUpdate(nil, own) // its user was answered, and says so
	s.seats.denied("ann", gatewayapi.NewProblem(gatewayapi.ReasonWaitExpired, "None came free."))
	s.seats.note(eventPrompt, "%s is asked", "bob")
	s.seats.told("bob", "Web", client.End{Message: "The session was idle."})
	want := []string{"ann was denied: WaitExpired. None came free.", "bob is asked", "bob's Web client is told: The session was idle."}
	if got := s.words(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if want := (counters{denied: 1, told: 1}); s.seats.picture().counts != want {
		t.Errorf("counted %+v, want %+v", s.seats.picture().counts, want)
	}
}

func TestToWaitIsAnAnswer(t *testing.T) {
	s := newStory(t, 1)
	var answered []string
	s.seats.onDecision(func(user string) { answered = append(answered, user) })
	s.handler().OnAdd(session("ann-1").Obj(), false)
	s.becomes("bob-1", licensing.SessionPending, licensing.ReasonWaiting, "")
	s.signsIn("cal-1", "cal-1")
	if want := []string{"bob", "cal"}; !slices.Equal(answered, want) {
		t.Errorf("answered were %q, want %q", answered, want)
	}
}
