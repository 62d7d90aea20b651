// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
	maker "github.com/seatkeeper/seatkeeper/test/make"
)

// cluster is an API server of as many sessions as a trial needs, which counts what it is asked. It serves lists in pages, as the real one does.
type cluster struct {
	client.WithWatch // what is not asked for here is not there

	mu       sync.Mutex
	sessions []licensing.UserSession
	allowed  map[act]bool // nil: everything
	lists    []int64      // the sizes of the pages of sessions that were asked for
	down     error
	// after, where it is not nil, holds back each page but the first until it is closed.
	after   chan struct{}
	watches []*watch.RaceFreeFakeWatcher
}

func (c *cluster) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down != nil {
		return c.down
	}
	list.SetResourceVersion("1000")
	found, ok := list.(*licensing.UserSessionList)
	if !ok {
		return nil
	}
	o := (&client.ListOptions{}).ApplyOptions(options)
	c.lists = append(c.lists, o.Limit)
	from, _ := strconv.Atoi(o.Continue)
	if from > 0 && c.after != nil {
		c.mu.Unlock()
		<-c.after
		c.mu.Lock()
	}
	to := min(from+int(o.Limit), len(c.sessions))
	found.Items = c.sessions[from:to]
	if to < len(c.sessions) {
		found.Continue = strconv.Itoa(to)
	}
	return nil
}

func (c *cluster) Watch(ctx context.Context, list client.ObjectList, _ ...client.ListOption) (watch.Interface, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down != nil {
		return nil, c.down
	}
	w := watch.NewRaceFreeFake()
	context.AfterFunc(ctx, w.Stop)
	if _, ok := list.(*licensing.UserSessionList); ok {
		c.watches = append(c.watches, w)
	}
	return w, nil
}

func (c *cluster) Create(_ context.Context, object client.Object, _ ...client.CreateOption) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch review := object.(type) {
	case *authorizationv1.SelfSubjectAccessReview:
		a := review.Spec.ResourceAttributes
		review.Status.Allowed = c.allowed == nil || c.allowed[act{a.Verb, a.Resource, a.Namespace}]
	case *authenticationv1.SelfSubjectReview:
		review.Status.UserInfo.Username = "somebody"
	}
	return nil
}

func (c *cluster) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return apierrors.NewNotFound(licensing.GroupVersion.WithResource("usersessions").GroupResource(), "x")
}

// many is a cluster of n sessions that are on.
func many(n int) *cluster {
	c := &cluster{}
	for i := range n {
		s := maker.MakeUserSession(fmt.Sprintf("s%05d", i)).Namespace("itsm").UID("uid-" + strconv.Itoa(i)).Pool("desk").User(fmt.Sprintf("user%05d@example.com", i)).Module("Web").Obj()
		s.Status.State = licensing.SessionActive
		c.sessions = append(c.sessions, *s)
	}
	return c
}

// visitor is a browser that was let in.
type visitor struct {
	t      *testing.T
	base   string
	origin string
	door   *door
}

// visit runs a console until the trial ends.
func visit(t *testing.T, api *cluster, refresh Refresher) (*visitor, *Console) {
	t.Helper()
	c := New(Options{API: api, Namespace: "itsm", Clock: clock.RealClock{}, Refresh: refresh})
	listeners, err := Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- c.Serve(ctx, listeners, func(string) { close(ready) }) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-ready
	origin := "http://" + c.address
	return &visitor{t, origin + c.door.place + "/", origin, c.door}, c
}

func (v *visitor) request(method, path, body string) *http.Request {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.base+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	r.AddCookie(v.door.pass())
	if method == http.MethodPost {
		r.Header.Set("Origin", v.origin)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set(formHeader, v.door.form)
	}
	return r
}

