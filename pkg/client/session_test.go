// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seatkeeper/seatkeeper/pkg/client"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

var (
	ann       = client.Login{UserName: "ann"}
	eightFive = time.Date(2026, 3, 2, 8, 45, 0, 0, time.UTC)
)

const (
	promptEvent     = "event: prompt\ndata: {\"timeoutTime\":\"2026-03-02T08:45:00Z\"}\n\n"
	keptEvent       = "event: kept\ndata: {}\n\n"
	terminatedEvent = "event: terminated\ndata: {\"terminationAction\":\"RequestedByAdministrator\",\"reason\":\"Terminated\",\"detail\":\"Maintenance.\"," +
		"\"terminatedTime\":\"2026-03-02T08:45:00Z\"}\n\n"
)

// scene is a test inside a bubble of virtual time.
type scene struct{ *testing.T }

// signedOn runs a test with a session in virtual time; goroutines that are left behind fail it.
func signedOn(t *testing.T, n *told, test func(t scene, g *gateway, w *wire, s *client.Session)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := newGateway()
		c, w := onWire(t, g)
		s, err := c.SignOn(t.Context(), "itsm", "service-desk", ann, n.options())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		synctest.Wait()
		test(scene{t}, g, w, s)
	})
}

func TestHeartbeatsComeInTimeAndSpread(t *testing.T) {
	signedOn(t, &told{}, func(t scene, g *gateway, _ *wire, s *client.Session) {
		began := time.Now()
		time.Sleep(time.Hour)
		synctest.Wait()
		beats := beatsOf(g)
		gaps := map[time.Duration]bool{}
		for i := range beats {
			before := began
			if i > 0 {
				before = beats[i-1].at
			}
			gap := beats[i].at.Sub(before)
			if gap > 30*time.Second || gap < 27*time.Second {
				t.Errorf("heartbeat %d came after %v, want 27 to 30 seconds", i, gap)
			}
			gaps[gap] = true
		}
		if len(beats) < 120 || len(gaps) < len(beats)/2 {
			t.Errorf("%d heartbeats with %d different gaps in an hour", len(beats), len(gaps))
		}
		if s.Err() != nil || s.Name() != "service-desk-1" || s.Namespace() != "itsm" || s.UID() != "uid-1" || s.Token() != "token-1" {
			t.Errorf("the session is %s/%s %s %s: %v", s.Namespace(), s.Name(), s.UID(), s.Token(), s.Err())
		}
	})
}

