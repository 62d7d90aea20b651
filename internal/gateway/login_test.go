// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/usage"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

func TestLoginIsAnsweredWhenTheLeaderGrants(t *testing.T) {
	w := newWorld(t)
	w.pool(1)
	done := w.login(t.Context(), "?wait=1500ms",
		`{"userName":"CORP\\ann","module":"Desktop","client":{"hostName":"pc"},"extraAttributes": {"a": [1, 2]},"sessionAttributes":{"site":"Graz"}}`)
	s := w.waiting(1)[0]
	if s.Spec.MaxWaitSeconds != 2 || s.Spec.Client.IP != "192.0.2.1" || s.Spec.CreatedBy != "system:serviceaccount:itsm:portal" || s.Spec.ExtraAttributes != `{"a":[1,2]}` {
		t.Errorf("created with %+v", s.Spec)
	}
	if s.Annotations[licensing.AnnotationHeardBy] != "one" || s.Annotations[licensing.AnnotationLoginDigest] == "" || !strings.HasPrefix(s.Name, "desk-") {
		t.Errorf("created as %+v", s.ObjectMeta)
	}
	w.grant(&s)
	a := (<-done).wants(http.StatusCreated)
	got := read[gatewayapi.SignedOn](a)
	if got.Name != s.Name || got.Token == "" || got.HeartbeatIntervalSeconds != 30 || got.LostAfterSeconds != 600 || got.Reason != "SeatGranted" || got.TimeoutTime == nil {
		t.Errorf("answered %s", a.Body)
	}
	w.do("POST", "/v1/session/heartbeat", got.Token, `{"active":true}`).wants(http.StatusOK)
	if strings.Contains(w.logged(), got.Token) || strings.Contains(w.logged(), portalToken) {
		t.Error("a token was logged")
	}
}

func TestDenialsComeFromTheViewAndWriteNothing(t *testing.T) {
	w := newWorld(t)
	w.pool(1)
	w.active("bob")
	for range 3 {
		w.do("POST", sessionsPath, portalToken, `{"userName":"ann"}`).problem("SeatsExhausted")
	}
	w.do("POST", sessionsPath, portalToken, `{"userName":"ann"}`, "Idempotency-Key", "k").problem("SeatsExhausted")
	w.do("POST", sessionsPath, portalToken, `{"userName":"eve"}`).problem("SeatsExhausted")
	gotIn := aSession("ANN", "70")
	gotIn.Status.LogonTime = new(metav1.NewTime(nine.Add(time.Minute)))
	w.show(gotIn)
	if n := w.gateway.Denials.Tallies(nine.Add(10 * time.Minute))[desk.String()][nine.Unix()]["SeatsExhausted"]; n != (usage.Count{Denied: 5, True: 1}) {
		t.Errorf("counted %+v", n)
	}
	if w.count("create") != 0 {
		t.Errorf("%d writes for denials", w.count("create"))
	}
	done := w.login(t.Context(), "", `{"userName":"bob"}`) // shares the seat
	for _, s := range w.waiting(2) {
		if s.Status.State == licensing.SessionPending {
			w.deny(&s, licensing.ReasonUserLimitReached)
		}
	}
	(<-done).problem("UserLimitReached")
}

func TestNothingIsDeniedWhileASeatIsAboutToComeFree(t *testing.T) {
	w := newWorld(t)
	w.pool(1)
	w.active("bob")
	w.clock.SetTime(nine.Add(31 * time.Minute))
	done := w.login(t.Context(), "", `{"userName":"ann"}`)
	for _, s := range w.waiting(2) {
		if s.Spec.UserName == "ann" {
			w.grant(&s)
		}
	}
	(<-done).wants(http.StatusCreated)
}

func TestAPoolThatIsNotThere(t *testing.T) {
	w := newWorld(t)
	w.do("POST", sessionsPath, portalToken, `{"userName":"ann"}`).problem("PoolNotFound")
	w.do("GET", "/v1/namespaces/itsm/pools/desk", portalToken, "").problem("PoolNotFound")
	w.blind = true
	w.pool(5)
	w.blind = false
	w.leader()
	w.do("POST", sessionsPath, portalToken, `{"userName":"ann"}`).wants(http.StatusCreated)
	w.do("GET", "/v1/namespaces/itsm/pools/desk", portalToken, "").wants(http.StatusOK)
}

func TestWhatALoginMustBe(t *testing.T) {
	w := newWorld(t)
	w.pool(5)
	cases := map[string]struct{ path, body, key, reason, detail string }{
		"no object":       {"", `[]`, "", "BadRequest", "one JSON object"},
		"nothing":         {"", ``, "", "BadRequest", "one JSON object"},
		"null":            {"", `null`, "", "BadRequest", "one JSON object"},
		"cut off":         {"", `{"userName":`, "", "BadRequest", "one JSON object"},
		"two":             {"", `{"userName":"a"}{}`, "", "BadRequest", "one JSON object"},
		"no user":         {"", `{}`, "", "Invalid", "userName must be stated"},
		"unknown":         {"", `{"userName":"a","shoe":1}`, "", "BadRequest", "field shoe"},
		"misspelt":        {"", `{"username":"a"}`, "", "BadRequest", "field username"},
		"nested":          {"", `{"userName":"a","client":{"IP":"::1"}}`, "", "BadRequest", "field client.IP"},
		"twice":           {"", `{"userName":"a","userName":"b"}`, "", "BadRequest", "field userName must be stated once"},
		"wrong type":      {"", `{"userName":5}`, "", "BadRequest", "userName must be text, not a number"},
		"wrong list":      {"", `{"userName":"a","applications":"x"}`, "", "BadRequest", "applications must be a list"},
		"not UTF-8":       {"", "{\"userName\":\"\xff\"}", "", "BadRequest", "UTF-8"},
		"extra list":      {"", `{"userName":"a","extraAttributes":[1]}`, "", "Invalid", "extraAttributes must be a JSON object"},
		"wait":            {"?wait=2h", `{"userName":"a"}`, "", "BadRequest", "wait must be"},
		"wait word":       {"?wait=soon", `{"userName":"a"}`, "", "BadRequest", "wait must be"},
		"negative wait":   {"?wait=-1s", `{"userName":"a"}`, "", "BadRequest", "wait must be"},
		"key":             {"", `{"userName":"a"}`, strings.Repeat("k", 256), "BadRequest", "Idempotency-Key must be"},
		"too large":       {"", `{"userName":"` + strings.Repeat("a", maxLogin) + `"}`, "", "TooLarge", "262144"},
		"many attributes": {"", `{"userName":"a","sessionAttributes":{"a":"` + strings.Repeat("a", 1025) + `"}}`, "", "Invalid", "at most 1024"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var headers []string
			if c.key != "" {
				headers = []string{"Idempotency-Key", c.key}
			}
			a := w.do("POST", sessionsPath+c.path, portalToken, c.body, headers...)
			if p := a.problem(c.reason); !strings.Contains(p.Detail, c.detail) {
				t.Errorf("detail %q, want %q in it", p.Detail, c.detail)
			}
		})
	}
	w.do("POST", sessionsPath, portalToken, `{"userName":"a"}`, "Content-Type", "text/plain").problem("UnsupportedMediaType")
	w.do("POST", sessionsPath, portalToken, `{"userName":"a"}`, "Content-Type", "application/json; charset=latin1").problem("UnsupportedMediaType")
	w.do("POST", sessionsPath, portalToken, `{"userName":"a"}`, "Content-Type", "application/json; charset=UTF-8", "Idempotency-Key", "\u00e4").problem("BadRequest")
	if w.count("create") != 0 {
		t.Error("something was created")
	}
}
