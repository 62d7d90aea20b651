// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seatkeeper/seatkeeper/pkg/client"
)

// A proxy's 401 is not the gateway's word.
func TestAProxys401(t *testing.T) {
	n := &told{}
	signedOn(t, n, func(t scene, g *gateway, _ *wire, s *client.Session) {
		g.set(func(g *gateway) {
			g.override = func(w http.ResponseWriter, _ *http.Request) bool {
				http.Error(w, "log in", http.StatusUnauthorized)
				return true
			}
		})
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if s.Err() != nil {
			t.Fatalf("the session is over: %v, told %v", s.Err(), n.all())
		}
	})
}

// Streams that end soon after they began are not opened without end at the shortest pause.
func TestStreamsThatEndAtOnce(t *testing.T) {
	signedOn(t, &told{}, func(t scene, g *gateway, _ *wire, _ *client.Session) {
		g.set(func(g *gateway) {
			g.override = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/v1/session/events" {
					return false
				}
				g.set(func(g *gateway) { g.follows++ })
				w.Header().Set("Content-Type", "text/event-stream")
				_, _ = io.WriteString(w, "retry: 1000\n\n")
				return true
			}
		})
		g.hangUp()
		before := get(g, func(g *gateway) int { return g.follows })
		time.Sleep(time.Minute)
		if follows := get(g, func(g *gateway) int { return g.follows }) - before; follows > 61 {
			t.Errorf("%d streams in a minute, though the gateway asks for a second between them", follows)
		}
	})
}

// What a proxy says of a heartbeat says nothing of the applications in it.
func TestAProxys404KeepsTheApplications(t *testing.T) {
	signedOn(t, &told{}, func(t scene, g *gateway, _ *wire, s *client.Session) {
		g.set(func(g *gateway) {
			g.override = func(w http.ResponseWriter, r *http.Request) bool { http.NotFound(w, r); return true }
		})
		s.SetApplications("Incidents")
		time.Sleep(2 * time.Minute)
		g.set(func(g *gateway) { g.override = nil })
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		for _, b := range beatsOf(g) {
			if b.report.Applications != nil {
				return
			}
		}
		t.Error("the applications were never reported")
	})
}
