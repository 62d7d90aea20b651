// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authenticationv1client "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// do makes a call.
func (w *world) do(method, path, token, body string, headers ...string) *answer {
	return w.doContext(context.Background(), method, path, token, body, headers...)
}

func (w *world) doContext(ctx context.Context, method, path, token, body string, headers ...string) *answer {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequestWithContext(ctx, method, path, reader)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	return &answer{t: w.t, ResponseRecorder: recorder}
}

// login signs a user on, in the background.
func (w *world) login(ctx context.Context, query, body string, headers ...string) <-chan *answer {
	done := make(chan *answer, 1)
	go func() { done <- w.doContext(ctx, http.MethodPost, sessionsPath+query, portalToken, body, headers...) }()
	return done
}

// waiting waits for so many sessions to exist and returns them.
func (w *world) waiting(n int) []licensing.UserSession {
	w.t.Helper()
	var all []licensing.UserSession
	w.eventually(fmt.Sprintf("there are %d sessions, and the watches have shown them", n), func() bool {
		all = w.sessions()
		w.mu.Lock()
		blind := w.blind
		w.mu.Unlock()
		for i := range all {
			if _, known := w.gateway.Recorder.Session(all[i].UID); !known && !blind {
				return false
			}
		}
		return len(all) == n
	})
	return all
}

func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if holds() {
			return
		}
	}
	w.t.Fatalf("after 30 s still not: %s", what)
}

// answer is what a call was answered.
type answer struct {
	*httptest.ResponseRecorder
	t testing.TB
}

func (a *answer) wants(status int) *answer {
	a.t.Helper()
	if a.Code != status {
		a.t.Fatalf("status %d, want %d: %s", a.Code, status, a.Body)
	}
	return a
}

// problem is the problem that was answered, which must be of a reason.
func (a *answer) problem(reason gatewayapi.Reason) gatewayapi.Problem {
	a.t.Helper()
	var p gatewayapi.Problem
	if err := json.Unmarshal(a.Body.Bytes(), &p); err != nil || p.Reason != reason {
		a.t.Fatalf("status %d with %s, want a problem of reason %s", a.Code, a.Body, reason)
	}
	if want := gatewayapi.NewProblem(reason, ""); p.Status != a.Code || a.Code != want.Status {
		a.t.Fatalf("status %d in %d, want %d", p.Status, a.Code, want.Status)
	}
	return p
}

func read[T any](a *answer) *T {
	a.t.Helper()
	document := new(T)
	if err := json.Unmarshal(a.Body.Bytes(), document); err != nil {
		a.t.Fatalf("%s: %v", a.Body, err)
	}
	return document
}

// tokenReviews knows two application servers.
type tokenReviews struct {
	authenticationv1client.TokenReviewInterface
}

func (tokenReviews) Create(_ context.Context, review *authenticationv1.TokenReview, _ metav1.CreateOptions) (*authenticationv1.TokenReview, error) {
	users := map[string]string{portalToken: "system:serviceaccount:itsm:portal", "intruder-token": "system:serviceaccount:itsm:intruder"}
	review = review.DeepCopy()
	if user := users[review.Spec.Token]; user != "" {
		review.Status = authenticationv1.TokenReviewStatus{Authenticated: true, Audiences: review.Spec.Audiences, User: authenticationv1.UserInfo{Username: user}}
	}
	return review, nil
}

// accessReviews allows one of them to sign users on in one namespace.
type accessReviews struct {
	authorizationv1client.SubjectAccessReviewInterface
}

func (accessReviews) Create(_ context.Context, review *authorizationv1.SubjectAccessReview, _ metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error) {
	review = review.DeepCopy()
	review.Status.Allowed = review.Spec.User == "system:serviceaccount:itsm:portal" && review.Spec.ResourceAttributes.Namespace == "itsm"
	return review, nil
}
