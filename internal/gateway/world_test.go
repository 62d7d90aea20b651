// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/activity"
	"github.com/seatkeeper/seatkeeper/internal/callers"
	"github.com/seatkeeper/seatkeeper/internal/sessiontoken"
	"github.com/seatkeeper/seatkeeper/internal/usage"
)

var nine = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

const (
	sessionsPath = "/v1/namespaces/itsm/pools/desk/sessions"
	portalToken  = "portal-token"
)

// world is a gateway before a stand-in of the API server. What is written there the gateway's watches see at once, unless they are told not to.
type world struct {
	t       testing.TB
	client  client.WithWatch
	gateway *Gateway
	handler http.Handler
	clock   *clocktesting.FakePassiveClock

	mu sync.Mutex
	// before is called before a call of the gateway takes place, after it when it has: an error is what the gateway gets.
	before, after func(verb string, obj client.Object) error
	calls         map[string]int
	blind         bool
	uids          int
	logs          bytes.Buffer
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, licensing.AddToScheme} {
		if err := add(scheme); err != nil {
			tb.Fatal(err)
		}
	}
	w := &world{t: tb, clock: clocktesting.NewFakePassiveClock(nine), calls: map[string]int{}}
	w.client = fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&licensing.UserSession{}, &licensing.LicensePool{}).Build()
	through := interceptor.NewClient(w.client, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			return w.around("get", obj, func() error { return c.Get(ctx, key, obj, opts...) })
		},
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			return w.around("create", obj, func() error {
				w.mu.Lock()
				w.uids++
				obj.SetUID(types.UID(fmt.Sprintf("uid-%d", w.uids)))
				w.mu.Unlock()
				obj.SetCreationTimestamp(metav1.NewTime(w.clock.Now()))
				if s, ok := obj.(*licensing.UserSession); ok {
					s.Status.State = licensing.SessionPending
				}
				return c.Create(ctx, obj, opts...)
			})
		},
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			return w.around("patch", obj, func() error { return c.Patch(ctx, obj, patch, opts...) })
		},
		Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			return w.around("delete", obj, func() error { return c.Delete(ctx, obj, opts...) })
		},
	})
	log := funcr.New(func(prefix, args string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		fmt.Fprintln(&w.logs, prefix, args)
	}, funcr.Options{Verbosity: 2})
	keeper := &sessiontoken.Keeper{Client: w.client, Reader: w.client, Namespace: "seatkeeper-system", Name: "seatkeeper-session-keys", Log: log}
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = keeper.Start(ctx)
	}()
	tb.Cleanup(func() {
		stop()
		<-stopped
	})
	w.gateway = &Gateway{
		Client: through, Live: through, Recorder: activity.New("one", w.clock, func(string) (time.Time, bool) { return time.Time{}, true }), Tokens: keeper,
		Callers: callers.New(tokenReviews{}, accessReviews{}, "seatkeeper"), Replica: "one", Clock: w.clock, Log: log, Denials: &usage.Counter{},
		Limits: Limits{SessionRate: 1e6, CallerRate: 1e6, AddressRate: 1e6, ReviewRate: 1e6, Decision: 20 * time.Second},
	}
	w.handler = w.gateway.Handler()
	w.gateway.view.inSync.Store(true)
	w.eventually("the keys are loaded", func() bool { return keeper.Keyring() != nil })
	return w
}

// around carries out a call of the gateway, and shows the watches what it wrote.
func (w *world) around(verb string, obj client.Object, call func() error) error {
	w.mu.Lock()
	before, after := w.before, w.after
	w.calls[verb]++
	w.mu.Unlock()
	if before != nil {
		if err := before(verb, obj); err != nil {
			return err
		}
	}
	if err := call(); err != nil {
		return err
	}
	switch verb {
	case "create", "patch":
		w.show(obj)
	case "delete":
		w.hide(obj)
	}
	if after != nil {
		return after(verb, obj)
	}
	return nil
}

// show lets the watches see an object as it now is.
func (w *world) show(obj client.Object) {
	w.mu.Lock()
	blind := w.blind
	w.mu.Unlock()
	if blind {
		return
	}
	obj = obj.DeepCopyObject().(client.Object)
	switch o := obj.(type) {
	case *licensing.UserSession:
		w.gateway.Recorder.Learn(o)
	case *licensing.LicensePool:
		w.gateway.Recorder.SetPool(client.ObjectKeyFromObject(o), o)
	}
	w.gateway.view.put(obj)
}

func (w *world) hide(obj client.Object) {
	w.gateway.Recorder.Forget(obj.GetUID())
	w.gateway.view.drop(obj)
}

// fail sets what becomes of the gateway's calls.
func (w *world) fail(before, after func(verb string, obj client.Object) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before, w.after = before, after
}

func (w *world) count(verb string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[verb]
}

func (w *world) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.logs.String()
}

