// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/activity"
	"github.com/seatkeeper/seatkeeper/internal/sessiontoken"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// A bulk entry with a wrong name must not make a session that the watch has not shown yet be told that it ended.
func TestAWrongNameDoesNotEndASession(t *testing.T) {
	w := newWorld(t)
	w.pool(1)
	w.blind = true
	s, token := w.active("ann")
	w.do("POST", "/v1/namespaces/itsm/heartbeats", portalToken, fmt.Sprintf(`{"heartbeats":[{"name":"anne","uid":%q}]}`, s.UID)).wants(http.StatusOK)
	w.do("POST", "/v1/session/heartbeat", token, "").wants(http.StatusOK)
}

// keysOf is a keeper of its own, whose calls can be made to fail.
func keysOf(t *testing.T, w *world, name string, clk *clocktesting.FakePassiveClock, readFails, writeFails *atomic.Bool) *sessiontoken.Keeper {
	t.Helper()
	through := interceptor.NewClient(w.client, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			if readFails.Load() {
				return errAway
			}
			return c.Get(ctx, key, obj, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			if writeFails.Load() {
				return errAway
			}
			return c.Update(ctx, obj, opts...)
		},
	})
	k := &sessiontoken.Keeper{Client: through, Reader: through, Namespace: "seatkeeper-system", Name: name, Log: w.gateway.Log}
	if clk != nil {
		k.Clock = clk
	}
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() { defer close(stopped); _ = k.Start(ctx) }()
	t.Cleanup(func() { stop(); <-stopped })
	w.eventually("keys", func() bool { return k.Keyring() != nil })
	return k
}

// A replica that cannot read the keys cannot tell a token of a key that it has not seen from a bad one.
func TestAStaleReplicaDoesNotRefuseATokenForGood(t *testing.T) {
	w := newWorld(t)
	w.pool(1)
	_, token := w.active("ann") // signed by another replica, under a newer key
	clk := clocktesting.NewFakePassiveClock(nine)
	var reads, writes atomic.Bool
	w.gateway.Tokens = keysOf(t, w, "older", clk, &reads, &writes)
	reads.Store(true)
	clk.SetTime(nine.Add(time.Minute))
	w.do("POST", "/v1/session/heartbeat", token, "").wants(http.StatusServiceUnavailable)
}

// The keys were revoked while a login waited, and the new one cannot be written yet.
func TestALoginIsGrantedWhileThereIsNoKey(t *testing.T) {
	w := newWorld(t)
	w.pool(1)
	var reads, writes atomic.Bool
	keys := keysOf(t, w, "mine", nil, &reads, &writes)
	w.gateway.Tokens = keys
	done := w.login(t.Context(), "?wait=60s", `{"userName":"ann"}`)
	s := w.waiting(1)[0]
	writes.Store(true)
	secret := &corev1.Secret{}
	if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: "seatkeeper-system", Name: "mine"}, secret); err != nil {
		t.Fatal(err)
	}
	secret.Annotations = map[string]string{sessiontoken.AnnotationRevokeBefore: time.Now().Format(time.RFC3339Nano)}
	if err := w.client.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	w.eventually("no keys", func() bool { return keys.Keyring() == nil })
	w.grant(&s)
	a := <-done
	if a.Code != http.StatusServiceUnavailable {
		t.Errorf("answered %d %s", a.Code, a.Body)
	}
	for deadline := time.Now().Add(3 * time.Second); w.termination(&s) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody can ask for this session again, and it keeps its seat")
		}
	}
}

// A policy of the cluster's refuses the change with 422: the session lives, and its client must not be told that it is signed out.
func TestSignOutRefusedByAPolicy(t *testing.T) {
	w := newWorld(t)
	w.pool(1)
	s, token := w.active("ann")
	refusal := apierrors.NewInvalid(licensing.GroupVersion.WithKind("UserSession").GroupKind(), "ann",
		field.ErrorList{field.Invalid(field.NewPath(""), "", "ValidatingAdmissionPolicy 'frozen' denied request: no changes today")})
	w.fail(func(verb string, _ client.Object) error {
		if verb == "patch" {
			return refusal
		}
		return nil
	}, nil)
	a := w.do("DELETE", "/v1/session", token, "")
	if a.Code == http.StatusNoContent && w.termination(s) == nil {
		t.Errorf("answered %d though nothing ended the session", a.Code)
	}
}

type slow struct{ client.Reader }

func (s slow) Get(ctx context.Context, _ client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	<-ctx.Done()
	return ctx.Err()
}

// The API server's packets are dropped: sessions that are not known here must not hold up the answers for those that are.
func TestBulkWhileTheAPIServerIsSilent(t *testing.T) {
	w := newWorld(t)
	w.pool(1)
	s, _ := w.active("ann")
	w.do("GET", "/v1/namespaces/itsm/pools/desk", portalToken, "").wants(http.StatusOK) // the caller is known
	w.gateway.Live = slow{}
	body := `{"heartbeats":[`
	for i := range 6 {
		body += fmt.Sprintf(`{"name":"x%d","uid":"u%d"},`, i, i)
	}
	body += fmt.Sprintf(`{"name":"ann","uid":%q}]}`, s.UID)
	began := time.Now()
	w.do("POST", "/v1/namespaces/itsm/heartbeats", portalToken, body).wants(http.StatusOK)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v, with six unknown sessions; a client waits 15 s", took)
	}
}

var _ = activity.Report{}
var _ = gatewayapi.Reason("")
