// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/activity"
	"github.com/seatkeeper/seatkeeper/internal/sessiontoken"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

var errAway = errors.New("dial tcp 10.0.0.1:443: i/o timeout")

// away makes every call of the gateway fail.
func (w *world) away() { w.fail(func(string, client.Object) error { return errAway }, nil) }

func TestHeartbeatIsAnsweredFromMemory(t *testing.T) {
	w := newWorld(t)
	w.pool(5)
	s, token := w.active("ann")
	w.away()
	w.clock.SetTime(nine.Add(10 * time.Minute))
	a := w.do("POST", "/v1/session/heartbeat", token, `{"active":true,"unsavedWork":false}`).wants(http.StatusOK)
	if want := `{"state":"Active","timeoutTime":"2026-03-02T09:40:00Z","prompt":false,"keepAlive":true,"heartbeatIntervalSeconds":30}` + "\n"; a.Body.String() != want {
		t.Errorf("answered %s, want %s", a.Body, want)
	}
	w.clock.SetTime(nine.Add(39*time.Minute + 30*time.Second))
	if got := read[gatewayapi.Heartbeat](w.do("POST", "/v1/session/heartbeat", token, "").wants(http.StatusOK)); !got.Prompt {
		t.Error("half a minute before the end there is no prompt")
	}
	w.do("POST", "/v1/session/heartbeat", token, `{"idleSeconds":20,"applications":["Incidents"],"sessionAttributes":{"site":"Graz"}}`).wants(http.StatusOK)
	record := read[gatewayapi.Session](w.do("GET", "/v1/session", token, "").wants(http.StatusOK))
	if len(record.Applications) != 1 || record.SessionAttributes["site"] != "Graz" || record.SessionAttributeCount != 1 || record.Prompt ||
		!record.LastActivityTime.Equal(nine.Add(39*time.Minute+10*time.Second)) || *record.DurationSeconds != 39*60+10 {
		t.Errorf("the record is %+v", record)
	}
	if n := w.count("patch") + w.count("create") + w.count("get"); n != 0 {
		t.Errorf("%d calls of the API server", n)
	}
	w.terminate(s)
	p := w.do("POST", "/v1/session/heartbeat", token, "").problem("Terminated")
	if p.TerminationAction != "ExpiredSessionTerminated" || p.TerminatedTime == nil || p.Detail == "" {
		t.Errorf("the end is told as %+v", p)
	}
	w.hide(s)
	w.do("POST", "/v1/session/heartbeat", token, "").problem("Terminated")
	w.do("GET", "/v1/session", token, "").problem("Terminated")
	w.do("DELETE", "/v1/session", token, "").wants(http.StatusNoContent)
}

func TestASessionThatNoWatchHasShown(t *testing.T) {
	w := newWorld(t)
	w.pool(5)
	w.blind = true
	s, token := w.active("ann")
	w.do("POST", "/v1/session/heartbeat", token, "").wants(http.StatusOK)
	w.do("POST", "/v1/session/heartbeat", token, "").wants(http.StatusOK)
	if n := w.count("get"); n != 1 {
		t.Errorf("%d looks, want one", n)
	}
	gone := w.gateway.Tokens.Keyring().Sign(sessiontoken.Session{Namespace: "itsm", Name: s.Name, UID: "another"})
	w.away()
	w.do("POST", "/v1/session/heartbeat", gone, "").problem("Unavailable")
	w.fail(nil, nil)
	for range 3 {
		w.do("POST", "/v1/session/heartbeat", gone, "").problem("SessionGone")
	}
	if n := w.count("get"); n != 3 {
		t.Errorf("%d looks, want three", n)
	}
}

