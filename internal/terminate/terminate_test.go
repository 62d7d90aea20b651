// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package terminate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	maker "github.com/seatkeeper/seatkeeper/test/make"
)

var noon = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

// world is an API in memory in which before each patch something may happen.
type world struct {
	client.Client

	mu      sync.Mutex
	before  map[string][]func() error // by session: what happens before its patches, one after the other
	patches int
}

func newWorld(t *testing.T, sessions ...*maker.UserSessionBuilder) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := licensing.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	api := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&licensing.UserSession{}).Build()
	for _, s := range sessions {
		if err := api.Create(t.Context(), s.Obj()); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{before: map[string][]func() error{}}
	w.Client = interceptor.NewClient(api, interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			w.mu.Lock()
			w.patches++
			var happens func() error
			if queue := w.before[obj.GetName()]; len(queue) > 0 {
				happens, w.before[obj.GetName()] = queue[0], queue[1:]
			}
			w.mu.Unlock()
			if happens != nil {
				if err := happens(); err != nil {
					return err
				}
			}
			return c.Patch(ctx, obj, patch, opts...)
		},
	})
	return w
}

func (w *world) read(t *testing.T, name string) *licensing.UserSession {
	t.Helper()
	s := &licensing.UserSession{}
	if err := w.Get(t.Context(), client.ObjectKey{Namespace: maker.DefaultNamespace, Name: name}, s); err != nil {
		t.Fatal(err)
	}
	return s
}

// write changes a session's status, as a replica or the operator does.
func (w *world) write(t *testing.T, name string, change func(*licensing.UserSession)) func() error {
	t.Helper()
	return func() error {
		s := w.read(t, name)
		change(s)
		return w.Status().Update(t.Context(), s)
	}
}

func (w *world) target(t *testing.T, name string) Target {
	t.Helper()
	s := w.read(t, name)
	return Target{Namespace: s.Namespace, Name: s.Name, UID: s.UID, ResourceVersion: s.ResourceVersion}
}

func on(name string) *maker.UserSessionBuilder {
	return maker.MakeUserSession(name).UID("uid-"+name).Pool("p").User(name).Active(licensing.SeatConcurrent, "uid-"+name, noon)
}

func end(s *licensing.UserSession) {
	s.Status.State, s.Status.TerminationAction, s.Status.Message = licensing.SessionTerminated, licensing.RequestedByUser, "The user signed out."
}

func beat(s *licensing.UserSession) { s.Status.UnsavedWork = !s.Status.UnsavedWork }

func TestOutcomes(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t, on("plain"), on("written"), on("signs-out"), on("over"), on("asked").Termination(licensing.RequesterUser, "bye"), on("other"), on("gone"), on("refused"), on("broken"),
		on("busy"), maker.MakeUserSession("waits").UID("uid-waits").Pool("p").User("w").Waiting(noon))
	if err := w.write(t, "over", end)(); err != nil {
		t.Fatal(err)
	}
	var targets []Target
	for _, name := range []string{"plain", "written", "signs-out", "over", "asked", "other", "gone", "refused", "broken", "busy", "waits"} {
		targets = append(targets, w.target(t, name))
	}
	targets[3].ResourceVersion, targets[4].ResourceVersion = "", ""
	targets[5].UID, targets[5].ResourceVersion = "an-earlier-login", ""
	if err := w.Delete(ctx, w.read(t, "gone")); err != nil {
		t.Fatal(err)
	}
	sessions := licensing.GroupVersion.WithResource("usersessions").GroupResource()
	for name, happens := range map[string]func() error{
		"written":   w.write(t, "written", beat),
		"signs-out": w.write(t, "signs-out", end),
		"refused":   func() error { return apierrors.NewForbidden(sessions, "refused", errors.New("no")) },
		"broken":    func() error { return errors.New("connection refused") },
	} {
		w.before[name] = []func() error{happens}
	}
	for range maxTries {
		w.before["busy"] = append(w.before["busy"], w.write(t, "busy", beat))
	}

	progress := []int{}
	results := All(ctx, w, targets, Request{Message: "maintenance", Parallel: 3, Progress: func(done, of int) {
		if of != len(targets) {
			t.Errorf("of %d", of)
		}
		progress = append(progress, done)
	}})
	want := []Outcome{Asked, Asked, Ended, Ended, AskedBefore, Gone, Gone, Forbidden, Failed, Failed, Asked}
	for i, r := range results {
		if r.Outcome != want[i] || r.Name != targets[i].Name {
			t.Errorf("%s: %s, want %s (%v)", r.Name, r.Outcome, want[i], r.Err)
		}
		if failed := r.Outcome == Failed || r.Outcome == Forbidden; failed != (r.Err != nil) || failed == r.Done() {
			t.Errorf("%s: %s with the error %v", r.Name, r.Outcome, r.Err)
		}
	}
	if !slices.Equal(progress, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}) {
		t.Errorf("progress must count one after the other: %v", progress)
	}
	if got := results[2]; got.Action != licensing.RequestedByUser || got.Message != "The user signed out." {
		t.Errorf("must say how the session had ended: %+v", got)
	}
	for _, name := range []string{"plain", "written", "waits"} {
		if got := w.read(t, name).Spec.Termination; got == nil || got.RequestedBy != licensing.RequesterAdministrator || got.Message != "maintenance" {
			t.Errorf("%s: termination %+v", name, got)
		}
	}
	for _, name := range []string{"signs-out", "over", "other", "refused", "broken", "busy"} {
		if got := w.read(t, name).Spec.Termination; got != nil {
			t.Errorf("%s: must not be written: %+v", name, got)
		}
	}
	if got := w.read(t, "asked").Spec.Termination; got.Message != "bye" {
		t.Errorf("the first request must stay: %+v", got)
	}
	if got := Count(results); got[Asked] != 3 || got[Gone] != 2 || got[NotTried] != 0 {
		t.Errorf("counts %v", got)
	}
}