func TestActivityIsReportedOnceAndItsAgeAlways(t *testing.T) {
	signedOn(t, &told{}, func(t scene, g *gateway, w *wire, s *client.Session) {
		time.Sleep(20 * time.Second)
		s.Active()
		s.UnsavedWork(true)
		time.Sleep(45 * time.Second)
		synctest.Wait()
		beats := beatsOf(g)
		if len(beats) != 2 {
			t.Fatalf("%d heartbeats", len(beats))
		}
		first, second := beats[0].report, beats[1].report
		if !first.Active || *first.IdleSeconds < 6 || *first.IdleSeconds > 10 || !*first.UnsavedWork {
			t.Errorf("the first heartbeat says %+v, idle %d", first, *first.IdleSeconds)
		}
		if second.Active || *second.IdleSeconds < 33 || *second.IdleSeconds > 40 || !*second.UnsavedWork {
			t.Errorf("the second heartbeat says %+v, idle %d", second, *second.IdleSeconds)
		}
		// Activity while the gateway is away is told when it is back, with its true age.
		w.setCut(true)
		s.Active()
		time.Sleep(10 * time.Minute)
		w.setCut(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		third := beatsOf(g)[2].report
		if !third.Active || *third.IdleSeconds < 600 || *third.IdleSeconds > 640 {
			t.Errorf("after the outage the heartbeat says %+v, idle %d", third, *third.IdleSeconds)
		}
	})
}

func TestChangedFactsAreReportedUntilHeardAndNowAndThenAgain(t *testing.T) {
	signedOn(t, &told{}, func(t scene, g *gateway, _ *wire, s *client.Session) {
		s.SetApplications("Incidents")
		s.SetAttributes(map[string]string{"site": "Graz"})
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		var at []int
		for i, beat := range beatsOf(g) {
			if beat.report.Applications != nil && beat.report.SessionAttributes != nil && (*beat.report.SessionAttributes)["site"] == "Graz" {
				at = append(at, i)
			}
		}
		if !slices.Equal(at, []int{0, 19, 39}) {
			t.Errorf("the facts were told with heartbeats %v", at)
		}
		s.SetApplications()
		s.SetAttributes(nil)
		n := len(beatsOf(g))
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if last := beatsOf(g)[n].report; last.Applications == nil || len(*last.Applications) != 0 || last.SessionAttributes == nil || len(*last.SessionAttributes) != 0 {
			t.Errorf("nothing open any more, but the heartbeat says %+v", last)
		}
	})
}

// What the gateway does not take must not cost the session.
func TestRefusedFactsAreDropped(t *testing.T) {
	var problems []error
	synctest.Test(t, func(t *testing.T) {
		g := newGateway()
		g.override = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/v1/session/heartbeat" && r.ContentLength > 200 {
				gatewayapi.NewProblem(gatewayapi.ReasonInvalid, "too many").Write(w)
				return true
			}
			return false
		}
		c, _ := onWire(t, g)
		s, err := c.SignOn(t.Context(), "itsm", "service-desk", ann, client.SessionOptions{OnProblem: func(err error) { problems = append(problems, err) }})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		s.SetApplications(strings.Repeat("x", 300))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := len(beatsOf(g)); n < 3 {
			t.Errorf("%d heartbeats got through", n)
		}
		if len(problems) != 2 || problems[0] == nil || problems[1] != nil {
			t.Errorf("told %v, want the problem and then that it is over", problems)
		}
	})
}

func TestPromptAndEndAreToldOnceByTheStream(t *testing.T) {
	n := &told{}
	signedOn(t, n, func(t scene, g *gateway, _ *wire, s *client.Session) {
		g.set(func(g *gateway) { g.answer.Prompt, g.answer.TimeoutTime = true, &eightFive })
		g.send(promptEvent)
		g.send(promptEvent)
		time.Sleep(5 * time.Minute) // heartbeats say it, too
		synctest.Wait()
		if got := n.all(); !slices.Equal(got, []string{"prompt 08:45:00"}) {
			t.Errorf("told %v", got)
		}
		g.set(func(g *gateway) {
			g.ended = gatewayapi.NewEnded(gatewayapi.TerminationActionRequestedByAdministrator, "Maintenance.", eightFive)
		})
		g.send(terminatedEvent)
		<-s.Done()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if got := n.all(); !slices.Equal(got, []string{"prompt 08:45:00", "end RequestedByAdministrator"}) {
			t.Errorf("told %v", got)
		}
		want := client.End{Action: gatewayapi.TerminationActionRequestedByAdministrator, Reason: gatewayapi.ReasonTerminated, Message: "Maintenance.", Time: eightFive}
		var end client.End
		if !errors.As(s.Err(), &end) || end != want || n.ends[0] != want {
			t.Errorf("the end is %+v", s.Err())
		}
		if err := s.SignOut(t.Context()); err != nil || len(g.left) != 0 {
			t.Errorf("signing out of a session that has ended: %v, calls %v", err, g.left)
		}
	})
}

func TestPromptAndEndAreToldOnceByHeartbeats(t *testing.T) {
	n := &told{}
	synctest.Test(t, func(t *testing.T) {
		g := newGateway()
		c, _ := onWire(t, g)
		options := n.options()
		options.WithoutEvents = true
		s, err := c.SignOn(t.Context(), "itsm", "service-desk", ann, options)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		g.set(func(g *gateway) { g.answer.Prompt, g.answer.TimeoutTime = true, &eightFive })
		time.Sleep(2 * time.Minute)
		g.set(func(g *gateway) { g.answer.Prompt, g.answer.TimeoutTime = false, nil })
		time.Sleep(2 * time.Minute)
		g.set(func(g *gateway) {
			g.ended = gatewayapi.NewEnded(gatewayapi.TerminationActionExpiredSessionTerminated, "Idle.", eightFive)
		})
		<-s.Done()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := n.all(); !slices.Equal(got, []string{"prompt 08:45:00", "kept", "end ExpiredSessionTerminated"}) {
			t.Errorf("told %v", got)
		}
		if follows := get(g, func(g *gateway) int { return g.follows }); follows != 0 {
			t.Errorf("%d streams, though none was wanted", follows)
		}
	})
}

