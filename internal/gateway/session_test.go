// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

func (w *world) termination(s *licensing.UserSession) *licensing.Termination {
	w.t.Helper()
	var now licensing.UserSession
	if err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(s), &now); err != nil {
		w.t.Fatal(err)
	}
	return now.Spec.Termination
}

func TestSignOut(t *testing.T) {
	w := newWorld(t)
	w.pool(1)
	s, token := w.active("ann")
	w.do("DELETE", "/v1/session", token, "").wants(http.StatusNoContent)
	if got := w.termination(s); got == nil || got.RequestedBy != licensing.RequesterUser {
		t.Errorf("termination %v", got)
	}
	for range 3 {
		w.do("DELETE", "/v1/session", token, "").wants(http.StatusNoContent)
	}
	if n := w.count("patch"); n != 1 {
		t.Errorf("%d writes", n)
	}
	// Its seat is about to come free: whoever signs on now is not refused.
	done := w.login(t.Context(), "", `{"userName":"bob"}`)
	for _, other := range w.waiting(2) {
		if other.Spec.UserName == "bob" {
			w.grant(&other)
		}
	}
	(<-done).wants(http.StatusCreated)
}

func TestSignOutAgainstOthersWrites(t *testing.T) {
	conflict := apierrors.NewConflict(schemaOf(), "ann", errors.New("the object has been modified"))
	invalid := apierrors.NewInvalid(licensing.GroupVersion.WithKind("UserSession").GroupKind(), "ann",
		field.ErrorList{field.Invalid(field.NewPath("spec", "termination"), "", "termination may not be changed once it was requested")})
	for name, c := range map[string]struct {
		err    error
		times  int32
		answer int
		asked  bool
	}{"a conflict": {conflict, 1, 204, true}, "asked for by another": {invalid, 1, 204, true}, "away": {errAway, 99, 503, false}, "a broken connection": {errAway, 1, 204, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.pool(1)
			s, token := w.active("ann")
			var failures atomic.Int32
			w.fail(func(verb string, _ client.Object) error {
				if verb == "patch" && failures.Add(1) <= c.times {
					return c.err
				}
				return nil
			}, nil)
			w.do("DELETE", "/v1/session", token, "").wants(c.answer)
			if (w.termination(s) != nil) != c.asked {
				t.Errorf("termination %v", w.termination(s))
			}
		})
	}
	// Its name is another session's by now, which is left alone.
	w := newWorld(t)
	w.pool(1)
	s, token := w.active("ann")
	w.fail(func(verb string, _ client.Object) error {
		if verb == "patch" {
			if err := w.client.Delete(t.Context(), s); err != nil {
				t.Error(err)
			}
			w.active("ann")
			return conflict
		}
		return nil
	}, nil)
	w.do("DELETE", "/v1/session", token, "").wants(http.StatusNoContent)
	if w.termination(s) != nil || w.count("patch") != 1 {
		t.Error("a namesake was signed out")
	}
}

func TestExit(t *testing.T) {
	for _, c := range []struct {
		exit licensing.ExitAction
		ends bool
	}{{licensing.ExitEndSession, true}, {licensing.ExitKeepSession, false}} {
		w := newWorld(t)
		w.pool(5, func(p *licensing.LicensePool) { p.Spec.Sessions.OnClientExit = c.exit })
		ann, token := w.active("ann")
		bob, bobs := w.active("bob")
		cid, cids := w.active("cid")
		w.do("POST", "/v1/session/exit", token, "").wants(http.StatusNoContent)
		w.do("POST", "/v1/session/exit", "", `{"token":"`+bobs+`"}`, "Content-Type", "text/plain;charset=UTF-8").wants(http.StatusNoContent)
		w.do("POST", "/v1/session/exit", "", `{"token":"`+cids+`"}`).wants(http.StatusNoContent)
		for _, s := range []*licensing.UserSession{ann, bob, cid} {
			if (w.termination(s) != nil) != c.ends {
				t.Errorf("%s: termination %v", c.exit, w.termination(s))
			}
			w.terminate(s)
		}
		w.do("POST", "/v1/session/exit", token, "").wants(http.StatusNoContent)
		w.do("POST", "/v1/session/exit", "", "").problem("Unauthenticated")
		w.do("POST", "/v1/session/exit", "", `{}`).problem("Unauthenticated")
		w.do("POST", "/v1/session/exit", "", `{"token":"x"}`).problem("Unauthenticated")
		w.do("POST", "/v1/session/exit", "", `{"Token":"x"}`).problem("BadRequest")
		w.do("POST", "/v1/session/exit", "", `token=x`, "Content-Type", "application/x-www-form-urlencoded").problem("UnsupportedMediaType")
		// A header that is no good is not passed over in favour of the body.
		w.do("POST", "/v1/session/exit", "", `{"token":"`+bobs+`"}`, "Authorization", "Basic eDp5").problem("Unauthenticated")
	}
}

