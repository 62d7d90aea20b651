// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seatkeeper/seatkeeper/pkg/client"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// Whatever is between the client and the gateway may say what it likes: only the gateway's own word ends a session.
func TestNothingButTheGatewaysWordEndsASession(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"a proxy's 410":  func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "gone", http.StatusGone) },
		"a proxy's 404":  http.NotFound,
		"half a problem": func(w http.ResponseWriter, _ *http.Request) { half(w, http.StatusGone, `{"status": 410, "reas`) },
		"an empty 410":   func(w http.ResponseWriter, _ *http.Request) { half(w, http.StatusGone, `{}`) },
		"half a 200":     func(w http.ResponseWriter, _ *http.Request) { half(w, http.StatusOK, `{"state": "Act`) },
		"an empty 200":   func(w http.ResponseWriter, _ *http.Request) { half(w, http.StatusOK, `{}`) },
		"a login page":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>sign in</html>")) },
		"a redirect":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusFound) },
		"refused address": func(w http.ResponseWriter, _ *http.Request) {
			gatewayapi.NewProblem(gatewayapi.ReasonClientAddressRefused, "").Write(w)
		},
		"too many": func(w http.ResponseWriter, _ *http.Request) {
			gatewayapi.NewProblem(gatewayapi.ReasonTooManyRequests, "").Write(w)
		},
		"broken": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"silent": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			n := &told{}
			signedOn(t, n, func(t scene, g *gateway, _ *wire, s *client.Session) {
				g.set(func(g *gateway) {
					g.override = func(w http.ResponseWriter, r *http.Request) bool { answer(w, r); return true }
				})
				g.hangUp()
				time.Sleep(20 * time.Minute)
				synctest.Wait()
				if s.Err() != nil || len(n.all()) != 0 {
					t.Fatalf("the session is over: %v, told %v", s.Err(), n.all())
				}
				before := len(beatsOf(g))
				g.set(func(g *gateway) { g.override = nil })
				time.Sleep(3 * time.Minute)
				synctest.Wait()
				if after := len(beatsOf(g)) - before; after < 4 {
					t.Errorf("%d heartbeats in the three minutes after", after)
				}
				if streams := get(g, func(g *gateway) int { return len(g.streams) }); streams != 1 {
					t.Errorf("%d streams are open", streams)
				}
			})
		})
	}
}

func half(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", gatewayapi.ProblemContentType)
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}

func TestRefusedTokenIsGivenUpAfterAWhile(t *testing.T) {
	n := &told{}
	signedOn(t, n, func(t scene, g *gateway, _ *wire, s *client.Session) {
		refusals := 0
		g.set(func(g *gateway) {
			g.override = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/v1/session/heartbeat" {
					return false
				}
				if refusals++; refusals == 3 {
					return false // another replica knows the key
				}
				gatewayapi.NewProblem(gatewayapi.ReasonUnauthenticated, "").Write(w)
				return true
			}
		})
		<-s.Done()
		synctest.Wait()
		if refusals != 8 || len(n.ends) != 1 || n.ends[0].Reason != gatewayapi.ReasonUnauthenticated {
			t.Errorf("after %d refusals told %+v", refusals, n.ends)
		}
		g.set(func(g *gateway) { g.override = nil })
		if err := s.SignOut(t.Context()); err != nil || !slices.Equal(g.left, []string{"SignOut"}) {
			t.Errorf("signing out nevertheless: %v, calls %v", err, g.left)
		}
	})
}

func TestSilentStreamIsReplaced(t *testing.T) {
	signedOn(t, &told{}, func(t scene, g *gateway, _ *wire, _ *client.Session) {
		g.set(func(g *gateway) {
			g.override = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/v1/session/events" {
					return false
				}
				g.set(func(g *gateway) { g.follows++ })
				w.Header().Set("Content-Type", "text/event-stream")
				w.WriteHeader(http.StatusOK)
				<-r.Context().Done()
				return true
			}
		})
		g.hangUp()
		time.Sleep(5 * time.Minute)
		if follows := get(g, func(g *gateway) int { return g.follows }); follows < 4 {
			t.Errorf("%d streams in five silent minutes", follows)
		}
	})
}

