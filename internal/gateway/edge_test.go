// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

func TestParametersThatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	w.do("POST", sessionsPath+"?wait=1s&wait=2s", portalToken, `{"userName":"ann"}`).problem("BadRequest")
	w.do("POST", sessionsPath+"?wait=1s&wait=2s", "", `{"userName":"ann"}`).problem("Unauthenticated")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, sessionsPath, strings.NewReader(`{"userName":"ann"}`))
	r.Header = http.Header{"Authorization": {"Bearer " + portalToken}, "Idempotency-Key": {"a", "b"}}
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	p := (&answer{t: t, ResponseRecorder: recorder}).problem("BadRequest")
	if !strings.Contains(p.Detail, "Idempotency-Key") {
		t.Errorf("detail %q", p.Detail)
	}
	r.Header = http.Header{"Authorization": {"Bearer " + portalToken, "Bearer " + portalToken}}
	recorder = httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	(&answer{t: t, ResponseRecorder: recorder}).problem("Unauthenticated")
}

// The watch lags behind, and the time is over: what the API server says at the last moment counts.
func TestGrantedAtTheLastMoment(t *testing.T) {
	w := newWorld(t)
	w.pool(1)
	w.gateway.Limits.Decision = 300 * time.Millisecond
	done := w.login(t.Context(), "", `{"userName":"ann"}`)
	s := w.waiting(1)[0]
	w.mu.Lock()
	w.blind = true
	w.mu.Unlock()
	w.grant(&s)
	if got := read[gatewayapi.SignedOn]((<-done).wants(http.StatusCreated)); got.UID != string(s.UID) {
		t.Errorf("answered %+v", got)
	}
}

// A session of the same key that is being deleted has to go before another can be made.
func TestAKeyWhoseSessionIsGoing(t *testing.T) {
	w := newWorld(t)
	w.pool(5)
	done := w.login(t.Context(), "", `{"userName":"ann"}`, keyHeader, "k")
	first := w.waiting(1)[0]
	first.Finalizers = []string{"example.com/archive"}
	if err := w.client.Update(t.Context(), &first); err != nil {
		t.Fatal(err)
	}
	w.grant(&first)
	(<-done).wants(http.StatusCreated)
	if err := w.client.Delete(t.Context(), &first); err != nil {
		t.Fatal(err)
	}
	looks := w.count("get")
	done = w.login(t.Context(), "", `{"userName":"ann"}`, keyHeader, "k")
	w.eventually("it is looked at again", func() bool { return w.count("get") > looks+3 })
	if err := w.client.Get(t.Context(), client.ObjectKeyFromObject(&first), &first); err != nil {
		t.Fatal(err)
	}
	first.Finalizers = nil
	if err := w.client.Update(t.Context(), &first); err != nil {
		t.Fatal(err)
	}
	w.eventually("it is made anew", func() bool { all := w.sessions(); return len(all) == 1 && all[0].UID != first.UID })
	again := w.sessions()[0]
	w.grant(&again)
	(<-done).wants(http.StatusCreated)
}

// A login in the queue that an administrator deletes is told so; it is not made again.
func TestDeletedInTheQueue(t *testing.T) {
	w := newWorld(t)
	w.pool(1)
	done := w.login(t.Context(), "?wait=1m", `{"userName":"ann"}`)
	s := w.waiting(1)[0]
	if err := w.client.Delete(t.Context(), &s); err != nil {
		t.Fatal(err)
	}
	w.hide(&s)
	(<-done).problem("SessionGone")
	if n := w.count("create"); n != 1 {
		t.Errorf("%d creations", n)
	}
}

// brokenWriter is a connection that breaks as the answer is written.
type brokenWriter struct{ discard }

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestAnAnswerThatCannotBeSent(t *testing.T) {
	for key, stays := range map[string]bool{"": false, "k": true} {
		w := newWorld(t)
		w.pool(1)
		w.leader()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, sessionsPath, strings.NewReader(`{"userName":"ann"}`))
		r.Header = http.Header{"Authorization": {"Bearer " + portalToken}, "Content-Type": {"application/json"}}
		if key != "" {
			r.Header.Set(keyHeader, key)
		}
		w.handler.ServeHTTP(&brokenWriter{discard{header: http.Header{}}}, r)
		w.gateway.background.group.Wait()
		if s := w.waiting(1)[0]; (s.Spec.Termination == nil) != stays {
			t.Errorf("key %q: termination %v", key, s.Spec.Termination)
		}
	}
}

