// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

const keyHeader = gatewayapi.HeaderIdempotencyKey

func TestAKeyIsOneSession(t *testing.T) {
	w := newWorld(t)
	w.pool(1)
	var waiting []<-chan *answer
	for range 20 {
		waiting = append(waiting, w.login(t.Context(), "", `{"userName":"ann"}`, keyHeader, "k"))
	}
	s := w.waiting(1)[0]
	w.grant(&s)
	created := 0
	for _, done := range waiting {
		a := <-done
		if a.Code == http.StatusCreated {
			created++
		} else {
			a.wants(http.StatusOK)
		}
		if got := read[gatewayapi.SignedOn](a); got.UID != string(s.UID) {
			t.Errorf("answered %s", a.Body)
		}
	}
	if created != 1 || len(w.sessions()) != 1 {
		t.Errorf("%d created, %d sessions", created, len(w.sessions()))
	}
	// The pool is full now: whoever has the key is on all the same, whoever has another is not.
	w.do("POST", sessionsPath, portalToken, ` {"userName" : "ann"}`, keyHeader, "k").wants(http.StatusOK)
	w.do("POST", sessionsPath, portalToken, `{"userName":"bob"}`, keyHeader, "other").problem("SeatsExhausted")
	w.do("POST", sessionsPath, portalToken, `{"userName":"bob"}`, keyHeader, "k").problem("IdempotencyKeyReused")
	w.do("POST", sessionsPath+"?wait=1s", portalToken, `{"userName":"ann"}`, keyHeader, "k").wants(http.StatusOK)
	w.terminate(&s)
	if p := w.do("POST", sessionsPath, portalToken, `{"userName":"ann"}`, keyHeader, "k").problem("Terminated"); p.TerminationAction != "ExpiredSessionTerminated" {
		t.Errorf("the end is told as %+v", p)
	}
}

func TestADenialIsRepeatedUnderItsKey(t *testing.T) {
	w := newWorld(t)
	w.pool(1)
	done := w.login(t.Context(), "", `{"userName":"ann"}`, keyHeader, "k")
	s := w.waiting(1)[0]
	w.deny(&s, licensing.ReasonAccountDisabled)
	(<-done).problem("AccountDisabled")
	w.do("POST", sessionsPath, portalToken, `{"userName":"ann"}`, keyHeader, "k").problem("AccountDisabled")
}

// Another replica has answered, and this one's watch lags behind: it shows a full pool, and nothing of the session.
func TestAKeyFindsWhatTheWatchDoesNotShow(t *testing.T) {
	w := newWorld(t)
	w.pool(1)
	done := w.login(t.Context(), "", `{"userName":"ann"}`, keyHeader, "k")
	s := w.waiting(1)[0]
	w.grant(&s)
	first := read[gatewayapi.SignedOn](<-done)
	other := newWorld(t)
	other.pool(1)
	other.active("bob")
	other.gateway.Client, other.gateway.Live = w.gateway.Client, w.gateway.Live
	w.mu.Lock()
	w.blind = true
	w.mu.Unlock()
	again := read[gatewayapi.SignedOn](other.do("POST", sessionsPath, portalToken, `{"userName":"ann"}`, keyHeader, "k").wants(http.StatusOK))
	if again.UID != first.UID {
		t.Errorf("first %s, then %s", first.UID, again.UID)
	}
}

func TestWhoLeavesWithdraws(t *testing.T) {
	for name, headers := range map[string][]string{"no key": nil, "key": {keyHeader, "k"}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.pool(1)
			ctx, leave := context.WithCancel(t.Context())
			done := w.login(ctx, "?wait=30s", `{"userName":"ann"}`, headers...)
			w.waiting(1)
			leave()
			<-done
			w.waiting(0)
		})
	}
}

