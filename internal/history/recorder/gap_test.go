// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package recorder_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"github.com/seatkeeper/seatkeeper/internal/history"
	"github.com/seatkeeper/seatkeeper/internal/history/recorder"
)

// forgetful is an API server that tells of one session's change and breaks off, tells of another, and then has forgotten what comes next.
type forgetful struct {
	mu       sync.Mutex
	watches  []string // the revisions that sessions were watched from
	revision int
}

func (f *forgetful) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query, sessions := r.URL.Query(), strings.HasSuffix(r.URL.Path, "/usersessions")
	w.Header().Set("Content-Type", "application/json")
	if query.Get("watch") == "" {
		f.mu.Lock()
		defer f.mu.Unlock()
		if query.Get("resourceVersion") == "" && query.Get("limit") != "1" {
			f.revision += 100
		}
		items := ""
		if sessions {
			items = session("s", f.revision-50)
		}
		fmt.Fprintf(w, `{"apiVersion":"v1","kind":"List","metadata":{"resourceVersion":"%d"},"items":[%s]}`, f.revision, items)
		return
	}
	w.WriteHeader(http.StatusOK)
	if !sessions {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return
	}
	f.mu.Lock()
	f.watches = append(f.watches, query.Get("resourceVersion"))
	n := len(f.watches)
	f.mu.Unlock()
	switch n {
	case 1, 2:
		fmt.Fprintf(w, `{"type":"MODIFIED","object":%s}`+"\n", session("s", 100+n))
	case 3:
		fmt.Fprintln(w, `{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410,"message":"too old resource version"}}`)
	default:
		fmt.Fprintf(w, `{"type":"MODIFIED","object":%s}`+"\n", session("s", 201))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
}

func session(name string, revision int) string {
	return fmt.Sprintf(`{"apiVersion":"licensing.seatkeeper.dev/v1alpha1","kind":"UserSession","metadata":{"name":%q,"namespace":"n","uid":"u","resourceVersion":"%d"},`+
		`"spec":{"poolRef":{"name":"p"},"userName":"a"}}`, name, revision)
}

// A watch that breaks goes on from where it was. One that cannot, since the API server has forgotten what comes next, leaves a gap, which is told, with what there is after it.
func TestABrokenWatchIsResumedAndAGapIsTold(t *testing.T) {
	api := &forgetful{}
	server := httptest.NewServer(api)
	defer server.Close()
	client, err := dynamic.NewForConfig(&rest.Config{Host: server.URL, QPS: -1})
	check(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var told []string
	r := &recorder.Recorder{Client: client, Clock: clock.RealClock{}, Log: logr.Discard(), Write: func(e history.Entry) error {
		switch e.Type {
		case history.Marked:
		case history.Missed:
			told = append(told, fmt.Sprintf("%s %d-%d", e.Type, e.After, e.Revision))
		default:
			told = append(told, fmt.Sprintf("%s %d", e.Type, e.Revision))
		}
		if e.Revision == 201 {
			cancel()
		}
		return nil
	}}
	check(t, r.Run(ctx))
	want := "BEGAN 100, LISTED 100, MODIFIED 101, MODIFIED 102, MISSED 102-200, LISTED 200, MODIFIED 201"
	if got := strings.Join(told, ", "); got != want {
		t.Errorf("recorded:\n%s\nwant:\n%s", got, want)
	}
	if got := strings.Join(api.watches, " "); got != "100 101 102 200" {
		t.Errorf("sessions were watched from %s", got)
	}
}

// What cannot be written ends the recording with an error.
func TestAHistoryThatCannotBeWritten(t *testing.T) {
	server := httptest.NewServer(&forgetful{})
	defer server.Close()
	client, err := dynamic.NewForConfig(&rest.Config{Host: server.URL, QPS: -1})
	check(t, err)
	full := fmt.Errorf("no space left")
	for _, refused := range []history.Type{history.Began, history.Modified} {
		r := &recorder.Recorder{Client: client, Clock: clock.RealClock{}, Log: logr.Discard(), Write: func(e history.Entry) error {
			if e.Type == refused {
				return full
			}
			return nil
		}}
		if err := r.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("Run returned %v", err)
		}
	}
}