func TestBulk(t *testing.T) {
	w := newWorld(t)
	w.pool(9)
	ann, _ := w.active("ann")
	bob, _ := w.active("bob")
	eve, _ := w.active("eve", func(s *licensing.UserSession) { s.Namespace = "other" })
	w.terminate(bob)
	entry := func(s *licensing.UserSession, more string) string {
		return `{"name":"` + s.Name + `","uid":"` + string(s.UID) + `"` + more + `}`
	}
	wrong := ann.DeepCopy()
	wrong.Name = "bob"
	none := ann.DeepCopy()
	none.UID = "none"
	a := w.do("POST", "/v1/namespaces/itsm/heartbeats", portalToken, `{"heartbeats":[`+strings.Join([]string{
		entry(ann, `,"active":true`), entry(bob, ""), entry(eve, ""), entry(wrong, ""), entry(none, ""), entry(ann, `,"idleSeconds":-1`), entry(ann, `,"x":1`), `{}`, `7`, entry(ann, ""),
	}, ",")+`]}`).wants(http.StatusOK)
	got := read[gatewayapi.BulkAnswers](a).Heartbeats
	var statuses []int
	for _, answer := range got {
		statuses = append(statuses, answer.Status)
		if (answer.Heartbeat == nil) == (answer.Problem == nil) || (answer.Problem != nil && answer.Problem.Status != answer.Status) {
			t.Errorf("answer %+v", answer)
		}
	}
	want := []int{200, 410, 404, 404, 404, 400, 400, 400, 400, 200}
	for i := range want {
		if i >= len(statuses) || statuses[i] != want[i] {
			t.Fatalf("statuses %v, want %v", statuses, want)
		}
	}
	if got[0].Heartbeat.TimeoutTime == nil || got[0].Name != "ann" || got[1].Problem.TerminationAction == "" {
		t.Errorf("answered %s", a.Body)
	}
	if known, _ := w.gateway.Recorder.Session(eve.UID); !known.LastHeartbeat.IsZero() {
		t.Error("a session of another namespace was heard")
	}
	w.do("POST", "/v1/namespaces/itsm/heartbeats", portalToken, `{"heartbeats":[]}`).problem("BadRequest")
	w.do("POST", "/v1/namespaces/itsm/heartbeats", portalToken, `{"heartbeats":[`+strings.Repeat(`{},`, 1000)+`{}]}`).problem("BadRequest")
	w.do("POST", "/v1/namespaces/itsm/heartbeats", portalToken, strings.Repeat(" ", maxBulk+1)).problem("TooLarge")
	looks := w.count("get")
	many := strings.Repeat(`{"name":"a","uid":"u"},`, 1)
	for i := range 30 {
		many += `{"name":"a","uid":"u` + strings.Repeat("x", i+1) + `"},`
	}
	w.do("POST", "/v1/namespaces/itsm/heartbeats", portalToken, `{"heartbeats":[`+strings.TrimSuffix(many, ",")+`]}`).wants(http.StatusOK)
	if n := w.count("get") - looks; n != maxBulkLookups {
		t.Errorf("%d looks at the API server", n)
	}
}

func TestWhoMayCall(t *testing.T) {
	w := newWorld(t)
	w.pool(1)
	_, token := w.active("ann")
	for _, c := range []struct{ method, path string }{{"POST", sessionsPath}, {"POST", "/v1/namespaces/itsm/heartbeats"}, {"GET", "/v1/namespaces/itsm/pools/desk"}} {
		w.do(c.method, c.path, "", "").problem("Unauthenticated")
		w.do(c.method, c.path, "nobody", "").problem("Unauthenticated")
		w.do(c.method, c.path, token, "").problem("Unauthenticated")
		w.do(c.method, c.path, "intruder-token", "").problem("Forbidden")
		w.do(c.method, strings.Replace(c.path, "itsm", "other", 1), portalToken, "").problem("Forbidden")
		w.do(c.method, strings.Replace(c.path, "itsm", "Other", 1), portalToken, "").problem("PoolNotFound")
		a := w.do(c.method, c.path, "", "", "Authorization", "bearer  nobody")
		if a.problem("Unauthenticated"); a.Header().Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("headers %v", a.Header())
		}
	}
	w.do("GET", "/v1/namespaces/itsm/pools/De_sk", portalToken, "").problem("PoolNotFound")
	w.do("HEAD", "/v1/session/events", token, "").wants(http.StatusOK)
	w.gateway.Namespaces = []string{"other"}
	w.do("GET", "/v1/namespaces/itsm/pools/desk", portalToken, "").problem("PoolNotFound")
	w.gateway.Namespaces = []string{"other", "itsm"}
	w.do("GET", "/v1/namespaces/itsm/pools/desk", portalToken, "").wants(http.StatusOK)
	w.do("GET", "/v1/nothing", "", "").problem("NotFound")
	if a := w.do("PUT", "/v1/session", "", ""); a.problem("MethodNotAllowed").Status != 405 || a.Header().Get("Allow") != "GET, DELETE" {
		t.Errorf("headers %v", a.Header())
	}
	if a := w.do("GET", "/v1/openapi.yaml", "", "").wants(http.StatusOK); a.Body.String() != string(gatewayapi.Document) {
		t.Error("another document")
	}
}