// The caller went away in the moment of the grant: without a key nobody can come back for the session.
func TestGrantedToNobody(t *testing.T) {
	w := newWorld(t)
	w.pool(1)
	ctx, leave := context.WithCancel(t.Context())
	w.fail(nil, func(verb string, obj client.Object) error {
		if s, ok := obj.(*licensing.UserSession); ok && verb == "create" {
			w.grant(s)
			leave()
		}
		return nil
	})
	w.doContext(ctx, "POST", sessionsPath, portalToken, `{"userName":"ann"}`)
	w.gateway.background.group.Wait()
	if s := w.waiting(1)[0]; s.Spec.Termination == nil || s.Spec.Termination.RequestedBy != licensing.RequesterUser {
		t.Errorf("termination %v", s.Spec.Termination)
	}
}

func TestASessionAboutToEndIsNotHandedOut(t *testing.T) {
	w := newWorld(t)
	w.pool(1)
	done := w.login(t.Context(), "", `{"userName":"ann"}`, keyHeader, "k")
	s := w.waiting(1)[0]
	w.grant(&s)
	token := read[gatewayapi.SignedOn]((<-done).wants(http.StatusCreated)).Token
	w.do("DELETE", "/v1/session", token, "").wants(http.StatusNoContent)
	done = w.login(t.Context(), "", `{"userName":"ann"}`, keyHeader, "k")
	w.eventually("it waits", func() bool {
		w.gateway.attempts.mu.Lock()
		defer w.gateway.attempts.mu.Unlock()
		return len(w.gateway.attempts.byName) == 1
	})
	w.terminate(&s)
	(<-done).problem("Terminated")
}

func TestReady(t *testing.T) {
	w := newWorld(t)
	s := &Server{Gateway: w.gateway}
	if s.Ready(nil) == nil || s.NeedLeaderElection() {
		t.Error("it is ready and does not listen, or needs to lead")
	}
	addr := net.Addr(&net.TCPAddr{})
	s.listening.Store(&addr)
	if err := s.Ready(nil); err != nil {
		t.Error(err)
	}
	w.gateway.view.inSync.Store(false)
	if s.Ready(nil) == nil {
		t.Error("it is ready and knows no pools")
	}
	w.gateway.view.inSync.Store(true)
	w.gateway.drain()
	if s.Ready(nil) == nil {
		t.Error("it is ready and stops")
	}
}

func TestTextIsCutBetweenCharacters(t *testing.T) {
	for text, want := range map[string]string{"abc": "abc", "abcd": "abcd", "abcde": "abcd", "abcä": "abc", "äää": "ää", "日本": "日"} {
		if got := cut(text, 4); got != want {
			t.Errorf("%q is cut to %q, want %q", text, got, want)
		}
	}
}

func TestModels(t *testing.T) {
	seats := &licensing.Seats{Seats: new(int32(1))}
	for want, spec := range map[licensing.LicensingModel]licensing.LicensePoolSpec{licensing.ModelNamed: {Named: seats}, licensing.ModelConcurrent: {Concurrent: seats},
		licensing.ModelCombined: {Named: seats, Concurrent: seats}} {
		pool := &licensing.LicensePool{Spec: spec}
		pool.Status.Conditions = []metav1.Condition{{Type: licensing.ConditionReady, Status: metav1.ConditionTrue, Reason: "Reconciled"}, {Type: licensing.ConditionExpiryHeld}}
		if got := usageOf(pool); got.Model != gatewayapi.LicensingModel(want) || len(got.Conditions) != 1 || got.Named != nil {
			t.Errorf("%+v", got)
		}
	}
}

// What a terminal shows after an answer begins on a line of its own.
func TestJSONEndsWithANewline(t *testing.T) {
	w := newWorld(t)
	w.pool(5)
	w.leader()
	signedOn := (<-w.login(t.Context(), "", `{"userName":"ann"}`)).wants(http.StatusCreated)
	session := read[gatewayapi.SignedOn](signedOn).Token
	for name, a := range map[string]*answer{
		"a login":     signedOn,
		"a heartbeat": w.do("POST", "/v1/session/heartbeat", session, `{"active":true}`).wants(http.StatusOK),
		"a session":   w.do("GET", "/v1/session", session, "").wants(http.StatusOK),
		"a pool":      w.do("GET", "/v1/namespaces/itsm/pools/desk", portalToken, "").wants(http.StatusOK),
		"a problem":   w.do("GET", "/v1/session", "nonsense", "").wants(http.StatusUnauthorized),
	} {
		if body := a.Body.String(); !strings.HasSuffix(body, "}\n") || strings.HasSuffix(body, "\n\n") {
			t.Errorf("%s: %q", name, body)
		}
	}
}
