// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seatkeeper/seatkeeper/pkg/client"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// A login whose answer is lost is repeated with the same key, and costs one seat.
func TestLostAnswerIsAskedForAgainWithTheSameKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway()
		lost := 0
		g.after = func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost {
				return
			}
			switch lost++; lost {
			case 1:
				panic(http.ErrAbortHandler) // the connection breaks
			case 2:
				_, _ = w.Write([]byte(`{"name": "service-de`)) // half of an answer
			case 3:
				write(w, http.StatusCreated, map[string]string{"name": "no token"})
			case 4:
				http.Error(w, "bad gateway", http.StatusBadGateway)
			case 5:
				g.set(func(g *gateway) { g.after = nil })
				w.Header().Set("Retry-After", "7")
				gatewayapi.NewProblem(gatewayapi.ReasonUnavailable, "no leader").Write(w)
			}
		}
		c, _ := onWire(t, g)
		began := time.Now()
		s, err := c.SignOn(t.Context(), "itsm", "service-desk", ann, client.SessionOptions{WithoutEvents: true, Wait: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if took := time.Since(began); took < 7*time.Second {
			t.Errorf("signed on after %v, though Retry-After asked for 7 seconds", took)
		}
		if len(g.signOns) != 6 || len(g.byKey) != 1 {
			t.Fatalf("%d calls, %d sessions", len(g.signOns), len(g.byKey))
		}
		for i, call := range g.signOns {
			if call.key == "" || call.key != g.signOns[0].key || call.login.UserName != "ann" {
				t.Errorf("call %d: %+v", i, call)
			}
		}
		first, err1 := time.ParseDuration(g.signOns[0].wait)
		last, err2 := time.ParseDuration(g.signOns[5].wait)
		if err1 != nil || err2 != nil || first != time.Minute || last > 53*time.Second || last < 30*time.Second {
			t.Errorf("waits %v and then %v", first, last)
		}
	})
}

func TestKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway()
		c, _ := onWire(t, g)
		for range 2 {
			s, err := c.SignOn(t.Context(), "itsm", "service-desk", ann, client.SessionOptions{IdempotencyKey: "my own"})
			if err != nil {
				t.Fatal(err)
			}
			s.Close()
			other, err := c.SignOn(t.Context(), "itsm", "service-desk", ann, client.SessionOptions{})
			if err != nil {
				t.Fatal(err)
			}
			other.Close()
		}
		if len(g.byKey) != 3 {
			t.Errorf("%d sessions, want the caller's own and two with random keys", len(g.byKey))
		}
	})
}

func TestRefusalsAreFinal(t *testing.T) {
	for _, reason := range []gatewayapi.Reason{
		gatewayapi.ReasonSeatsExhausted, gatewayapi.ReasonForbidden, gatewayapi.ReasonPoolNotFound, gatewayapi.ReasonUnauthenticated, gatewayapi.ReasonInvalid,
		gatewayapi.ReasonSessionGone,
	} {
		synctest.Test(t, func(t *testing.T) {
			g := newGateway()
			calls := 0
			g.override = func(w http.ResponseWriter, _ *http.Request) bool {
				calls++
				gatewayapi.NewProblem(reason, "so it is").Write(w)
				return true
			}
			c, _ := onWire(t, g)
			_, err := c.SignOn(t.Context(), "itsm", "service-desk", ann, client.SessionOptions{})
			var problem *gatewayapi.Problem
			if !errors.As(err, &problem) || problem.Reason != reason || problem.Detail != "so it is" || calls != 1 {
				t.Errorf("after %d calls: %v", calls, err)
			}
		})
	}
}

func TestSignOnIsGivenUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway()
		calls := 0
		g.override = func(w http.ResponseWriter, _ *http.Request) bool {
			calls++
			gatewayapi.NewProblem(gatewayapi.ReasonUnavailable, "no leader").Write(w)
			return true
		}
		c, _ := onWire(t, g)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		_, err := c.SignOn(ctx, "itsm", "service-desk", ann, client.SessionOptions{})
		var unavailable *client.UnavailableError
		var problem *gatewayapi.Problem
		if !errors.As(err, &unavailable) || !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &problem) || problem.Reason != gatewayapi.ReasonUnavailable {
			t.Errorf("got %v", err)
		}
		// 0.5, 1, 2, 4, 8 and then 15 seconds at the most, half of that at the least.
		if calls < 22 || calls > 48 {
			t.Errorf("%d calls in five minutes", calls)
		}
	})
}

