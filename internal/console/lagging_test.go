// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

func api(t *testing.T, everywhere bool, reviews *atomic.Int64, more interceptor.Funcs) client.WithWatch {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{licensing.AddToScheme, authorizationv1.AddToScheme, authenticationv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	if more.Create == nil {
		more.Create = func(_ context.Context, _ client.WithWatch, obj client.Object, _ ...client.CreateOption) error {
			if r, ok := obj.(*authorizationv1.SelfSubjectAccessReview); ok {
				reviews.Add(1)
				r.Status.Allowed = everywhere || r.Spec.ResourceAttributes.Verb != "patch"
			}
			return nil
		}
	}
	return interceptor.NewClient(fake.NewClientBuilder().WithScheme(scheme).Build(), more)
}

func session(name, namespace string, last time.Time) *licensing.UserSession {
	s := MakeUserSession(name).Namespace(namespace).Pool("desk").User(name).Active(licensing.SeatConcurrent, name, last.Add(-2*time.Hour)).Obj()
	s.UID = types.UID("uid-" + name)
	s.Status.LastActivityTime = new(metav1.NewTime(last))
	return s
}

// listed is a listing of these objects.
func listed(objects ...client.Object) listing {
	l := newListing()
	for _, object := range objects {
		l.set(object)
	}
	return l
}

func loaded(c *Console, sessions ...client.Object) {
	c.board.replace(kindPools, listed())
	c.board.replace(kindSessions, listed(sessions...))
}

// "Idle over 30 minutes", "Pick all found", "Terminate": who works must not be among them because the record lags (B4).
func TestWhoWorksIsNotPickedAsIdle(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	c := New(Options{API: api(t, true, &atomic.Int64{}, interceptor.Funcs{}), Clock: clock.RealClock{}, Refresh: func(context.Context, []types.UID) (map[types.UID]grid.Fresh, error) {
		return map[types.UID]grid.Fresh{"uid-works": {LastActivity: now.Add(-time.Second), LastHeartbeat: now}}, nil
	}})
	loaded(c, session("works", "itsm", now.Add(-31*time.Minute)), session("idles", "itsm", now.Add(-40*time.Minute)))
	w := httptest.NewRecorder()
	c.found(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/sessions/found?idle=30", nil))
	if got := w.Body.String(); strings.Contains(got, "works") || !strings.Contains(got, "idles") {
		t.Errorf("picked: %s", got)
	}
}

// And where the gateways cannot all be asked, nobody is picked for idleness.
func TestNobodyIsPickedAsIdleByOldRecords(t *testing.T) {
	now := time.Now()
	c := New(Options{API: api(t, true, &atomic.Int64{}, interceptor.Funcs{}), Clock: clock.RealClock{}})
	loaded(c, session("works", "itsm", now.Add(-31*time.Minute)))
	w := httptest.NewRecorder()
	c.found(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/sessions/found?idle=30", nil))
	if w.Code == http.StatusOK {
		t.Errorf("picked: %s", w.Body)
	}
}

// While ten thousand work, what a page has is sent again only if it changed.
func TestAPartThatDidNotChangeIsNotSentAgain(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	c := New(Options{API: api(t, true, &atomic.Int64{}, interceptor.Funcs{}), Clock: clock.RealClock{}})
	loaded(c, session("ann", "itsm", now), session("bob", "itsm", now))
	get := func(query, tag string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/sessions?"+query, nil)
		r.Header.Set("If-None-Match", tag)
		c.sessions(w, r)
		return w
	}
	first := get("user=ann", "")
	tag := first.Header().Get("ETag")
	if first.Code != http.StatusOK || tag == "" || !strings.Contains(first.Body.String(), "ann") {
		t.Fatalf("%d, %q", first.Code, tag)
	}
	c.board.put(kindSessions, session("bob", "itsm", now.Add(time.Minute)))
	if again := get("user=ann", tag); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
		t.Errorf("another session changed: %d, %d bytes", again.Code, again.Body.Len())
	}
	c.board.put(kindSessions, session("ann", "itsm", now.Add(time.Minute)))
	if again := get("user=ann", tag); again.Code != http.StatusOK || again.Header().Get("ETag") == tag {
		t.Errorf("the session changed: %d", again.Code)
	}
}

// A unique id says nothing to people: the session whose seat another shares is in the grid, by its name.
func TestASharedSeatIsToldByTheNameOfItsSession(t *testing.T) {
	now := time.Now()
	sharer := session("mobile", "itsm", now)
	for connection, want := range map[string]string{"uid-web": "with the user&#39;s session web.", "uid-gone": "that has the unique id uid-gone."} {
		sharer.Status.Connection = connection
		c := New(Options{Clock: clock.RealClock{}, API: api(t, true, &atomic.Int64{}, interceptor.Funcs{
			Get: func(_ context.Context, _ client.WithWatch, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
				if s, ok := into.(*licensing.UserSession); ok {
					sharer.DeepCopyInto(s)
				}
				return nil
			},
		})})
		loaded(c, session("web", "itsm", now), sharer)
		w := httptest.NewRecorder()
		c.session(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/session?namespace=itsm&name=mobile", nil))
		if got := w.Body.String(); !strings.Contains(got, want) {
			t.Errorf("must tell of the session %q:\n%.600s", want, got)
		}
	}
}

func TestNamesBreakAtTheirParts(t *testing.T) {
	for name, want := range map[string]string{
		"ann": "ann", "ann@example.com": "ann|@example.com", `CORP\ann`: `CORP\|ann`, `CORP\ann@example.com`: `CORP\|ann|@example.com`, "@ann": "@ann", `a\b\c`: `a\|b\c`, "": "",
	} {
		if got := strings.Join(pieces(name), "|"); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestWhatRefreshBroughtStays(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	b := newBoard()
	b.replace(kindSessions, listed(session("ann", "itsm", now.Add(-10*time.Minute))))
	b.fresh(map[types.UID]grid.Fresh{"uid-ann": {LastActivity: now, LastHeartbeat: now}})
	last := func() time.Time { rows, _ := b.rowList(&grid.Filter{}, now); return rows[0].LastActivity }
	b.put(kindSessions, session("ann", "itsm", now.Add(-5*time.Minute))) // the record, written by another for another reason
	if !last().Equal(now) {
		t.Errorf("after a change: %s before what Refresh showed", now.Sub(last()))
	}
	b.fresh(map[types.UID]grid.Fresh{"uid-ann": {LastActivity: now, LastHeartbeat: now}})
	b.replace(kindSessions, listed(session("ann", "itsm", now.Add(-5*time.Minute))))
	if !last().Equal(now) {
		t.Errorf("after a list: %s before what Refresh showed", now.Sub(last()))
	}
}

// Something between (a proxy, an API server that is going) ends each watch at once, in order.
func TestAWatchThatEndsAtOnceIsNoStorm(t *testing.T) {
	var watches atomic.Int64
	c := New(Options{Clock: clock.RealClock{}, API: api(t, true, &atomic.Int64{}, interceptor.Funcs{
		Watch: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) (watch.Interface, error) {
			watches.Add(1)
			w := watch.NewFake()
			w.Stop()
			return w, nil
		},
	})})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	<-c.follow(ctx)
	if n := watches.Load(); n > 20 {
		t.Errorf("%d watches of two kinds in 3 s", n)
	}
}

// A watch that is always too old: list, watch, list, watch.
func TestAWatchThatIsAlwaysTooOldIsNoStorm(t *testing.T) {
	var watches atomic.Int64
	c := New(Options{Clock: clock.RealClock{}, API: api(t, true, &atomic.Int64{}, interceptor.Funcs{
		Watch: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) (watch.Interface, error) {
			watches.Add(1)
			w := watch.NewFakeWithChanSize(1, false)
			w.Error(&metav1.Status{Status: metav1.StatusFailure, Code: 410, Reason: metav1.StatusReasonExpired, Message: "too old resource version"})
			return w, nil
		},
	})})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	<-c.follow(ctx)
	if n := watches.Load(); n > 20 {
		t.Errorf("%d lists and watches of two kinds in 3 s", n)
	}
}

func TestAPageOfFiftyAsksFewPermissions(t *testing.T) {
	var reviews atomic.Int64
	c := New(Options{API: api(t, false, &reviews, interceptor.Funcs{}), Clock: clock.RealClock{}})
	var all []client.Object
	for i := range 1000 {
		all = append(all, session(fmt.Sprintf("s%d", i), fmt.Sprintf("team-%d", i), time.Now()))
	}
	loaded(c, all...)
	c.sessionsView(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/sessions", nil))
	if n := reviews.Load(); n > 60 {
		t.Errorf("%d questions, one after the other, for a page of 50 rows, and again after 10 s", n)
	}
}

// The API server takes requests and never answers: what is known must be shown all the same.
func TestThePageDoesNotHangWithTheAPIServer(t *testing.T) {
	hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	c := New(Options{Clock: clock.RealClock{}, API: api(t, true, &atomic.Int64{}, interceptor.Funcs{
		Create: func(ctx context.Context, _ client.WithWatch, _ client.Object, _ ...client.CreateOption) error {
			return hang(ctx)
		},
		Get: func(ctx context.Context, _ client.WithWatch, _ client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
			return hang(ctx)
		},
	})})
	loaded(c, session("ann", "itsm", time.Now()), session("bob", "hr", time.Now()))
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		c.page(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(writeTimeout + callTimeout):
		t.Error("no page in the time that there is to take it")
	}
}
