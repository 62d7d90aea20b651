// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

var poolKey = types.NamespacedName{Namespace: DefaultNamespace, Name: "p"}

// errCrash is what every call of a crashed manager returns.
var errCrash = errors.New("this manager has crashed")

// world is an API in memory and the managers that work on it, each with its own view. After each write it checks that nothing is oversold and that no
// session became Active without an intent on the pool.
type world struct {
	t        *testing.T
	api      client.WithWatch
	clock    *clocktesting.FakePassiveClock
	seats    int
	intended map[types.UID]bool
	nextUID  int
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := licensing.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, clock: clocktesting.NewFakePassiveClock(time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)), intended: map[types.UID]bool{}}
	w.api = fake.NewClientBuilder().WithScheme(scheme).
		WithStatusSubresource(&licensing.LicensePool{}, &licensing.LicenseAccount{}, &licensing.UserSession{}).
		WithIndex(&licensing.UserSession{}, "spec.poolRef.name", func(o client.Object) []string { return []string{o.(*licensing.UserSession).Spec.PoolRef.Name} }).
		WithIndex(&licensing.LicenseAccount{}, "spec.poolRef.name", func(o client.Object) []string { return []string{o.(*licensing.LicenseAccount).Spec.PoolRef.Name} }).
		WithIndex(&licensing.LicenseAccount{}, "spec.userName", func(o client.Object) []string { return []string{o.(*licensing.LicenseAccount).Spec.UserName} }).
		Build()
	w.create(objects...)
	return w
}

// create stores objects, with the uid and the time that an API server gives them.
func (w *world) create(objects ...client.Object) {
	w.t.Helper()
	for _, obj := range objects {
		w.stamp(obj)
		if err := w.api.Create(w.t.Context(), obj); err != nil {
			w.t.Fatal(err)
		}
		if p, ok := obj.(*licensing.LicensePool); ok && p.Spec.Concurrent != nil {
			w.seats = int(*p.Spec.Concurrent.Seats)
		}
	}
}

// createEarlier stores a session that came before all others.
func (w *world) createEarlier(s *licensing.UserSession) {
	w.t.Helper()
	w.stamp(s)
	s.CreationTimestamp = ctrlTime(w.clock.Now().Add(-time.Hour))
	if err := w.api.Create(w.t.Context(), s); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) stamp(obj client.Object) {
	w.nextUID++
	obj.SetUID(types.UID(fmt.Sprintf("uid-%03d", w.nextUID)))
	obj.SetCreationTimestamp(ctrlTime(w.clock.Now()))
}

func (w *world) delete(obj client.Object) {
	w.t.Helper()
	if err := w.api.Delete(w.t.Context(), obj); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) session(name string) *licensing.UserSession {
	w.t.Helper()
	s := &licensing.UserSession{}
	if err := w.api.Get(w.t.Context(), client.ObjectKey{Namespace: DefaultNamespace, Name: name}, s); err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) account(name string) *licensing.LicenseAccount {
	w.t.Helper()
	a := &licensing.LicenseAccount{}
	if err := w.api.Get(w.t.Context(), client.ObjectKey{Namespace: DefaultNamespace, Name: name}, a); err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *world) pool() *licensing.LicensePool {
	w.t.Helper()
	p := &licensing.LicensePool{}
	if err := w.api.Get(w.t.Context(), poolKey, p); err != nil {
		w.t.Fatal(err)
	}
	return p
}

// states counts the sessions by state.
func (w *world) states() map[licensing.SessionState]int {
	w.t.Helper()
	list := &licensing.UserSessionList{}
	if err := w.api.List(w.t.Context(), list); err != nil {
		w.t.Fatal(err)
	}
	counts := map[licensing.SessionState]int{}
	for _, s := range list.Items {
		state := s.Status.State
		if state == "" {
			state = licensing.SessionPending
		}
		counts[state]++
	}
	return counts
}