func TestDryRunWritesNothing(t *testing.T) {
	w := newWorld(t, on("a"))
	results := All(t.Context(), w, []Target{w.target(t, "a")}, Request{DryRun: true})
	if results[0].Outcome != Asked || w.patches != 1 || w.read(t, "a").Spec.Termination != nil {
		t.Errorf("%+v, %d patches", results[0], w.patches)
	}
}

func TestWhoIsBackAtWorkIsSpared(t *testing.T) {
	w := newWorld(t, on("idle"), on("back"), on("beats"))
	w.before["back"] = []func() error{w.write(t, "back", func(s *licensing.UserSession) { s.Status.UnsavedWork = true })}
	w.before["beats"] = []func() error{w.write(t, "beats", func(s *licensing.UserSession) { s.Status.HeardBy = "another" })}
	results := All(t.Context(), w, []Target{w.target(t, "idle"), w.target(t, "back"), w.target(t, "beats")},
		Request{Still: func(s *licensing.UserSession) bool { return !s.Status.UnsavedWork }})
	if results[0].Outcome != Asked || results[1].Outcome != Spared || results[2].Outcome != Asked || !results[1].Done() || w.read(t, "back").Spec.Termination != nil {
		t.Errorf("%+v", results)
	}
}

func TestCalledOff(t *testing.T) {
	var sessions []*maker.UserSessionBuilder
	for i := range 20 {
		sessions = append(sessions, on(fmt.Sprintf("s-%d", i)))
	}
	w := newWorld(t, sessions...)
	var targets []Target
	for i := range sessions {
		targets = append(targets, w.target(t, fmt.Sprintf("s-%d", i)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	results := All(ctx, w, targets, Request{Parallel: 1, Progress: func(done, _ int) {
		if done == 5 {
			cancel()
		}
	}})
	counts := Count(results)
	if counts[Asked] != 5 || counts[NotTried] != 15 || w.patches != 5 {
		t.Errorf("after the fifth nothing more may be tried: %v, %d patches", counts, w.patches)
	}
	if !errors.Is(results[19].Err, context.Canceled) || results[19].Done() {
		t.Errorf("must say why: %v", results[19].Err)
	}
}

func TestWhatIsInvalidIsTriedOnceMore(t *testing.T) {
	w := newWorld(t, on("a"))
	refuse := func() error {
		return apierrors.NewInvalid(licensing.GroupVersion.WithKind("UserSession").GroupKind(), "a", nil)
	}
	w.before["a"] = slices.Repeat([]func() error{refuse}, maxTries)
	if results := All(t.Context(), w, []Target{w.target(t, "a")}, Request{}); results[0].Outcome != Failed || w.patches != 2 {
		t.Errorf("%+v, %d patches", results[0], w.patches)
	}
}

func TestNothingToDo(t *testing.T) {
	if got := All(t.Context(), nil, nil, Request{}); len(got) != 0 {
		t.Error(got)
	}
}

func TestCheckMessage(t *testing.T) {
	for message, ok := range map[string]bool{"": true, "maintenance\n\tat noon ž": true, strings.Repeat("ž", MaxMessage): true, strings.Repeat("a", MaxMessage+1): false,
		"\x1b[31mred": false, "a\u0085b": false, "a\x00": false, "\xff": false} {
		if err := CheckMessage(message); (err == nil) != ok {
			t.Errorf("%q: %v", message, err)
		}
	}
}