// A gateway that takes the call and never answers holds nobody longer than the call may last.
func TestSignOnOutlivesASilentGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway()
		calls := atomic.Int32{}
		g.override = func(_ http.ResponseWriter, r *http.Request) bool {
			if calls.Add(1) > 2 {
				return false
			}
			<-r.Context().Done()
			return true
		}
		c, _ := onWire(t, g)
		s, err := c.SignOn(t.Context(), "itsm", "service-desk", ann, client.SessionOptions{WithoutEvents: true})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
	})
}

func TestCredentialsThatCannotBeHad(t *testing.T) {
	for name, options := range map[string]client.Options{
		"none":        {},
		"failing":     {Token: func(context.Context) (string, error) { return "", errors.New("no token today") }},
		"missingFile": {TokenFile: t.TempDir() + "/none"},
		"emptyFile":   {TokenFile: "/dev/null"},
	} {
		t.Run(name, func(t *testing.T) {
			options.URL, options.HTTPClient = "http://gateway.test", &http.Client{Transport: &wire{handler: newGateway()}}
			c, err := client.New(options)
			if err != nil {
				t.Fatal(err)
			}
			if s, err := c.SignOn(t.Context(), "itsm", "service-desk", ann, client.SessionOptions{}); err == nil {
				s.Close()
				t.Error("signed on without a token")
			}
			if _, err := c.Resume(t.Context(), "", client.SessionOptions{}); err == nil {
				t.Error("resumed without a token")
			}
		})
	}
}

func TestOptionsThatCannotWork(t *testing.T) {
	for _, options := range []client.Options{
		{}, {URL: "gateway:9443"}, {URL: "ftp://gateway"}, {URL: "https://me:secret@gateway"}, {URL: "https://gateway", CAFile: "/nonexistent"},
		{URL: "https://gateway", CAFile: "/dev/null"}, {URL: "https://\x7f"},
	} {
		if _, err := client.New(options); err == nil {
			t.Errorf("%+v was taken", options)
		}
	}
}

func TestResume(t *testing.T) {
	n := &told{}
	synctest.Test(t, func(t *testing.T) {
		g := newGateway()
		c, w := onWire(t, g)
		w.setCut(true) // the gateway restarts, too
		time.AfterFunc(time.Minute, func() { w.setCut(false) })
		s, err := c.Resume(t.Context(), "token-1", n.options())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		synctest.Wait()
		beats := beatsOf(g)
		if len(beats) != 1 || beats[0].report.Active || beats[0].report.IdleSeconds != nil {
			t.Errorf("the first heartbeats are %+v, want a bare one at once", beats)
		}
		if s.Name() != "service-desk-1" || s.Token() != "token-1" {
			t.Errorf("resumed %s", s.Name())
		}
		s.Active()
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if last := beatsOf(g)[1].report; !last.Active || last.IdleSeconds == nil {
			t.Errorf("then %+v", last)
		}
	})
}

func TestResumeOfAnEndedSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway()
		g.ended = gatewayapi.NewEnded(gatewayapi.TerminationActionExpiredSessionTerminated, "Idle.", eightFive)
		c, _ := onWire(t, g)
		_, err := c.Resume(t.Context(), "token-1", client.SessionOptions{})
		var end client.End
		if !errors.As(err, &end) || end.Action != gatewayapi.TerminationActionExpiredSessionTerminated || end.Message != "Idle." || !end.Time.Equal(eightFive) {
			t.Errorf("a recorded end: %v", err)
		}
		g.override = func(w http.ResponseWriter, _ *http.Request) bool {
			gatewayapi.NewProblem(gatewayapi.ReasonSessionGone, "").Write(w)
			return true
		}
		_, err = c.Resume(t.Context(), "token-1", client.SessionOptions{})
		if !errors.As(err, &end) || end.Reason != gatewayapi.ReasonSessionGone {
			t.Errorf("an end that nobody knows: %v", err)
		}
	})
}