// check looks at the API after a write.
func (w *world) check(written client.Object) {
	if p, ok := written.(*licensing.LicensePool); ok && p.Status.Grants != nil {
		for _, intent := range p.Status.Grants.Intents {
			w.intended[intent.UID] = true
		}
	}
	list := &licensing.UserSessionList{}
	if err := w.api.List(w.t.Context(), list); err != nil {
		w.t.Fatal(err)
	}
	connections := map[string]bool{}
	for _, s := range list.Items {
		if s.Status.State != licensing.SessionActive {
			continue
		}
		if !w.intended[s.UID] {
			w.t.Errorf("session %s became Active without an intent on the pool", s.Name)
		}
		if s.Status.Seat == licensing.SeatConcurrent {
			connections[s.Status.Connection] = true
		}
	}
	if len(connections) > w.seats {
		w.t.Errorf("oversold: %d connections at %d seats", len(connections), w.seats)
	}
	held := 0
	accounts := &licensing.LicenseAccountList{}
	if err := w.api.List(w.t.Context(), accounts); err != nil {
		w.t.Fatal(err)
	}
	for i := range accounts.Items {
		if facts.HoldsSeat(&accounts.Items[i]) {
			held++
		}
	}
	pool := &licensing.LicensePool{}
	if err := w.api.Get(w.t.Context(), poolKey, pool); err == nil && pool.Spec.Named != nil && held > int(*pool.Spec.Named.Seats) {
		w.t.Errorf("oversold: %d accounts hold %d named seats", held, *pool.Spec.Named.Seats)
	}
}

// manager is one operator process: its own reconciler, view and connection.
type manager struct {
	*world
	r     *LicensePoolReconciler
	known map[types.UID]client.Object
	calls int
	// fault decides on each call, by its number: whether it reaches the API, and what the caller is told.
	fault func(call int, verb string, obj client.Object) (reaches bool, err error)
}

// manager starts an operator that has seen nothing yet.
func (w *world) manager() *manager {
	m := &manager{world: w, known: map[types.UID]client.Object{}}
	faulty := interceptor.NewClient(w.api, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			return m.call("get", obj, func() error { return c.Get(ctx, key, obj, opts...) })
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			return m.call("list", nil, func() error { return c.List(ctx, list, opts...) })
		},
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			w.stamp(obj)
			return m.call("create", obj, func() error { return c.Create(ctx, obj, opts...) })
		},
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, obj client.Object, opts ...client.SubResourceUpdateOption) error {
			return m.call("update", obj, func() error { return c.SubResource(sub).Update(ctx, obj, opts...) })
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			return m.call("patch", obj, func() error { return c.SubResource(sub).Patch(ctx, obj, patch, opts...) })
		},
	})
	m.r = &LicensePoolReconciler{Client: faulty, Live: faulty, Recorder: events.NewFakeRecorder(1000), Clock: w.clock, LongestHold: 15 * time.Minute, PoolRemovalGrace: 5 * time.Minute, inbox: newInbox(), books: map[types.NamespacedName]*book{}}
	return m
}

func (m *manager) call(verb string, obj client.Object, do func() error) error {
	m.calls++
	reaches, told := true, error(nil)
	if m.fault != nil {
		reaches, told = m.fault(m.calls, verb, obj)
	}
	if !reaches {
		return told
	}
	err := do()
	if err == nil && verb != "get" && verb != "list" {
		m.check(obj)
	}
	if told != nil {
		return told
	}
	return err
}

// see brings the manager's view up to date, as its watches do sooner or later.
func (m *manager) see() *manager {
	m.t.Helper()
	sessions, accounts := &licensing.UserSessionList{}, &licensing.LicenseAccountList{}
	if err := errors.Join(m.api.List(m.t.Context(), sessions), m.api.List(m.t.Context(), accounts)); err != nil {
		m.t.Fatal(err)
	}
	now := map[types.UID]client.Object{}
	for i := range sessions.Items {
		now[sessions.Items[i].UID] = &sessions.Items[i]
	}
	for i := range accounts.Items {
		now[accounts.Items[i].UID] = &accounts.Items[i]
	}
	for uid, obj := range now {
		if was, ok := m.known[uid]; !ok || was.GetResourceVersion() != obj.GetResourceVersion() {
			m.r.inbox.put(poolKey, letter{object: obj})
		}
	}
	for uid, obj := range m.known {
		if _, ok := now[uid]; !ok {
			m.r.inbox.put(poolKey, letter{object: obj, gone: true})
		}
	}
	m.known = now
	return m
}

// reconcile runs once.
func (m *manager) reconcile() (ctrl.Result, error) {
	m.t.Helper()
	return m.r.Reconcile(m.t.Context(), ctrl.Request{NamespacedName: poolKey})
}

// settle sees and reconciles until nothing is left to do; time passes as the reconciler asks for it.
func (m *manager) settle() {
	m.t.Helper()
	for range 50 {
		before := m.calls
		result, err := m.see().reconcile()
		if err == nil && m.calls-before <= 1 && result.RequeueAfter == 0 {
			return
		}
		if result.RequeueAfter > time.Minute {
			return
		}
		m.clock.SetTime(m.clock.Now().Add(max(result.RequeueAfter, time.Millisecond)))
	}
	m.t.Fatal("the manager does not come to rest")
}