func TestTheLastToLeaveWithdraws(t *testing.T) {
	w := newWorld(t)
	w.pool(1)
	ctx, leave := context.WithCancel(t.Context())
	first := w.login(ctx, "?wait=30s", `{"userName":"ann"}`, keyHeader, "k")
	w.waiting(1)
	others, leaveOthers := context.WithCancel(t.Context())
	second := w.login(others, "?wait=30s", `{"userName":"ann"}`, keyHeader, "k")
	w.eventually("both wait", func() bool {
		w.gateway.attempts.mu.Lock()
		defer w.gateway.attempts.mu.Unlock()
		for _, a := range w.gateway.attempts.byName {
			return a.waiting == 2
		}
		return false
	})
	leave()
	<-first
	w.gateway.background.group.Wait()
	w.waiting(1)
	// One with another body under the key is told so, and that settles nothing.
	w.do("POST", sessionsPath, portalToken, `{"userName":"bob"}`, keyHeader, "k").problem("IdempotencyKeyReused")
	leaveOthers()
	<-second
	w.waiting(0)
}

func TestGrantedAsItsCallerLeaves(t *testing.T) {
	for name, c := range map[string]struct {
		headers []string
		stays   bool
	}{"no key": {nil, false}, "key": {[]string{keyHeader, "k"}, true}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.pool(1)
			ctx, leave := context.WithCancel(t.Context())
			var raced atomic.Bool
			w.fail(func(verb string, obj client.Object) error {
				s, ok := obj.(*licensing.UserSession)
				if ok && verb == "delete" && raced.CompareAndSwap(false, true) {
					w.mu.Lock()
					w.blind = true
					w.mu.Unlock()
					w.grant(s) // between the look and the deletion
					return apierrors.NewConflict(schemaOf(), s.Name, errors.New("the object has been modified"))
				}
				return nil
			}, nil)
			done := w.login(ctx, "?wait=30s", `{"userName":"ann"}`, c.headers...)
			w.waiting(1)
			leave()
			<-done
			w.gateway.background.group.Wait()
			s := w.waiting(1)[0]
			if s.Status.State != licensing.SessionActive || (s.Spec.Termination == nil) != c.stays {
				t.Errorf("the session is %s with termination %v", s.Status.State, s.Spec.Termination)
			}
		})
	}
}

// A keyed login that another replica's connection withdrew is made anew.
func TestWithdrawnElsewhere(t *testing.T) {
	w := newWorld(t)
	w.pool(1)
	done := w.login(t.Context(), "", `{"userName":"ann"}`, keyHeader, "k")
	s := w.waiting(1)[0]
	if err := w.client.Delete(t.Context(), &s); err != nil {
		t.Fatal(err)
	}
	w.hide(&s)
	w.eventually("it is made anew", func() bool { all := w.sessions(); return len(all) == 1 && all[0].UID != s.UID })
	again := w.sessions()[0]
	w.grant(&again)
	(<-done).wants(http.StatusCreated)
}

func TestNames(t *testing.T) {
	pool := types.NamespacedName{Namespace: "itsm", Name: strings.Repeat("a", 219) + "." + strings.Repeat("c", 33)}
	seen := map[string]bool{}
	for _, name := range []string{sessionName(pool, "u", ""), sessionName(pool, "u", ""), sessionName(pool, "u", "k"), sessionName(pool, "uk", ""),
		sessionName(pool, "u1", "k"), sessionName(pool, "u", "1k"), sessionName(types.NamespacedName{Namespace: "it", Name: pool.Name}, "u", "k")} {
		if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 || seen[name] {
			t.Errorf("%s: %v", name, problems)
		}
		seen[name] = true
	}
	if !seen[sessionName(pool, "u", "k")] {
		t.Error("a key names another session each time")
	}
}

func TestWaitingIsBounded(t *testing.T) {
	w := newWorld(t)
	w.pool(100)
	w.gateway.waiting = newPlaces(3, 2)
	var waiting []<-chan *answer
	for range 2 {
		waiting = append(waiting, w.login(t.Context(), "", `{"userName":"ann"}`))
	}
	w.waiting(2)
	w.do("POST", sessionsPath, portalToken, `{"userName":"ann"}`).problem("TooManyWaiting")
	w.gateway.drain()
	for _, done := range waiting {
		if a := <-done; a.problem("Unavailable").Status != 503 || a.Header().Get("Retry-After") != "1" {
			t.Errorf("headers %v", a.Header())
		}
	}
	w.do("POST", sessionsPath, portalToken, `{"userName":"ann"}`).problem("Unavailable")
	w.waiting(0)
}

func schemaOf() schema.GroupResource {
	return licensing.GroupVersion.WithResource("usersessions").GroupResource()
}