func (v *visitor) do(method, path, body string) (int, string) {
	v.t.Helper()
	answer, err := http.DefaultClient.Do(v.request(method, path, body))
	if err != nil {
		v.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// until waits until a part of the page has a text.
func (v *visitor) until(path, want string) string {
	v.t.Helper()
	for {
		if _, text := v.do(http.MethodGet, path, ""); strings.Contains(text, want) {
			return text
		}
		select {
		case <-v.t.Context().Done():
			v.t.Fatalf("%s must come to say %q", path, want)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestTenThousandSessionsAreReadAndShownInPages(t *testing.T) {
	api := many(10_000)
	v, _ := visit(t, api, nil)
	page := v.until("", "10000 sessions, 1 to 50 shown")
	if n := strings.Count(page, `<tr role="row" id="row-`); n != 50 {
		t.Errorf("a page must have 50 rows: it has %d", n)
	}
	if len(page) > 200<<10 {
		t.Errorf("a page must stay below 200 KiB: it has %d", len(page))
	}
	api.mu.Lock()
	if len(api.lists) != 20 {
		t.Errorf("10,000 sessions must be read in 20 pages: %v", api.lists)
	}
	for _, limit := range api.lists {
		if limit != pageSize {
			t.Errorf("each list must be bounded: %d", limit)
		}
	}
	api.mu.Unlock()
	if _, text := v.do("GET", "sessions?page=200&sort=-user", ""); !strings.Contains(text, "Page 200 of 200") || !strings.Contains(text, "user00000@") || strings.Contains(text, "user00050@") {
		t.Errorf("the last page of the reverse order must have the first users:\n%.2000s", text)
	}
	if _, text := v.do("GET", "sessions?page=99999&rows=77&idle=x&sort=shoe-size&state=odd", ""); !strings.Contains(text, "Page 200 of 200") {
		t.Errorf("what makes no sense must be taken for not stated:\n%.2000s", text)
	}
	var found []foundSession
	if _, text := v.do("GET", "sessions/found?user=USER0123", ""); json.Unmarshal([]byte(text), &found) != nil || len(found) != 10 {
		t.Errorf("must find the ten users of one name part: %s", text)
	}
}

func TestTheFirstOfManyAreShownBeforeTheLastAreRead(t *testing.T) {
	api := many(10_000)
	api.after = make(chan struct{})
	v, _ := visit(t, api, nil)
	if text := v.until("sessions", "500 sessions, 1 to 50 shown"); !strings.Contains(text, "Reading the sessions: 500 so far") {
		t.Errorf("must say that there are more:\n%.2000s", text)
	}
	close(api.after)
	if text := v.until("sessions", "10000 sessions, 1 to 50 shown"); strings.Contains(text, "so far") {
		t.Errorf("must say so no more:\n%.2000s", text)
	}
}

// A page must know while the first list is read: it then waits for nothing to show the rest, however many came before.
func TestPagesAreToldWhileTheFirstListIsRead(t *testing.T) {
	api := many(10_000)
	api.after = make(chan struct{})
	v, _ := visit(t, api, nil)
	v.until("sessions", "Reading the sessions: 500 so far")
	answer, err := http.DefaultClient.Do(v.request(http.MethodGet, "events", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	told := func() (data struct {
		Sessions uint64
		Reading  bool
	}) {
		for lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(text), &data); err != nil {
					t.Fatal(err)
				}
				return data
			}
		}
		t.Fatal(lines.Err())
		return data
	}
	first := told()
	if !first.Reading {
		t.Error("must say that the first list is being read")
	}
	close(api.after)
	last := first
	for last.Reading {
		last = told()
	}
	if last.Sessions == first.Sessions {
		t.Error("the end of the list is a change")
	}
	if _, text := v.do(http.MethodGet, "sessions", ""); !strings.Contains(text, "10000 sessions") {
		t.Errorf("all must be there:\n%.2000s", text)
	}
}

func TestFollowsWhatChanges(t *testing.T) {
	api := many(2)
	v, _ := visit(t, api, nil)
	v.until("sessions", "2 sessions")
	watcher := func(n int) *watch.RaceFreeFakeWatcher {
		for {
			api.mu.Lock()
			open := len(api.watches)
			api.mu.Unlock()
			if open >= n {
				return api.watches[n-1]
			}
			time.Sleep(time.Millisecond)
		}
	}
	third := many(3).sessions[2]
	watcher(1).Add(&third)
	v.until("sessions", "3 sessions")
	ended := third.DeepCopy()
	ended.Status.State = licensing.SessionTerminated
	watcher(1).Modify(ended)
	v.until("sessions", "2 sessions")
	v.until("sessions?state=all", "3 sessions")
	watcher(1).Delete(ended)
	v.until("sessions?state=all", "2 sessions")

	// The API server does not remember so far back, and what happened meanwhile is only in a new list.
	api.mu.Lock()
	api.sessions = many(5).sessions
	api.mu.Unlock()
	gone := apierrors.NewResourceExpired("too old").Status()
	watcher(1).Action(watch.Error, &gone)
	v.until("sessions", "5 sessions")

	// The API server is away, and comes back.
	api.mu.Lock()
	api.down = apierrors.NewServiceUnavailable("away")
	api.mu.Unlock()
	watcher(2).Stop()
	text := v.until("sessions", "The cluster does not answer.")
	if !strings.Contains(text, "5 sessions") || !strings.Contains(text, "What is shown may be old.") {
		t.Errorf("what was known must stay:\n%s", text)
	}
	api.mu.Lock()
	api.down, api.sessions = nil, many(1).sessions
	api.mu.Unlock()
	if text := v.until("sessions", "1 session<"); strings.Contains(text, "may be old") {
		t.Errorf("must be good again:\n%s", text)
	}
}

func TestRefreshTakesInWhatGatewaysKnow(t *testing.T) {
	api := many(60)
	logon := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for i := range api.sessions {
		stamp(&api.sessions[i], logon)
	}
	var asked []types.UID
	v, _ := visit(t, api, func(_ context.Context, uids []types.UID) (map[types.UID]grid.Fresh, error) {
		asked = uids
		at := logon.Add(90 * time.Minute)
		return map[types.UID]grid.Fresh{"uid-3": {LastActivity: at, LastHeartbeat: at, KeepAlive: true}}, errors.New("1 of 2 replicas did not answer")
	})
	v.until("sessions", "60 sessions")
	code, text := v.do("POST", "refresh?sort=user", "{}")
	if want := `{"exact":1,"note":"1 of 2 replicas did not answer"}`; code != http.StatusOK || strings.TrimSpace(text) != want {
		t.Errorf("answered %d %s", code, text)
	}
	if len(asked) != 50 {
		t.Errorf("must ask for what is shown, and no more: %d", len(asked))
	}
	if _, text := v.do("GET", "sessions?user=user00003", ""); !strings.Contains(text, "2026-03-02T10:30:00Z") || !strings.Contains(text, "1h30m") {
		t.Errorf("must show the last activity that the gateway knows, and the duration that follows:\n%s", text)
	}
}

func TestTerminateRefusesWhatMakesNoSense(t *testing.T) {
	v, _ := visit(t, many(1), nil)
	for name, body := range map[string]string{
		"no JSON":         "x",
		"nothing":         `{"keys": [], "message": ""}`,
		"unknown fields":  `{"keys": ["a/b/c"], "massage": ""}`,
		"half a key":      `{"keys": ["a/b"], "message": ""}`,
		"an empty uid":    `{"keys": ["a/b/"], "message": ""}`,
		"a bell":          `{"keys": ["a/b/c"], "message": "\u0007"}`,
		"too long a text": `{"keys": ["a/b/c"], "message": "` + strings.Repeat("x", 1025) + `"}`,
		"too many":        `{"keys": ["a/b/c"` + strings.Repeat(`,"a/b/c"`, maxTargets) + `], "message": ""}`,
		"too much":        `{"keys": ["` + strings.Repeat("x", maxBody) + `"], "message": ""}`,
	} {
		t.Run(name, func(t *testing.T) {
			if code, text := v.do("POST", "terminate", body); code != http.StatusBadRequest || strings.Count(text, "\n") != 1 {
				t.Errorf("must be refused by a sentence: %d %.300s", code, text)
			}
		})
	}
}

func TestSeesNothingWithoutPermission(t *testing.T) {
	api := many(3)
	api.allowed = map[act]bool{{"list", "licensepools", "itsm"}: true, {"watch", "licensepools", "itsm"}: true, {"list", "usersessions", "itsm"}: true}
	v, _ := visit(t, api, nil)
	text := v.until("sessions", "You may not see the sessions in namespace itsm")
	if strings.Contains(text, "user0") || strings.Contains(text, "<button") {
		t.Errorf("must offer nothing:\n%s", text)
	}
	if _, text := v.do("GET", "sessions/found", ""); strings.TrimSpace(text) != "[]" {
		t.Errorf("must find nothing: %s", text)
	}
	v.until("pools", "There are no license pools here yet.")
	v.until("usage", "There is no pool to show the usage of.")
	if len(api.lists) != 0 {
		t.Error("who may not watch must not be shown a list that would not be followed")
	}
}

// Where pools are not known, it must not be said that there are none.
func TestUsageSaysWhyNoPoolIsKnown(t *testing.T) {
	api := many(0)
	api.allowed = map[act]bool{}
	v, _ := visit(t, api, nil)
	if text := v.until("usage", "You may not see the pools in namespace itsm"); strings.Contains(text, "There is no pool") {
		t.Error(text)
	}
}

func TestStreamsAndConnectionsAreBounded(t *testing.T) {
	v, c := visit(t, many(1), nil)
	open := func() io.ReadCloser {
		answer, err := http.DefaultClient.Do(v.request("GET", "events", ""))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { answer.Body.Close() })
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("must follow: %d", answer.StatusCode)
		}
		return answer.Body
	}
	var streams []io.ReadCloser
	for range maxStreams {
		streams = append(streams, open())
	}
	told, err := io.ReadAll(open())
	if err != nil || !strings.HasPrefix(string(told), "event: versions\n") || !strings.Contains(string(told), "event: again\n") {
		t.Errorf("one too many must be told how things are, and to ask again: %q, %v", told, err)
	}
	// The connection of one that was answered ends a moment after its answer.
	counts := func(n int32) {
		for c.streams.Load() != n {
			if t.Context().Err() != nil {
				t.Fatalf("%d streams are counted, want %d", c.streams.Load(), n)
			}
			time.Sleep(time.Millisecond)
		}
	}
	counts(maxStreams)

	// The place of one that goes is taken by the next.
	streams[0].Close()
	counts(maxStreams - 1)
	first := make([]byte, len("event: versions\n"))
	if _, err := io.ReadFull(open(), first); err != nil {
		t.Error(err)
	}
	counts(maxStreams)
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", c.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nX: %s\r\n\r\n", c.address, strings.Repeat("x", 64<<10)); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 12)
	if _, err := io.ReadFull(conn, head); err != nil || string(head) != "HTTP/1.1 431" {
		t.Errorf("headers must be bounded: %q, %v", head, err)
	}
}

// stamp says when a session got its seat and was last used.
func stamp(s *licensing.UserSession, at time.Time) {
	s.Status.LogonTime, s.Status.LastActivityTime = &metav1.Time{Time: at}, &metav1.Time{Time: at}
}