func TestPoolUsage(t *testing.T) {
	w := newWorld(t)
	w.pool(5, func(p *licensing.LicensePool) {
		p.Spec.DisplayName = "Service Desk"
		p.Status.Concurrent = &licensing.SeatCounts{Licensed: new(int32(5)), Used: new(int32(2)), Available: new(int32(3)), Accounts: new(int32(4)), Connected: new(int32(2))}
	})
	got := read[gatewayapi.PoolUsage](w.do("GET", "/v1/namespaces/itsm/pools/desk", portalToken, "").wants(http.StatusOK))
	if got.Model != "Concurrent" || got.Named != nil || got.Concurrent.Available != 3 || got.DisplayName != "Service Desk" {
		t.Errorf("answered %+v", got)
	}
}

func TestRates(t *testing.T) {
	w := newWorld(t)
	w.pool(1)
	_, token := w.active("ann")
	_, other := w.active("bob")
	w.gateway.sessionsOf, w.gateway.callersOf = newBuckets(2), newBuckets(1)
	for range 4 {
		w.do("GET", "/v1/session", token, "").wants(http.StatusOK)
	}
	if a := w.do("GET", "/v1/session", token, ""); a.problem("TooManyRequests").Status != 429 || a.Header().Get("Retry-After") != "1" {
		t.Errorf("headers %v", a.Header())
	}
	w.do("GET", "/v1/session", other, "").wants(http.StatusOK)
	w.clock.SetTime(nine.Add(1e9))
	w.do("GET", "/v1/session", token, "").wants(http.StatusOK)
	for range 2 {
		w.do("GET", "/v1/namespaces/itsm/pools/desk", portalToken, "").wants(http.StatusOK)
	}
	w.do("GET", "/v1/namespaces/itsm/pools/desk", portalToken, "").problem("TooManyRequests")
	w.gateway.addresses = newBuckets(1)
	for range 2 {
		w.do("GET", "/v1/namespaces/itsm/pools/desk", "nobody", "").problem("Unauthenticated")
	}
	w.do("GET", "/v1/namespaces/itsm/pools/desk", "nobody", "").problem("TooManyRequests")
	w.gateway.addresses, w.gateway.reviews, w.gateway.callersOf = newBuckets(1e6), newBuckets(1), newBuckets(1e6)
	for _, guess := range []string{"first", "second"} {
		w.do("GET", "/v1/namespaces/itsm/pools/desk", guess, "").problem("Unauthenticated")
	}
	w.do("GET", "/v1/namespaces/itsm/pools/desk", "third", "").problem("TooManyRequests")
	w.do("GET", "/v1/namespaces/itsm/pools/desk", portalToken, "").wants(http.StatusOK) // known by now: its calls cost no review
	b := newBuckets(1)
	for i := range 2 * maxBuckets {
		b.take(strings.Repeat("x", i%7)+string(rune(i)), nine)
	}
	known := 0
	for i := range b.shards {
		known += len(b.shards[i].byKey)
	}
	if known > maxBuckets {
		t.Errorf("%d buckets are kept", known)
	}
}

func TestAPanicIsAnAnswer(t *testing.T) {
	w := newWorld(t)
	w.gateway.Recorder = nil
	_, token := (*licensing.UserSession)(nil), w.gateway.Tokens.Keyring().Sign(sessionAnn)
	w.do("POST", "/v1/session/heartbeat", token, "").problem("Internal")
	if log := w.logged(); !strings.Contains(log, "A request panicked") || strings.Contains(log, token) {
		t.Errorf("the log says %s", log)
	}
}
