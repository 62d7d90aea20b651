// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	maker "github.com/seatkeeper/seatkeeper/test/make"
)

func inNamespace(ns string) client.InNamespace { return client.InNamespace(ns) }

// watched is the namespace of the sessions that are watched.
const watched = "watched"

// write changes the status of a session, as the operator does.
func (s *site) write(t *testing.T, name string, change func(*licensing.UserSession)) {
	t.Helper()
	o := &licensing.UserSession{}
	check(t, s.API.Get(t.Context(), keyOf(watched, name), o))
	change(o)
	check(t, s.API.Status().Update(t.Context(), o))
}

func (s *site) watch(t *testing.T) {
	ctx := t.Context()
	const ns = watched
	s.namespace(t, ns)
	s.make(t, maker.MakeLicensePool("service-desk").Namespace(ns).Concurrent(50).Obj())
	on := func(name string) *licensing.UserSession {
		return session(name, ns).Active(licensing.SeatConcurrent, "c-"+name, noon.Add(-time.Hour)).LastActivity(noon).KeepAlive(true).Obj()
	}
	end := func(o *licensing.UserSession) {
		o.Status.State, o.Status.TerminationAction, o.Status.TerminatedTime = licensing.SessionTerminated, licensing.RequestedByUser, new(metav1.NewTime(noon))
	}
	s.make(t, on("stays"), on("ends"), on("deleted"))

	out, errOut, stop := s.viewer.follow(t, "sessions", "-n", ns, "--watch")
	data, _, stopData := s.viewer.follow(t, "sessions", "-n", ns, "--watch", "-o", "json")
	// Both follow by themselves, each as fast as it can.
	documents := func() int { return strings.Count(data.String(), `"kind": "UserSession"`) }
	until(t, "all are listed", func() bool {
		return out.has("Listed", "stays", "Active") && out.has("Listed", "deleted") && documents() == 3
	})

	s.make(t, on("comes"))
	s.write(t, "stays", func(o *licensing.UserSession) { o.Status.LastActivityTime = new(metav1.NewTime(noon.Add(time.Second))) })
	s.write(t, "stays", func(o *licensing.UserSession) { o.Status.KeepAlive = new(false) })
	s.write(t, "ends", end)
	gone := on("deleted")
	check(t, s.API.Delete(ctx, gone))
	until(t, "it is told who came, changed and went", func() bool {
		return out.has("Started", "comes") && out.has("Changed", "comes", "Active") && out.has("Changed", "stays") && out.has("Ended", "ends", "Terminated", "RequestedByUser") && out.has("Ended", "deleted", "RequestedByAdministrator") &&
			documents() == 3+5
	})

	t.Run("goes on after the API server was restarted", func(t *testing.T) {
		check(t, s.cluster.StopAPIServer())
		until(t, "it is told that the watch broke", func() bool {
			return strings.Contains(errOut.String(), "The watch broke and is tried again until it works")
		})
		check(t, s.cluster.RestartAPIServer(ctx))
		s.make(t, on("after"))
		s.write(t, "comes", end)
		until(t, "it is told who came and went since", func() bool {
			return out.has("Started", "after") && out.has("Ended", "comes", "RequestedByUser") && documents() >= 3+7
		})
	})
	stop()
	stopData()

	times := map[string]int{}
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n")[1:] {
		words := strings.Fields(line)
		times[words[0]+" "+words[1]]++
	}
	// Whether the last one was seen to change as well is a matter of when the watch was back.
	delete(times, "Changed after")
	for _, told := range []string{"Listed stays", "Listed ends", "Listed deleted", "Started comes", "Changed comes", "Changed stays", "Ended ends", "Ended deleted", "Started after", "Ended comes"} {
		if times[told] != 1 {
			t.Errorf("%s: told %d times", told, times[told])
		}
		delete(times, told)
	}
	if len(times) > 0 {
		t.Errorf("activity alone is no line: %v\n%s", times, out)
	}
	decoder := json.NewDecoder(strings.NewReader(data.String()))
	names := map[string]int{}
	for decoder.More() {
		var o licensing.UserSession
		check(t, decoder.Decode(&o))
		if names[o.Name]++; o.Kind != "UserSession" || o.Name == "" {
			t.Errorf("unexpected document %+v", o)
		}
	}
	delete(names, "after") // once or twice, as above
	if want := map[string]int{"stays": 2, "ends": 2, "deleted": 2, "comes": 3}; !maps.Equal(names, want) {
		t.Errorf("documents of each: %v, want %v", names, want)
	}

	t.Run("says at once who may not watch", func(t *testing.T) {
		_, _, err := s.nobody.seats(ctx, "sessions", "-n", ns, "-w")
		wantError(t, err, "forbidden", "seatkeeper-viewer")
	})
}