// A client has its token and asks a replica that has been shown the login and not yet its grant.
func TestAGrantThatNoWatchHasShown(t *testing.T) {
	for _, call := range []struct{ method, path string }{{"GET", "/v1/session"}, {"POST", "/v1/session/heartbeat"}} {
		w := newWorld(t)
		w.pool(5)
		w.blind = true
		s, token := w.active("ann")
		login := s.DeepCopy()
		login.Status, login.ResourceVersion = licensing.UserSessionStatus{}, "1"
		w.gateway.Recorder.Learn(login)
		w.away()
		if state := read[gatewayapi.Heartbeat](w.do(call.method, call.path, token, "").wants(http.StatusOK)).State; state != "Pending" && state != "" {
			t.Errorf("%s: %q while nobody can say more", call.path, state)
		}
		w.fail(nil, nil)
		if state := read[gatewayapi.Heartbeat](w.do(call.method, call.path, token, "").wants(http.StatusOK)).State; state != "Active" {
			t.Errorf("%s: %q of a session that was granted", call.path, state)
		}
		looks := w.count("get")
		w.do(call.method, call.path, token, "").wants(http.StatusOK)
		if n := w.count("get"); n != looks {
			t.Errorf("%s: it was looked at %d times more", call.path, n-looks)
		}
	}
}

// Some pool checks addresses; of a session that nobody knows any more there is nothing to protect.
func TestASessionThatIsGoneWhereAddressesAreChecked(t *testing.T) {
	w := newWorld(t)
	w.pool(5, func(p *licensing.LicensePool) { p.Spec.Sessions.ClientIPCheck = licensing.ClientIPCheckEnforced })
	gone := w.gateway.Tokens.Keyring().Sign(sessiontoken.Session{Namespace: "itsm", Name: "ann", UID: "gone"})
	w.do("DELETE", "/v1/session", gone, "").wants(http.StatusNoContent)
	w.do("POST", "/v1/session/exit", gone, "").wants(http.StatusNoContent)
	w.do("GET", "/v1/session", gone, "").problem("SessionGone")
	w.do("GET", "/v1/session/events", gone, "").problem("SessionGone")
	w.do("POST", "/v1/session/heartbeat", gone, "").problem("SessionGone")
}

func TestWhatAReportMustBe(t *testing.T) {
	w := newWorld(t)
	w.pool(5)
	_, token := w.active("ann")
	long := func(n int) string { return strings.Repeat("ä", n) }
	for body, detail := range map[string]string{
		`{"active":1}`:                                     "active must be true or false",
		`{"Active":true}`:                                  "Active",
		`{"active":true,"active":false}`:                   "active must be stated once",
		`{"idleSeconds":-1}`:                               "idleSeconds must be",
		`{"idleSeconds":31536001}`:                         "idleSeconds must be",
		`{"idleSeconds":1.5}`:                              "idleSeconds must be a whole number",
		`{"active":true}x`:                                 "one JSON object",
		`{"applications":["` + long(129) + `"]}`:           "128",
		`{"sessionAttributes":{"a":"` + long(1025) + `"}}`: "1024",
		`{"sessionAttributes":{"a":"1","a":"2"}}`:          "a must be stated once",
		"{\"applications\":[\"\xc3\x28\"]}":                "UTF-8",
		`true`:                                             "one JSON object",
	} {
		p := w.do("POST", "/v1/session/heartbeat", token, body).problem("BadRequest")
		if !strings.Contains(p.Detail, detail) {
			t.Errorf("%s: %q, want %q in it", body, p.Detail, detail)
		}
	}
	// The largest legal report, every character escaped, fits.
	var apps, attributes []string
	for i := range 64 {
		apps = append(apps, `"`+strings.Repeat(`\ud83d\ude00`, 128)+`"`)
		attributes = append(attributes, fmt.Sprintf(`"%s%02d":"%s"`, strings.Repeat(`\u00e4`, 126), i, strings.Repeat(`\ud83d\ude00`, 1024)))
	}
	largest := `{"applications":[` + strings.Join(apps, ",") + `],"sessionAttributes":{` + strings.Join(attributes, ",") + `}}`
	w.do("POST", "/v1/session/heartbeat", token, largest).wants(http.StatusOK)
	w.do("POST", "/v1/session/heartbeat", token, strings.Repeat(" ", maxReport+1)).problem("TooLarge")
}

