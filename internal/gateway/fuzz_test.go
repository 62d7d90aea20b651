// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// Whatever is sent, the gateway neither panics nor takes it for a fault of its own; and what it does not take it answers with a problem.
func checkAnswer(t *testing.T, a *answer) {
	t.Helper()
	if a.Code >= 500 {
		t.Fatalf("status %d: %s", a.Code, a.Body)
	}
	if a.Code < 400 {
		return
	}
	var p gatewayapi.Problem
	if err := json.Unmarshal(a.Body.Bytes(), &p); err != nil || p.Status != a.Code || p.Reason == "" || p.Detail == "" {
		t.Fatalf("status %d with %s: %v", a.Code, a.Body, err)
	}
}

func FuzzLogin(f *testing.F) {
	w := newWorld(f)
	w.pool(1_000_000)
	w.leader()
	f.Add("", "", `{"userName":"ann"}`)
	f.Add("k", "?wait=1s", `{"userName":"CORP\\ann","client":{"ip":"::1","mode":"Desktop"},"extraAttributes":{"a":[1]},"sessionAttributes":{"a":"b"},"applications":["x"]}`)
	f.Fuzz(func(t *testing.T, key, query, body string) {
		w.t = t
		// A URL that no client could send is none to be parsed here.
		if _, err := http.NewRequestWithContext(t.Context(), http.MethodPost, sessionsPath+query, nil); err != nil || query != "" && query[0] != '?' {
			t.Skip()
		}
		for i := range len(query) {
			if query[i] <= ' ' || query[i] > '~' {
				t.Skip()
			}
		}
		var headers []string
		if key != "" {
			headers = []string{keyHeader, key}
		}
		checkAnswer(t, w.do("POST", sessionsPath+query, portalToken, body, headers...))
		for _, s := range w.sessions() {
			if err := w.client.Delete(context.Background(), &s); client.IgnoreNotFound(err) != nil {
				t.Fatal(err)
			}
			w.hide(&s)
		}
	})
}

func FuzzHeartbeat(f *testing.F) {
	w := newWorld(f)
	w.pool(5)
	_, token := w.active("ann")
	f.Add(`{"active":true,"idleSeconds":3,"unsavedWork":false}`)
	f.Add(`{"applications":["a"],"sessionAttributes":{"a":"b"}}`)
	f.Fuzz(func(t *testing.T, body string) {
		w.t = t
		checkAnswer(t, w.do("POST", "/v1/session/heartbeat", token, body))
		checkAnswer(t, w.do("GET", "/v1/session", token, ""))
	})
}

func FuzzBulk(f *testing.F) {
	w := newWorld(f)
	w.pool(5)
	w.active("ann")
	f.Add(`{"heartbeats":[{"name":"ann","uid":"uid-1","active":true},{"name":"bob","uid":"uid-2"}]}`)
	f.Add(`{"heartbeats":[7,{},{"name":""}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		w.t = t
		checkAnswer(t, w.do("POST", "/v1/namespaces/itsm/heartbeats", portalToken, body))
	})
}

func FuzzExit(f *testing.F) {
	w := newWorld(f)
	w.pool(5)
	_, token := w.active("ann")
	f.Add(`{"token":"`+token+`"}`, "application/json")
	f.Add(`{"token":"x"}`, "text/plain;charset=UTF-8")
	f.Fuzz(func(t *testing.T, body, contentType string) {
		w.t = t
		checkAnswer(t, w.do("POST", "/v1/session/exit", "", body, "Content-Type", contentType))
	})
}

func FuzzBearer(f *testing.F) {
	w := newWorld(f)
	w.pool(5)
	_, token := w.active("ann")
	for _, value := range []string{"Bearer " + token, "bearer " + portalToken, "Bearer", "Basic eDp5", "Bearer " + token[:len(token)-2], "Bearer  " + token + " "} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		w.t = t
		session := w.do("GET", "/v1/session", "", "", "Authorization", value)
		pool := w.do("GET", "/v1/namespaces/itsm/pools/desk", "", "", "Authorization", value)
		checkAnswer(t, session)
		checkAnswer(t, pool)
		if session.Code == http.StatusOK && pool.Code == http.StatusOK {
			t.Fatalf("%q opens both doors", value)
		}
	})
}