func TestSignOutExitAndClose(t *testing.T) {
	for name, tc := range map[string]struct {
		leave func(*client.Session, context.Context) error
		want  []string
	}{
		"SignOut": {(*client.Session).SignOut, []string{"SignOut"}},
		"Exit":    {(*client.Session).Exit, []string{"Exit"}},
		"Close":   {func(s *client.Session, _ context.Context) error { s.Close(); return nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			n := &told{}
			signedOn(t, n, func(t scene, g *gateway, w *wire, s *client.Session) {
				w.setCut(true)
				time.AfterFunc(40*time.Second, func() { w.setCut(false) })
				if err := tc.leave(s, t.Context()); err != nil {
					t.Fatal(err)
				}
				<-s.Done()
				before := len(beatsOf(g))
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				if got := get(g, func(g *gateway) []string { return g.left }); !slices.Equal(got, tc.want) {
					t.Errorf("the gateway was told %v", got)
				}
				if len(beatsOf(g)) != before || len(n.all()) != 0 || !errors.Is(s.Err(), client.ErrClosed) {
					t.Errorf("afterwards: %d heartbeats, told %v, %v", len(beatsOf(g))-before, n.all(), s.Err())
				}
				s.Active() // harmless
				s.Close()
			})
		})
	}
}

func TestSignOutIsGivenUpWithItsContext(t *testing.T) {
	signedOn(t, &told{}, func(t scene, g *gateway, w *wire, s *client.Session) {
		w.setCut(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var unavailable *client.UnavailableError
		if err := s.SignOut(ctx); !errors.As(err, &unavailable) {
			t.Errorf("got %v", err)
		}
		w.setCut(false)
		if err := s.SignOut(t.Context()); err != nil || len(g.left) != 1 {
			t.Errorf("the second time: %v, %v", err, g.left)
		}
	})
}

// A callback may do with the session what it likes.
func TestCallbacksMayCallTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway()
		c, _ := onWire(t, g)
		var s *client.Session
		ready := make(chan struct{})
		left := make(chan error, 1)
		s, err := c.SignOn(t.Context(), "itsm", "service-desk", ann, client.SessionOptions{OnPrompt: func(time.Time) {
			<-ready
			s.Active()
			left <- s.SignOut(context.Background())
		}})
		if err != nil {
			t.Fatal(err)
		}
		close(ready)
		synctest.Wait()
		g.send(promptEvent)
		if err := <-left; err != nil {
			t.Error(err)
		}
		<-s.Done()
	})
}

func TestBulkAndPool(t *testing.T) {
	g := newGateway()
	c, _ := onWire(t, g)
	answers, err := c.Heartbeats(t.Context(), "itsm", []gatewayapi.BulkHeartbeat{{Name: "a", UID: "1", Active: true}, {Name: "b", UID: "2"}})
	if err != nil || len(answers) != 2 || answers[1].Name != "b" || answers[1].Status != http.StatusOK {
		t.Errorf("got %+v, %v", answers, err)
	}
	usage, err := c.Pool(t.Context(), "itsm", "service-desk")
	if err != nil || usage.Concurrent.Available != 3 || usage.Named != nil {
		t.Errorf("got %+v, %v", usage, err)
	}
	var problem *gatewayapi.Problem
	if _, err := c.Pool(t.Context(), "itsm", "other"); !errors.As(err, &problem) || problem.Reason != gatewayapi.ReasonPoolNotFound {
		t.Errorf("got %v", err)
	}
	if got := get(g, func(g *gateway) []string { return g.bearers }); !slices.Equal(got, []string{"Bearer service-account", "Bearer service-account", "Bearer service-account"}) {
		t.Errorf("called with %v", got)
	}
}