// A user who answers the prompt is not kept waiting for the next heartbeat, and many answers make no storm.
func TestAnswerToPromptIsSentAtOnce(t *testing.T) {
	n := &told{}
	signedOn(t, n, func(t scene, g *gateway, _ *wire, s *client.Session) {
		g.set(func(g *gateway) { g.answer.Prompt, g.answer.TimeoutTime = true, &eightFive })
		g.send(promptEvent)
		synctest.Wait()
		before := len(beatsOf(g))
		for range 100 {
			s.Active()
			time.Sleep(50 * time.Millisecond)
		}
		synctest.Wait()
		if sent := len(beatsOf(g)) - before; sent < 1 || sent > 6 {
			t.Errorf("%d heartbeats in five seconds of typing", sent)
		}
		if last := beatsOf(g)[before].report; !last.Active || *last.IdleSeconds > 1 {
			t.Errorf("the answer was sent as %+v", last)
		}
		g.send(keptEvent)
		g.set(func(g *gateway) { g.answer.Prompt, g.answer.TimeoutTime = false, nil })
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := n.all(); !slices.Equal(got, []string{"prompt 08:45:00", "kept"}) {
			t.Errorf("told %v", got)
		}
	})
}

// An answer that is older than what the stream said since does not withdraw it.
func TestOldAnswerDoesNotWithdrawThePrompt(t *testing.T) {
	n := &told{}
	signedOn(t, n, func(t scene, g *gateway, _ *wire, _ *client.Session) {
		g.set(func(g *gateway) {
			g.override = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/v1/session/heartbeat" {
					return false
				}
				time.Sleep(5 * time.Second)
				write(w, http.StatusOK, gatewayapi.Heartbeat{State: gatewayapi.SessionStateActive, HeartbeatIntervalSeconds: 30})
				return true
			}
		})
		time.Sleep(31 * time.Second) // the heartbeat is under way
		g.send(promptEvent)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := n.all(); !slices.Equal(got, []string{"prompt 08:45:00"}) {
			t.Errorf("told %v", got)
		}
	})
}

func TestBadEventsAreNotBelieved(t *testing.T) {
	n := &told{}
	signedOn(t, n, func(t scene, g *gateway, _ *wire, s *client.Session) {
		for _, event := range []string{
			"event: terminated\ndata: {\"terminationAction\":\n\n", "event: terminated\ndata: {}\n\n", "event: prompt\ndata: never\n\n",
			"event: terminated\n\n", "data: {}\n\n", "event: somethingNew\ndata: {}\n\n", ":\n\n", "event\n\nretry: 5\n\n",
		} {
			g.send(event)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := n.all(); len(got) != 0 || s.Err() != nil {
			t.Errorf("told %v: %v", got, s.Err())
		}
		if len(beatsOf(g)) == 0 {
			t.Error("no heartbeat asked what is true")
		}
	})
}

func TestStreamIsTakenUpAgain(t *testing.T) {
	n := &told{}
	signedOn(t, n, func(t scene, g *gateway, _ *wire, _ *client.Session) {
		for range 3 {
			g.hangUp()
			time.Sleep(2 * time.Second)
		}
		if follows := get(g, func(g *gateway) int { return g.follows }); follows != 4 {
			t.Errorf("%d streams after three were ended", follows)
		}
		g.send(promptEvent)
		synctest.Wait()
		if got := n.all(); !slices.Equal(got, []string{"prompt 08:45:00"}) {
			t.Errorf("told %v", got)
		}
	})
}