// pool makes the pool desk with so many concurrent seats.
func (w *world) pool(seats int32, change ...func(*licensing.LicensePool)) {
	w.t.Helper()
	pool := &licensing.LicensePool{ObjectMeta: metav1.ObjectMeta{Namespace: "itsm", Name: "desk", UID: "pool-uid", Generation: 1}, Spec: licensing.LicensePoolSpec{
		Concurrent: &licensing.Seats{Seats: new(seats)},
		Sessions: &licensing.SessionRules{HeartbeatIntervalSeconds: new(int32(30)), IdleTimeoutSeconds: new(int32(1800)), LostAfterSeconds: new(int32(600)),
			Prompt: &licensing.Prompt{LeadSeconds: new(int32(60)), Modules: []licensing.ModuleName{"Web"}}}}}
	for _, f := range change {
		f(pool)
	}
	if err := w.client.Create(w.t.Context(), pool); err != nil {
		w.t.Fatal(err)
	}
	w.show(pool)
}

// sessions are all that there are.
func (w *world) sessions() []licensing.UserSession {
	var list licensing.UserSessionList
	if err := w.client.List(context.Background(), &list); err != nil {
		w.t.Fatal(err)
	}
	return list.Items
}

// status writes the status of a session, as the leader does.
func (w *world) status(s *licensing.UserSession, change func(*licensing.UserSession)) *licensing.UserSession {
	w.t.Helper()
	var now licensing.UserSession
	if err := w.client.Get(context.Background(), client.ObjectKeyFromObject(s), &now); err != nil {
		w.t.Fatal(err)
	}
	change(&now)
	if err := w.client.Status().Update(context.Background(), &now); err != nil {
		w.t.Fatal(err)
	}
	w.show(&now)
	return &now
}

func (w *world) grant(s *licensing.UserSession) *licensing.UserSession {
	return w.status(s, func(s *licensing.UserSession) {
		meta.SetStatusCondition(&s.Status.Conditions, metav1.Condition{Type: licensing.ConditionGranted, Status: metav1.ConditionTrue, Reason: licensing.ReasonSeatGranted})
		s.Status.State, s.Status.Seat, s.Status.Connection = licensing.SessionActive, licensing.SeatConcurrent, string(s.UID)
		s.Status.LogonTime, s.Status.LastActivityTime = new(metav1.NewTime(w.clock.Now())), new(metav1.NewTime(w.clock.Now()))
		s.Status.TimeoutTime = new(metav1.NewTime(w.clock.Now().Add(30 * time.Minute)))
	})
}

func (w *world) deny(s *licensing.UserSession, reason string) {
	w.status(s, func(s *licensing.UserSession) {
		meta.SetStatusCondition(&s.Status.Conditions, metav1.Condition{Type: licensing.ConditionGranted, Status: metav1.ConditionFalse, Reason: reason})
		s.Status.State, s.Status.Message, s.Status.TerminatedTime = licensing.SessionDenied, "No seat.", new(metav1.NewTime(w.clock.Now()))
	})
}

func (w *world) terminate(s *licensing.UserSession) *licensing.UserSession {
	return w.status(s, func(s *licensing.UserSession) {
		s.Status.State, s.Status.Message, s.Status.TerminatedTime = licensing.SessionTerminated, "The session was idle for 30m0s.", new(metav1.NewTime(w.clock.Now()))
		s.Status.TerminationAction = licensing.ExpiredSessionTerminated
	})
}

// leader grants every login at once, until the test ends.
func (w *world) leader() {
	w.fail(nil, func(verb string, obj client.Object) error {
		if s, ok := obj.(*licensing.UserSession); ok && verb == "create" {
			w.grant(s)
		}
		return nil
	})
}

// active is a session that holds a seat, and its token.
func (w *world) active(name string, change ...func(*licensing.UserSession)) (*licensing.UserSession, string) {
	w.t.Helper()
	w.mu.Lock()
	w.uids++
	uid := fmt.Sprintf("uid-%d", w.uids)
	w.mu.Unlock()
	s := &licensing.UserSession{ObjectMeta: metav1.ObjectMeta{Namespace: "itsm", Name: name, UID: types.UID(uid), CreationTimestamp: metav1.NewTime(w.clock.Now())},
		Spec: licensing.UserSessionSpec{PoolRef: licensing.PoolReference{Name: "desk"}, UserName: name, Module: "Web", Type: licensing.SessionTypeNotApplicable,
			Client: &licensing.Client{IP: "192.0.2.17", Mode: licensing.ClientModeNotApplicable}}}
	for _, f := range change {
		f(s)
	}
	if err := w.client.Create(context.Background(), s); err != nil {
		w.t.Fatal(err)
	}
	s = w.grant(s)
	return s, w.gateway.Tokens.Keyring().Sign(sessiontoken.Session{Namespace: s.Namespace, Name: s.Name, UID: string(s.UID)})
}
