// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/witness"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

var (
	nine    = time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
	poolKey = types.NamespacedName{Namespace: DefaultNamespace, Name: "p"}
)

const (
	minute = time.Minute
	beat   = 30 * time.Second
)

// office is a pool whose sessions idle out after half an hour, with a heartbeat every half minute, and are lost after ten minutes.
func office() *LicensePoolBuilder {
	return MakeLicensePool("p").UID("pool").Generation(1).Concurrent(10_000).IdleTimeout(30 * minute).HeartbeatInterval(beat).LostAfter(10 * minute)
}

// world is a replica with an API in memory, and a clock that stands until it is moved.
type world struct {
	*Recorder

	t       *testing.T
	clock   *clocktesting.FakePassiveClock
	api     client.WithWatch
	sweeper *Sweeper
	alive   map[string]bool
	// refuse, if it is set, is what a write of a session is answered; writes counts all writes that arrive.
	refuse func() error
	// lose: writes arrive, and their answers do not.
	lose bool
	// beforeDelete, if it is set, is called before a deletion arrives.
	beforeDelete func()
	writes       atomic.Int64
}

func newWorld(t *testing.T, pool *licensing.LicensePool) *world {
	t.Helper()
	w := &world{t: t, clock: clocktesting.NewFakePassiveClock(nine), alive: map[string]bool{}}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{licensing.AddToScheme, coordinationv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	w.api = fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&licensing.UserSession{}).Build()
	writer := interceptor.NewClient(w.api, interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, c client.Client, _ string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			if w.refuse != nil {
				if err := w.refuse(); err != nil {
					return err
				}
			}
			w.writes.Add(1)
			err := c.Status().Patch(ctx, obj, patch, opts...)
			if w.lose && err == nil {
				return context.DeadlineExceeded
			}
			return err
		},
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			w.writes.Add(1)
			return c.Create(ctx, obj, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			if w.beforeDelete != nil {
				w.beforeDelete()
			}
			return c.Delete(ctx, obj, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			w.writes.Add(1)
			return c.Update(ctx, obj, opts...)
		},
	})
	w.Recorder = New("me", w.clock, func(name string) (time.Time, bool) { return nine, w.alive[name] })
	w.synced = func() bool { return true }
	w.SetPool(poolKey, pool)
	w.sweeper = &Sweeper{Recorder: w.Recorder, Client: writer, Live: w.api, Clock: w.clock, Log: logr.Discard(),
		Lease: &witness.Lease{Client: writer, Namespace: "seatkeeper-system", Replica: "me"}, Roster: witness.NewRoster("me", w.clock)}
	return w
}

// on stores a session that was granted at nine and is heard by a replica, and shows it to the recorder.
func (w *world) on(name, heardBy string, changes ...func(*licensing.UserSession)) types.UID {
	w.t.Helper()
	s := MakeUserSession(name).UID(name).Pool("p").User(name).Module("Web").Active(licensing.SeatConcurrent, name, nine).
		LastHeartbeat(nine).Timeout(nine.Add(30 * minute)).KeepAlive(true).Obj()
	s.Status.HeardBy = heardBy
	for _, change := range changes {
		change(s)
	}
	if err := w.api.Create(w.t.Context(), s); err != nil {
		w.t.Fatal(err)
	}
	w.learn(s, true)
	return s.UID
}

// at moves the clock to so long after nine.
func (w *world) at(d time.Duration) *world {
	w.clock.SetTime(nine.Add(d))
	return w
}

func (w *world) active(uid types.UID) Outcome { return w.Beat(uid, &Report{Active: true}) }
func (w *world) bare(uid types.UID) Outcome   { return w.Beat(uid, &Report{}) }

func (w *world) sweep() error { return w.sweeper.Sweep(w.t.Context()) }

// record is a session as the API has it.
func (w *world) record(uid types.UID) *licensing.UserSession {
	w.t.Helper()
	s := &licensing.UserSession{}
	if err := w.api.Get(w.t.Context(), types.NamespacedName{Namespace: DefaultNamespace, Name: string(uid)}, s); err != nil {
		w.t.Fatal(err)
	}
	return s
}

// swept is when the sweep began that the replica's lease tells of.
func (w *world) swept() time.Duration {
	w.t.Helper()
	lease := &coordinationv1.Lease{}
	if err := w.api.Get(w.t.Context(), types.NamespacedName{Namespace: "seatkeeper-system", Name: "me"}, lease); err != nil {
		return -1
	}
	swept, err := time.Parse(time.RFC3339Nano, lease.Annotations["licensing.seatkeeper.dev/swept"])
	if err != nil {
		w.t.Fatal(err)
	}
	return swept.Sub(nine)
}

// elsewhere changes a session as another replica or the leader does; the recorder does not see it.
func (w *world) elsewhere(uid types.UID, change func(*licensing.UserSession)) {
	w.t.Helper()
	s := w.record(uid)
	change(s)
	if err := w.api.Status().Update(w.t.Context(), s); err != nil {
		w.t.Fatal(err)
	}
}

func after(t *metav1.Time) time.Duration {
	if t == nil {
		return -1
	}
	return t.Sub(nine)
}

// oneByOne lets one write through at a time.
type oneByOne struct{ client.Client }

var one sync.Mutex

func (c oneByOne) Status() client.SubResourceWriter { return lockedStatus{c.Client.Status()} }

type lockedStatus struct{ client.SubResourceWriter }

func (s lockedStatus) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
	one.Lock()
	defer one.Unlock()
	return s.SubResourceWriter.Patch(ctx, obj, patch, opts...)
}