func TestWhoMayUseASession(t *testing.T) {
	w := newWorld(t)
	w.pool(5, func(p *licensing.LicensePool) { p.Spec.Sessions.ClientIPCheck = licensing.ClientIPCheckEnforced })
	s, token := w.active("ann") // from 192.0.2.17; the calls here come from 192.0.2.1
	before, _ := w.gateway.Recorder.Session(s.UID)
	for _, c := range []struct{ method, path string }{{"POST", "/v1/session/heartbeat"}, {"GET", "/v1/session"}, {"DELETE", "/v1/session"}, {"POST", "/v1/session/exit"}, {"GET", "/v1/session/events"}} {
		w.do(c.method, c.path, token, "").problem("ClientAddressRefused")
		w.do(c.method, c.path, "", "").problem("Unauthenticated")
		w.do(c.method, c.path, token[:len(token)-1], "").problem("Unauthenticated")
		w.do(c.method, c.path, "x"+token, "").problem("Unauthenticated")
		if a := w.do(c.method, c.path, portalToken, ""); a.problem("Unauthenticated").Status != 401 || a.Header().Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("headers %v", a.Header())
		}
	}
	if after, _ := w.gateway.Recorder.Session(s.UID); !reflect.DeepEqual(before, after) || w.count("patch") != 0 {
		t.Error("a refused call changed the session")
	}
	_, near := w.active("bob", func(s *licensing.UserSession) { s.Spec.Client.IP = "::ffff:192.0.2.1" })
	w.do("POST", "/v1/session/heartbeat", near, "").wants(http.StatusOK)
	_, anywhere := w.active("cid", func(s *licensing.UserSession) { s.Spec.Client = nil })
	w.do("POST", "/v1/session/heartbeat", anywhere, "").wants(http.StatusOK)
}

// TestCommonReportsAreReadAlike compares the quick way to read a report with the strict one, for every body up to a size made of its parts.
func TestCommonReportsAreReadAlike(t *testing.T) {
	parts := []string{`{`, `}`, `"active"`, `"unsavedWork"`, `"idleSeconds"`, `:`, `,`, `true`, `false`, `7`, `07`, ` `}
	quick := 0
	var try func(body string, left int)
	try = func(body string, left int) {
		quick += checkAlike(t, []byte(body))
		if left == 0 {
			return
		}
		for _, part := range parts {
			try(body+part, left-1)
		}
	}
	try("", 5)
	for _, values := range []string{`"active":true,"unsavedWork":true,"idleSeconds":31536000`, `"idleSeconds":31536001`, ` "unsavedWork" : false , "active" : true `, `"idleSeconds":00`,
		`"active":true,"idleSeconds":5,"active":true`, `"idleSeconds":99999999999999999999`, `"idleSeconds":-0`, `"idleSeconds":1e3`, `"active":true,`, `"active":null`} {
		quick += checkAlike(t, []byte("{"+values+"}"))
		quick += checkAlike(t, []byte("{"+values+"} \n"))
		quick += checkAlike(t, []byte("{"+values+"}{"))
	}
	if quick < 10 {
		t.Errorf("only %d bodies were read the quick way", quick)
	}
}

// checkAlike returns 1 if the body was read the quick way.
func checkAlike(t *testing.T, body []byte) int {
	t.Helper()
	var common, strict activity.Report
	if !readCommon(body, &common) {
		return 0
	}
	if p := readReport(body, &strict); p != nil {
		t.Fatalf("%q is taken the quick way, and refused by the strict one: %v", body, p)
	}
	if !reflect.DeepEqual(common, strict) {
		t.Fatalf("%q is %+v the quick way, %+v the strict one", body, common, strict)
	}
	return 1
}

func FuzzCommon(f *testing.F) {
	f.Add([]byte(`{"active":true,"idleSeconds":3,"unsavedWork":false}`))
	f.Add([]byte(` { "active" : true } `))
	f.Fuzz(func(t *testing.T, body []byte) { checkAlike(t, body) })
}

// discard is a response writer that keeps nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

func BenchmarkHeartbeat(b *testing.B) {
	w := newWorld(b)
	w.pool(5)
	_, token := w.active("ann")
	w.gateway.Limits.SessionRate = 1e12
	w.gateway.sessionsOf = newBuckets(1e12)
	r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/v1/session/heartbeat", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	const text = `{"active":true,"idleSeconds":3}`
	reader := strings.NewReader(text)
	r.Body, r.ContentLength = readCloser{reader}, int64(len(text))
	out := &discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(text)
		w.handler.ServeHTTP(out, r)
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }
