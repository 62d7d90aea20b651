// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

func TestCreationsWhoseAnswerIsLost(t *testing.T) {
	for name, headers := range map[string][]string{"no key": nil, "key": {keyHeader, "k"}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.pool(1)
			var lost atomic.Bool
			w.fail(nil, func(verb string, obj client.Object) error {
				if s, ok := obj.(*licensing.UserSession); ok && verb == "create" && lost.CompareAndSwap(false, true) {
					w.grant(s)
					return errAway
				}
				return nil
			})
			w.do("POST", sessionsPath, portalToken, `{"userName":"ann"}`, headers...).wants(http.StatusCreated)
			if n := len(w.sessions()); n != 1 {
				t.Errorf("%d sessions", n)
			}
		})
	}
	t.Run("all", func(t *testing.T) {
		w := newWorld(t)
		w.pool(1)
		w.fail(nil, func(verb string, _ client.Object) error {
			if verb == "create" {
				return errAway
			}
			return nil
		})
		// Its first creation was carried out, so that a repetition finds it; nobody decides on it.
		w.gateway.Limits.Decision = 200 * time.Millisecond
		if a := w.do("POST", sessionsPath, portalToken, `{"userName":"ann"}`); a.problem("Unavailable").Status != 503 || a.Header().Get("Retry-After") == "" {
			t.Errorf("headers %v", a.Header())
		}
		w.waiting(0)
	})
}

func TestTheAPIServerIsAway(t *testing.T) {
	for name, err := range map[string]error{"silent": errAway, "refusing": syscall.ECONNREFUSED, "busy": apierrors.NewTooManyRequests("busy", 1),
		"failing": apierrors.NewInternalError(errors.New("etcd")), "late": apierrors.NewTimeoutError("late", 1)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.pool(1)
			w.fail(func(string, client.Object) error { return err }, nil)
			w.do("POST", sessionsPath, portalToken, `{"userName":"ann"}`).problem("Unavailable")
			w.do("POST", sessionsPath, portalToken, `{"userName":"ann"}`, keyHeader, "k").problem("Unavailable")
			w.fail(nil, nil)
			w.gateway.background.group.Wait()
			if n := len(w.sessions()); n != 0 {
				t.Errorf("%d sessions", n)
			}
		})
	}
}

// A quota that is used up keeps nobody from coming back to a session.
func TestAKeyUnderAQuota(t *testing.T) {
	w := newWorld(t)
	w.pool(5)
	w.leader()
	w.do("POST", sessionsPath, portalToken, `{"userName":"ann"}`, keyHeader, "k").wants(http.StatusCreated)
	w.fail(func(verb string, _ client.Object) error {
		if verb == "create" {
			return apierrors.NewForbidden(schemaOf(), "x", errors.New("exceeded quota: sessions"))
		}
		return nil
	}, nil)
	w.do("POST", sessionsPath, portalToken, `{"userName":"ann"}`, keyHeader, "k").wants(http.StatusOK)
	w.do("POST", sessionsPath, portalToken, `{"userName":"ann"}`, keyHeader, "other").problem("Forbidden")
}

func TestWhatTheAPIServerRefuses(t *testing.T) {
	group := licensing.GroupVersion.WithKind("UserSession").GroupKind()
	terminating := apierrors.NewForbidden(schemaOf(), "x", errors.New("being terminated"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: "NamespaceTerminating"}}
	for name, c := range map[string]struct {
		err            error
		reason, detail string
	}{
		"rule": {apierrors.NewInvalid(group, "x", field.ErrorList{field.Invalid(field.NewPath("spec"), "object",
			"client.mode must be Desktop, Voice, Handheld or CE for a session of type Interactive")}), "Invalid",
			"client.mode must be Desktop, Voice, Handheld or CE for a session of type Interactive."},
		"value": {apierrors.NewInvalid(group, "x", field.ErrorList{field.Invalid(field.NewPath("spec", "userName"), " a:\"b\" ",
			"userName must not begin or end with white space")}), "Invalid", "userName must not begin or end with white space."},
		"enumeration": {apierrors.NewInvalid(group, "x", field.ErrorList{field.NotSupported(field.NewPath("spec", "type"), "Robot", []string{"Interactive"})}), "Invalid",
			`type must be one of "Interactive".`},
		"two": {apierrors.NewInvalid(group, "x", field.ErrorList{field.TooLong(field.NewPath("spec", "module"), "m", 63),
			field.Invalid(field.NewPath("spec", "client", "ip"), "no", "client.ip must be an IPv4 or IPv6 address"),
			field.Invalid(nil, nil, "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation")}), "Invalid",
			"module must have at most 63 characters. client.ip must be an IPv4 or IPv6 address."},
		"quota":      {apierrors.NewForbidden(schemaOf(), "x", errors.New("exceeded quota: sessions")), "Forbidden", "exceeded quota: sessions"},
		"namespace":  {apierrors.NewNotFound(schemaOf(), "itsm"), "PoolNotFound", "itsm"},
		"ending":     {terminating, "PoolNotFound", "itsm"},
		"too large":  {apierrors.NewRequestEntityTooLargeError("limit"), "TooLarge", "smaller"},
		"bad object": {apierrors.NewBadRequest("the object cannot be read"), "Invalid", "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.pool(1)
			w.fail(func(verb string, _ client.Object) error {
				if verb == "create" {
					return c.err
				}
				return nil
			}, nil)
			p := w.do("POST", sessionsPath, portalToken, `{"userName":"ann"}`).problem(c.reason)
			if !strings.Contains(p.Detail, c.detail) || (c.reason == "Invalid" && strings.Contains(c.detail, "must") && p.Detail != c.detail) {
				t.Errorf("detail %q, want %q", p.Detail, c.detail)
			}
		})
	}
}
